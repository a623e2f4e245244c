/* SPDX-License-Identifier: MIT */
/* sandbox.c - the globals that scripts get. The lists name what is permitted, not what is
 * forbidden. */
#include "script/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/hint.h"
#include "base/id.h"
#include "script/coroutine.h"
#include "script/floor.h"
#include "script/load.h"
#include "script/poll.h"
#include "script/strings.h"
#include "script/tables.h"

enum { MEMBERS_MAX = 63 };

/* ---- read-only tables ---- */

static int refuse_write(lua_State *L)
{
    return luaL_error(L, "'%s' is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

void tn_lua_seal(lua_State *L, const char *name)
{
    lua_newtable(L);
    lua_createtable(L, 0, 4);
    lua_rotate(L, -3, -1); /* proxy, metatable, library */
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_pushcclosure(L, refuse_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "__sealed");
    lua_setmetatable(L, -2);
}

/* Returns "std.<name>" if there is such a module, else NULL. */
static const char *std_module(const struct tn_isolate *iso, const char *name)
{
    for (const struct tn_module *m = iso->modules; m && m->name; m++)
        if (tn_str_starts(tn_str(m->name), "std.") && strcmp(m->name + 4, name) == 0)
            return m->name;
    return NULL;
}

/* Raises for an unknown name. Upvalues: the module's name, its table. */
static int refuse_unknown(lua_State *L)
{
    const char *module = lua_tostring(L, lua_upvalueindex(1)), *name = luaL_tolstring(L, 2, NULL);
    const char *names[MEMBERS_MAX + 1] = {NULL};
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, lua_upvalueindex(2)); lua_pop(L, 1))
        if (n < MEMBERS_MAX && lua_type(L, -2) == LUA_TSTRING) names[n++] = lua_tostring(L, -2);
    struct tn_hint hint = tn_did_you_mean(tn_str(name), names);
    const char *other[] = {std_module(tn_isolate_of(L), name), NULL};
    if (!hint.text[0] && other[0]) hint = tn_did_you_mean(tn_str(other[0]), other);
    return luaL_error(L, "%s has no '%s'%s", module, name, hint.text);
}

void tn_lua_seal_module(lua_State *L, const char *name)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, name);
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, refuse_unknown, 2);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    tn_lua_seal(L, name);
}

static int l_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_getmetafield(L, 1, "__sealed") != LUA_TNIL)
        return luaL_error(L, "this table is read-only");
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

/* Refuses __gc: Lua runs finalizers where no budget limits them. */
static int l_setmetatable(lua_State *L)
{
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "__gc is not available to scripts");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* ---- protected calls: they never catch the end of a budget ---- */

/* Packs a continuation's context: the count of values below the results, and the mark of
 * floor.h. */
static lua_KContext around(lua_State *L, int below)
{
    return tn_floor_mark(L) * 4 + below;
}

static int protected_end(lua_State *L, int status, lua_KContext ctx)
{
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)(ctx % 4);
    tn_floor_restore(L, (int)(ctx / 4));
    tn_script_poll(L);
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int l_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    tn_script_poll(L);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    lua_KContext ctx = around(L, 0);
    return protected_end(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, ctx, protected_end),
                         ctx);
}

/* Calls the script's message handler. But if a hook raised the error, Lua would run the handler
 * without hooks, so that it could not be stopped: then it is not called. */
static int call_handler(lua_State *L)
{
    if (tn_isolate_late(tn_isolate_of(L))) return 1;
    tn_floor_restore(L, (int)lua_tointeger(L, lua_upvalueindex(2)));
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int l_xpcall(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    tn_script_poll(L);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, tn_floor_mark(L));
    lua_pushcclosure(L, call_handler, 2);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    lua_KContext ctx = around(L, 2);
    return protected_end(L, lua_pcallk(L, n - 2, LUA_MULTRET, 2, ctx, protected_end), ctx);
}

