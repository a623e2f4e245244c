/* SPDX-License-Identifier: MIT */
/* bind_config.c - require "tenon.config": the config of the integration for which a script
 * works. It is what conn.config holds: decrypted, with defaults, read-only. */
#include "base/field.h"
#include "base/hint.h"
#include "bind/bind.h"

static const char VALUES[] = "tenon.config.values"; /* registry key of the table of values */

struct reader {
    struct tn_json *json;
};

static void drop_reader(void *object)
{
    tn_json_free(((struct reader *)object)->json);
}
static const struct bind_class READER = {.name = "tenon.config.reader", .drop = drop_reader};

static const struct bind_context *check_config(lua_State *L)
{
    const struct bind_context *c = bind_context(L);
    if (!c->integration)
        luaL_error(L, "this script belongs to no integration, so it has no config");
    if (!c->config_json)
        luaL_error(L,
                   "the config is not there while a file is loaded: ask for it inside a function");
    return c;
}

/* A script may ask only for declared names, so that a mistyped name raises instead of giving nil.
 */
static void check_name(lua_State *L, const struct bind_context *c, const char *name)
{
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < c->n_config_fields; i++) {
        if (strcmp(c->config_fields[i].name, name) == 0) return;
        if (n < 255) names[n++] = c->config_fields[i].name;
    }
    names[n] = NULL;
    struct tn_hint hint = tn_did_you_mean(tn_str(name), names);
    luaL_error(L, "the config has no '%s'%s", name,
               hint.text[0] ? hint.text : ": the adapter does not declare it");
}

/* The config never changes while the isolate lives, so it is read once. */
static void push_values(lua_State *L, const struct bind_context *c)
{
    struct tn_err err;
    if (lua_getfield(L, LUA_REGISTRYINDEX, VALUES) == LUA_TTABLE) return;
    lua_pop(L, 1);
    struct reader *r = bind_new_free(L, sizeof *r, &READER);
    r->json = tn_json_new();
    if (!tn_json_parse(r->json, tn_str(c->config_json), &err)) bind_raise(L, &err);
    bind_json_push(L, tn_json_root(r->json));
    bind_drop(r);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, VALUES);
    lua_remove(L, -2);
}

/* Pushes a copy, so that a script which changes a list of its config changes no other script's
 * list. */
static void push_copy(lua_State *L)
{
    if (!lua_istable(L, -1)) return;
    luaL_checkstack(L, 6, "config");
    lua_newtable(L);
    if (bind_json_is_array(L, -2)) bind_json_mark_array(L, -1);
    for (lua_pushnil(L); lua_next(L, -3);) {
        push_copy(L);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_remove(L, -2);
}

static int l_get(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const struct bind_context *c = check_config(L);
    check_name(L, c, name);
    push_values(L, c);
    lua_getfield(L, -1, name);
    push_copy(L);
    return 1;
}

/* The names that the adapter declares, in the order of its declaration. */
static int l_names(lua_State *L)
{
    const struct bind_context *c = check_config(L);
    lua_createtable(L, (int)c->n_config_fields, 0);
    for (size_t i = 0; i < c->n_config_fields; i++) {
        lua_pushstring(L, c->config_fields[i].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The integration's name, or nil where there is none. */
static int l_integration(lua_State *L)
{
    lua_pushstring(L, bind_context(L)->integration);
    return 1;
}

static const luaL_Reg functions[] = {
    {"get", l_get}, {"integration", l_integration}, {"names", l_names}, {NULL, NULL}};

int luaopen_tenon_config(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
