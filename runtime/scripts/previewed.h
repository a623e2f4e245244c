/* SPDX-License-Identifier: MIT */
/* previewed.h - the sets of files that were previewed: the store keeps their hashes for
 * TN_LIMIT_PREVIEW_DAYS. */
#ifndef TN_SCRIPTS_PREVIEWED_H
#define TN_SCRIPTS_PREVIEWED_H

#include <stddef.h>

#include "base/err.h"

struct tn_commit;
struct tn_found;
struct tn_read;

TN_MUST_CHECK bool tn_previewed_note(struct tn_commit *commit, const char *hash, const char *who,
                                     struct tn_err *err);
/* A question of the system's (team TN_TEAM_SYSTEM), and its answer.  False: err. */
size_t tn_previewed_ask(struct tn_read *read, const char *hash);
TN_MUST_CHECK bool tn_previewed_found(const struct tn_found *found, size_t question, bool *seen,
                                      struct tn_err *err);

#endif
