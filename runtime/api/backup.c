/* SPDX-License-Identifier: MIT */
#include "api/backup.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "model/audit.h"
#include "store/commit.h"

struct backup {
    struct tn_api *api;
    struct tn_http_exchange *x;
    char path[4096];
};

static void answer(struct backup *b)
{
    struct stat st;
    struct tn_buf out;
    struct tn_jw w;
    tn_buf_init(&out, 16 * TN_KIB);
    tn_jw_init(&w, &out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "path", b->path);
    tn_jw_kint(&w, "bytes", stat(b->path, &st) == 0 ? (int64_t)st.st_size : 0);
    tn_jw_end(&w);
    tn_http_reply(b->x, 201, "application/json", tn_buf_str(&out));
    tn_buf_clear(&out);
}

/* The copy is there whether or not that could be noted. */
static void noted(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct backup *b = arg;
    (void)done, (void)err;
    answer(b);
    tn_free(b);
}

static void made(void *arg, const struct tn_err *failed)
{
    struct backup *b = arg;
    struct tn_err err;
    if (failed) {
        tn_answer_err(b->x, failed);
        tn_free(b);
        return;
    }
    const struct tn_actor *actor = api_actor(b->x);
    struct tn_commit *commit = tn_commit_new(b->api->p.store);
    if (tn_audit(commit, actor->team, actor, "store.backup", b->path, TN_STR(""), &err)) {
        tn_store_commit(b->api->p.store, commit, noted, b);
        return;
    }
    tn_commit_free(commit);
    answer(b);
    tn_free(b);
}

static bool take_path(struct tn_http_exchange *x, struct tn_jval body, struct backup *b,
                      struct tn_err *err)
{
    struct tn_arena arena;
    struct tn_str path;
    if (!tn_http_is_unix(x, NULL))
        return tn_fail(err, TN_E_forbidden,
                       "a backup is written on the server's machine: ask for it there, with tenon "
                       "backup FILE");
    tn_arena_init(&arena);
    bool ok = tn_jtext(tn_jget_z(body, "path"), &arena, &path) && path.n > 1 &&
              path.n < sizeof b->path - 8 && path.p[0] == '/' && !memchr(path.p, 0, path.n);
    if (ok) snprintf(b->path, sizeof b->path, "%.*s", TN_FMT(path));
    tn_arena_clear(&arena);
    if (ok) return true;
    tn_fail(err, TN_E_invalid, "path has to be a whole path, from / on, of a file to be made");
    return tn_fail_field(err, "path");
}

void api_backup_make(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_jval body;
    struct tn_err err;
    if (!api_body(api, x, &body)) return;
    struct backup *b = TN_NEW(struct backup);
    *b = (struct backup){.api = api, .x = x};
    if (take_path(x, body, b, &err)) {
        tn_store_backup(api->p.store, b->path, made, b);
        return;
    }
    tn_answer_err(x, &err);
    tn_free(b);
}