/* ---- load: takes only text, and uses the sandbox's globals ---- */

/* Joins the pieces that a script's reader function returns, since the parser has to get one
 * text. */
static void join_pieces(lua_State *L)
{
    luaL_Buffer b;
    size_t total = 0, n = 0;
    lua_settop(L, 4);
    luaL_buffinit(L, &b);
    for (;;) {
        tn_script_poll(L);
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) break;
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "reader function must return a string");
        lua_tolstring(L, -1, &n);
        if (n == 0) break;
        total += n;
        if (total > TN_LIMIT_SCRIPT_FILE)
            luaL_error(L, "the text given to load is larger than 1 MiB");
        luaL_addvalue(&b);
    }
    lua_pop(L, 1);
    luaL_pushresult(&b);
    lua_replace(L, 1);
}

static int l_load(lua_State *L)
{
    bool env = !lua_isnone(L, 4);
    const char *mode = luaL_optstring(L, 3, "t");
    if (lua_type(L, 1) != LUA_TSTRING) {
        luaL_checktype(L, 1, LUA_TFUNCTION);
        join_pieces(L);
    }
    lua_settop(L, 4);
    struct tn_str text;
    text.p = lua_tolstring(L, 1, &text.n);
    lua_pushfstring(L, "=load:%s", luaL_optstring(L, 2, "text"));
    int status = LUA_ERRSYNTAX;
    if (strchr(mode, 't'))
        status = tn_load_text(L, text, lua_tostring(L, -1));
    else
        lua_pushliteral(L, "bytecode is not accepted; only Lua source is");
    if (status == LUA_OK && env) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    if (status == LUA_OK) return 1;
    tn_script_poll(L);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* ---- further functions of the sandbox ---- */

static int l_collectgarbage(lua_State *L)
{
    const char *what = luaL_optstring(L, 1, "collect");
    struct tn_isolate *iso = tn_isolate_of(L);
    if (strcmp(what, "count") != 0)
        return luaL_error(L, "collectgarbage: only \"count\" is available to scripts");
    lua_pushnumber(L, (lua_Number)iso->bytes / 1024);
    return 1;
}

static int shown(lua_State *L, int status, lua_KContext ctx)
{
    (void)status, (void)ctx;
    if (!lua_isstring(L, -1)) return luaL_error(L, "'__tostring' must return a string");
    return 1;
}

/* Lua's own tostring calls __tostring in a way that cannot be yielded across; this one can. */
static int l_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
        luaL_tolstring(L, 1, NULL);
        return 1;
    }
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 1, 0, shown);
    return shown(L, LUA_OK, 0);
}

/* A function of Lua that takes numbers, for decimals as well: these say by a metafield what it
 * means for them. Upvalues: Lua's function, the name of the metafield. */
static int of_number(lua_State *L)
{
    int n = lua_gettop(L);
    bool own = lua_type(L, 1) == LUA_TUSERDATA &&
               luaL_getmetafield(L, 1, lua_tostring(L, lua_upvalueindex(2))) != LUA_TNIL;
    if (!own) lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, LUA_MULTRET);
    return lua_gettop(L);
}

/* Lets the function `name` of the table at the top take decimals. */
static void take_decimals(lua_State *L, const char *name, const char *metafield)
{
    lua_getfield(L, -1, name);
    lua_pushstring(L, metafield);
    lua_pushcclosure(L, of_number, 2);
    lua_setfield(L, -2, name);
}

static int print_line(lua_State *L)
{
    struct tn_str text;
    text.p = lua_tolstring(L, -1, &text.n);
    tn_isolate_log(tn_isolate_of(L), TN_LOG_info, NULL, text);
    return 0;
}

static int l_print(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&b, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    return tn_lua_host_call(L, print_line);
}

