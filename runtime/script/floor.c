/* SPDX-License-Identifier: MIT */
/* floor.c - lets scripts on any thread call C functions that touch what the process shares. */
#include "script/floor.h"

#include <lauxlib.h>

#include "script/away.h"

/* Calls fn, a function of the host, which may take long: the watchdog does not limit it as it
 * limits a script that cannot give way. An error of fn skips the second tn_watchdog_place. Then
 * tn_floor_restore does its work when the error is caught; a __close method that runs before that
 * counts as a guest. */
static int call(struct tn_isolate *iso, lua_State *L, lua_CFunction fn)
{
    struct tn_entry *entry = iso->innermost;
    if (!entry) return fn(L);
    enum tn_place before = tn_watchdog_place(&entry->frame, TN_IN_HOST);
    int n = fn(L);
    tn_watchdog_place(&entry->frame, before);
    return n;
}

static int host_call_on(lua_State *L, int status, lua_KContext fn)
{
    (void)status;
    return tn_lua_host_call(L, (lua_CFunction)fn);
}

/* On a side thread, a coroutine that can give way goes home and calls fn there, so that many calls
 * in a row cost only one change of threads. A coroutine that cannot give way waits here until this
 * thread has the floor. */
int tn_lua_host_call(lua_State *L, lua_CFunction fn)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    struct tn_side *side = tn_isolate_side(iso);
    if (!side) return call(iso, L, fn);
    if (tn_side_depth(side) == 0 && tn_isolate_may_give_way(iso, L)) {
        iso->homing = true;
        return tn_isolate_give_way(L, (lua_KContext)fn, host_call_on);
    }
    tn_side_enter(side);
    int n = call(iso, L, fn);
    tn_side_leave(side);
    return n;
}

/* Returns the C function that the running closure wraps. */
static lua_CFunction wrapped(lua_State *L)
{
    return (lua_CFunction)(uintptr_t)lua_touserdata(L, lua_upvalueindex(1));
}

static int host_call(lua_State *L)
{
    return tn_lua_host_call(L, wrapped(L));
}

static int pure_call(lua_State *L)
{
    return call(tn_isolate_of(L), L, wrapped(L));
}

static void push_wrapped(lua_State *L, lua_CFunction fn, lua_CFunction caller)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)fn);
    lua_pushcclosure(L, caller, 1);
}

void tn_lua_push_pure(lua_State *L, lua_CFunction fn)
{
    push_wrapped(L, fn, pure_call);
}

void tn_lua_push_host(lua_State *L, lua_CFunction fn)
{
    push_wrapped(L, fn, host_call);
}

void tn_lua_take_floor(lua_State *L)
{
    struct tn_side *side = tn_isolate_side(tn_isolate_of(L));
    if (side) tn_side_enter(side);
}

void tn_lua_give_floor(lua_State *L)
{
    struct tn_side *side = tn_isolate_side(tn_isolate_of(L));
    if (side) tn_side_leave(side);
}

/* The mark is the depth of tn_side_enter times two, plus 1 for a guest. A coroutine that can yield
 * may continue in another frame, so for it the mark says no guest. */
int tn_floor_mark(lua_State *L)
{
    const struct tn_isolate *iso = tn_isolate_of(L);
    const struct tn_side *side = tn_isolate_side(iso);
    bool guest =
        iso->innermost && iso->innermost->frame.place == TN_IN_GUEST && !lua_isyieldable(L);
    return (side ? tn_side_depth(side) : 0) * 2 + guest;
}

void tn_floor_restore(lua_State *L, int mark)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    struct tn_side *side = tn_isolate_side(iso);
    enum tn_place place = mark % 2 ? TN_IN_GUEST : TN_IN_SCRIPT;
    if (iso->innermost) tn_watchdog_place(&iso->innermost->frame, place);
    if (side) tn_side_restore(side, mark / 2);
}
