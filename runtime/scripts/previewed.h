/* SPDX-License-Identifier: MIT */
/* previewed.h - the sets of files that were previewed: the store keeps their hashes for
 * TN_LIMIT_PREVIEW_DAYS. */
#ifndef TN_SCRIPTS_PREVIEWED_H
#define TN_SCRIPTS_PREVIEWED_H

#include "base/err.h"

struct tn_commit;
struct tn_store;

TN_MUST_CHECK bool tn_previewed_note(struct tn_commit *commit, const char *hash, const char *who,
                                     struct tn_err *err);
/* False: the store cannot be read. */
TN_MUST_CHECK bool tn_previewed_seen(struct tn_store *store, const char *hash, bool *seen,
                                     struct tn_err *err);

#endif
