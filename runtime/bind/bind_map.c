/* SPDX-License-Identifier: MIT */
/* bind_map.c - require "tenon.map": the constructors with which a mapping is declared. */
#include "bind/bind_map.h"

#include <stdio.h>

#include "base/hint.h"
#include "bind/bind.h"
#include "bind/bind_map_node.h"

const char MAP_NODE[] = "tenon.map.value", MAP_DECLARATION[] = "tenon.map.declaration";

static const char REJECT = 0, WARN = 0; /* their addresses stand for map.reject and map.warn */

int map_misuse(lua_State *L, const char *fmt, ...)
{
    struct tn_err err;
    char file[sizeof err.file];
    int line;
    va_list ap;
    va_start(ap, fmt);
    tn_failv(&err, TN_E_invalid, fmt, ap);
    va_end(ap);
    tn_lua_where(L, file, sizeof file, &line);
    tn_fail_at(&err, file, line);
    tn_lua_raise(L, &err);
}

const struct map_node *map_node_at(lua_State *L, int index)
{
    return luaL_testudata(L, index, MAP_NODE);
}

bool map_is_reject(lua_State *L, int index)
{
    return lua_touserdata(L, index) == (const void *)&REJECT;
}

bool map_is_warn(lua_State *L, int index)
{
    return lua_touserdata(L, index) == (const void *)&WARN;
}

/* ---- nodes ---- */

static struct map_node *push_node(lua_State *L, enum map_what what)
{
    char file[128];
    struct map_node *n = lua_newuserdatauv(L, sizeof *n, MAP_VALUES - 1);
    *n = (struct map_node){.what = what, .i = -1};
    tn_lua_where(L, file, sizeof file, &n->line);
    luaL_setmetatable(L, MAP_NODE);
    return n;
}

static struct map_node *push_source(lua_State *L, enum tn_from from)
{
    struct map_node *n = push_node(L, MAP_SOURCE);
    n->from = from;
    return n;
}

/* Pushes a node that follows the node at 1 in the chain. */
static struct map_node *push_behind(lua_State *L, enum map_what what)
{
    luaL_checkudata(L, 1, MAP_NODE);
    struct map_node *n = push_node(L, what);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, MAP_PREV);
    return n;
}

static struct map_node *push_step(lua_State *L, enum tn_op op)
{
    struct map_node *n = push_behind(L, MAP_STEP);
    n->op = op;
    return n;
}

/* Stores a copy of the value at index as user value `slot` of the node on top. */
static void keep(lua_State *L, int index, int slot)
{
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, slot);
}

static void want_string(lua_State *L, int index, const char *word)
{
    if (lua_type(L, index) != LUA_TSTRING)
        map_misuse(L, "%s: expected a text, got %s", word, luaL_typename(L, index));
}

static void want_table(lua_State *L, int index, const char *word)
{
    if (lua_type(L, index) != LUA_TTABLE)
        map_misuse(L, "%s: expected a table, got %s", word, luaL_typename(L, index));
    if (!bind_is_plain(L, index))
        map_misuse(L, "%s: expected a plain table, without __index", word);
}

/* ---- sources ---- */

static int l_from(lua_State *L)
{
    want_string(L, 1, "from");
    push_source(L, TN_FROM_path);
    keep(L, 1, MAP_A);
    return 1;
}

static int l_const(lua_State *L)
{
    luaL_checkany(L, 1);
    push_source(L, TN_FROM_const);
    keep(L, 1, MAP_A);
    return 1;
}

static int l_template(lua_State *L)
{
    want_string(L, 1, "template");
    push_source(L, TN_FROM_template);
    keep(L, 1, MAP_A);
    return 1;
}

static int l_first(lua_State *L)
{
    want_table(L, 1, "first");
    push_source(L, TN_FROM_first);
    keep(L, 1, MAP_A);
    return 1;
}

static int l_when(lua_State *L)
{
    const struct map_node *test = map_node_at(L, 1);
    if (!test || test->what != MAP_TEST)
        return map_misuse(L, "when: expected a test such as from \"kind\" :is(\"BUY\") first");
    lua_settop(L, 3);
    if (lua_isnil(L, 2)) return map_misuse(L, "when: expected a value after the test");
    push_source(L, TN_FROM_when);
    keep(L, 1, MAP_PREV);
    keep(L, 2, MAP_A);
    keep(L, 3, MAP_B);
    return 1;
}

