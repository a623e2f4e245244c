/* SPDX-License-Identifier: MIT */
#include "bind/http_body.h"

#include <stdlib.h>

#include "base/id.h"
#include "base/limits.h"

enum { FIELDS_MAX = 100, PARTS_MAX = 100, BOUNDARY = 32 };

/* ---- names and values in a URL or a form ---- */

static bool unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void add_encoded(struct tn_buf *out, struct tn_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (unreserved(c))
            tn_buf_addc(out, (char)c);
        else
            tn_buf_addf(out, "%%%02X", c);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t bind_sorted_names(lua_State *L, int index, const char **names, size_t max)
{
    size_t n = 0;
    bind_plain(L, index, "a table of names and values");
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "names have to be texts");
        if (n == max) luaL_error(L, "more than %d names", (int)max);
        names[n++] = lua_tostring(L, -2);
    }
    if (n) qsort(names, n, sizeof *names, by_name);
    return n;
}

static bool is_simple(lua_State *L, int index)
{
    int type = lua_type(L, index);
    return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN ||
           bind_decimal_text(L, index).p;
}

static void add_pair(lua_State *L, struct tn_buf *out, char between, const char *name, int value)
{
    size_t n;
    if (!is_simple(L, value))
        luaL_error(L, "the parameter %s cannot be a %s", name, luaL_typename(L, value));
    const char *text = luaL_tolstring(L, value, &n);
    if (between) tn_buf_addc(out, between);
    add_encoded(out, tn_str(name));
    tn_buf_addc(out, '=');
    add_encoded(out, (struct tn_str){text, n});
    lua_pop(L, 1);
}

/* Adds the pairs of the table at index. The character `first` is written before the first pair
 * (0: none). */
