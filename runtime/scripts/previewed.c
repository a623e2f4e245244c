/* SPDX-License-Identifier: MIT */
#include "scripts/previewed.h"

#include "base/limits.h"
#include "base/time.h"
#include "store/commit.h"
#include "store/store.h"

static const char space[] = "previewed";

bool tn_previewed_note(struct tn_commit *commit, const char *hash, const char *who,
                       struct tn_err *err)
{
    int64_t until = tn_now_ms() + (int64_t)TN_LIMIT_PREVIEW_DAYS * 86400 * 1000;
    return tn_commit_kv_set(commit, TN_TEAM_SYSTEM, space, tn_str(hash), tn_str(who), TN_ANY, until,
                            err);
}

bool tn_previewed_seen(struct tn_store *store, const char *hash, bool *seen, struct tn_err *err)
{
    struct tn_buf value;
    tn_buf_init(&value, TN_KIB);
    *seen = tn_store_kv_get(store, TN_TEAM_SYSTEM, space, tn_str(hash), &value, NULL, err);
    tn_buf_clear(&value);
    return *seen || err->kind == TN_E_not_found;
}