static int l_object(lua_State *L)
{
    want_table(L, 1, "object");
    push_source(L, TN_FROM_object);
    keep(L, 1, MAP_A);
    return 1;
}

static int l_fn(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TFUNCTION)
        return map_misuse(L, "fn: expected a function, got %s", luaL_typename(L, 1));
    push_source(L, TN_FROM_fn);
    keep(L, 1, MAP_A);
    return 1;
}

static int l_each(lua_State *L)
{
    const struct map_node *n = luaL_checkudata(L, 1, MAP_NODE);
    want_table(L, 2, "each");
    if (n->what != MAP_SOURCE || n->from != TN_FROM_path)
        return map_misuse(L, "each: follows from \"path\" directly");
    push_source(L, TN_FROM_each)->line = n->line;
    lua_getiuservalue(L, 1, MAP_A);
    lua_setiuservalue(L, -2, MAP_A);
    keep(L, 2, MAP_B);
    return 1;
}

/* The options of an operator: a table with these keys, or nothing. */
static bool options(lua_State *L, const char *word, const char *const *names);

static int l_flatten(lua_State *L)
{
    static const char *const names[] = {"children", "id", "root_id", "set", NULL};
    const struct map_node *n = luaL_checkudata(L, 1, MAP_NODE);
    want_table(L, 2, "flatten");
    (void)options(L, "flatten", names);
    if (n->what != MAP_SOURCE || n->from != TN_FROM_path)
        return map_misuse(L, "flatten: follows from \"path\" directly");
    lua_getfield(L, 2, "set");
    want_table(L, -1, "flatten: set");
    lua_pop(L, 1);
    push_source(L, TN_FROM_tree)->line = n->line;
    lua_getiuservalue(L, 1, MAP_A);
    lua_setiuservalue(L, -2, MAP_A);
    keep(L, 2, MAP_B);
    return 1;
}

static int l_parent(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_pushliteral(L, "");
    }
    want_string(L, 1, "parent");
    push_source(L, TN_FROM_parent);
    keep(L, 1, MAP_A);
    return 1;
}

static int l_level(lua_State *L)
{
    push_source(L, TN_FROM_level);
    return 1;
}

/* ---- operators ---- */

#define PLAIN_STEP(word, kind)                                                                     \
    static int l_##word(lua_State *L)                                                              \
    {                                                                                              \
        push_step(L, kind);                                                                        \
        return 1;                                                                                  \
    }
PLAIN_STEP(text, TN_OP_text)
PLAIN_STEP(trim, TN_OP_trim)
PLAIN_STEP(upper, TN_OP_upper)
PLAIN_STEP(lower, TN_OP_lower)
#undef PLAIN_STEP

static int l_sub(lua_State *L)
{
    int64_t i = luaL_checkinteger(L, 2), j = luaL_optinteger(L, 3, -1);
    struct map_node *n = push_step(L, TN_OP_substring);
    n->i = i;
    n->j = j;
    return 1;
}

static int l_replace(lua_State *L)
{
    want_string(L, 2, "replace");
    want_string(L, 3, "replace");
    push_step(L, TN_OP_replace);
    keep(L, 2, MAP_A);
    keep(L, 3, MAP_B);
    return 1;
}

static int pad(lua_State *L, const char *word, int mode)
{
    int64_t width = luaL_checkinteger(L, 2);
    want_string(L, 3, word);
    struct map_node *n = push_step(L, TN_OP_pad);
    n->i = width;
    n->mode = mode;
    keep(L, 3, MAP_A);
    return 1;
}

static int l_pad_left(lua_State *L)
{
    return pad(L, "pad_left", 0);
}

static int l_pad_right(lua_State *L)
{
    return pad(L, "pad_right", 1);
}

static int with_text(lua_State *L, const char *word, enum tn_op op)
{
    want_string(L, 2, word);
    push_step(L, op);
    keep(L, 2, MAP_A);
    return 1;
}

static int l_split(lua_State *L)
{
    return with_text(L, "split", TN_OP_split);
}

