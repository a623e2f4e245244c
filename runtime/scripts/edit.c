/* SPDX-License-Identifier: MIT */
/* Files that a change writes into the site folder: loaded with everything else before, written just
 * before the store's word changes, put back when the change fails after all. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "scripts/site.h"
#include "scripts/internal.h"

struct edited {
    char *before; /* what the site folder had; NULL: nothing */
    size_t n;
    bool done;
};

/* ---- the files of a wish ---- */

void edit_keep_files(struct wish *w, const struct tn_script_file *files, size_t n)
{
    w->files = tn_alloc((n + 1) * sizeof *w->files);
    w->edited = tn_alloc((n + 1) * sizeof *w->edited);
    w->n_files = n;
    for (size_t i = 0; i < n; i++) {
        struct tn_str text = files[i].text;
        w->files[i] = (struct tn_script_file){.path = tn_strdup(files[i].path)};
        if (text.p) w->files[i].text = (struct tn_str){tn_strndup(text.p, text.n), text.n};
        w->edited[i] = (struct edited){.done = false};
    }
}

void edit_drop_files(struct wish *w)
{
    for (size_t i = 0; i < w->n_files; i++) {
        tn_free((char *)w->files[i].path);
        tn_free((char *)w->files[i].text.p);
        tn_free(w->edited[i].before);
    }
    tn_free(w->files);
    tn_free(w->edited);
    w->files = NULL;
    w->edited = NULL;
    w->n_files = 0;
}

/* ---- the set with them ---- */

static struct tn_fileset *with_file(const struct tn_fileset *own, const struct tn_script_file *f,
                                    struct tn_err *err)
{
    struct tn_str text = f->text.p ? f->text : TN_STR("");
    struct tn_fileset *one = tn_fileset_one(f->path, text, err), *all = NULL;
    if (!one) return NULL;
    if (f->text.p)
        all = own ? tn_fileset_over(own, one) : tn_fileset_ref(one);
    else if (own && tn_fileset_find(own, tn_str(f->path)))
        all = tn_fileset_without(own, f->path);
    else
        tn_fail(err, TN_E_not_found, "%s is not in the site folder", f->path);
    tn_fileset_unref(one);
    return all;
}

static struct tn_fileset *over_shipped(const struct tn_fileset *own)
{
    struct tn_fileset *shipped = tn_fileset_embedded(tn_shipped_scripts);
    struct tn_fileset *all = tn_fileset_over(shipped, own);
    tn_fileset_unref(shipped);
    return all;
}

struct tn_fileset *edit_set(struct tn_fileset *own_give, const struct tn_script_file *files,
                            size_t n, struct tn_err *err)
{
    struct tn_fileset *own = own_give, *next, *all = NULL;
    for (size_t i = 0; i < n; i++) {
        next = with_file(own, &files[i], err);
        tn_fileset_unref(own);
        own = next;
        if (!own) return NULL;
    }
    if (own && tn_fileset_count(own) > TN_LIMIT_SCRIPT_FILES)
        tn_fail(err, TN_E_too_large, "more than %d script files", TN_LIMIT_SCRIPT_FILES);
    else
        all = over_shipped(own);
    tn_fileset_unref(own);
    return all;
}

static bool is_as_wished(const struct wish *w, const struct tn_file *file)
{
    char hash[HASH_HEX];
    if (w->only_new || !file) return !file && !w->based_on[0];
    tn_file_hash(file->text, hash);
    return strcmp(w->based_on, "*") == 0 || strcmp(w->based_on, hash) == 0;
}

/* The file's condition: what others see of it, be it shipped, is what counts. */
static bool is_based_on(const struct wish *w, const struct tn_fileset *own, struct tn_err *err)
{
    const char *path = w->files[0].path;
    if (!w->based_on[0] && !w->only_new) return true;
    struct tn_fileset *all = over_shipped(own);
    const struct tn_file *file = tn_fileset_find(all, tn_str(path));
    bool met = is_as_wished(w, file), there = file != NULL;
    tn_fileset_unref(all);
    if (met) return true;
    if (there && w->only_new)
        tn_fail(err, TN_E_conflict, "%s is there already", path);
    else if (there)
        tn_fail(err, TN_E_conflict, "%s is not what you changed any more: read it again", path);
    else
        tn_fail(err, TN_E_conflict, "%s is not there", path);
    return tn_fail_at(err, path, 0);
}

struct tn_fileset *edit_site(const struct tn_generations *g, const struct wish *w,
                             struct tn_err *err)
{
    struct tn_fileset *own;
    if (!g->o.site) {
        tn_fail(err, TN_E_unavailable, "this server has no site folder (serve --site DIR)");
        return NULL;
    }
    own = tn_fileset_read(g->o.site, err);
    if (own && is_based_on(w, own, err)) return edit_set(own, w->files, w->n_files, err);
    tn_fileset_unref(own);
    return NULL;
}

/* ---- into the folder and out again ---- */

static bool put(const struct tn_generations *g, const char *path, struct tn_str text,
                struct tn_err *err)
{
    return text.p ? tn_site_write(g->o.site, path, text, err)
                  : tn_site_remove(g->o.site, path, err);
}

static bool write_file(struct activation *a, size_t i, const struct tn_fileset *own,
                       struct tn_err *err)
{
    const struct tn_script_file *f = &a->wish.files[i];
    struct edited *e = &a->wish.edited[i];
    const struct tn_file *was = tn_fileset_find(own, tn_str(f->path));
    if (was) {
        e->before = tn_strndup(was->text.p, was->text.n);
        e->n = was->text.n;
    }
    e->done = put(a->g, f->path, f->text, err);
    return e->done;
}

bool edit_write(struct activation *a, struct tn_err *err)
{
    struct wish *w = &a->wish;
    struct tn_fileset *own;
    bool ok;
    if (!w->n_files || w->written) return true;
    own = tn_fileset_read(a->g->o.site, err);
    ok = own && is_based_on(w, own, err); /* somebody may have changed it while it was loaded */
    for (size_t i = 0; ok && i < w->n_files; i++) ok = write_file(a, i, own, err);
    tn_fileset_unref(own);
    w->written = ok;
    return ok;
}

/* What somebody else wrote there meanwhile stays. */
static bool is_ours(const struct tn_fileset *own, const struct tn_script_file *f)
{
    const struct tn_file *now = own ? tn_fileset_find(own, tn_str(f->path)) : NULL;
    if (!own) return true; /* it cannot be read: the old text is what can */
    return now ? f->text.p && tn_str_eq(now->text, f->text) : !f->text.p;
}

void edit_undo(struct activation *a)
{
    struct wish *w = &a->wish;
    struct tn_fileset *own = NULL;
    struct tn_err err;
    for (size_t i = w->n_files; i-- > 0;) {
        struct edited *e = &w->edited[i];
        if (!e->done) continue;
        if (!own) own = tn_fileset_read(a->g->o.site, &err);
        e->done = false;
        if (is_ours(own, &w->files[i]) &&
            !put(a->g, w->files[i].path, (struct tn_str){e->before, e->n}, &err))
            generations_log_fault(a->g, "a file of a refused change could not be put back", &err);
    }
    tn_fileset_unref(own);
}
