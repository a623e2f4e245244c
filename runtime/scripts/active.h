/* SPDX-License-Identifier: MIT */
/* active.h - the stored serving set: a stored value that names the set of files which serves.
 * All workers follow it. A change replaces the value only if it still has the version from which
 * the change began. */
#ifndef TN_SCRIPTS_ACTIVE_H
#define TN_SCRIPTS_ACTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tn_commit;
struct tn_found;
struct tn_read;

struct tn_active {
    char hash[65];   /* hash of the set; "": no set has served yet */
    int64_t version; /* version of the stored value; TN_NEW_ONLY: no value is stored */
};

/* tn_active_ask adds the question for this value to a read of the team TN_TEAM_SYSTEM and
 * returns the question's number; tn_active_found reads the answer with that number. False: err. */
size_t tn_active_ask(struct tn_read *read);
TN_MUST_CHECK bool tn_active_found(const struct tn_found *found, size_t question,
                                   struct tn_active *out, struct tn_err *err);
/* Adds to commit that the set `hash` serves from now on. The commit fails if the stored value is
 * no longer `from`. */
TN_MUST_CHECK bool tn_active_write(struct tn_commit *commit, const struct tn_active *from,
                                   const char *hash, struct tn_err *err);

#endif
