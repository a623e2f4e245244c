/* SPDX-License-Identifier: MIT */
/* strings.c - the string library: Lua 5.4's, with a matcher that looks at the clock. */
#include "script/internal.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/pattern.h"

static struct tn_str check_str(lua_State *L, int index)
{
    struct tn_str s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

static bool in_time(void *L)
{
    return !tn_watchdog_expired(tn_isolate_of(L)->host->dog);
}

static void begin(lua_State *L, struct tn_pattern *m, struct tn_str subject, struct tn_str pattern)
{
    tn_pattern_init(m, subject, pattern);
    m->more = in_time;
    m->arg = L;
}

static const char *match(lua_State *L, struct tn_pattern *m, const char *at)
{
    const char *end = tn_pattern_match(m, at);
    if (m->error[0]) {
        tn_isolate_poll(L);
        luaL_error(L, "%s", m->error);
    }
    return end;
}

/* ---- captures ---- */

/* Pushes capture i of the match [s, e); the whole match is capture 0 of a pattern without any. */
static void push_capture(lua_State *L, const struct tn_pattern *m, int i, const char *s,
                         const char *e)
{
    if (i >= m->level) {
        if (i != 0) luaL_error(L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(L, s, (size_t)(e - s));
        return;
    }
    ptrdiff_t n = m->capture[i].n;
    if (n == TN_CAPTURE_open) luaL_error(L, "unfinished capture");
    if (n == TN_CAPTURE_position)
        lua_pushinteger(L, m->capture[i].at - m->subject.p + 1);
    else
        lua_pushlstring(L, m->capture[i].at, (size_t)n);
}

/* s NULL: only what the pattern captures itself. */
static int push_captures(lua_State *L, const struct tn_pattern *m, const char *s, const char *e)
{
    int n = m->level == 0 && s ? 1 : m->level;
    luaL_checkstack(L, n, "too many captures");
    for (int i = 0; i < n; i++) push_capture(L, m, i, s, e);
    return n;
}

/* ---- find and match ---- */

static size_t start_of(lua_State *L, int index, size_t n)
{
    lua_Integer at = luaL_optinteger(L, index, 1);
    if (at > 0) return (size_t)at;
    if (at == 0 || at < -(lua_Integer)n) return 1;
    return n + (size_t)at + 1;
}

static int find_plain(lua_State *L, struct tn_str s, struct tn_str what, size_t from)
{
    const char *found = memmem(s.p + from, s.n - from, what.p, what.n);
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - s.p + 1);
    lua_pushinteger(L, found - s.p + (lua_Integer)what.n);
    return 2;
}

static int found(lua_State *L, const struct tn_pattern *m, bool find, const char *s, const char *e)
{
    if (!find) return push_captures(L, m, s, e);
    lua_pushinteger(L, s - m->subject.p + 1);
    lua_pushinteger(L, e - m->subject.p);
    return push_captures(L, m, NULL, NULL) + 2;
}

static int find_or_match(lua_State *L, bool find)
{
    struct tn_str s = check_str(L, 1), p = check_str(L, 2);
    size_t from = start_of(L, 3, s.n) - 1;
    struct tn_pattern m;
    if (from > s.n) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || tn_pattern_plain(p))) return find_plain(L, s, p, from);
    bool anchored = p.n && p.p[0] == '^';
    if (anchored) p.p++, p.n--;
    begin(L, &m, s, p);
    for (const char *at = s.p + from; at <= s.p + s.n; at++) {
        const char *e = match(L, &m, at);
        if (e) return found(L, &m, find, at, e);
        if (anchored) break;
    }
    lua_pushnil(L);
    return 1;
}

static int l_find(lua_State *L)
{
    return find_or_match(L, true);
}

static int l_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* ---- gmatch ---- */

struct walk {
    struct tn_str s, p;
    const char *at, *last;
};

static int next_match(lua_State *L)
{
    struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));
    struct tn_pattern m;
    begin(L, &m, walk->s, walk->p);
    for (const char *at = walk->at; at <= walk->s.p + walk->s.n; at++) {
        const char *e = match(L, &m, at);
        if (!e || e == walk->last) continue;
        walk->at = walk->last = e;
        return push_captures(L, &m, at, e);
    }
    walk->at = walk->s.p + walk->s.n + 1;
    return 0;
}

