/* SPDX-License-Identifier: MIT */
#include "scripts/active.h"

#include <stdio.h>

#include "scripts/library.h"
#include "store/commit.h"
#include "store/store.h"

static const char key[] = "active";

bool tn_active_read(struct tn_store *store, struct tn_active *out, struct tn_err *err)
{
    struct tn_buf value;
    *out = (struct tn_active){.version = TN_NEW_ONLY};
    tn_buf_init(&value, 128);
    bool ok = tn_store_kv_get(store, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), &value,
                              &out->version, err);
    if (ok) snprintf(out->hash, sizeof out->hash, "%.*s", (int)value.n, value.p);
    tn_buf_clear(&value);
    return ok || err->kind == TN_E_not_found;
}

bool tn_active_write(struct tn_commit *commit, const struct tn_active *from, const char *hash,
                     struct tn_err *err)
{
    return tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), tn_str(hash),
                            from->version, 0, err);
}

struct tn_fileset *tn_active_files(struct tn_store *store, struct tn_err *err)
{
    struct tn_active now;
    if (!tn_active_read(store, &now, err)) return NULL;
    if (now.hash[0]) return tn_library_set(store, now.hash, err);
    tn_fail(err, TN_E_not_found, "no scripts have served yet");
    return NULL;
}
