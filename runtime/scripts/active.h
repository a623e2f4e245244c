/* SPDX-License-Identifier: MIT */
/* active.h - the store's word about which set of files serves: all workers follow it, and a change
 * replaces it only in the version that the change began from. */
#ifndef TN_SCRIPTS_ACTIVE_H
#define TN_SCRIPTS_ACTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tn_commit;
struct tn_found;
struct tn_read;

struct tn_active {
    char hash[65];   /* of the set; "": nothing ever served */
    int64_t version; /* of the word; TN_NEW_ONLY: there is none */
};

/* A question of the system's (team TN_TEAM_SYSTEM), and its answer.  False: err. */
size_t tn_active_ask(struct tn_read *read);
TN_MUST_CHECK bool tn_active_found(const struct tn_found *found, size_t question,
                                   struct tn_active *out, struct tn_err *err);
/* Adds to commit that hash serves from now on, if from is still what the store says. */
TN_MUST_CHECK bool tn_active_write(struct tn_commit *commit, const struct tn_active *from,
                                   const char *hash, struct tn_err *err);

#endif
