/* SPDX-License-Identifier: MIT */
/* strings.c - the string library of Lua 5.4, with a pattern matcher that checks the time. */
#include "script/strings.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/pattern.h"
#include "script/away.h"
#include "script/load.h"
#include "script/poll.h"

static struct tn_str check_str(lua_State *L, int index)
{
    struct tn_str s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

/* A search begins on the loop's thread. If it takes long there, it is dropped, and begins anew
 * beside the loop. */
enum { FIRST, ANEW };

struct search {
    struct tn_pattern m;
    lua_State *L;
    lua_KFunction again;
    bool anew;
};

static bool in_time(void *arg)
{
    const struct search *search = arg;
    const struct tn_isolate *iso = tn_isolate_of(search->L);
    tn_script_found(iso);
    if (tn_isolate_late(iso)) return false;
    if (search->anew || !tn_isolate_holds_loop(iso, search->L)) return !tn_isolate_held_out(iso);
    return !tn_isolate_is_due(iso, search->L);
}

static void begin(lua_State *L, struct search *search, struct tn_str subject, struct tn_str pattern,
                  lua_KFunction again, lua_KContext how)
{
    tn_pattern_init(&search->m, subject, pattern);
    search->m.more = in_time;
    search->m.arg = search;
    search->L = L;
    search->again = again;
    search->anew = how == ANEW;
}

static const char *match(struct search *search, const char *at)
{
    lua_State *L = search->L;
    const char *end = tn_pattern_match(&search->m, at);
    if (search->m.error[0]) {
        tn_script_poll(L);
        if (in_time(search)) luaL_error(L, "%s", search->m.error);
        tn_isolate_give_way(L, ANEW, search->again);
    }
    return end;
}

/* ---- captures ---- */

/* Pushes capture i of the match [s, e). A pattern without captures has one, number 0: the whole
 * match. */
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

/* s NULL: pushes only captures of the pattern itself, not the whole match. */
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

static int find_or_match(lua_State *L, bool find, lua_KFunction again, lua_KContext how)
{
    struct tn_str s = check_str(L, 1), p = check_str(L, 2);
    size_t from = start_of(L, 3, s.n) - 1;
    struct search search;
    if (from > s.n) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || tn_pattern_plain(p))) return find_plain(L, s, p, from);
    bool anchored = p.n && p.p[0] == '^';
    if (anchored) p.p++, p.n--;
    begin(L, &search, s, p, again, how);
    for (const char *at = s.p + from; at <= s.p + s.n; at++) {
        const char *e = match(&search, at);
        if (e) return found(L, &search.m, find, at, e);
        if (anchored) break;
    }
    lua_pushnil(L);
    return 1;
}

static int find(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    return find_or_match(L, true, find, how);
}

static int l_find(lua_State *L)
{
    return find(L, LUA_OK, FIRST);
}

static int first_match(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    return find_or_match(L, false, first_match, how);
}

static int l_match(lua_State *L)
{
    return first_match(L, LUA_OK, FIRST);
}

/* ---- gmatch ---- */

struct walk {
    struct tn_str s, p;
    const char *at, *last;
    bool places;   /* push the place of each match first */
    bool anchored; /* the pattern is anchored, so that there is one match at most */
    bool first;    /* push only the first capture */
};

static int walk_on(lua_State *L, int status, lua_KContext how)
{
    struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));
    struct search search;
    (void)status;
    begin(L, &search, walk->s, walk->p, walk_on, how);
    for (const char *at = walk->at; at <= walk->s.p + walk->s.n; at++) {
        const char *e = match(&search, at);
        if (!e && walk->anchored) break;
        if (!e || e == walk->last) continue;
        walk->at = walk->last = e;
        if (walk->places) {
            lua_pushinteger(L, at - walk->s.p + 1);
            lua_pushinteger(L, e - walk->s.p + 1);
        }
        if (walk->anchored) walk->at = walk->s.p + walk->s.n + 1;
        if (walk->first) {
            push_capture(L, &search.m, 0, at, e);
            return 3;
        }
        return push_captures(L, &search.m, at, e) + (walk->places ? 2 : 0);
    }
    walk->at = walk->s.p + walk->s.n + 1;
    return 0;
}

static int next_match(lua_State *L)
{
    return walk_on(L, LUA_OK, FIRST);
}

/* Pushes a function that returns one match after the other. The text and the pattern are at index
 * 1, 2. */
static struct walk *push_walk(lua_State *L, struct tn_str s, struct tn_str p)
{
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    struct walk *walk = lua_newuserdatauv(L, sizeof *walk, 0);
    *walk = (struct walk){.s = s, .p = p, .at = s.p};
    lua_pushcclosure(L, next_match, 3);
    return walk;
}

