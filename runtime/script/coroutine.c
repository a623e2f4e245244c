/* SPDX-License-Identifier: MIT */
/* coroutine.c - coroutines for scripts. There is no coroutine.close: a chain of such calls crashes
 * Lua 5.4.4. A wait inside a coroutine parks the whole task, with all coroutines around it. */
#include "script/coroutine.h"

#include <lauxlib.h>
#include <string.h>

#include "script/floor.h"
#include "script/poll.h"

static const char GUARDED[] = "tenon.guarded"; /* registry key of a weak set: coroutines that no
                                                  script may resume */

enum { FAILED = -1, WAITS = -2 };

void tn_coroutine_guard(lua_State *L, int index, bool on)
{
    index = lua_absindex(L, index);
    lua_getfield(L, LUA_REGISTRYINDEX, GUARDED);
    lua_pushvalue(L, index);
    if (on)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static bool guarded(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    lua_getfield(L, LUA_REGISTRYINDEX, GUARDED);
    lua_insert(L, -2);
    bool is = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return is;
}

static lua_State *check_co(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

static const char *status_of(lua_State *L, lua_State *co, int index)
{
    lua_Debug ar;
    if (L == co) return "running";
    if (lua_status(co) == LUA_YIELD) return guarded(L, index) ? "normal" : "suspended";
    if (lua_status(co) != LUA_OK) return "dead";
    if (lua_getstack(co, 0, &ar)) return "normal";
    return lua_gettop(co) == 0 ? "dead" : guarded(L, index) ? "normal" : "suspended";
}

/* Resumes co with the n arguments at the top of L. Pushes the results and returns their count;
 * FAILED: it pushed the error; WAITS: the task has to wait. */
static int go(lua_State *L, lua_State *co, int n)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    struct tn_frame *frame = &iso->innermost->frame;
    int results = 0, pinned = iso->pinned, mark = tn_floor_mark(L);
    lua_xmove(L, co, n);
    if (!lua_isyieldable(L)) iso->pinned++;
    frame->running = co;
    int status = lua_resume(co, L, n, &results);
    frame->running = L;
    iso->pinned = pinned;
    tn_floor_restore(L, mark);
    tn_script_poll(L);
    if (status == LUA_YIELD && iso->parking) return WAITS;
    if (status != LUA_OK && status != LUA_YIELD) results = 1;
    luaL_checkstack(L, results + 2, "too many results");
    lua_xmove(co, L, results);
    return status == LUA_OK || status == LUA_YIELD ? results : FAILED;
}

/* Resumes co if it can be resumed now; else FAILED, with a message pushed. */
static int begin(lua_State *L, lua_State *co, int index, int n)
{
    const char *status = status_of(L, co, index);
    if (strcmp(status, "suspended") != 0) {
        lua_pushfstring(L, "cannot resume %s coroutine",
                        strcmp(status, "dead") == 0 ? "dead" : "non-suspended");
        return FAILED;
    }
    luaL_checkstack(L, 4, NULL);
    if (!lua_checkstack(co, n + 2)) {
        lua_pushliteral(L, "too many arguments to resume");
        return FAILED;
    }
    return go(L, co, n);
}

/* Yields until the task's wait is over; then k runs. The coroutine is at stack index 1; until then
 * no script may resume it. */
static int wait_with(lua_State *L, lua_KFunction k)
{
    tn_coroutine_guard(L, 1, true);
    return lua_yieldk(L, 0, 0, k);
}

static int resume_ended(lua_State *L, int n)
{
    lua_pushboolean(L, n != FAILED);
    if (n == FAILED) n = 1;
    lua_insert(L, -(n + 1));
    return n + 1;
}

static int resume_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status, (void)ctx;
    tn_coroutine_guard(L, 1, false);
    int n = go(L, lua_tothread(L, 1), 0);
    return n == WAITS ? wait_with(L, resume_on) : resume_ended(L, n);
}

static int l_resume(lua_State *L)
{
    lua_State *co = check_co(L);
    int n = begin(L, co, 1, lua_gettop(L) - 1);
    if (n != WAITS) return resume_ended(L, n);
    lua_settop(L, 1);
    return wait_with(L, resume_on);
}

static int wrap_ended(lua_State *L, int n)
{
    if (n != FAILED) return n;
    if (lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status, (void)ctx;
    tn_coroutine_guard(L, 1, false);
    int n = go(L, lua_tothread(L, 1), 0);
    return n == WAITS ? wait_with(L, wrap_on) : wrap_ended(L, n);
}

static int call_wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int n = begin(L, co, lua_upvalueindex(1), lua_gettop(L));
    if (n != WAITS) return wrap_ended(L, n);
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    return wait_with(L, wrap_on);
}

static int l_create(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    tn_script_poll(L);
    lua_State *co = lua_newthread(L);
    lua_sethook(co, NULL, 0, 0);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static int l_wrap(lua_State *L)
{
    l_create(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

/* Is L the coroutine of a task, or the main one? A script may not yield there. */
static bool outermost(lua_State *L)
{
    lua_pushthread(L);
    bool is = guarded(L, -1);
    lua_pop(L, 1);
    return is || L == tn_isolate_of(L)->L;
}

static int l_yield(lua_State *L)
{
    if (outermost(L)) return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int l_isyieldable(lua_State *L)
{
    lua_State *co = lua_isnone(L, 1) ? L : check_co(L);
    lua_pushboolean(L, co == L ? !outermost(L) && lua_isyieldable(L) : lua_isyieldable(co));
    return 1;
}

static int l_running(lua_State *L)
{
    bool main = outermost(L);
    lua_pushthread(L);
    lua_pushboolean(L, main);
    return 2;
}

static int l_status(lua_State *L)
{
    lua_pushstring(L, status_of(L, check_co(L), 1));
    return 1;
}

static const luaL_Reg functions[] = {{"create", l_create}, {"isyieldable", l_isyieldable},
                                     {"resume", l_resume}, {"running", l_running},
                                     {"status", l_status}, {"wrap", l_wrap},
                                     {"yield", l_yield},   {NULL, NULL}};

void tn_coroutine_open(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, GUARDED);
    luaL_newlib(L, functions);
}
