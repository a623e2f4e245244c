/* SPDX-License-Identifier: MIT */
#include "scripts/internal.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "scripts/trial/preview.h"
#include "loop/loop.h"
#include "script/errand.h"
#include "store/commit.h"
#include "store/store.h"

struct trying {
    struct tn_generations *g;
    char who[128], hash[HASH_HEX]; /* of the candidate */
    int64_t team;
    struct tn_fileset *files;  /* the candidate */
    struct tn_errand *loading; /* of it */
    bool fits;
    struct tn_str answer;       /* ours, while it is noted */
    struct tn_preview *preview; /* NULL: it could not begin */
    struct tn_err err;
    tn_trial_fn done;
    void *arg;
};

static void trying_free(struct trying *t)
{
    tn_preview_free(t->preview);
    tn_fileset_unref(t->files);
    tn_free((char *)t->answer.p);
    tn_free(t);
}

static void tried_end(struct trying *t, const struct tn_err *err)
{
    t->g->trying = NULL;
    t->done(t->arg, t->answer, err);
    trying_free(t);
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

/* Over what the site folder has, or over the shipped files alone.  The same set that an activation
 * with these files would make. */
static struct tn_fileset *trial_files(const struct tn_generations *g,
                                      const struct tn_script_trial *trial, struct tn_err *err)
{
    struct tn_fileset *own = NULL, *all;
    if (!trial->whole && g->o.site && !(own = tn_fileset_read(g->o.site, err))) return NULL;
    all = edit_set(own, trial->files, trial->count, err);
    /* What a body leaves out without reason is a fault of the body. */
    if (!all && err->kind == TN_E_not_found) err->kind = TN_E_invalid;
    return all;
}

/* ---- trying ---- */

static void try_failed(void *arg)
{
    struct trying *t = arg;
    t->done(t->arg, TN_STR(""), &t->err);
    trying_free(t);
}

/* What would be refused for clashing with something else is refused here, too. */
static void load_candidate(void *arg)
{
    struct trying *t = arg;
    struct tn_units *units = generations_load_fitting(t->g, t->files, &t->err);
    t->fits = units != NULL;
    tn_units_unref(units);
}

static void candidate_loaded(void *arg)
{
    struct trying *t = arg;
    struct tn_generations *g = t->g;
    t->loading = NULL;
    if (!t->fits) {
        tried_end(t, &t->err);
        return;
    }
    struct tn_preview_options o = {.loop = g->o.loop,
                                   .env = g->o.env,
                                   .team = t->team,
                                   .from = tn_units_files(g->units),
                                   .to = t->files,
                                   .done = tried,
                                   .arg = t};
    t->preview = tn_preview_start(&o);
}

void generations_preview(void *self, const struct tn_script_trial *trial, tn_trial_fn done,
                         void *arg)
{
    struct tn_generations *g = self;
    struct trying *t = TN_NEW(struct trying);
    struct activation *pins = TN_NEW(struct activation);
    *t = (struct trying){.g = g, .team = trial->team, .done = done, .arg = arg};
    snprintf(t->who, sizeof t->who, "%s", trial->who);
    pins->g = g;
    if (g->trying)
        tn_fail(&t->err, TN_E_busy, "another preview is under way in this worker");
    else
        t->files = trial_files(g, trial, &t->err);
    if (t->files) t->files = change_with_pins(pins, t->files, &t->err);
    tn_free(pins);
    if (!t->files) {
        tn_loop_defer(g->o.loop, try_failed, t);
        return;
    }
    g->trying = t;
    tn_fileset_hash(t->files, t->hash);
    t->loading = tn_errand_start(g->o.env->host, load_candidate, candidate_loaded, t);
}

void generations_preview_drop(struct tn_generations *g)
{
    if (!g->trying) return;
    tn_errand_stop(g->trying->loading);
    trying_free(g->trying);
    g->trying = NULL;
}
