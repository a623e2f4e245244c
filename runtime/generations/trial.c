/* SPDX-License-Identifier: MIT */
#include "generations/internal.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "generations/preview.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/store.h"

struct trying {
    struct tn_generations *g;
    char who[128], hash[HASH_HEX]; /* of the candidate */
    struct tn_str answer;          /* ours, while it is noted */
    struct tn_preview *preview;    /* NULL: it could not begin */
    struct tn_err err;
    tn_trial_fn done;
    void *arg;
};

static void tried_end(struct trying *t, const struct tn_err *err)
{
    t->g->trying = NULL;
    t->done(t->arg, t->answer, err);
    tn_preview_free(t->preview);
    tn_free((char *)t->answer.p);
    tn_free(t);
}

static void preview_noted(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)done;
    tried_end(arg, err);
}

/* Noted before it is answered: an activation may ask for it at once. */
static void tried(void *arg, struct tn_str answer, const struct tn_err *err)
{
    struct trying *t = arg;
    struct tn_commit *commit;
    struct tn_err why;
    int64_t until = tn_now_ms() + (int64_t)TN_LIMIT_PREVIEW_DAYS * 86400 * 1000;
    if (err) {
        tried_end(t, err);
        return;
    }
    t->answer = (struct tn_str){tn_strndup(answer.p, answer.n), answer.n};
    commit = tn_commit_new(t->g->o.env->store);
    if (tn_commit_kv_set(commit, TN_TEAM_SYSTEM, generations_previewed_space, tn_str(t->hash),
                         tn_str(t->who), TN_ANY, until, &why)) {
        tn_store_commit(t->g->o.env->store, commit, preview_noted, t);
    } else {
        tn_commit_free(commit);
        tried_end(t, &why);
    }
}

static void try_failed(void *arg)
{
    struct trying *t = arg;
    if (t->g->trying == t) t->g->trying = NULL;
    t->done(t->arg, TN_STR(""), &t->err);
    tn_free(t);
}

/* Over what the site folder has, or over the shipped files alone. */
static struct tn_fileset *trial_base(const struct tn_generations *g,
                                     const struct tn_script_trial *trial, struct tn_err *err)
{
    return trial->whole ? tn_fileset_embedded(tn_shipped_scripts) : generations_site(g, err);
}

static struct tn_fileset *trial_files(const struct tn_generations *g,
                                      const struct tn_script_trial *trial, struct tn_err *err)
{
    struct tn_fileset *all = trial_base(g, trial, err);
    for (size_t i = 0; all && i < trial->count; i++) {
        const struct tn_script_file *f = &trial->files[i];
        struct tn_str text = f->text.p ? f->text : TN_STR("");
        struct tn_fileset *one = tn_fileset_one(f->path, text, err), *next = NULL;
        if (one) next = f->text.p ? tn_fileset_over(all, one) : tn_fileset_without(all, f->path);
        tn_fileset_unref(one);
        tn_fileset_unref(all);
        all = next;
    }
    return all;
}

/* What would be refused for clashing with something else is refused here, too. */
static struct tn_fileset *that_fit(struct tn_generations *g, struct tn_fileset *files_give,
                                   struct tn_err *err)
{
    struct tn_units *units = generations_load_fitting(g, files_give, err);
    if (!units) tn_fileset_unref(files_give);
    tn_units_unref(units);
    return units ? files_give : NULL;
}

void generations_preview(void *self, const struct tn_script_trial *trial, tn_trial_fn done,
                         void *arg)
{
    struct tn_generations *g = self;
    struct trying *t = TN_NEW(struct trying);
    struct activation *pins = TN_NEW(struct activation);
    struct tn_fileset *to = NULL;
    *t = (struct trying){.g = g, .done = done, .arg = arg};
    snprintf(t->who, sizeof t->who, "%s", trial->who);
    pins->g = g;
    if (g->trying)
        tn_fail(&t->err, TN_E_busy, "another preview is under way in this worker");
    else
        to = trial_files(g, trial, &t->err);
    if (to) to = change_with_pins(pins, to, &t->err);
    if (to) to = that_fit(g, to, &t->err);
    tn_free(pins);
    if (!to) {
        tn_loop_defer(g->o.loop, try_failed, t);
        return;
    }
    struct tn_preview_options o = {.loop = g->o.loop,
                                   .env = g->o.env,
                                   .team = trial->team,
                                   .from = tn_units_files(g->units),
                                   .to = to,
                                   .done = tried,
                                   .arg = t};
    g->trying = t;
    tn_fileset_hash(to, t->hash);
    t->preview = tn_preview_start(&o);
    tn_fileset_unref(to);
}

void generations_preview_drop(struct tn_generations *g)
{
    if (!g->trying) return;
    tn_preview_free(g->trying->preview);
    tn_free((char *)g->trying->answer.p);
    tn_free(g->trying);
    g->trying = NULL;
}
