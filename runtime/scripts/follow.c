/* SPDX-License-Identifier: MIT */
#include "scripts/follow.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "loop/loop.h"
#include "script/errand.h"
#include "scripts/active.h"
#include "scripts/library.h"
#include "scripts/script_log.h"

enum { TRY_AGAIN_MS = 5000 }; /* the set that did not load, perhaps for lack of memory */

/* A set that is being loaded. */
struct step {
    struct tn_follow *f;
    struct tn_errand *loading;
    struct tn_active active;
    struct tn_fileset *files;
    struct tn_units *units;
    struct tn_err err;
};

struct tn_follow {
    const struct bind_env *env;
    struct tn_serving *serving;
    void (*done)(void *arg);
    void *arg;
    struct step *step;          /* NULL: none is under way */
    char refused[65];           /* the set that does not load in this worker */
    struct tn_timer *try_again; /* when it is tried again */
};

static void step_free(struct step *s)
{
    tn_units_unref(s->units);
    tn_fileset_unref(s->files);
    tn_free(s);
}

static void load(void *arg)
{
    struct step *s = arg;
    if (TN_FAULT("generations.follow"))
        tn_fail(&s->err, TN_E_budget, "there is no room for it");
    else if (s->files)
        s->units = tn_serving_load(s->f->serving, s->files, &s->err);
}

static void refuse(struct tn_follow *f, const struct step *s)
{
    tn_timer_set(f->try_again, TRY_AGAIN_MS);
    if (strcmp(s->active.hash, f->refused) == 0) return;
    memcpy(f->refused, s->active.hash, sizeof f->refused);
    tn_script_log_fault(f->env->log, "scripts that another worker activated do not load here",
                        &s->err);
}

static void loaded(void *arg)
{
    struct step *s = arg;
    struct tn_follow *f = s->f;
    f->step = NULL;
    if (s->units) {
        f->refused[0] = '\0';
        tn_serving_swap(f->serving, tn_units_ref(s->units), s->active.version);
    } else {
        refuse(f, s);
    }
    step_free(s);
    f->done(f->arg);
}

bool tn_follow_begin(struct tn_follow *f)
{
    struct tn_err err;
    struct tn_active now;
    if (f->step) return true;
    if (!tn_active_read(f->env->store, &now, &err) || !now.hash[0]) return false;
    if (strcmp(now.hash, tn_serving_hash(f->serving)) == 0) {
        tn_serving_tell(f->serving, now.version);
        return false;
    }
    if (strcmp(now.hash, f->refused) == 0 && tn_timer_armed(f->try_again)) return false;
    struct step *s = f->step = TN_NEW(struct step);
    s->f = f;
    s->active = now;
    s->files = tn_library_set(f->env->store, now.hash, &s->err);
    s->loading = tn_errand_start(f->env->host, load, loaded, s);
    return true;
}

static void try_again(void *arg)
{
    struct tn_follow *f = arg;
    f->done(f->arg);
}

struct tn_follow *tn_follow_new(struct tn_loop *loop, const struct bind_env *env,
                                struct tn_serving *serving, void (*done)(void *arg), void *arg)
{
    struct tn_follow *f = TN_NEW(struct tn_follow);
    *f = (struct tn_follow){.env = env, .serving = serving, .done = done, .arg = arg};
    f->try_again = tn_timer_new(loop, try_again, f);
    return f;
}

void tn_follow_free(struct tn_follow *f)
{
    if (!f) return;
    if (f->step) {
        tn_errand_stop(f->step->loading);
        step_free(f->step);
    }
    tn_timer_free(f->try_again);
    tn_free(f);
}
