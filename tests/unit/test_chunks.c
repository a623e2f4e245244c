/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "script/chunks.h"

#define NAME "@stdlib/std/a.lua"

static lua_State *state_new(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    return L;
}

static void keep(struct tn_chunks *chunks, const char *name, struct tn_str text)
{
    lua_State *L = state_new();
    assert_int_equal(luaL_loadbufferx(L, text.p, text.n, name, "t"), LUA_OK);
    tn_chunks_keep(chunks, L, name, text);
    assert_int_equal(lua_gettop(L), 1);
    lua_close(L);
}

static void what_was_compiled_runs_in_another_state_and_names_its_lines(void **state)
{
    const struct tn_str text = TN_STR("local n = 20 + 1\nreturn function(x)\n  return n + x\nend");
    struct tn_chunks *chunks = tn_chunks_new();
    lua_State *L = state_new();
    (void)state;
    assert_false(tn_chunks_push(chunks, L, NAME, text));
    assert_int_equal(lua_gettop(L), 0);
    keep(chunks, NAME, text);
    assert_true(tn_chunks_push(chunks, L, NAME, text));
    lua_call(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 21);
    lua_call(L, 1, 1);
    assert_int_equal(lua_tointeger(L, -1), 42);
    lua_settop(L, 1);
    lua_newtable(L);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_ERRRUN);
    assert_non_null(strstr(lua_tostring(L, -1), "stdlib/std/a.lua:3: attempt to perform"));
    lua_close(L);
    tn_chunks_free(chunks);
}

static void a_text_that_changed_is_not_what_was_compiled(void **state)
{
    struct tn_chunks *chunks = tn_chunks_new();
    lua_State *L = state_new();
    (void)state;
    keep(chunks, NAME, TN_STR("return 1"));
    assert_false(tn_chunks_push(chunks, L, NAME, TN_STR("return 2")));
    assert_false(tn_chunks_push(chunks, L, "@b.lua", TN_STR("return 1")));
    keep(chunks, NAME, TN_STR("return 2"));
    assert_false(tn_chunks_push(chunks, L, NAME, TN_STR("return 1")));
    assert_true(tn_chunks_push(chunks, L, NAME, TN_STR("return 2")));
    lua_call(L, 0, 1);
    assert_int_equal(lua_tointeger(L, -1), 2);
    lua_close(L);
    tn_chunks_free(chunks);
}

static void there_is_room_for_what_came_last(void **state)
{
    enum { N = 700000 };
    struct tn_chunks *chunks = tn_chunks_new();
    lua_State *L = state_new();
    char *text = malloc(N), name[24];
    struct tn_str all = {text, N};
    (void)state;
    memset(text, ' ', N);
    memcpy(text, "return 1", 8);
    for (int i = 0; i < (int)(2 * TN_LIMIT_CHUNKS / N); i++) {
        snprintf(name, sizeof name, "@%d.lua", i);
        keep(chunks, name, all);
        assert_true(tn_chunks_push(chunks, L, name, all));
        lua_settop(L, 0);
    }
    assert_false(tn_chunks_push(chunks, L, "@0.lua", all));
    free(text);
    lua_close(L);
    tn_chunks_free(chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_compiled_runs_in_another_state_and_names_its_lines),
        cmocka_unit_test(a_text_that_changed_is_not_what_was_compiled),
        cmocka_unit_test(there_is_room_for_what_came_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