static int l_gmatch(lua_State *L)
{
    struct tn_str s = check_str(L, 1), p = check_str(L, 2);
    size_t from = start_of(L, 3, s.n) - 1;
    if (from > s.n) from = s.n + 1;
    lua_settop(L, 2);
    struct walk *walk = lua_newuserdatauv(L, sizeof *walk, 0);
    *walk = (struct walk){s, p, s.p + from, NULL};
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

/* ---- gsub ---- */

static void add_template(lua_State *L, const struct tn_pattern *m, luaL_Buffer *b, const char *s,
                         const char *e)
{
    size_t n;
    const char *t = lua_tolstring(L, 3, &n), *end = t + n;
    for (; t < end; t++) {
        if (*t != '%') {
            luaL_addchar(b, *t);
            continue;
        }
        t++;
        unsigned char c = t < end ? (unsigned char)*t : 0;
        if (c == '%') {
            luaL_addchar(b, '%');
        } else if (c == '0') {
            luaL_addlstring(b, s, (size_t)(e - s));
        } else if (isdigit(c)) {
            push_capture(L, m, c - '1', s, e);
            luaL_addvalue(b);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
    }
}

/* Adds what takes the place of [s, e); false: it stays as it is. */
static bool add_replacement(lua_State *L, const struct tn_pattern *m, luaL_Buffer *b, const char *s,
                            const char *e)
{
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, m, s, e), 1);
        break;
    case LUA_TTABLE:
        push_capture(L, m, 0, s, e);
        lua_gettable(L, 3);
        break;
    default: add_template(L, m, b, s, e); return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, s, (size_t)(e - s));
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(b);
    return true;
}

static int l_gsub(lua_State *L)
{
    struct tn_str s = check_str(L, 1), p = check_str(L, 2);
    int type = lua_type(L, 3);
    lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)s.n + 1), n = 0;
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    bool anchored = p.n && p.p[0] == '^', changed = false;
    if (anchored) p.p++, p.n--;
    struct tn_pattern m;
    luaL_Buffer b;
    const char *at = s.p, *last = NULL, *end = s.p + s.n;
    begin(L, &m, s, p);
    luaL_buffinit(L, &b);
    while (n < max) {
        const char *e = match(L, &m, at);
        if (e && e != last) {
            n++;
            changed |= add_replacement(L, &m, &b, at, e);
            at = last = e;
            tn_isolate_poll(L);
        } else if (at < end) {
            luaL_addchar(&b, *at++);
        } else {
            break;
        }
        if (anchored) break;
    }
    luaL_addlstring(&b, at, (size_t)(end - at));
    luaL_pushresult(&b);
    if (!changed) lua_pushvalue(L, 1);
    lua_pushinteger(L, n);
    return 2;
}

/* ---- rep ---- */

static int l_rep(lua_State *L)
{
    struct tn_str s = check_str(L, 1);
    lua_Integer n = luaL_checkinteger(L, 2);
    struct tn_str sep = {"", 0};
    if (!lua_isnoneornil(L, 3)) sep = check_str(L, 3);
    size_t each = s.n + sep.n;
    if (n <= 0 || each == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (each > (size_t)PTRDIFF_MAX / (size_t)n) return luaL_error(L, "resulting string too large");
    size_t total = each * (size_t)n - sep.n;
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, total);
    memcpy(to, s.p, s.n);
    if (n > 1) memcpy(to + s.n, sep.p, sep.n);
    for (size_t done = n > 1 ? each : total; done < total; done *= 2) {
        memcpy(to + done, to, done < total - done ? done : total - done);
        tn_isolate_poll(L);
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

/* Stock functions that take time in proportion to their text, which the memory cap bounds. */
static const char *const kept[] = {"byte",    "char", "format", "len", "lower",
                                   "reverse", "sub",  "upper",  NULL};
static const luaL_Reg ours[] = {{"find", l_find},   {"gmatch", l_gmatch}, {"gsub", l_gsub},
                                {"match", l_match}, {"rep", l_rep},       {NULL, NULL}};

/* Strings' methods come from the library itself; their metatable is out of reach. */
static void set_metatable(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void tn_strings_open(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, luaopen_string);
    lua_call(L, 0, 1);
    for (const char *const *name = kept; *name; name++) {
        lua_getfield(L, -1, *name);
        lua_setfield(L, -3, *name);
    }
    lua_pop(L, 1);
    luaL_setfuncs(L, ours, 0);
    set_metatable(L);
}
