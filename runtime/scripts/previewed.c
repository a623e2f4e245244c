/* SPDX-License-Identifier: MIT */
#include "scripts/previewed.h"

#include "base/limits.h"
#include "base/time.h"
#include "store/commit.h"
#include "store/read.h"

static const char space[] = "previewed";

bool tn_previewed_note(struct tn_commit *commit, const char *hash, const char *who,
                       struct tn_err *err)
{
    int64_t until = tn_now_ms() + (int64_t)TN_LIMIT_PREVIEW_DAYS * 86400 * 1000;
    return tn_commit_kv_set(commit, TN_TEAM_SYSTEM, space, tn_str(hash), tn_str(who), TN_ANY, until,
                            err);
}

size_t tn_previewed_ask(struct tn_read *read, const char *hash)
{
    return tn_read_kv(read, space, tn_str(hash));
}

bool tn_previewed_found(const struct tn_found *found, size_t question, bool *seen,
                        struct tn_err *err)
{
    const struct tn_err *why = tn_found_err(found, question);
    *seen = !why;
    if (why) *err = *why;
    return !why || why->kind == TN_E_not_found;
}
