/* SPDX-License-Identifier: MIT */
/* tables.c - the table library of Lua 5.4, with loops that check the time. */
#include "script/tables.h"

#include <lauxlib.h>
#include <limits.h>

#include "script/away.h"
#include "script/load.h"
#include "script/poll.h"

/* What index 1 has to permit to be used as a table: reading (1), writing (2), its length (4). */
enum { READ = 1, WRITE = 2, LENGTH = 4 };

static bool has(lua_State *L, int index, const char *method)
{
    bool it = luaL_getmetafield(L, index, method) != LUA_TNIL;
    if (it) lua_pop(L, 1);
    return it;
}

static void check_table(lua_State *L, int index, int what)
{
    if (lua_type(L, index) == LUA_TTABLE) return;
    if ((!(what & READ) || has(L, index, "__index")) &&
        (!(what & WRITE) || has(L, index, "__newindex")) &&
        (!(what & LENGTH) || has(L, index, "__len")))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
}

static lua_Integer length(lua_State *L, int index, int what)
{
    check_table(L, index, what | LENGTH);
    return luaL_len(L, index);
}

static inline void poll(lua_State *L, lua_Unsigned i)
{
    if (i % 256 == 0) tn_script_poll(L);
}

/* More elements than this are moved or sorted beside the loop. */
enum { MANY = 20000 };
enum { FIRST, AGAIN };

static bool better_beside(lua_State *L, lua_Integer n, lua_KContext how)
{
    return n > MANY && how == FIRST && tn_isolate_holds_loop(tn_isolate_of(L), L);
}

static int insert(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    lua_Integer at, end = (lua_Integer)((lua_Unsigned)length(L, 1, READ | WRITE) + 1);
    switch (lua_gettop(L)) {
    case 2: at = end; break;
    case 3:
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)at - 1u < (lua_Unsigned)end, 2, "position out of bounds");
        if (better_beside(L, end - at, how)) return tn_isolate_give_way(L, AGAIN, insert);
        for (lua_Integer i = end; i > at; i--) {
            poll(L, (lua_Unsigned)i);
            lua_geti(L, 1, i - 1);
            lua_seti(L, 1, i);
        }
        break;
    default: return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_seti(L, 1, at);
    return 0;
}

static int l_insert(lua_State *L)
{
    return insert(L, LUA_OK, FIRST);
}

static int take_out(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    lua_Integer size = length(L, 1, READ | WRITE), at = luaL_optinteger(L, 2, size);
    if (at != size)
        luaL_argcheck(L, (lua_Unsigned)at - 1u <= (lua_Unsigned)size, 1, "position out of bounds");
    if (better_beside(L, size - at, how)) return tn_isolate_give_way(L, AGAIN, take_out);
    lua_geti(L, 1, at);
    for (; at < size; at++) {
        poll(L, (lua_Unsigned)at);
        lua_geti(L, 1, at + 1);
        lua_seti(L, 1, at);
    }
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

static int l_remove(lua_State *L)
{
    return take_out(L, LUA_OK, FIRST);
}

static void move_up(lua_State *L, lua_Integer from, lua_Integer n, lua_Integer to, int target)
{
    for (lua_Integer i = 0; i < n; i++) {
        poll(L, (lua_Unsigned)i);
        lua_geti(L, 1, from + i);
        lua_seti(L, target, to + i);
    }
}

static void move_down(lua_State *L, lua_Integer from, lua_Integer n, lua_Integer to, int target)
{
    for (lua_Integer i = n - 1; i >= 0; i--) {
        poll(L, (lua_Unsigned)i);
        lua_geti(L, 1, from + i);
        lua_seti(L, target, to + i);
    }
}

static int move(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    lua_Integer f = luaL_checkinteger(L, 2), e = luaL_checkinteger(L, 3);
    lua_Integer t = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    check_table(L, 1, READ);
    check_table(L, target, WRITE);
    if (e >= f) {
        luaL_argcheck(L, f > 0 || e < LUA_MAXINTEGER + f, 3, "too many elements to move");
        lua_Integer n = e - f + 1;
        luaL_argcheck(L, t <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
        if (better_beside(L, n, how)) return tn_isolate_give_way(L, AGAIN, move);
        if (t > e || t <= f || (target != 1 && !lua_compare(L, 1, target, LUA_OPEQ)))
            move_up(L, f, n, t, target);
        else
            move_down(L, f, n, t, target);
    }
    lua_pushvalue(L, target);
    return 1;
}

static int l_move(lua_State *L)
{
    return move(L, LUA_OK, FIRST);
}

static void add_element(lua_State *L, luaL_Buffer *b, lua_Integer i)
{
    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1),
                   (LUAI_UACINT)i);
    luaL_addvalue(b);
}

