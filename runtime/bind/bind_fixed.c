/* SPDX-License-Identifier: MIT */
/* bind_fixed.c - require "tenon.fixed": lines whose fields stand at fixed positions (base/fixed.h).
 */
#include "bind/bind_rows.h"

static int l_parse(lua_State *L)
{
    return bind_rows_parse(L, "fixed");
}

static int l_rows(lua_State *L)
{
    return bind_rows_each(L, "fixed");
}

static const luaL_Reg functions[] = {{"parse", l_parse}, {"rows", l_rows}, {NULL, NULL}};

int luaopen_tenon_fixed(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
