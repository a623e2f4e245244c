/* SPDX-License-Identifier: MIT */
/* bind_cjson.c - require "cjson" and "cjson.safe": lua-cjson itself, for scripts that come from
 * OpenResty or Kong.  It cannot be interrupted, so texts, tables and depths have limits here.  It
 * alters long integers, decimals and [], so records never go through it (tenon.json keeps them). */
#include "bind/bind.h"

#include <lua-cjson.h>

#include "base/limits.h"

int luaopen_cjson_safe(lua_State *L); /* of the library, but missing in its header */

enum { DEPTH_MAX = 1000, ORIGINAL = 1, SAFE };

/* nil and the message from cjson.safe, an error from cjson. */
static int refuse(lua_State *L, const char *what, long long limit)
{
    lua_pushnil(L);
    lua_pushfstring(L, "%s: cjson takes up to %I; tenon.json and streams take more", what,
                    (lua_Integer)limit);
    return lua_toboolean(L, lua_upvalueindex(SAFE)) ? 2 : lua_error(L);
}

static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(ORIGINAL));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int l_decode(lua_State *L)
{
    size_t n = 0;
    if (lua_type(L, 1) == LUA_TSTRING) lua_tolstring(L, 1, &n);
    if (n > TN_LIMIT_CJSON_BYTES) return refuse(L, "too many bytes", TN_LIMIT_CJSON_BYTES);
    return call_original(L);
}

struct weight {
    size_t values, bytes;
};

static void weigh_text(lua_State *L, int index, struct weight *w)
{
    w->values++;
    if (lua_type(L, index) == LUA_TSTRING) w->bytes += lua_rawlen(L, index);
}

static bool is_light(const struct weight *w)
{
    return w->values <= TN_LIMIT_CJSON_VALUES && w->bytes <= TN_LIMIT_CJSON_BYTES;
}

/* Adds what encoding the value on top would write; stops where that is too much.  Nesting that is
 * too deep is for cjson to refuse. */
static void weigh(lua_State *L, struct weight *w, int depth)
{
    weigh_text(L, -1, w);
    if (!lua_istable(L, -1) || depth > DEPTH_MAX || !lua_checkstack(L, 3)) return;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        weigh_text(L, -2, w);
        weigh(L, w, depth + 1);
        if (is_light(w)) continue;
        lua_pop(L, 2);
        return;
    }
}

static int l_encode(lua_State *L)
{
    struct weight w = {0, 0};
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    weigh(L, &w, 0);
    if (w.values > TN_LIMIT_CJSON_VALUES)
        return refuse(L, "too many values", TN_LIMIT_CJSON_VALUES);
    if (w.bytes > TN_LIMIT_CJSON_BYTES) return refuse(L, "too many bytes", TN_LIMIT_CJSON_BYTES);
    return call_original(L);
}

static int l_depth(lua_State *L)
{
    luaL_argcheck(L, luaL_optinteger(L, 1, 1) <= DEPTH_MAX, 1, "a depth of up to 1000");
    return call_original(L);
}

static int l_new(lua_State *L);

static const luaL_Reg wrapped[] = {
    {"decode", l_decode},          {"encode", l_encode}, {"decode_max_depth", l_depth},
    {"encode_max_depth", l_depth}, {"new", l_new},       {NULL, NULL}};

/* Puts each of these above the original of its name, in the table on top. */
static void wrap_all(lua_State *L, bool safe)
{
    for (const luaL_Reg *f = wrapped; f->name; f++) {
        lua_getfield(L, -1, f->name);
        lua_pushboolean(L, safe);
        lua_pushcclosure(L, f->func, 2);
        lua_setfield(L, -2, f->name);
    }
}

static int l_new(lua_State *L)
{
    bool safe = lua_toboolean(L, lua_upvalueindex(SAFE));
    call_original(L);
    wrap_all(L, safe);
    return 1;
}

static int open_library(lua_State *L, lua_CFunction library, bool safe)
{
    lua_pushcfunction(L, library);
    lua_call(L, 0, 1);
    wrap_all(L, safe);
    tn_lua_seal_module(L, "this module");
    return 1;
}

int luaopen_bind_cjson(lua_State *L)
{
    return open_library(L, luaopen_cjson, false);
}

int luaopen_bind_cjson_safe(lua_State *L)
{
    return open_library(L, luaopen_cjson_safe, true);
}
