/* SPDX-License-Identifier: MIT */
#include "scripts/edit.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "scripts/script_log.h"
#include "scripts/shipped.h"
#include "scripts/site.h"

/* A file that the wish writes or removes in the site folder. */
struct place {
    char *before; /* the text before the edit; NULL: there was no file */
    size_t n;
    bool done;
};

struct tn_edit {
    const char *site;
    struct tn_log *log;
    const struct tn_wish *wish;
    struct place *places; /* one for each file */
    bool written;
};

struct tn_edit *tn_edit_new(const char *site, struct tn_log *log, const struct tn_wish *wish)
{
    struct tn_edit *e = TN_NEW(struct tn_edit);
    *e = (struct tn_edit){.site = site, .log = log, .wish = wish};
    e->places = tn_alloc((wish->count + 1) * sizeof *e->places);
    return e;
}

void tn_edit_free(struct tn_edit *e)
{
    if (!e) return;
    for (size_t i = 0; i < e->wish->count; i++) tn_free(e->places[i].before);
    tn_free(e->places);
    tn_free(e);
}

/* ---- the set with the changed files ---- */

static struct tn_fileset *with_file(const struct tn_fileset *own, const struct tn_wish_file *f,
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

struct tn_fileset *tn_edit_set(struct tn_fileset *own_give, const struct tn_wish_file *files,
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
        all = tn_shipped_under(own);
    tn_fileset_unref(own);
    return all;
}

static bool is_as_wished(const struct tn_wish *w, const struct tn_file *file)
{
    char hash[65];
    if (w->only_new || !file) return !file && !w->based_on[0];
    tn_file_hash(file->text, hash);
    return strcmp(w->based_on, "*") == 0 || strcmp(w->based_on, hash) == 0;
}

/* Does the condition of the wish (If-Match, If-None-Match) hold? A shipped file counts as present.
 */
static bool is_based_on(const struct tn_wish *w, const struct tn_fileset *own, struct tn_err *err)
{
    const char *path = w->files[0].path;
    if (!w->based_on[0] && !w->only_new) return true;
    struct tn_fileset *all = tn_shipped_under(own);
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

bool tn_edit_pending(const struct tn_edit *e)
{
    return e->wish->count && !e->written;
}

bool tn_edit_written(const struct tn_edit *e)
{
    return e->written;
}

struct tn_fileset *tn_edit_site(const struct tn_edit *e, struct tn_err *err)
{
    const struct tn_wish *w = e->wish;
    struct tn_fileset *own;
    if (!tn_edit_pending(e)) return tn_shipped_under_site(e->site, NULL, err);
    if (!e->site) {
        tn_fail(err, TN_E_unavailable, "this server has no site folder (serve --site DIR)");
        return NULL;
    }
    own = tn_fileset_read(e->site, err);
    if (own && is_based_on(w, own, err)) return tn_edit_set(own, w->files, w->count, err);
    tn_fileset_unref(own);
    return NULL;
}

/* ---- writing the files and putting them back ---- */

static bool put(const struct tn_edit *e, const char *path, struct tn_str text, struct tn_err *err)
{
    return text.p ? tn_site_write(e->site, path, text, err) : tn_site_remove(e->site, path, err);
}

static bool write_file(struct tn_edit *e, size_t i, const struct tn_fileset *own,
                       struct tn_err *err)
{
    const struct tn_wish_file *f = &e->wish->files[i];
    struct place *p = &e->places[i];
    const struct tn_file *was = tn_fileset_find(own, tn_str(f->path));
    if (was) {
        p->before = tn_strndup(was->text.p, was->text.n);
        p->n = was->text.n;
    }
    p->done = put(e, f->path, f->text, err);
    return p->done;
}

bool tn_edit_write(struct tn_edit *e, struct tn_err *err)
{
    struct tn_fileset *own;
    bool ok;
    if (!tn_edit_pending(e)) return true;
    own = tn_fileset_read(e->site, err);
    ok = own &&
         is_based_on(e->wish, own, err); /* the folder may have changed while the set loaded */
    for (size_t i = 0; ok && i < e->wish->count; i++) ok = write_file(e, i, own, err);
    tn_fileset_unref(own);
    e->written = ok;
    return ok;
}

/* Does the folder still have the text that this edit wrote? A text that somebody wrote later
 * must stay. */
static bool is_ours(const struct tn_fileset *own, const struct tn_wish_file *f)
{
    const struct tn_file *now = own ? tn_fileset_find(own, tn_str(f->path)) : NULL;
    if (!own) return true; /* the folder cannot be read, so the old text is put back */
    return now ? f->text.p && tn_str_eq(now->text, f->text) : !f->text.p;
}

void tn_edit_undo(struct tn_edit *e)
{
    struct tn_fileset *own = NULL;
    struct tn_err err;
    for (size_t i = e->wish->count; i-- > 0;) {
        const struct tn_wish_file *f = &e->wish->files[i];
        struct place *p = &e->places[i];
        if (!p->done) continue;
        if (!own) own = tn_fileset_read(e->site, &err);
        p->done = false;
        if (is_ours(own, f) && !put(e, f->path, (struct tn_str){p->before, p->n}, &err))
            tn_script_log_fault(e->log, "a file of a refused change could not be put back", &err);
    }
    tn_fileset_unref(own);
}
