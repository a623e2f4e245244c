/* SPDX-License-Identifier: MIT */
#include "scripts/active.h"

#include <stdio.h>

#include "scripts/library.h"
#include "store/commit.h"
#include "store/read.h"

static const char key[] = "active";

size_t tn_active_ask(struct tn_read *read)
{
    return tn_read_kv(read, tn_library_space, tn_str(key));
}

bool tn_active_found(const struct tn_found *found, size_t question, struct tn_active *out,
                     struct tn_err *err)
{
    const struct tn_err *why = tn_found_err(found, question);
    *out = (struct tn_active){.version = TN_NEW_ONLY};
    if (!why) {
        const struct tn_kv *kv = tn_found_kv(found, question, 0);
        snprintf(out->hash, sizeof out->hash, "%.*s", TN_FMT(kv->value));
        out->version = kv->version;
        return true;
    }
    *err = *why;
    return why->kind == TN_E_not_found;
}

bool tn_active_write(struct tn_commit *commit, const struct tn_active *from, const char *hash,
                     struct tn_err *err)
{
    return tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), tn_str(hash),
                            from->version, 0, err);
}