static int l_join(lua_State *L)
{
    return with_text(L, "join", TN_OP_join);
}

static int l_blank(lua_State *L)
{
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_pushliteral(L, "");
    }
    return with_text(L, "blank", TN_OP_blank);
}

static bool options(lua_State *L, const char *word, const char *const *names)
{
    if (lua_isnoneornil(L, 2)) return false;
    want_table(L, 2, word);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        bool known = false;
        struct tn_str key = {0};
        if (lua_type(L, -2) == LUA_TSTRING) key.p = lua_tolstring(L, -2, &key.n);
        for (size_t i = 0; names[i] && key.p; i++) known |= tn_str_is(key, names[i]);
        if (known) continue;
        if (!key.p) key = TN_STR("[1]");
        map_misuse(L, "%s has no option \"%.*s\"%s", word, TN_FMT(key),
                   tn_did_you_mean(key, names).text);
    }
    return true;
}

/* Stores a text option as user value `slot` of the node on top. */
static void text_option(lua_State *L, const char *word, const char *name, int slot)
{
    if (lua_getfield(L, 2, name) == LUA_TSTRING) {
        lua_setiuservalue(L, -2, slot);
        return;
    }
    if (!lua_isnil(L, -1)) map_misuse(L, "%s: %s is a text", word, name);
    lua_pop(L, 1);
}

static const char *const rounding_names[] = {"half_even", "half_up", "down", "up", "none", NULL};

static int rounding_option(lua_State *L, const char *word)
{
    int found = TN_ROUND_half_up;
    if (lua_getfield(L, 2, "rounding") != LUA_TNIL) {
        struct tn_str name = tn_str(lua_tostring(L, -1));
        for (found = 0; rounding_names[found]; found++)
            if (name.p && tn_str_is(name, rounding_names[found])) break;
        if (!rounding_names[found])
            map_misuse(L, "%s: rounding is one of half_up, half_even, down, up, none", word);
    }
    lua_pop(L, 1);
    return found;
}

static int64_t scale_option(lua_State *L, const char *word)
{
    int64_t scale = -1;
    if (lua_getfield(L, 2, "scale") != LUA_TNIL) {
        int whole;
        scale = lua_tointegerx(L, -1, &whole);
        if (!whole || scale < 0) map_misuse(L, "%s: scale is a count of digits", word);
    }
    lua_pop(L, 1);
    return scale;
}

static int ranged(lua_State *L, const char *word, enum tn_op op)
{
    static const char *const names[] = {"min", "max", NULL};
    bool some = options(L, word, names);
    push_step(L, op);
    for (int i = 0; some && i < 2; i++) {
        if (lua_getfield(L, 2, names[i]) == LUA_TNIL)
            lua_pop(L, 1);
        else
            lua_setiuservalue(L, -2, MAP_A + i);
    }
    return 1;
}

static int l_number(lua_State *L)
{
    return ranged(L, "number", TN_OP_number);
}

static int l_integer(lua_State *L)
{
    return ranged(L, "integer", TN_OP_integer);
}

static int l_decimal(lua_State *L)
{
    static const char *const names[] = {"scale", "rounding", "as", NULL};
    bool some = options(L, "decimal", names), text = false;
    int64_t scale = some ? scale_option(L, "decimal") : -1;
    int mode = some ? rounding_option(L, "decimal") : TN_ROUND_half_up;
    if (some && lua_getfield(L, 2, "as") != LUA_TNIL) {
        struct tn_str as = tn_str(lua_tostring(L, -1));
        text = as.p && tn_str_is(as, "text");
        if (!text && !(as.p && tn_str_is(as, "number")))
            return map_misuse(L, "decimal: as is \"number\" or \"text\"");
    }
    struct map_node *n = push_step(L, TN_OP_decimal);
    n->i = scale;
    n->j = text;
    n->mode = mode;
    return 1;
}

/* Pushes the option `name`, a text of one character, or otherwise. */
static void push_character(lua_State *L, bool some, const char *name, const char *otherwise)
{
    size_t n = 0;
    lua_pushstring(L, otherwise);
    if (!some || lua_getfield(L, 2, name) == LUA_TNIL) {
        lua_settop(L, lua_gettop(L) - some);
        return;
    }
    if (lua_type(L, -1) != LUA_TSTRING || (lua_tolstring(L, -1, &n), n != 1))
        map_misuse(L, "amount: %s is a text of one character", name);
    lua_replace(L, -2);
}

