/* SPDX-License-Identifier: MIT */
/* box.c - the values that declarations are made of. */
#include "script/box.h"

#include <lauxlib.h>
#include <stdio.h>

#include "script/isolate.h"

static const char CLASS[] = "tenon.declared";

static struct tn_box *check(lua_State *L)
{
    return luaL_checkudata(L, 1, CLASS);
}

/* The second pair of brackets in tn.text "name" { ... } calls the box. */
static int l_call(lua_State *L)
{
    struct tn_box *box = check(L);
    if (box->filled)
        return luaL_error(L, "tn.%s '%s' has its options already", box->what, box->name);
    luaL_checktype(L, 2, LUA_TTABLE);
    box->filled = true;
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, 1);
    return 1;
}

static int l_index(lua_State *L)
{
    const struct tn_box *box = check(L);
    if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE) {
        lua_pushvalue(L, 2);
        if (lua_gettable(L, -2) != LUA_TNIL) return 1;
    }
    struct tn_str key = lua_type(L, 2) == LUA_TSTRING ? tn_str(lua_tostring(L, 2)) : TN_STR("");
    if (tn_str_is(key, "kind") && box->kind[0])
        lua_pushstring(L, box->kind);
    else if (tn_str_is(key, "name") && box->name[0])
        lua_pushstring(L, box->name);
    else
        lua_pushnil(L);
    return 1;
}

static int l_newindex(lua_State *L)
{
    return luaL_error(L, "a declaration cannot be changed: tn.%s", check(L)->what);
}

static int l_tostring(lua_State *L)
{
    const struct tn_box *box = check(L);
    lua_pushfstring(L, "tn.%s %s", box->what, box->name);
    return 1;
}

static const luaL_Reg methods[] = {{"__call", l_call},
                                   {"__index", l_index},
                                   {"__newindex", l_newindex},
                                   {"__tostring", l_tostring},
                                   {NULL, NULL}};

static void set_class(lua_State *L)
{
    if (luaL_newmetatable(L, CLASS)) {
        luaL_setfuncs(L, methods, 0);
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

void tn_box_push(lua_State *L, const char *what, const char *kind, const char *name, int options)
{
    if (options) options = lua_absindex(L, options);
    struct tn_box *box = lua_newuserdatauv(L, sizeof *box, 1);
    memset(box, 0, sizeof *box);
    snprintf(box->what, sizeof box->what, "%s", what);
    snprintf(box->kind, sizeof box->kind, "%s", kind);
    snprintf(box->name, sizeof box->name, "%s", name);
    tn_lua_where(L, box->file, sizeof box->file, &box->line);
    set_class(L);
    if (!options) return;
    box->filled = true;
    lua_pushvalue(L, options);
    lua_setiuservalue(L, -2, 1);
}

const struct tn_box *tn_box_test(lua_State *L, int index, const char *what)
{
    const struct tn_box *box = luaL_testudata(L, index, CLASS);
    return box && (!what || strcmp(box->what, what) == 0) ? box : NULL;
}

void tn_box_options(lua_State *L, int index)
{
    lua_getiuservalue(L, index, 1);
}
