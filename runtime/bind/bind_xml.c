/* SPDX-License-Identifier: MIT */
/* bind_xml.c - require "tenon.xml": documents read as records (base/xml.h), and written safely from
 * tables: { "soap:Envelope", ["xmlns:soap"] = "http://...", { "soap:Body", ... } }. */
#include <stdlib.h>

#include "base/limits.h"
#include "bind/bind_rows.h"

enum { ATTRIBUTES_MAX = 256 };

static int l_parse(lua_State *L)
{
    if (lua_isnoneornil(L, 2)) return bind_rows_document(L);
    return bind_rows_parse(L, "xml");
}

static int l_rows(lua_State *L)
{
    return bind_rows_each(L, "xml");
}

/* ---- writing ---- */

static void drop_buf(void *object)
{
    tn_buf_clear(object);
}
static const struct bind_class BUFFER = {
    .name = "tenon.xml.buffer", .drop = drop_buf, .pure = true};

struct writer {
    struct tn_buf *out;
    struct tn_err *err;
    int depth;
};

static bool name_byte(unsigned char c, bool first)
{
    if ((c | 32) >= 'a' && (c | 32) <= 'z') return true;
    if (c == '_' || c >= 128) return true;
    return !first && ((c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':');
}

/* Is the text a name of an element or attribute: letters, digits, _ - . and at most one colon,
 * after a prefix? */
static bool is_name(struct tn_str s)
{
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    for (size_t i = 0; i < s.n; i++)
        if (!name_byte((unsigned char)s.p[i], i == 0 || s.p + i - 1 == colon)) return false;
    if (colon &&
        (colon == s.p + s.n - 1 || memchr(colon + 1, ':', (size_t)(s.p + s.n - colon) - 1)))
        return false;
    return s.n > 0 && tn_utf8_valid(s.p, s.n);
}

static struct tn_str check_name(lua_State *L, int index, const char *what)
{
    struct tn_str s;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "the name of an %s is a text, not %s", what, luaL_typename(L, index));
    s.p = lua_tolstring(L, index, &s.n);
    if (!is_name(s)) luaL_error(L, "\"%s\" is no name of an %s", s.p, what);
    return s;
}

/* Has the text only characters that XML 1.0 permits: no other control characters, neither U+FFFE
 * nor U+FFFF? */
static bool fits(struct tn_str s)
{
    if (!tn_utf8_valid(s.p, s.n)) return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 32 && c != '\t' && c != '\n' && c != '\r') return false;
        if (c == 0xEF && (unsigned char)s.p[i + 1] == 0xBF && (unsigned char)s.p[i + 2] >= 0xBE)
            return false;
    }
    return true;
}

/* Adds a text. White space that a reader would change is written as a reference. */
static bool add_text(struct writer *w, struct tn_str s, bool attribute)
{
    if (!fits(s))
        return tn_fail(w->err, TN_E_invalid,
                       "a text is not UTF-8, or has a character that XML has not");
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '&')
            tn_buf_adds(w->out, "&amp;");
        else if (c == '<')
            tn_buf_adds(w->out, "&lt;");
        else if (c == '>')
            tn_buf_adds(w->out, "&gt;");
        else if (c == '"' && attribute)
            tn_buf_adds(w->out, "&quot;");
        else if (c == '\r' || (attribute && (c == '\n' || c == '\t')))
            tn_buf_addf(w->out, "&#%d;", c);
        else
            tn_buf_addc(w->out, c);
    }
    return true;
}

/* Pushes a text, number, decimal or boolean as text; raises for any other value. */
static struct tn_str push_plain(lua_State *L, int index, const char *where)
{
    struct tn_str s;
    int type = lua_type(L, index);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN &&
        !bind_decimal_text(L, index).p)
        luaL_error(L, "%s: a %s cannot be written", where, luaL_typename(L, index));
    s.p = luaL_tolstring(L, index, &s.n);
    return s;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds the attributes in the order of their names, so that equal tables give equal texts. */
