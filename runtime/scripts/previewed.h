/* SPDX-License-Identifier: MIT */
/* previewed.h - the store keeps the hash of each set of files that was previewed, for
 * TN_LIMIT_PREVIEW_DAYS days. */
#ifndef TN_SCRIPTS_PREVIEWED_H
#define TN_SCRIPTS_PREVIEWED_H

#include <stddef.h>

#include "base/err.h"

struct tn_commit;
struct tn_found;
struct tn_read;

TN_MUST_CHECK bool tn_previewed_note(struct tn_commit *commit, const char *hash, const char *who,
                                     struct tn_err *err);
/* tn_previewed_ask adds the question to a read of the team TN_TEAM_SYSTEM and returns its
 * number; tn_previewed_found reads the answer with that number. False: err. */
size_t tn_previewed_ask(struct tn_read *read, const char *hash);
TN_MUST_CHECK bool tn_previewed_found(const struct tn_found *found, size_t question, bool *seen,
                                      struct tn_err *err);

#endif