static int concat(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    lua_Integer last = length(L, 1, READ);
    size_t n;
    const char *sep = luaL_optlstring(L, 2, "", &n);
    lua_Integer i = luaL_optinteger(L, 3, 1);
    luaL_Buffer b;
    last = luaL_optinteger(L, 4, last);
    if (better_beside(L, last - i, how)) return tn_isolate_give_way(L, AGAIN, concat);
    luaL_buffinit(L, &b);
    for (; i < last; i++) {
        poll(L, (lua_Unsigned)i);
        add_element(L, &b, i);
        luaL_addlstring(&b, sep, n);
    }
    if (i == last) add_element(L, &b, i);
    luaL_pushresult(&b);
    return 1;
}

static int l_concat(lua_State *L)
{
    return concat(L, LUA_OK, FIRST);
}

static int l_pack(lua_State *L)
{
    int n = lua_gettop(L);
    lua_createtable(L, n, 1);
    lua_insert(L, 1);
    for (int i = n; i >= 1; i--) lua_seti(L, 1, i);
    lua_pushinteger(L, n);
    lua_setfield(L, 1, "n");
    return 1;
}

static int l_unpack(lua_State *L)
{
    lua_Integer i = luaL_optinteger(L, 2, 1);
    lua_Integer e = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
    if (i > e) return 0;
    lua_Unsigned n = (lua_Unsigned)e - (lua_Unsigned)i;
    if (n >= INT_MAX || !lua_checkstack(L, (int)++n))
        return luaL_error(L, "too many results to unpack");
    for (; i < e; i++) {
        poll(L, (lua_Unsigned)i);
        lua_geti(L, 1, i);
    }
    lua_geti(L, 1, e);
    return (int)n;
}

/* ---- sort with an order function: written in Lua, so that a task can give way in between ---- */

/* A merge sort on a copy. It writes t at the end, so an error in `before` loses no element. It
 * begins with runs of 8, sorted by insertion. */
static const char merge_sort[] =
    "local t, n, before = ...\n"
    "local from, to, width = {}, {}, 8\n"
    "for i = 1, n do from[i] = t[i] end\n"
    "for low = 1, n, width do\n"
    "  local high = low + width - 1\n"
    "  if high > n then high = n end\n"
    "  for i = low + 1, high do\n"
    "    local v, j = from[i], i - 1\n"
    "    while j >= low and before(v, from[j]) do from[j + 1] = from[j] j = j - 1 end\n"
    "    from[j + 1] = v\n"
    "  end\n"
    "end\n"
    "while width < n do\n"
    "  for low = 1, n, 2 * width do\n"
    "    local middle, high = low + width, low + 2 * width\n"
    "    if middle > n + 1 then middle = n + 1 end\n"
    "    if high > n + 1 then high = n + 1 end\n"
    "    local i, j = low, middle\n"
    "    for k = low, high - 1 do\n"
    "      if i < middle and (j >= high or not before(from[j], from[i])) then\n"
    "        to[k] = from[i] i = i + 1\n"
    "      else\n"
    "        to[k] = from[j] j = j + 1\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "  from, to, width = to, from, 2 * width\n"
    "end\n"
    "for i = 1, n do t[i] = from[i] end\n";

static const char less[] = "local a, b = ... return a < b";

static int sorted(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status, (void)ctx;
    return 0;
}

/* ---- sort without one: quicksort, the smaller part first, so that it nests log2(n) deep at most
 * ---- */

static bool before(lua_State *L, int a, int b)
{
    return lua_compare(L, a, b, LUA_OPLT);
}

/* Puts t[i] and t[j] in order; pops the values that it read. */
static void order(lua_State *L, lua_Integer i, lua_Integer j)
{
    lua_geti(L, 1, i);
    lua_geti(L, 1, j);
    if (before(L, -1, -2)) {
        lua_seti(L, 1, i);
        lua_seti(L, 1, j);
    } else {
        lua_pop(L, 2);
    }
}

