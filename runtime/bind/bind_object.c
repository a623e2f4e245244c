/* SPDX-License-Identifier: MIT */
/* bind_object.c - implements bind.h: failures, objects of C, arguments. */
#include "bind/bind.h"

#include "base/hint.h"

/* ---- failures ---- */

int bind_fail(lua_State *L, const struct tn_err *err)
{
    lua_pushnil(L);
    tn_lua_push_err(L, err);
    return 2;
}

int bind_raise(lua_State *L, const struct tn_err *err)
{
    tn_lua_raise(L, err);
}

/* ---- objects ---- */

/* Stands in front of each object. `owned` is the first member, so that drop finds the head. */
struct head {
    struct tn_owned owned;
    const struct bind_class *class;
    bool dropped;
};
enum { HEAD = (sizeof(struct head) + 15) / 16 * 16 };

static void *object_of(struct head *head)
{
    return (char *)head + HEAD;
}

static struct head *head_of(void *object)
{
    return (struct head *)((char *)object - HEAD);
}

static void drop(struct tn_owned *owned)
{
    struct head *head = (struct head *)owned;
    if (head->dropped) return;
    head->dropped = true;
    if (head->class->drop) head->class->drop(object_of(head));
}

void bind_drop(void *object)
{
    struct head *head = head_of(object);
    tn_task_disown(&head->owned);
    drop(&head->owned);
}

/* An object that no task owns and that touches only itself is dropped without the floor. */
static int l_collect(lua_State *L)
{
    struct head *head = lua_touserdata(L, 1);
    bool alone = head->dropped || (head->class->pure && !head->owned.next);
    if (!alone) tn_lua_take_floor(L);
    bind_drop(object_of(head));
    if (!alone) tn_lua_give_floor(L);
    return 0;
}

/* Puts the metamethods into the metatable, and the other methods into the table on top, which
 * scripts see. */
static void set_methods(lua_State *L, int metatable, const struct bind_class *class)
{
    for (const luaL_Reg *m = class->methods; m->name; m++) {
        if (class->pure)
            lua_pushcfunction(L, m->func);
        else
            tn_lua_push_host(L, m->func);
        lua_setfield(L, strncmp(m->name, "__", 2) == 0 ? metatable : -2, m->name);
    }
}

/* Scripts must not reach metamethods by name: calling __gc would end an object that is in use. */
static void add_methods(lua_State *L, const struct bind_class *class)
{
    int metatable = lua_gettop(L);
    lua_newtable(L);
    set_methods(L, metatable, class);
    if (lua_getfield(L, metatable, "__index") == LUA_TNIL) {
        lua_pushvalue(L, -2);
        lua_setfield(L, metatable, "__index");
    }
    lua_settop(L, metatable);
}