static int undefined(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    if (!name) return luaL_error(L, "the table of globals holds names only");
    const char *names[64] = {NULL};
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, lua_upvalueindex(1)); lua_pop(L, 1))
        if (n < 63) names[n++] = lua_tostring(L, -2);
    return luaL_error(L, "'%s' is not defined here%s", name,
                      tn_did_you_mean(tn_str(name), names).text);
}

static int refuse_global(lua_State *L)
{
    return luaL_error(L, "'%s' would become a global; write 'local %s'", luaL_tolstring(L, 2, NULL),
                      luaL_tolstring(L, 2, NULL));
}

/* ---- building the environment ---- */

/* Functions of Lua that neither loop over data of scripts nor reach outside of the sandbox. */
static const char *const kept_base[] = {
    "assert", "error",  "getmetatable", "ipairs",   "next", "pairs", "rawequal",
    "rawget", "rawlen", "select",       "tonumber", "type", NULL};
static const char *const kept_math[] = {
    "abs",  "acos",   "asin", "atan", "ceil",       "cos",       "deg",        "exp",  "floor",
    "fmod", "huge",   "log",  "max",  "maxinteger", "min",       "mininteger", "modf", "pi",
    "rad",  "random", "sin",  "sqrt", "tan",        "tointeger", "type",       "ult",  NULL};
static const char *const kept_utf8[] = {"char", "charpattern", "codepoint", "codes",
                                        "len",  "offset",      NULL};

static const luaL_Reg ours[] = {{"collectgarbage", l_collectgarbage},
                                {"load", l_load},
                                {"pcall", l_pcall},
                                {"print", l_print},
                                {"rawset", l_rawset},
                                {"require", tn_load_require},
                                {"setmetatable", l_setmetatable},
                                {"tostring", l_tostring},
                                {"xpcall", l_xpcall},
                                {NULL, NULL}};

/* Copies the named fields from the table at the top to the table below it, and pops the top one. */
static void keep(lua_State *L, const char *const *names)
{
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_setfield(L, -3, *names);
    }
    lua_pop(L, 1);
}

static void stock(lua_State *L, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
}

static void seed(lua_State *L)
{
    lua_Integer n[2];
    tn_random(n, sizeof n);
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, n[0]);
    lua_pushinteger(L, n[1]);
    lua_call(L, 2, 0);
}

static void add_library(lua_State *L, const char *name)
{
    tn_lua_seal(L, name);
    lua_setfield(L, -2, name);
}

static void add_libraries(lua_State *L)
{
    tn_strings_open(L);
    add_library(L, "string");
    tn_tables_open(L);
    add_library(L, "table");
    tn_coroutine_open(L);
    add_library(L, "coroutine");
    lua_newtable(L);
    stock(L, luaopen_math);
    seed(L);
    keep(L, kept_math);
    take_decimals(L, "floor", "__floor");
    take_decimals(L, "ceil", "__ceil");
    take_decimals(L, "abs", "__abs");
    take_decimals(L, "tointeger", "__tointeger");
    add_library(L, "math");
    lua_newtable(L);
    stock(L, luaopen_utf8);
    keep(L, kept_utf8);
    add_library(L, "utf8");
}

/* Each file sees an empty, read-only table. Names are looked up in the globals behind it, and an
 * unknown name raises, so that a typing error fails where it stands. */
static void add_environment(lua_State *L)
{
    lua_pushvalue(L, -1);
    tn_lua_seal(L, "_ENV");
    lua_getmetatable(L, -1);
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "_G");
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, undefined, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void tn_sandbox_open(lua_State *L)
{
    lua_newtable(L);
    stock(L, luaopen_base);
    keep(L, kept_base);
    lua_pushliteral(L, LUA_VERSION);
    lua_setfield(L, -2, "_VERSION");
    luaL_setfuncs(L, ours, 0);
    take_decimals(L, "tonumber", "__tonumber");
    add_libraries(L);
    add_environment(L);
    lua_pop(L, 1);
}
