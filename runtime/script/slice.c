/* SPDX-License-Identifier: MIT */
#include "script/slice.h"

#include <lauxlib.h>
#include <stddef.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "script/away.h"
#include "script/call.h"
#include "script/coroutine.h"
#include "script/stretch.h"

enum state {
    IDLE,
    PAUSED, /* it has to be continued */
    AWAY,   /* it runs beside the loop */
    BACK,   /* it has come back from there */
};

struct tn_slice {
    struct tn_stretch stretch; /* the registry reference `anchor` keeps its coroutine alive;
                                  NULL: there is none, or it died */
    struct tn_waiter waiter;
    int anchor;
    enum state state;
    bool computed;         /* the function returned beside the loop; take is to be called at home */
    struct tn_timer *turn; /* its function calls wake */
    void (*wake)(void *arg);
    void *wake_arg;
    /* of the call under way */
    int ref;
    tn_push_fn push;
    tn_take_fn take;
    void *arg;
};

/* ---- telling the caller that the call can continue ---- */

static void waken(void *arg)
{
    struct tn_slice *s = arg;
    s->wake(s->wake_arg);
}

static void isolate_is_home(struct tn_waiter *waiter)
{
    struct tn_slice *s = (struct tn_slice *)((char *)waiter - offsetof(struct tn_slice, waiter));
    tn_timer_set(s->turn, 0);
}

/* Others who asked for the isolate meanwhile go first. */
static void come_back(struct tn_stretch *stretch)
{
    struct tn_slice *s = (struct tn_slice *)stretch;
    s->state = BACK;
    tn_isolate_wait(s->stretch.iso, &s->waiter);
}

/* ---- life ---- */

struct tn_slice *tn_slice_new(struct tn_isolate *iso, void (*wake)(void *arg), void *arg)
{
    struct tn_slice *s = TN_NEW(struct tn_slice);
    s->stretch.iso = iso;
    s->stretch.back = come_back;
    s->waiter.ready = isolate_is_home;
    s->wake = wake;
    s->wake_arg = arg;
    s->turn = tn_timer_new(iso->host->loop, waken, s);
    tn_isolate_ref(iso);
    return s;
}

static void drop(struct tn_slice *s)
{
    if (s->stretch.co) tn_isolate_release(s->stretch.iso, s->anchor);
    s->stretch.co = NULL;
    s->state = IDLE;
}

void tn_slice_free(struct tn_slice *s)
{
    if (!s) return;
    tn_side_recall(&s->stretch.job, true);
    tn_waiter_leave(&s->waiter);
    drop(s);
    tn_timer_free(s->turn);
    tn_isolate_unref(s->stretch.iso);
    tn_free(s);
}

/* ---- inside the coroutine ---- */

/* Runs when the function has returned. take touches the caller's memory, so beside the loop this
 * yields first and calls take at home. */
static int called(lua_State *L, int status, lua_KContext ctx)
{
    struct tn_slice *s = (struct tn_slice *)ctx;
    (void)status;
    if (!s->take) return 0;
    if (s->stretch.job.side) {
        s->computed = true;
        s->stretch.keeps_budget = true;
        return lua_yieldk(L, 0, ctx, called);
    }
    s->take(L, lua_gettop(L), s->arg);
    return 0;
}

static int call(lua_State *L, int status, lua_KContext ctx)
{
    struct tn_slice *s = (struct tn_slice *)ctx;
    (void)status;
    lua_callk(L, lua_gettop(L) - 1, s->take ? LUA_MULTRET : 0, ctx, called);
    return called(L, LUA_OK, ctx);
}

/* Runs push and then the function. push touches the caller's memory, so it runs on the loop's
 * thread; in a heavy isolate the call then gives way before the function begins. */
static int body(lua_State *L)
{
    struct tn_slice *s = lua_touserdata(L, 1);
    lua_settop(L, 0);
    tn_isolate_push(L, s->ref);
    if (s->push) s->push(L, s->arg);
    if (tn_isolate_heavy(s->stretch.iso)) return tn_isolate_give_way(L, (lua_KContext)s, call);
    return call(L, LUA_OK, (lua_KContext)s);
}

static void make_coroutine(lua_State *L, void *arg)
{
    struct tn_slice *s = arg;
    lua_State *co = lua_newthread(L);
    lua_sethook(co, NULL, 0, 0);
    tn_coroutine_guard(L, -1, true);
    s->anchor = tn_isolate_keep(L);
    s->stretch.co = co;
}

/* ---- calls ---- */

static bool prepare(struct tn_slice *s, struct tn_err *err)
{
    struct tn_isolate *iso = s->stretch.iso;
    lua_State *co;
    if (iso->spent) return tn_isolate_refuse(iso, err);
    if (!s->stretch.co && !tn_isolate_run(iso, TN_IN_HOST, iso->call_ms, make_coroutine, s, err))
        return false;
    co = s->stretch.co;
    if (!lua_checkstack(co, 8))
        return tn_fail(err, TN_E_budget, "the script calls itself too deeply");
    lua_settop(co, 0);
    lua_pushcfunction(co, body);
    lua_pushlightuserdata(co, s);
    s->computed = false;
    return true;
}

/* A part of the call has ended; the state says whether the call goes on. */
static enum tn_ran end(struct tn_slice *s, struct tn_err *err)
{
    if (!tn_stretch_ok(&s->stretch)) {
        *err = s->stretch.err;
        drop(s);
        return TN_RAN_failed;
    }
    s->state = s->stretch.status == LUA_YIELD ? PAUSED : IDLE;
    return s->state == PAUSED ? TN_RAN_paused : TN_RAN_done;
}

static enum tn_ran run(struct tn_slice *s, int args, bool here, struct tn_err *err)
{
    s->state = AWAY;
    if (!tn_stretch_run(&s->stretch, args, here)) return TN_RAN_paused;
    return end(s, err);
}

static enum tn_ran run_on(struct tn_slice *s, struct tn_err *err)
{
    bool here = s->computed || s->stretch.homing;
    s->computed = false;
    return run(s, 0, here, err);
}

static enum tn_ran begin(struct tn_slice *s, struct tn_err *err)
{
    if (!prepare(s, err)) return TN_RAN_failed;
    return run(s, 1, true, err);
}

enum tn_ran tn_slice_call(struct tn_slice *s, int ms, int ref, tn_push_fn push, tn_take_fn take,
                          void *arg, struct tn_err *err)
{
    struct tn_isolate *iso = s->stretch.iso;
    enum tn_ran ran;
    s->take = take;
    s->arg = arg;
    if (iso->away) {
        if (s->state != AWAY) tn_isolate_wait(iso, &s->waiter);
        return TN_RAN_paused;
    }
    if (s->state == IDLE) {
        s->ref = ref;
        s->push = push;
        s->stretch.ms = ms < iso->call_ms ? ms : iso->call_ms;
        ran = begin(s, err);
    } else {
        ran = s->state == BACK ? end(s, err) : TN_RAN_paused;
    }
    if (s->state == PAUSED) ran = run_on(s, err);
    if (s->state == PAUSED) tn_timer_set(s->turn, 0);
    return ran;
}