static void set_class(lua_State *L, const struct bind_class *class)
{
    if (luaL_newmetatable(L, class->name)) {
        if (class->methods) add_methods(L, class);
        lua_pushcfunction(L, l_collect);
        lua_setfield(L, -2, "__gc");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

void *bind_new_free(lua_State *L, size_t size, const struct bind_class *class)
{
    struct head *head = lua_newuserdatauv(L, HEAD + size, 1);
    memset(head, 0, HEAD + size);
    head->class = class;
    head->owned.drop = drop;
    set_class(L, class);
    return object_of(head);
}

void *bind_new(lua_State *L, size_t size, const struct bind_class *class)
{
    void *object = bind_new_free(L, size, class);
    struct tn_task *task = tn_task_current(L);
    if (task) tn_task_own(task, &head_of(object)->owned);
    return object;
}

void *bind_is(lua_State *L, int index, const struct bind_class *class)
{
    struct head *head = luaL_testudata(L, index, class->name);
    return head && !head->dropped ? object_of(head) : NULL;
}

void *bind_as(lua_State *L, int index, const struct bind_class *class)
{
    struct head *head = luaL_checkudata(L, index, class->name);
    if (head->dropped) luaL_error(L, "stale handle: this %s ended with its task", class->name);
    return object_of(head);
}

static void add_functions(lua_State *L, const luaL_Reg *functions,
                          void (*push)(lua_State *L, lua_CFunction fn))
{
    for (const luaL_Reg *f = functions; f->name; f++) {
        push(L, f->func);
        lua_setfield(L, -2, f->name);
    }
}

void bind_functions(lua_State *L, const luaL_Reg *functions)
{
    add_functions(L, functions, tn_lua_push_host);
}

void bind_pure_functions(lua_State *L, const luaL_Reg *functions)
{
    add_functions(L, functions, tn_lua_push_pure);
}

void bind_library(lua_State *L, const luaL_Reg *functions)
{
    lua_newtable(L);
    bind_functions(L, functions);
    tn_lua_seal_module(L, "this module");
}

void bind_pure_library(lua_State *L, const luaL_Reg *functions)
{
    lua_newtable(L);
    bind_pure_functions(L, functions);
    tn_lua_seal_module(L, "this module");
}

/* ---- arguments ---- */

struct tn_str bind_str(lua_State *L, int index)
{
    struct tn_str s;
    luaL_checktype(L, index, LUA_TSTRING);
    s.p = lua_tolstring(L, index, &s.n);
    return s;
}

struct tn_str bind_opt_str(lua_State *L, int index, const char *otherwise)
{
    if (lua_isnoneornil(L, index)) return tn_str(otherwise);
    return bind_str(L, index);
}

static bool has_meta(lua_State *L, int index, const char *name)
{
    if (luaL_getmetafield(L, index, name) == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

/* The collector may take a value out of a weak table while C still points to its text. */
bool bind_is_plain(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TTABLE && !has_meta(L, index, "__index") &&
           !has_meta(L, index, "__mode");
}

void bind_plain(lua_State *L, int index, const char *what)
{
    luaL_checktype(L, index, LUA_TTABLE);
    if (bind_is_plain(L, index)) return;
    luaL_error(L, "%s has to be a plain table, without a metatable that has __index or __mode",
               what);
}

/* Pushes the field. False: there is none, and nil is pushed. */
static bool has_key(lua_State *L, int table, const char *key, int type, const char *word)
{
    if (lua_isnoneornil(L, table)) {
        lua_pushnil(L);
        return false;
    }
    bind_plain(L, table, "the table of options");
    if (lua_getfield(L, table, key) == LUA_TNIL) return false;
    if (lua_type(L, -1) != type)
        luaL_error(L, "option '%s' has to be %s, not %s", key, word, luaL_typename(L, -1));
    return true;
}

struct tn_str bind_opt_key_str(lua_State *L, int table, const char *key)
{
    struct tn_str s = {NULL, 0};
    if (has_key(L, table, key, LUA_TSTRING, "a text")) s.p = lua_tolstring(L, -1, &s.n);
    lua_pop(L, 1);
    return s;
}

int64_t bind_opt_key_int(lua_State *L, int table, const char *key, int64_t otherwise)
{
    int64_t v = otherwise;
    int whole = 1;
    if (has_key(L, table, key, LUA_TNUMBER, "a number")) v = lua_tointegerx(L, -1, &whole);
    if (!whole) luaL_error(L, "option '%s' has to be a whole number", key);
    lua_pop(L, 1);
    return v;
}

int64_t bind_opt_limit(lua_State *L, int table, int64_t otherwise)
{
    int64_t limit = bind_opt_key_int(L, table, "limit", otherwise);
    if (limit < 1 || limit > TN_LIMIT_PAGE)
        luaL_error(L, "'limit' is a number from 1 to %d", TN_LIMIT_PAGE);
    return limit;
}

bool bind_opt_key_bool(lua_State *L, int table, const char *key, bool otherwise)
{
    bool v = otherwise;
    if (has_key(L, table, key, LUA_TBOOLEAN, "true or false")) v = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return v;
}

void bind_check_keys(lua_State *L, int table, const char *const *names)
{
    if (lua_isnoneornil(L, table)) return;
    bind_plain(L, table, "the table of options");
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "(a number)";
        const char *const *name = names;
        while (*name && strcmp(*name, key) != 0) name++;
        if (*name) continue;
        luaL_error(L, "unknown option '%s'%s", key, tn_did_you_mean(tn_str(key), names).text);
    }
}
