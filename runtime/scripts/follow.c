/* SPDX-License-Identifier: MIT */
#include "scripts/follow.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "loop/loop.h"
#include "script/errand.h"
#include "scripts/active.h"
#include "scripts/library.h"
#include "scripts/script_log.h"
#include "store/read.h"

enum {
    TRY_AGAIN_MS = 5000
}; /* a set may fail to load only for lack of memory, so it is tried again */

/* A set that is being loaded. */
struct step {
    struct tn_follow *f;
    struct tn_fetch *fetch;
    struct tn_errand *loading;
    struct tn_active active;
    struct tn_fileset *files;
    struct tn_units *units;
    struct tn_err err;
};

struct tn_follow {
    const struct bind_env *env;
    struct tn_serving *serving;
    tn_follow_fn done;
    void *arg;
    struct tn_call *call;       /* reads the stored serving set (active.h) */
    bool again;                 /* the stored value may have changed since the question was sent */
    int64_t version;            /* version of the stored value when it was last read */
    struct step *step;          /* NULL: none is under way */
    char refused[65];           /* the set that does not load in this worker */
    struct tn_timer *try_again; /* runs out when the refused set is tried again */
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
    f->done(f->arg, true);
}

static void fetched(void *arg, struct tn_fileset *files, const struct tn_err *err)
{
    struct step *s = arg;
    s->fetch = NULL;
    if (err)
        s->err = *err;
    else
        s->files = tn_fileset_ref(files);
    s->loading = tn_errand_start(s->f->env->host, load, loaded, s);
}

static void come_along(struct tn_follow *f, const struct tn_active *now)
{
    struct step *s = f->step = TN_NEW(struct step);
    s->f = f;
    s->active = *now;
    s->fetch = tn_library_set(f->env->store, now->hash, fetched, s);
}

/* Starts to load the set that now serves. False: there is nothing to load. */
static bool take_word(struct tn_follow *f, const struct tn_active *now)
{
    f->version = now->version;
    if (!now->hash[0]) return false;
    if (strcmp(now->hash, tn_serving_hash(f->serving)) == 0) {
        tn_serving_tell(f->serving, now->version);
        return false;
    }
    if (strcmp(now->hash, f->refused) == 0 && tn_timer_armed(f->try_again)) return false;
    come_along(f, now);
    return true;
}

static void word_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_follow *f = arg;
    struct tn_active now;
    struct tn_err why;
    f->call = NULL;
    if (f->again) {
        f->again = false;
        tn_follow_begin(f);
        return;
    }
    if (err || !tn_active_found(found, 0, &now, &why) || !take_word(f, &now))
        f->done(f->arg, false);
}

void tn_follow_begin(struct tn_follow *f)
{
    struct tn_read *read;
    if (f->call) f->again = true;
    if (f->call || f->step) return;
    read = tn_read_new(TN_TEAM_SYSTEM);
    tn_active_ask(read);
    f->call = tn_store_read(f->env->store, read, NULL, word_found, f);
}

int64_t tn_follow_version(const struct tn_follow *f)
{
    return f->version;
}

static void try_again(void *arg)
{
    struct tn_follow *f = arg;
    f->done(f->arg, true);
}

struct tn_follow *tn_follow_new(struct tn_loop *loop, const struct bind_env *env,
                                struct tn_serving *serving, tn_follow_fn done, void *arg)
{
    struct tn_follow *f = TN_NEW(struct tn_follow);
    *f = (struct tn_follow){.env = env, .serving = serving, .done = done, .arg = arg};
    f->try_again = tn_timer_new(loop, try_again, f);
    return f;
}

void tn_follow_free(struct tn_follow *f)
{
    if (!f) return;
    tn_call_cancel(f->call);
    if (f->step) {
        tn_fetch_stop(f->step->fetch);
        tn_errand_stop(f->step->loading);
        step_free(f->step);
    }
    tn_timer_free(f->try_again);
    tn_free(f);
}