static void add_pairs(lua_State *L, struct tn_buf *out, char first, int index)
{
    const char *names[FIELDS_MAX];
    size_t n = bind_sorted_names(L, index, names, FIELDS_MAX);
    char between = first;
    for (size_t i = 0; i < n; i++) {
        lua_getfield(L, index, names[i]);
        if (!lua_istable(L, -1)) {
            if (bind_json_is_null(L, -1)) {
                lua_pop(L, 1);
                continue;
            }
            add_pair(L, out, between, names[i], lua_gettop(L));
            between = '&';
        } else {
            bind_plain(L, lua_gettop(L), "a list of values");
            for (lua_Integer k = 1; lua_rawgeti(L, -1, k) != LUA_TNIL; k++) {
                add_pair(L, out, between, names[i], lua_gettop(L));
                between = '&';
                lua_pop(L, 1);
            }
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

void bind_add_query(lua_State *L, struct tn_buf *url, int index)
{
    add_pairs(L, url, memchr(url->p, '?', url->n) ? '&' : '?', index);
}

/* ---- bodies ---- */

static void drop_buf(void *object)
{
    tn_buf_clear(object);
}
static const struct bind_class BUFFER = {
    .name = "tenon.http.buffer", .drop = drop_buf, .pure = true};

static struct tn_buf *push_buf(lua_State *L)
{
    struct tn_buf *buf = bind_new_free(L, sizeof *buf, &BUFFER);
    tn_buf_init(buf, TN_LIMIT_REPLY);
    return buf;
}

/* Replaces the buffer on top of the stack by its text. */
static struct tn_str to_string(lua_State *L, struct tn_buf *buf)
{
    struct tn_str s;
    struct tn_err err;
    if (!tn_buf_ok(buf, "the body of the request", &err)) bind_raise(L, &err);
    lua_pushlstring(L, buf->p ? buf->p : "", buf->n);
    bind_drop(buf);
    lua_remove(L, -2);
    s.p = lua_tolstring(L, -1, &s.n);
    return s;
}

static struct tn_str push_form(lua_State *L, int table)
{
    struct tn_buf *out = push_buf(L);
    luaL_checktype(L, table, LUA_TTABLE);
    add_pairs(L, out, 0, table);
    return to_string(L, out);
}

/* Adds a name or file name in quotes; escapes quotes and line breaks in it as browsers do. */
static void add_quoted(struct tn_buf *out, struct tn_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            tn_buf_adds(out, "%22");
        else if (s.p[i] == '\r')
            tn_buf_adds(out, "%0D");
        else if (s.p[i] == '\n')
            tn_buf_adds(out, "%0A");
        else
            tn_buf_addc(out, s.p[i]);
    }
}

static struct tn_str check_type(lua_State *L, int part)
{
    struct tn_str type = bind_opt_key_str(L, part, "type");
    for (size_t i = 0; i < type.n; i++)
        if ((unsigned char)type.p[i] < 32 || type.p[i] == 127)
            luaL_error(L, "multipart: a type may not have control characters");
    return type;
}

static void add_part(lua_State *L, struct tn_buf *out, int part, const char *boundary)
{
    static const char *const keys[] = {"name", "content", "filename", "type", NULL};
    bind_plain(L, part, "a part of multipart");
    bind_check_keys(L, part, keys);
    struct tn_str name = bind_opt_key_str(L, part, "name");
    struct tn_str file = bind_opt_key_str(L, part, "filename"), type = check_type(L, part), content;
    if (!name.n) luaL_error(L, "multipart: a part has no name");
    lua_getfield(L, part, "content");
    if (!is_simple(L, -1)) luaL_error(L, "multipart: the content of %s is no text", name.p);
    content.p = luaL_tolstring(L, -1, &content.n);
    tn_buf_addf(out, "--%s\r\nContent-Disposition: form-data; name=\"", boundary);
    add_quoted(out, name);
    if (file.p) {
        tn_buf_adds(out, "\"; filename=\"");
        add_quoted(out, file);
    }
    tn_buf_adds(out, "\"\r\n");
    if (type.p || file.p)
        tn_buf_addf(out, "Content-Type: %s\r\n", type.p ? type.p : "application/octet-stream");
    tn_buf_adds(out, "\r\n");
    tn_buf_addstr(out, content);
    tn_buf_adds(out, "\r\n");
    lua_pop(L, 2);
}

/* The boundary has 128 random bits, so that nobody can make content that contains it. */
static struct tn_str push_multipart(lua_State *L, int list, char boundary[BOUNDARY + 1])
{
    unsigned char bytes[BOUNDARY / 2];
    tn_random(bytes, sizeof bytes);
    tn_hex(bytes, sizeof bytes, boundary);
    bind_plain(L, list, "multipart");
    lua_Integer n = (lua_Integer)lua_rawlen(L, list);
    if (n < 1 || n > PARTS_MAX) luaL_error(L, "multipart: 1 to %d parts", PARTS_MAX);
    struct tn_buf *out = push_buf(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        add_part(L, out, lua_gettop(L), boundary);
        lua_pop(L, 1);
    }
    tn_buf_addf(out, "--%s--\r\n", boundary);
    return to_string(L, out);
}

struct tn_str bind_push_body(lua_State *L, int options, const char **type)
{
    char boundary[BOUNDARY + 1];
    struct tn_str body = bind_opt_key_str(L, options, "body");
    *type = NULL;
    int form = lua_getfield(L, options, "form");
    int parts = lua_getfield(L, options, "multipart");
    int at = lua_gettop(L);
    if ((body.p != NULL) + (form != LUA_TNIL) + (parts != LUA_TNIL) > 1)
        luaL_error(L, "one of body, form and multipart, not several");
    if (form != LUA_TNIL) {
        *type = "application/x-www-form-urlencoded";
        return push_form(L, at - 1);
    }
    if (parts != LUA_TNIL) {
        body = push_multipart(L, at, boundary);
        *type = lua_pushfstring(L, "multipart/form-data; boundary=%s", boundary);
        return body;
    }
    if (body.p)
        lua_getfield(L, options,
                     "body"); /* the stack keeps the text alive even if the table changes */
    return body;
}

/* ---- headers ---- */

size_t bind_read_headers(lua_State *L, int index, struct tn_fetch_header headers[BIND_HEADERS_MAX])
{
    const char *names[BIND_HEADERS_MAX];
    size_t n = bind_sorted_names(L, index, names, BIND_HEADERS_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        lua_getfield(L, index, names[i]);
        const char *text = lua_tolstring(L, -1, &len);
        if (!text) luaL_error(L, "the header %s has to be a text", names[i]);
        headers[i] = (struct tn_fetch_header){names[i], {text, len}};
    }
    return n;
}