static int l_gmatch(lua_State *L)
{
    struct tn_str s = check_str(L, 1), p = check_str(L, 2);
    size_t from = start_of(L, 3, s.n) - 1;
    if (from > s.n) from = s.n + 1;
    push_walk(L, s, p)->at += from;
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

static int replace_by_template(lua_State *L, int status, lua_KContext how)
{
    struct tn_str s = check_str(L, 1), p = check_str(L, 2);
    lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)s.n + 1), n = 0;
    bool anchored = p.n && p.p[0] == '^';
    (void)status;
    if (anchored) p.p++, p.n--;
    struct search search;
    luaL_Buffer b;
    const char *at = s.p, *last = NULL, *end = s.p + s.n;
    begin(L, &search, s, p, replace_by_template, how);
    luaL_buffinit(L, &b);
    while (n < max) {
        const char *e = match(&search, at);
        if (e && e != last) {
            n++;
            add_template(L, &search.m, &b, at, e);
            at = last = e;
            tn_script_poll(L);
        } else if (at < end) {
            luaL_addchar(&b, *at++);
        } else {
            break;
        }
        if (anchored) break;
    }
    luaL_addlstring(&b, at, (size_t)(end - at));
    luaL_pushresult(&b);
    lua_pushinteger(L, n);
    return 2;
}

/* Replacement by a function or a table is written in Lua, so that it can give way in between. next
 * returns where a match begins, where the text behind it begins, and the captures. */
static const char replace_source[] =
    "local next, s, by, max, kind = ...\n"
    "local sub, type = string.sub, type\n"
    "local parts, n, at, count = {}, 0, 1, 0\n"
    "local function one(from, to, ...)\n"
    "  if not from then return false end\n"
    "  local v\n"
    "  if kind == 'function' then v = by(...) else v = by[(...)] end\n"
    "  if not v then\n"
    "    v = sub(s, from, to - 1)\n"
    "  elseif type(v) ~= 'string' and type(v) ~= 'number' then\n"
    "    error('invalid replacement value (a ' .. type(v) .. ')', 4)\n"
    "  end\n"
    "  parts[n + 1], parts[n + 2] = sub(s, at, from - 1), v\n"
    "  n, at, count = n + 2, to, count + 1\n"
    "  return true\n"
    "end\n"
    "while count < max and one(next()) do end\n"
    "parts[n + 1] = sub(s, at)\n"
    "return table.concat(parts), count\n";

static int replaced(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status, (void)ctx;
    return 2;
}

static int replace_by_value(lua_State *L)
{
    struct tn_str s = check_str(L, 1), p = check_str(L, 2);
    lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)s.n + 1);
    bool anchored = p.n && p.p[0] == '^';
    if (anchored) p.p++, p.n--;
    tn_load_ours(L, replace_source, "@stdlib/string.gsub");
    struct walk *walk = push_walk(L, s, p);
    walk->places = true;
    walk->first = lua_type(L, 3) == LUA_TTABLE;
    walk->anchored = anchored;
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 3);
    lua_pushinteger(L, max);
    lua_pushstring(L, luaL_typename(L, 3));
    lua_callk(L, 5, 2, 0, replaced);
    return 2;
}

static int l_gsub(lua_State *L)
{
    int type = lua_type(L, 3);
    check_str(L, 1), check_str(L, 2);
    if (type == LUA_TFUNCTION || type == LUA_TTABLE) return replace_by_value(L);
    luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING, 3, "string/function/table");
    return replace_by_template(L, LUA_OK, FIRST);
}

/* ---- rep ---- */

enum { LARGE = 1024 * 1024 }; /* longer texts are made beside the loop */

static int rep(lua_State *L, int status, lua_KContext how)
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
    (void)status;
    if (how == FIRST && total > LARGE && tn_isolate_holds_loop(tn_isolate_of(L), L))
        return tn_isolate_give_way(L, ANEW, rep);
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, total);
    memcpy(to, s.p, s.n);
    if (n > 1) memcpy(to + s.n, sep.p, sep.n);
    for (size_t done = n > 1 ? each : total; done < total; done *= 2) {
        memcpy(to + done, to, done < total - done ? done : total - done);
        tn_script_poll(L);
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

static int l_rep(lua_State *L)
{
    return rep(L, LUA_OK, FIRST);
}

/* Functions of Lua whose time is proportional to their text, which the memory cap limits. */
static const char *const kept[] = {"byte",    "char", "format", "len", "lower",
                                   "reverse", "sub",  "upper",  NULL};
static const luaL_Reg ours[] = {{"find", l_find},   {"gmatch", l_gmatch}, {"gsub", l_gsub},
                                {"match", l_match}, {"rep", l_rep},       {NULL, NULL}};

/* Sets the metatable of strings, whose methods come from this library. Scripts cannot reach it. */
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
