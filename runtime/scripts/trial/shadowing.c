/* SPDX-License-Identifier: MIT */
#include "scripts/trial/shadowing.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "scripts/library.h"
#include "scripts/trial/shadow.h"

struct tn_shadowing {
    struct tn_shadowing_options o;
    struct tn_shadow *shadow; /* NULL: none runs */
    struct tn_timer *end;
};

/* The scripts that served before run beside the serving ones until their time is over. */
static bool runs(const struct tn_shadowing *s, const struct tn_shadow_wish *wish)
{
    return strcmp(wish->to, tn_serving_hash(s->o.serving)) == 0 && wish->until_ms > tn_now_ms();
}

static void start(struct tn_shadowing *s, const struct tn_shadow_wish *wish)
{
    const struct bind_env *env = s->o.env;
    struct tn_err err;
    struct tn_shadow_options o = {.loop = s->o.loop,
                                  .env = env,
                                  .secrets = env->secrets,
                                  .from = tn_library_set(env->store, wish->from, &err),
                                  .to = tn_units_files(tn_serving_units(s->o.serving)),
                                  .wish = *wish,
                                  .worker = s->o.worker,
                                  .days = s->o.days};
    if (o.from) s->shadow = tn_shadow_start(&o);
    tn_fileset_unref(o.from);
    if (s->shadow)
        tn_timer_set(s->end, wish->until_ms - tn_now_ms());
    else
        tn_log(env->log, TN_LOG_warn, "scripts", "there is no shadow of %.12s: %s", wish->from,
               err.text);
}

static void follow(void *arg)
{
    struct tn_shadowing *s = arg;
    struct tn_shadow_wish wish;
    struct tn_err err;
    bool wanted = tn_shadow_stored(s->o.env->store, &wish, &err) && runs(s, &wish);
    if (s->shadow && wanted && tn_shadow_same(tn_shadow_wish(s->shadow), &wish)) return;
    tn_shadow_stop(s->shadow);
    s->shadow = NULL;
    tn_timer_cancel(s->end);
    if (wanted) start(s, &wish);
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

bool tn_shadowing_write(const struct tn_shadowing *s, int64_t team, struct tn_jw *w,
                        struct tn_err *err)
{
    const struct bind_env *env = s->o.env;
    struct tn_shadow_wish wish;
    return tn_shadow_stored(env->store, &wish, err) &&
           tn_shadow_write(env->store, env->secrets, team, &wish, runs(s, &wish), w, err);
}

bool tn_shadowing_end(const struct tn_shadowing *s, struct tn_commit *commit, struct tn_err *err)
{
    struct tn_shadow_wish wish;
    bool there = tn_shadow_stored(s->o.env->store, &wish, err);
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
    tn_shadow_stop(s->shadow);
    tn_timer_free(s->end);
    tn_free(s);
}
