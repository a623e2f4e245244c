/* SPDX-License-Identifier: MIT */
/* bind_tenon.c - require "tenon": the constructors with which script files declare. They only
 * note the values and their lines; scripts/decl.c checks them. */
#include "bind/bind.h"

#include "base/field.h"
#include "base/hint.h"
#include "bind/bind_sync.h"
#include "bind/testing.h"
#include "script/box.h"

enum { NAMES_MAX = 64 }; /* that did_you_mean looks at */

/* ---- declarations: tn.adapter {...} ---- */

/* Upvalue 1: the kind of declaration. */
static int l_declare(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    tn_box_push(L, lua_tostring(L, lua_upvalueindex(1)), "", "", 1);
    return 1;
}

/* ---- fields: tn.text "name" { required = true } ---- */

/* Upvalue 1: type. */
static int l_field(lua_State *L)
{
    const char *type = lua_tostring(L, lua_upvalueindex(1)), *name = luaL_checkstring(L, 1);
    if (!name[0] || strlen(name) > 100)
        return luaL_error(L, "a field's name has 1 to 100 characters");
    tn_box_push(L, "field", type, name, 0);
    return 1;
}

/* ---- tn.auth.basic {...} ---- */

/* Upvalue 1: kind. */
static int l_auth(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    tn_box_push(L, "auth", lua_tostring(L, lua_upvalueindex(1)), "", 1);
    return 1;
}

/* ---- tn.webhook "name" {...} or tn.webhook {...} ---- */

static int l_webhook(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TTABLE)
        tn_box_push(L, "webhook", "", "", 1);
    else
        tn_box_push(L, "webhook", "", luaL_checkstring(L, 1), 0);
    return 1;
}

/* ---- the rest ---- */

static int l_fail(lua_State *L)
{
    struct tn_err err;
    const char *name = luaL_checkstring(L, 1), *text = luaL_checkstring(L, 2);
    enum tn_kind kind = tn_kind_of(name);
    if (kind == TN_E_count || kind == TN_E_none)
        return luaL_argerror(L, 1, "no kind of error (see the table of kinds in err.def)");
    tn_fail(&err, kind, "%s", text);
    if (!lua_isnoneornil(L, 3)) tn_fail_field(&err, "%s", luaL_checkstring(L, 3));
    return bind_raise(L, &err);
}

static int l_now(lua_State *L)
{
    lua_pushinteger(L, bind_now(L));
    return 1;
}

/* did_you_mean(word, names): the end of a message about an unknown word; "": no name is near. */
static int l_did_you_mean(lua_State *L)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    struct tn_str word = bind_str(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, NAMES_MAX, "names");
    for (lua_Integer i = 1; i <= NAMES_MAX && lua_rawgeti(L, 2, i) != LUA_TNIL; i++)
        names[i - 1] = luaL_checkstring(L, -1);
    lua_pushstring(L, tn_did_you_mean(word, names).text);
    return 1;
}

static const luaL_Reg functions[] = {
    {"did_you_mean", l_did_you_mean}, {"fail", l_fail}, {"now", l_now}, {"sync", bind_sync},
    {"webhook", l_webhook},           {NULL, NULL}};
static const char *const declarations[] = {"adapter", "resource", "surface", "rule", "route", NULL};
static const char *const auths[] = {"none", "basic", "bearer", "api_key", NULL};

/* Adds a function to the table on top of the stack; its upvalue is its own name. */
static void add(lua_State *L, const char *name, lua_CFunction fn)
{
    lua_pushstring(L, name);
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, -2, name);
}

int luaopen_tenon(lua_State *L)
{
    lua_newtable(L);
    bind_functions(L, functions);
    for (int i = 0; declarations[i]; i++) add(L, declarations[i], l_declare);
    for (int type = 0; type < TN_FIELD_types; type++)
        add(L, tn_field_type_name((enum tn_field_type)type), l_field);
    lua_newtable(L);
    for (int i = 0; auths[i]; i++) add(L, auths[i], l_auth);
    tn_lua_seal_module(L, "tn.auth");
    lua_setfield(L, -2, "auth");
    bind_json_push_null(L);
    lua_setfield(L, -2, "null");
    tn_lua_seal_module(L, "tenon");
    return 1;
}
