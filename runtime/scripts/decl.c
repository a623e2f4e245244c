/* SPDX-License-Identifier: MIT */
#include "scripts/decl.h"

#include <lauxlib.h>

#include "scripts/decl_read.h"

static const char *const kind_names[] = {"adapter", "resource", "surface", "rule"};
_Static_assert(sizeof kind_names / sizeof *kind_names == TN_DECL_kinds, "a name for each kind");

const char *tn_decl_kind_name(enum tn_decl_kind kind)
{
    return kind_names[kind];
}

/* ---- life ---- */

struct job {
    struct owner *out;
    const char *path;
    int ref;
    enum tn_decl_kind kind;
};

static const char *article(enum tn_decl_kind kind)
{
    return kind == TN_DECL_adapter ? "an" : "a";
}

static void (*const readers[])(struct reading *r, int table) = {
    [TN_DECL_adapter] = tn_decl_read_adapter,
    [TN_DECL_resource] = tn_decl_read_resource,
    [TN_DECL_surface] = tn_decl_read_surface,
    [TN_DECL_rule] = tn_decl_read_rule,
};

static void read_job(lua_State *L, void *arg)
{
    const struct job *job = arg;
    struct reading r = {.L = L, .file = job->path, .line = 1, .out = job->out};
    const char *word = tn_decl_kind_name(job->kind);
    tn_isolate_push(L, job->ref);
    const struct tn_box *box = tn_box_test(L, 1, NULL);
    if (!box || strcmp(box->what, word) != 0)
        tn_decl_fault(&r, box ? box->line : 1,
                      "this file has to return %s %s, made with tn.%s { ... }; "
                      "it returns %s",
                      article(job->kind), word, word, tn_decl_type(L, 1));
    r.line = job->out->decl.line = box->line;
    job->out->decl.ref = tn_decl_ref(&r, 1);
    tn_box_options(L, 1);
    readers[job->kind](&r, 2);
}

/* "scripts/adapters/oracle_ebs.lua" -> "oracle_ebs" */
static const char *base_name(struct tn_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    if (n > 4 && strcmp(name + n - 4, ".lua") == 0) n -= 4;
    return tn_arena_strndup(arena, name, n);
}

struct tn_decl *tn_decl_read(struct tn_isolate *iso, const char *path, int ref,
                             enum tn_decl_kind kind, struct tn_err *err)
{
    struct owner *out = TN_NEW(struct owner);
    struct job job = {out, path, ref, kind};
    tn_arena_init(&out->arena);
    tn_isolate_ref(iso);
    out->decl.kind = kind;
    out->decl.isolate = iso;
    out->decl.ref = LUA_NOREF;
    out->decl.path = tn_arena_strdup(&out->arena, path);
    out->decl.name = base_name(&out->arena, path);
    if (tn_isolate_protect(iso, read_job, &job, err)) return &out->decl;
    tn_decl_free(&out->decl);
    return NULL;
}

struct tn_decl *tn_decl_load(struct tn_isolate *iso, const char *path, enum tn_decl_kind kind,
                             struct tn_err *err)
{
    int ref;
    if (!tn_isolate_load(iso, path, &ref, err)) return NULL;
    struct tn_decl *decl = tn_decl_read(iso, path, ref, kind, err);
    tn_isolate_release(iso, ref);
    return decl;
}

void tn_decl_free(struct tn_decl *decl)
{
    struct owner *out = (struct owner *)decl;
    if (!decl) return;
    for (size_t i = 0; i < out->n_refs; i++) tn_isolate_release(decl->isolate, out->refs[i]);
    tn_isolate_unref(decl->isolate);
    tn_free(out->refs);
    tn_arena_clear(&out->arena);
    tn_free(out);
}