static void wrong_order(lua_State *L)
{
    luaL_error(L, "invalid order function for sorting");
}

/* Splits [low, high] around a pivot, which is at the top of the stack and at t[high - 1]; returns
 * where the pivot ends up. The caller has ensured t[low] <= pivot <= t[high]. */
static lua_Integer split(lua_State *L, lua_Integer low, lua_Integer high)
{
    lua_Integer i = low, j = high - 1;
    for (;;) {
        while (lua_geti(L, 1, ++i), before(L, -1, -2)) {
            poll(L, (lua_Unsigned)i);
            if (i >= high - 1) wrong_order(L);
            lua_pop(L, 1);
        }
        while (lua_geti(L, 1, --j), before(L, -3, -1)) {
            poll(L, (lua_Unsigned)j);
            if (j <= low) wrong_order(L);
            lua_pop(L, 1);
        }
        if (j < i) break;
        lua_seti(L, 1, i);
        lua_seti(L, 1, j);
    }
    lua_pop(L, 2); /* t[j], t[i] */
    lua_geti(L, 1, high - 1);
    lua_geti(L, 1, i);
    lua_seti(L, 1, high - 1);
    lua_seti(L, 1, i);
    return i;
}

static void sort(lua_State *L, lua_Integer low, lua_Integer high)
{
    luaL_checkstack(L, 8, "sort");
    while (low < high) {
        tn_script_poll(L);
        order(L, low, high);
        if (high - low == 1) return;
        lua_Integer middle = low + (high - low) / 2;
        order(L, low, middle);
        order(L, middle, high);
        if (high - low == 2) return;
        lua_geti(L, 1, middle);
        lua_pushvalue(L, -1);
        lua_geti(L, 1, high - 1);
        lua_seti(L, 1, middle);
        lua_seti(L, 1, high - 1);
        lua_Integer at = split(L, low, high);
        lua_pop(L, 1);
        if (at - low < high - at) {
            sort(L, low, at - 1);
            low = at + 1;
        } else {
            sort(L, at + 1, high);
            high = at - 1;
        }
    }
}

/* True: index 1 is a plain table whose n elements Lua compares without a metamethod. */
static bool plain(lua_State *L, lua_Integer n)
{
    if (lua_type(L, 1) != LUA_TTABLE || luaL_getmetafield(L, 1, "__index") != LUA_TNIL)
        return false;
    for (lua_Integer i = 1; i <= n; i++) {
        int type = lua_rawgeti(L, 1, i);
        lua_pop(L, 1);
        poll(L, (lua_Unsigned)i);
        if (type != LUA_TNUMBER && type != LUA_TSTRING) return false;
    }
    return true;
}

static int sort_by(lua_State *L, lua_Integer n)
{
    tn_load_ours(L, merge_sort, "@stdlib/table.sort");
    lua_insert(L, 1);
    lua_pushinteger(L, n);
    lua_insert(L, 3);
    lua_callk(L, 3, 0, 0, sorted);
    return 0;
}

static int sort_any(lua_State *L, int status, lua_KContext how)
{
    lua_Integer n = length(L, 1, READ | WRITE);
    (void)status;
    if (n <= 1) return 0;
    luaL_argcheck(L, n < INT_MAX, 1, "array too big");
    bool given = !lua_isnoneornil(L, 2);
    if (given) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    if (!given && better_beside(L, n * 16, how)) return tn_isolate_give_way(L, AGAIN, sort_any);
    if (!given && plain(L, n)) {
        sort(L, 1, n);
        return 0;
    }
    lua_settop(L, 2);
    if (!given) tn_load_ours(L, less, "@stdlib/table.sort");
    if (!given) lua_replace(L, 2);
    return sort_by(L, n);
}

static int l_sort(lua_State *L)
{
    return sort_any(L, LUA_OK, FIRST);
}

static const luaL_Reg functions[] = {{"concat", l_concat}, {"insert", l_insert}, {"move", l_move},
                                     {"pack", l_pack},     {"remove", l_remove}, {"sort", l_sort},
                                     {"unpack", l_unpack}, {NULL, NULL}};

void tn_tables_open(lua_State *L)
{
    luaL_newlib(L, functions);
}
