/* SPDX-License-Identifier: MIT */
#include "scripts/trial/trial.h"

#include <stdio.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "script/errand.h"
#include "scripts/ground.h"
#include "scripts/previewed.h"
#include "scripts/trial/preview.h"
#include "store/commit.h"
#include "store/store.h"

struct trying {
    struct tn_trial *t;
    char who[128], hash[65]; /* who asks; hash of the candidate */
    int64_t team;
    struct tn_grounding *grounding;
    struct tn_fileset *files;  /* the candidate: the changed set */
    struct tn_errand *loading; /* loads the candidate */
    bool fits;
    struct tn_str answer;       /* owned; kept until the preview is noted */
    struct tn_preview *preview; /* NULL: the preview has not begun */
    struct tn_err err;
    tn_trial_fn done;
    void *arg;
};

struct tn_trial {
    struct tn_loop *loop;
    const struct bind_env *env;
    struct tn_terms terms;
    struct trying *trying; /* NULL: none is under way */
};

static void trying_free(struct trying *y)
{
    tn_preview_free(y->preview);
    tn_fileset_unref(y->files);
    tn_free((char *)y->answer.p);
    tn_free(y);
}

/* ---- answering ---- */

static void tried_end(struct trying *y, const struct tn_err *err)
{
    y->t->trying = NULL;
    y->done(y->arg, y->answer, err);
    trying_free(y);
}

static void noted(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct trying *y = arg;
    (void)done;
    if (y->done)
        tried_end(y, err);
    else
        trying_free(y);
}

/* Notes the preview in the store before it answers, because an activation may need the note at
 * once. */
static void tried(void *arg, struct tn_str answer, const struct tn_err *err)
{
    struct trying *y = arg;
    struct tn_store *store = y->t->env->store;
    struct tn_err why;
    if (err) {
        tried_end(y, err);
        return;
    }
    y->answer = (struct tn_str){tn_strndup(answer.p, answer.n), answer.n};
    struct tn_commit *commit = tn_commit_new(store);
    if (tn_previewed_note(commit, y->hash, y->who, &why)) {
        tn_store_commit(store, commit, noted, y);
    } else {
        tn_commit_free(commit);
        tried_end(y, &why);
    }
}

/* ---- the candidate ---- */

/* Makes the candidate: the given files over the site folder or, if they replace it, over the
 * shipped files alone. */
static struct tn_fileset *candidate(const struct tn_trial *t, const struct tn_trial_wish *wish,
                                    struct tn_err *err)
{
    struct tn_fileset *own = NULL, *all;
    if (!wish->whole && t->terms.site && !(own = tn_fileset_read(t->terms.site, err))) return NULL;
    all = tn_edit_set(own, wish->files, wish->count, err);
    /* The request is at fault: it removes a file that does not exist. */
    if (!all && err->kind == TN_E_not_found) err->kind = TN_E_invalid;
    return all;
}

/* Loads the candidate with all checks of an activation, so that a preview refuses what an
 * activation would refuse. */
static void load_candidate(void *arg)
{
    struct trying *y = arg;
    struct tn_units *units =
        tn_serving_load_fitting(y->t->terms.serving, y->files, NULL, NULL, &y->err);
    y->fits = units != NULL;
    tn_units_unref(units);
}

static void candidate_loaded(void *arg)
{
    struct trying *y = arg;
    const struct tn_trial *t = y->t;
    y->loading = NULL;
    if (!y->fits) {
        tried_end(y, &y->err);
        return;
    }
    struct tn_preview_options o = {.loop = t->loop,
                                   .env = t->env,
                                   .team = y->team,
                                   .from = tn_units_files(tn_serving_units(t->terms.serving)),
                                   .to = y->files,
                                   .done = tried,
                                   .arg = y};
    y->preview = tn_preview_start(&o);
}

/* Makes the set that an activation with these files would make. */
static void grounded(void *arg, struct tn_ground *ground, const struct tn_err *err)
{
    struct trying *y = arg;
    const struct tn_trial *t = y->t;
    struct tn_rollbacks held = {{0}, {0}};
    y->grounding = NULL;
    if (err) {
        tried_end(y, err);
        return;
    }
    y->files = tn_pins_apply(&ground->pins, tn_units_files(tn_serving_units(t->terms.serving)),
                             y->files, &held);
    tn_rollbacks_clear(&held);
    tn_fileset_hash(y->files, y->hash);
    y->loading = tn_errand_start(t->env->host, load_candidate, candidate_loaded, y);
}

static void try_failed(void *arg)
{
    struct trying *y = arg;
    y->done(y->arg, TN_STR(""), &y->err);
    trying_free(y);
}

void tn_trial_start(struct tn_trial *t, const struct tn_trial_wish *wish, tn_trial_fn done,
                    void *arg)
{
    struct trying *y = TN_NEW(struct trying);
    *y = (struct trying){.t = t, .team = wish->team, .done = done, .arg = arg};
    snprintf(y->who, sizeof y->who, "%s", wish->who);
    if (t->trying)
        tn_fail(&y->err, TN_E_busy, "another preview is under way in this worker");
    else
        y->files = candidate(t, wish, &y->err);
    if (!y->files) {
        tn_loop_defer(t->loop, try_failed, y);
        return;
    }
    t->trying = y;
    y->grounding = tn_ground_read(t->env->store, grounded, y);
}

/* ---- life ---- */

struct tn_trial *tn_trial_new(struct tn_loop *loop, const struct bind_env *env,
                              const struct tn_terms *terms)
{
    struct tn_trial *t = TN_NEW(struct tn_trial);
    *t = (struct tn_trial){.loop = loop, .env = env, .terms = *terms};
    return t;
}

void tn_trial_free(struct tn_trial *t)
{
    if (!t) return;
    if (t->trying && t->trying->answer.p) {
        t->trying->done = NULL; /* the note is being written; it frees the trial */
    } else if (t->trying) {
        tn_grounding_stop(t->trying->grounding);
        tn_errand_stop(t->trying->loading);
        trying_free(t->trying);
    }
    tn_free(t);
}
