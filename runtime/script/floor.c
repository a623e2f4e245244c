/* SPDX-License-Identifier: MIT */
/* floor.c - C functions that touch what the process shares, called from scripts on any thread. */
#include "script/floor.h"

#include <lauxlib.h>

#include "script/away.h"

/* A function of the host may take its time, so the watchdog does not hold it as it would hold a
 * script.  An error of fn skips the second tn_watchdog_place: whoever catches the error does it
 * (tn_floor_restore), and a __close that runs before that counts as a guest. */
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

/* On a side thread a coroutine that can give way goes home, and fn is called there: many calls in a
 * row cost one journey.  One that cannot waits here until this thread has the floor. */
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

/* The function in the upvalue of the one that runs. */
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

/* The mark is the depth of tn_side_enter, doubled, and 1 for a guest.  A coroutine that can yield
 * may go on in another frame, so its place is not noted. */
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
