/* SPDX-License-Identifier: MIT */
/* bind_log.c - require "tenon.log": lines in the log, under the area of the script. */
#include "bind/bind.h"

#include "base/log.h"

static int line(lua_State *L, enum tn_level level)
{
    const struct bind_context *context = bind_context(L);
    const char *area = context->area ? context->area : "script";
    if (!tn_log_wants(context->log, level, area)) return 0;
    if (lua_gettop(L) > 1) { /* as string.format */
        lua_getfield(L, LUA_REGISTRYINDEX, "tenon.log.format");
        lua_insert(L, 1);
        lua_call(L, lua_gettop(L) - 1, 1);
    }
    struct tn_str text;
    text.p = luaL_tolstring(L, 1, &text.n);
    tn_isolate_log(tn_isolate_of(L), level, area, text);
    return 0;
}

static int l_debug(lua_State *L)
{
    return line(L, TN_LOG_debug);
}

static int l_info(lua_State *L)
{
    return line(L, TN_LOG_info);
}

static int l_warn(lua_State *L)
{
    return line(L, TN_LOG_warn);
}

static int l_error(lua_State *L)
{
    return line(L, TN_LOG_error);
}

static const luaL_Reg functions[] = {
    {"debug", l_debug}, {"error", l_error}, {"info", l_info}, {"warn", l_warn}, {NULL, NULL}};

int luaopen_tenon_log(lua_State *L)
{
    lua_pushliteral(L, "");
    luaL_getmetafield(L, -1, "__index");
    lua_getfield(L, -1, "format");
    lua_setfield(L, LUA_REGISTRYINDEX, "tenon.log.format");
    bind_library(L, functions);
    return 1;
}
