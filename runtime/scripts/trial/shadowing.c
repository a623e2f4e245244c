/* SPDX-License-Identifier: MIT */
#include "scripts/trial/shadowing.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "scripts/library.h"
#include "store/read.h"

struct tn_shadowing {
    struct tn_shadowing_options o;
    struct tn_call *call;   /* reads the stored wish for a shadow */
    struct tn_fetch *fetch; /* fetches the set that served before */
    bool again;             /* the stored wish may have changed since it was asked for */
    struct tn_shadow_wish wish;
    struct tn_shadow *shadow; /* NULL: none runs */
    struct tn_timer *end;
};

/* Is the shadow wanted now? Its new set has to be the one that serves, and its time must not be
 * over. */
static bool runs(const struct tn_shadowing *s, const struct tn_shadow_wish *wish)
{
    return strcmp(wish->to, tn_serving_hash(s->o.serving)) == 0 && wish->until_ms > tn_now_ms();
}

static void follow(void *arg);

static void settled(struct tn_shadowing *s)
{
    if (!s->again) return;
    s->again = false;
    follow(s);
}

static void start(struct tn_shadowing *s, struct tn_fileset *from)
{
    const struct bind_env *env = s->o.env;
    struct tn_shadow_options o = {.loop = s->o.loop,
                                  .env = env,
                                  .secrets = env->secrets,
                                  .from = from,
                                  .to = tn_units_files(tn_serving_units(s->o.serving)),
                                  .wish = s->wish,
                                  .worker = s->o.worker,
                                  .days = s->o.days};
    s->shadow = tn_shadow_start(&o);
    tn_timer_set(s->end, s->wish.until_ms - tn_now_ms());
}

static void from_fetched(void *arg, struct tn_fileset *files, const struct tn_err *err)
{
    struct tn_shadowing *s = arg;
    s->fetch = NULL;
    if (err)
        tn_log(s->o.env->log, TN_LOG_warn, "scripts", "there is no shadow of %.12s: %s",
               s->wish.from, err->text);
    else if (runs(s, &s->wish))
        start(s, files);
    settled(s);
}

/* wish NULL: no shadow is stored. */
static void take_wish(struct tn_shadowing *s, const struct tn_shadow_wish *wish)
{
    bool wanted = wish && runs(s, wish);
    if (s->shadow && wanted && tn_shadow_same(tn_shadow_wish(s->shadow), wish)) return;
    tn_shadow_stop(s->shadow);
    s->shadow = NULL;
    tn_timer_cancel(s->end);
    if (!wanted) return;
    s->wish = *wish;
    s->fetch = tn_library_set(s->o.env->store, wish->from, from_fetched, s);
}

static void wish_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_shadowing *s = arg;
    struct tn_shadow_wish wish;
    struct tn_err why;
    s->call = NULL;
    take_wish(s, !err && tn_shadow_found(found, 0, &wish, &why) ? &wish : NULL);
    if (!s->fetch) settled(s);
}

static void follow(void *arg)
{
    struct tn_shadowing *s = arg;
    struct tn_read *read;
    if (s->call || s->fetch) {
        s->again = true;
        return;
    }
    read = tn_read_new(TN_TEAM_SYSTEM);
    tn_shadow_ask(read);
    s->call = tn_store_read(s->o.env->store, read, NULL, wish_found, s);
}

void tn_shadowing_follow(struct tn_shadowing *s)
{
    follow(s);
}

void tn_shadowing_watch(struct tn_shadowing *s, const struct tn_run_request *r,
                        struct tn_source *source)
{
    if (s->shadow) tn_shadow_watch(s->shadow, r, source);
}

struct showing {
    struct tn_shadowing *s;
    int64_t team;
    tn_shadow_shown_fn done;
    void *arg;
};

static void last_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct showing *g = arg;
    struct tn_shadow_wish wish;
    struct tn_err why;
    if (!err && !tn_shadow_found(found, 0, &wish, &why)) err = &why;
    if (err) {
        g->done(g->arg, TN_STR(""), err);
    } else {
        const struct bind_env *env = g->s->o.env;
        tn_shadow_show(env->store, env->secrets, g->team, &wish, runs(g->s, &wish), g->done,
                       g->arg);
    }
    tn_free(g);
}

void tn_shadowing_show(struct tn_shadowing *s, int64_t team, tn_shadow_shown_fn done, void *arg)
{
    struct showing *g = TN_NEW(struct showing);
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    *g = (struct showing){s, team, done, arg};
    tn_shadow_ask(read);
    tn_store_read(s->o.env->store, read, NULL, last_found, g);
}

bool tn_shadowing_end(const struct tn_shadowing *s, const struct tn_found *found, size_t question,
                      struct tn_commit *commit, struct tn_err *err)
{
    struct tn_shadow_wish wish;
    bool there = tn_shadow_found(found, question, &wish, err);
    if (!there && err->kind != TN_E_not_found) return false;
    if (!there || !runs(s, &wish)) return tn_fail(err, TN_E_not_found, "no shadow is running");
    wish.until_ms = tn_now_ms();
    return tn_shadow_put(commit, &wish, err);
}

struct tn_shadowing *tn_shadowing_new(const struct tn_shadowing_options *o)
{
    struct tn_shadowing *s = TN_NEW(struct tn_shadowing);
    s->o = *o;
    s->end = tn_timer_new(o->loop, follow, s);
    return s;
}

void tn_shadowing_free(struct tn_shadowing *s)
{
    if (!s) return;
    tn_call_cancel(s->call);
    tn_fetch_stop(s->fetch);
    tn_shadow_stop(s->shadow);
    tn_timer_free(s->end);
    tn_free(s);
}