static int l_amount(lua_State *L)
{
    static const char *const names[] = {"point", "group", "implied", "currency", NULL};
    bool some = options(L, "amount", names);
    int whole = 1;
    int64_t implied = 0;
    if (some && lua_getfield(L, 2, "implied") != LUA_TNIL) implied = lua_tointegerx(L, -1, &whole);
    if (!whole || implied < 0 || implied > 18)
        return map_misuse(L, "amount: implied is a count of digits, 0 to 18");
    struct map_node *n = push_step(L, TN_OP_amount);
    n->i = implied;
    push_character(L, some, "point", ".");
    push_character(L, some, "group", "");
    lua_concat(L, 2);
    lua_setiuservalue(L, -2, MAP_B);
    if (some) text_option(L, "amount", "currency", MAP_A);
    return 1;
}

static int l_unit(lua_State *L)
{
    static const char *const names[] = {"from", "to", "scale", "rounding", NULL};
    if (!options(L, "unit", names)) return map_misuse(L, "unit: expected { from = , to = }");
    int64_t scale = scale_option(L, "unit");
    int mode = rounding_option(L, "unit");
    struct map_node *n = push_step(L, TN_OP_unit);
    n->i = scale;
    n->mode = mode;
    text_option(L, "unit", "from", MAP_A);
    text_option(L, "unit", "to", MAP_B);
    return 1;
}

static int moment(lua_State *L, const char *word, enum tn_op op)
{
    static const char *const names[] = {"format", "zone", NULL};
    bool some = options(L, word, names);
    push_step(L, op);
    if (!some) return 1;
    text_option(L, word, "format", MAP_A);
    text_option(L, word, "zone", MAP_B);
    return 1;
}

static int l_time(lua_State *L)
{
    return moment(L, "time", TN_OP_time);
}

static int l_date(lua_State *L)
{
    return moment(L, "date", TN_OP_date);
}

static int l_boolean(lua_State *L)
{
    if (!lua_isnoneornil(L, 2)) want_table(L, 2, "boolean");
    lua_settop(L, 2);
    push_step(L, TN_OP_boolean);
    keep(L, 2, MAP_A);
    return 1;
}

static int l_lookup(lua_State *L)
{
    want_table(L, 2, "lookup");
    push_step(L, TN_OP_lookup);
    keep(L, 2, MAP_A);
    return 1;
}

/* ---- words for a value or a field ---- */

static int l_default(lua_State *L)
{
    luaL_checkany(L, 2);
    push_behind(L, MAP_DEFAULT);
    keep(L, 2, MAP_A);
    return 1;
}

static int l_required(lua_State *L)
{
    push_behind(L, MAP_REQUIRED);
    return 1;
}

static int l_secret(lua_State *L)
{
    push_behind(L, MAP_SECRET);
    return 1;
}

static int l_on_fault(lua_State *L)
{
    static const char *const names[] = {"reject", "warn", "default", NULL};
    struct tn_str word = tn_str(lua_tostring(L, 2));
    int found = 0;
    while (names[found] && !(word.p && tn_str_is(word, names[found]))) found++;
    if (map_is_reject(L, 2)) found = TN_FAULT_reject;
    if (map_is_warn(L, 2)) found = TN_FAULT_warn;
    if (!names[found]) return map_misuse(L, "on_fault is one of \"reject\", \"warn\", \"default\"");
    push_behind(L, MAP_ON_FAULT)->on_fault = (enum tn_on_fault)found;
    return 1;
}

/* ---- tests ---- */

/* Pushes all arguments behind the first as a list. */
static int test(lua_State *L, enum tn_test kind)
{
    int n = lua_gettop(L);
    push_behind(L, MAP_TEST)->test = kind;
    lua_createtable(L, n - 1, 0);
    for (int i = 2; i <= n; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i - 1);
    }
    lua_setiuservalue(L, -2, MAP_A);
    return 1;
}

static int l_is(lua_State *L)
{
    return test(L, TN_TEST_is);
}

static int l_is_not(lua_State *L)
{
    return test(L, TN_TEST_is_not);
}