static bool add_attributes(lua_State *L, struct writer *w, int table)
{
    const char *names[ATTRIBUTES_MAX];
    size_t n = 0;
    bool ok = true;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TNUMBER) continue;
        if (n == ATTRIBUTES_MAX) luaL_error(L, "more than %d attributes", ATTRIBUTES_MAX);
        names[n++] = check_name(L, -2, "attribute").p;
    }
    if (n) qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n && ok; i++) {
        lua_getfield(L, table, names[i]);
        tn_buf_addf(w->out, " %s=\"", names[i]);
        ok = add_text(w, push_plain(L, -1, names[i]), true);
        tn_buf_addc(w->out, '"');
        lua_pop(L, 2);
    }
    return ok;
}

static bool add_element(lua_State *L, struct writer *w, int table);

static bool add_child(lua_State *L, struct writer *w, const char *name)
{
    bool ok = true;
    if (lua_istable(L, -1)) {
        ok = add_element(L, w, lua_gettop(L));
    } else if (!bind_json_is_null(L, -1)) {
        ok = add_text(w, push_plain(L, -1, name), false);
        lua_pop(L, 1);
    }
    return ok;
}

static bool add_element(lua_State *L, struct writer *w, int table)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, table);
    bool ok;
    bind_plain(L, table, "an element");
    luaL_checkstack(L, 8, "XML");
    tn_isolate_poll(L);
    if (++w->depth > TN_LIMIT_JSON_DEPTH)
        luaL_error(L, "elements are nested deeper than %d levels", TN_LIMIT_JSON_DEPTH);
    lua_rawgeti(L, table, 1);
    struct tn_str name = check_name(L, -1, "element");
    tn_buf_addc(w->out, '<');
    tn_buf_addstr(w->out, name);
    ok = add_attributes(L, w, table);
    tn_buf_adds(w->out, n > 1 ? ">" : "/>");
    for (lua_Integer i = 2; i <= n && ok; i++) {
        lua_rawgeti(L, table, i);
        ok = add_child(L, w, name.p);
        lua_pop(L, 1);
    }
    if (n > 1) tn_buf_addf(w->out, "</%s>", name.p);
    lua_pop(L, 1);
    w->depth--;
    return ok;
}

/* write(element, {declaration = false}) */
static int l_write(lua_State *L)
{
    static const char *const keys[] = {"declaration", NULL};
    struct tn_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bind_check_keys(L, 2, keys);
    struct tn_buf *out = bind_new_free(L, sizeof *out, &BUFFER);
    struct writer w = {.out = out, .err = &err};
    tn_buf_init(out, TN_LIMIT_REPLY);
    if (bind_opt_key_bool(L, 2, "declaration", true))
        tn_buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    if (!add_element(L, &w, 1) || !tn_buf_ok(out, "the document", &err)) return bind_fail(L, &err);
    lua_pushlstring(L, out->p, out->n);
    bind_drop(out);
    return 1;
}

/* escape(text): for a text that a script puts into a template itself. */
static int l_escape(lua_State *L)
{
    struct tn_err err;
    struct tn_str s = bind_str(L, 1);
    struct tn_buf *out = bind_new_free(L, sizeof *out, &BUFFER);
    struct writer w = {.out = out, .err = &err};
    tn_buf_init(out, TN_LIMIT_REPLY);
    if (!add_text(&w, s, true) || !tn_buf_ok(out, "the text", &err)) return bind_fail(L, &err);
    lua_pushlstring(L, out->p ? out->p : "", out->n);
    bind_drop(out);
    return 1;
}

static const luaL_Reg functions[] = {
    {"escape", l_escape}, {"parse", l_parse}, {"rows", l_rows}, {"write", l_write}, {NULL, NULL}};

int luaopen_tenon_xml(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
