/* SPDX-License-Identifier: MIT */
#include "script/slice.h"

#include <lauxlib.h>

#include "base/alloc.h"
#include "script/internal.h"

struct tn_slice {
    struct tn_isolate *iso;
    lua_State *co; /* anchored by anchor; NULL: none yet, or it died */
    int anchor;
    bool paused;
    int ms, ticks; /* of the call under way; what is left of it */
    /* of the call */
    int ref;
    tn_push_fn push;
    tn_take_fn take;
    void *arg;
};

struct tn_slice *tn_slice_new(struct tn_isolate *iso)
{
    struct tn_slice *s = TN_NEW(struct tn_slice);
    s->iso = iso;
    tn_isolate_ref(iso);
    return s;
}

static void drop(struct tn_slice *s)
{
    if (s->co) tn_isolate_release(s->iso, s->anchor);
    s->co = NULL;
    s->paused = false;
}

void tn_slice_free(struct tn_slice *s)
{
    if (!s) return;
    drop(s);
    tn_isolate_unref(s->iso);
    tn_free(s);
}

bool tn_slice_paused(const struct tn_slice *s)
{
    return s->paused;
}

/* ---- inside the coroutine ---- */

static int called(lua_State *L, int status, lua_KContext ctx)
{
    const struct tn_slice *s = (const struct tn_slice *)ctx;
    (void)status;
    if (s->take) s->take(L, lua_gettop(L), s->arg);
    return 0;
}

static int body(lua_State *L)
{
    struct tn_slice *s = lua_touserdata(L, 1);
    lua_settop(L, 0);
    tn_isolate_push(L, s->ref);
    int n = s->push ? s->push(L, s->arg) : 0;
    lua_callk(L, n, s->take ? LUA_MULTRET : 0, (lua_KContext)s, called);
    return called(L, LUA_OK, (lua_KContext)s);
}

static void make_coroutine(lua_State *L, void *arg)
{
    struct tn_slice *s = arg;
    lua_State *co = lua_newthread(L);
    lua_sethook(co, NULL, 0, 0);
    tn_coroutine_guard(L, -1, true);
    s->anchor = tn_isolate_keep(L);
    s->co = co;
}

/* ---- calls ---- */

static bool begin(struct tn_slice *s, struct tn_err *err)
{
    struct tn_isolate *iso = s->iso;
    if (iso->spent)
        return tn_fail(err, TN_E_budget,
                       "%s is in quarantine: it overran its budget %u times in a row", iso->name,
                       iso->max_overruns);
    if (!s->co && !tn_isolate_run(iso, iso->call_ms, make_coroutine, s, err)) return false;
    if (!lua_checkstack(s->co, 8))
        return tn_fail(err, TN_E_budget, "the script calls itself too deeply");
    lua_settop(s->co, 0);
    lua_pushcfunction(s->co, body);
    lua_pushlightuserdata(s->co, s);
    return true;
}

static enum tn_ran end(struct tn_slice *s, int status, struct tn_entry *entry, struct tn_err *err)
{
    struct tn_isolate *iso = s->iso;
    bool ok = status == LUA_OK || status == LUA_YIELD;
    s->paused = status == LUA_YIELD;
    s->ticks = !s->paused ? 0 : entry->frame.left > 1 ? entry->frame.left : 1;
    if (!ok) tn_failure_take(iso, s->co, status, entry, err);
    entry->kind = s->paused ? TN_ENTRY_other : TN_ENTRY_call;
    tn_isolate_leave(iso, entry, ok);
    iso->parking = iso->gave_way = false;
    if (!ok) drop(s);
    return s->paused ? TN_RAN_paused : ok ? TN_RAN_done : TN_RAN_failed;
}

enum tn_ran tn_slice_call(struct tn_slice *s, int ms, int ref, tn_push_fn push, tn_take_fn take,
                          void *arg, struct tn_err *err)
{
    struct tn_isolate *iso = s->iso;
    struct tn_entry entry;
    int results;
    bool fresh = !s->paused;
    s->take = take;
    s->arg = arg;
    if (fresh) {
        s->ref = ref;
        s->push = push;
        s->ms = ms < iso->call_ms ? ms : iso->call_ms;
        s->ticks = 0;
        if (!begin(s, err)) return TN_RAN_failed;
    }
    lua_State *from = tn_isolate_state(iso);
    tn_isolate_enter(iso, &entry, s->co, s->ms, s->ticks, NULL);
    entry.sliced = true;
    tn_watchdog_slice(iso->host->dog);
    return end(s, lua_resume(s->co, from, fresh ? 1 : 0, &results), &entry, err);
}
