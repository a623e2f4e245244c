/* SPDX-License-Identifier: MIT */
/* bind_kv.c - require "tenon.kv": small texts that outlive the script. Each integration has a space
 * of its own; resources and surfaces share one. */
#include "bind/bind_keep.h"

static int push_text(lua_State *L, const struct bind_owner *owner, struct tn_str key,
                     struct tn_str value)
{
    (void)owner, (void)key;
    lua_pushlstring(L, value.p, value.n);
    return 1;
}

/* The value, or nil when there is none; nil, err when it cannot be read. */
static int l_get(lua_State *L)
{
    const struct bind_owner *owner;
    char key[KEEP_KEY];
    struct tn_err err;
    if (!keep_ready(L, &owner, &err)) return bind_fail(L, &err);
    return keep_get(L, owner, bind_kv_space, keep_key(L, owner, 1, key), push_text);
}

static int l_put(lua_State *L)
{
    const struct bind_owner *owner;
    char key[KEEP_KEY];
    struct tn_err err;
    struct tn_str value = bind_str(L, 2);
    int64_t expires = keep_expiry(L, 3);
    luaL_argcheck(L, value.n <= KEEP_VALUE, 2, "a value has 256 KiB at most");
    if (!keep_ready(L, &owner, &err)) return bind_fail(L, &err);
    return keep_set(L, owner, bind_kv_space, keep_key(L, owner, 1, key), value, expires);
}

static int l_incr(lua_State *L)
{
    const struct bind_owner *owner;
    char key[KEEP_KEY];
    struct tn_err err;
    lua_Integer by = luaL_optinteger(L, 2, 1);
    if (!keep_ready(L, &owner, &err)) return bind_fail(L, &err);
    return keep_add(L, owner, bind_kv_space, keep_key(L, owner, 1, key), by);
}

static int l_delete(lua_State *L)
{
    const struct bind_owner *owner;
    char key[KEEP_KEY];
    struct tn_err err;
    if (!keep_ready(L, &owner, &err)) return bind_fail(L, &err);
    return keep_delete(L, owner, bind_kv_space, keep_key(L, owner, 1, key));
}

static const luaL_Reg functions[] = {
    {"get", l_get}, {"put", l_put}, {"incr", l_incr}, {"delete", l_delete}, {NULL, NULL}};

int luaopen_tenon_kv(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
