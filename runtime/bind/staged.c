/* SPDX-License-Identifier: MIT */
#include "bind/staged.h"

static const char ANSWER[] = "tenon.test.answer"; /* registry key */

struct bind_staged *bind_staged_of(lua_State *L)
{
    const struct bind_context *context = tn_isolate_context(tn_isolate_of(L));
    return context ? context->test : NULL;
}

int64_t bind_now(lua_State *L)
{
    const struct bind_staged *test = bind_staged_of(L);
    return tn_clock_ms(test ? test->clock : NULL);
}

bool bind_staged_sleep(lua_State *L, int64_t ms)
{
    struct bind_staged *test = bind_staged_of(L);
    if (!test || !test->clock->stopped) return false;
    test->clock->ms += ms;
    return true;
}

bool bind_staged_answer(lua_State *L, int index, const char *url)
{
    if (!bind_staged_of(L)) return false;
    if (lua_getfield(L, LUA_REGISTRYINDEX, ANSWER) != LUA_TFUNCTION)
        luaL_error(L, "no reply is recorded for %s", url);
    lua_pushvalue(L, index);
    lua_pushstring(L, url);
    lua_call(L, 2, 1);
    if (!lua_istable(L, -1)) luaL_error(L, "no reply is recorded for %s", url);
    return true;
}

void bind_staged_answers(lua_State *L)
{
    lua_setfield(L, LUA_REGISTRYINDEX, ANSWER);
}