static int l_present(lua_State *L)
{
    lua_settop(L, 1);
    return test(L, TN_TEST_present);
}

static int l_above(lua_State *L)
{
    return test(L, TN_TEST_above);
}

static int l_below(lua_State *L)
{
    return test(L, TN_TEST_below);
}

/* ---- the module ---- */

static const luaL_Reg methods[] = {{"text", l_text},
                                   {"trim", l_trim},
                                   {"upper", l_upper},
                                   {"lower", l_lower},
                                   {"sub", l_sub},
                                   {"replace", l_replace},
                                   {"pad_left", l_pad_left},
                                   {"pad_right", l_pad_right},
                                   {"split", l_split},
                                   {"join", l_join},
                                   {"blank", l_blank},
                                   {"number", l_number},
                                   {"integer", l_integer},
                                   {"decimal", l_decimal},
                                   {"boolean", l_boolean},
                                   {"time", l_time},
                                   {"date", l_date},
                                   {"lookup", l_lookup},
                                   {"unit", l_unit},
                                   {"amount", l_amount},
                                   {"each", l_each},
                                   {"flatten", l_flatten},
                                   {"default", l_default},
                                   {"required", l_required},
                                   {"secret", l_secret},
                                   {"on_fault", l_on_fault},
                                   {"is", l_is},
                                   {"is_not", l_is_not},
                                   {"present", l_present},
                                   {"above", l_above},
                                   {"below", l_below},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"from", l_from},   {"const", l_const},   {"template", l_template},
    {"first", l_first}, {"when", l_when},     {"object", l_object},
    {"fn", l_fn},       {"parent", l_parent}, {"level", l_level},
    {NULL, NULL}};

/* Raises "there is no operator ..."; upvalue 1 holds the operators that exist, 2 names their kind.
 */
static int l_find(lua_State *L)
{
    const char *names[sizeof methods / sizeof *methods + 4];
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    bool ops = lua_toboolean(L, lua_upvalueindex(2));
    const luaL_Reg *list = ops ? methods : functions;
    size_t n = 0;
    for (; list[n].name; n++) names[n] = list[n].name;
    names[n] = NULL;
    struct tn_str key = tn_str(luaL_tolstring(L, 2, NULL));
    return map_misuse(L, "there is no %s \"%.*s\"%s", ops ? "operator" : "tenon.map word",
                      key.n > 60 ? 60 : (int)key.n, key.p, tn_did_you_mean(key, names).text);
}

static int l_frozen(lua_State *L)
{
    return map_misuse(L, "a mapping's values cannot be changed");
}

/* map { ... } */
static int l_declare(lua_State *L)
{
    want_table(L, 2, "map");
    struct map_declaration *d = lua_newuserdatauv(L, sizeof *d, 1);
    *d = (struct map_declaration){0};
    tn_lua_where(L, d->file, sizeof d->file, &d->line);
    luaL_setmetatable(L, MAP_DECLARATION);
    keep(L, 2, 1);
    return 1;
}

static void push_find(lua_State *L, const luaL_Reg *list, bool ops)
{
    lua_newtable(L);
    luaL_setfuncs(L, list, 0);
    if (!ops) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)&REJECT);
        lua_setfield(L, -2, "reject");
        lua_pushlightuserdata(L, (void *)(uintptr_t)&WARN);
        lua_setfield(L, -2, "warn");
    }
    lua_pushboolean(L, ops);
    lua_pushcclosure(L, l_find, 2);
}

static void set_meta(lua_State *L)
{
    lua_pushcfunction(L, l_frozen);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

int luaopen_tenon_map(lua_State *L)
{
    luaL_newmetatable(L, MAP_DECLARATION);
    set_meta(L);
    luaL_newmetatable(L, MAP_NODE);
    set_meta(L);
    push_find(L, methods, true);
    lua_setfield(L, -2, "__index");
    map_view_open(L);
    lua_newtable(L);
    lua_createtable(L, 0, 4);
    set_meta(L);
    push_find(L, functions, false);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_declare);
    lua_setfield(L, -2, "__call");
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "__sealed"); /* rawset raises as well, so nobody can change the values */
    lua_setmetatable(L, -2);
    return 1;
}
