/* SPDX-License-Identifier: MIT */
/* active.h - the stored value that says which set of files serves. All workers follow it. A change
 * replaces it only in the version from which the change began. */
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
    int64_t version; /* version of the stored value; TN_NEW_ONLY: there is none */
};

/* A question of the system's (team TN_TEAM_SYSTEM), and its answer.  False: err. */
size_t tn_active_ask(struct tn_read *read);
TN_MUST_CHECK bool tn_active_found(const struct tn_found *found, size_t question,
                                   struct tn_active *out, struct tn_err *err);
/* Adds to commit that the set `hash` serves from now on, based on the value `from`. */
TN_MUST_CHECK bool tn_active_write(struct tn_commit *commit, const struct tn_active *from,
                                   const char *hash, struct tn_err *err);

#endif
