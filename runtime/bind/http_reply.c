/* SPDX-License-Identifier: MIT */
#include "bind/http_reply.h"

#include <stdio.h>

#include "base/log.h"
#include "base/recode.h"
#include "bind/http_body.h"
#include "bind/http_live.h"

enum { COOKIES_MAX = 50 };

/* ---- fields ---- */

void bind_fields_copy(struct bind_fields *to, const struct tn_reply *from)
{
    struct tn_arena *a = &to->memory;
    to->list = tn_arena_alloc(a, (from->nfields + 1) * sizeof *to->list);
    for (size_t i = 0; i < from->nfields; i++) {
        const struct tn_fetch_field *f = &from->fields[i];
        to->list[i].name = (struct tn_str){tn_arena_strndup(a, f->name.p, f->name.n), f->name.n};
        to->list[i].value =
            (struct tn_str){tn_arena_strndup(a, f->value.p, f->value.n), f->value.n};
    }
    to->count = from->nfields;
}

static void add_field(struct bind_fields *f, const char *name, struct tn_str value)
{
    struct tn_arena *a = &f->memory;
    struct tn_str key = tn_str(name);
    f->list[f->count].name = (struct tn_str){tn_arena_strndup(a, key.p, key.n), key.n};
    f->list[f->count++].value = (struct tn_str){tn_arena_strndup(a, value.p, value.n), value.n};
}

void bind_fields_read(lua_State *L, int index, struct bind_fields *f)
{
    struct tn_fetch_header headers[BIND_HEADERS_MAX];
    luaL_checkstack(L, BIND_HEADERS_MAX + 8, NULL);
    int top = lua_gettop(L);
    bind_plain(L, index, "the reply of a test");
    if (lua_getfield(L, index, "headers") == LUA_TTABLE) {
        size_t n = bind_read_headers(L, lua_gettop(L), headers);
        size_t room = n + 1;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < headers[i].value.n; k++) room += headers[i].value.p[k] == '\n';
        f->list = tn_arena_alloc(&f->memory, room * sizeof *f->list);
        for (size_t i = 0; i < n; i++) { /* one line for each value: a field may be repeated */
            struct tn_str rest = headers[i].value, line;
            while (tn_str_split(&rest, '\n', &line)) add_field(f, headers[i].name, line);
        }
    }
    lua_settop(L, top);
}

struct tn_str bind_fields_get(const struct bind_fields *f, struct tn_str name)
{
    for (size_t i = 0; i < f->count; i++)
        if (tn_str_eq_nocase(f->list[i].name, name)) return f->list[i].value;
    return (struct tn_str){NULL, 0};
}

int bind_fields_push(lua_State *L, const struct bind_fields *f, struct tn_str name)
{
    struct tn_str value = bind_fields_get(f, name);
    if (value.p)
        lua_pushlstring(L, value.p, value.n);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- bodies ---- */

struct bind_body {
    unsigned refs;
    struct bind_live *live;
    struct tn_buf buf;
    char type[128];       /* its Content-Type */
    struct tn_buf utf8;   /* the text, if it came in another encoding */
    bool looked;          /* at the encoding */
    struct tn_json *json; /* NULL: not parsed yet */
    struct tn_err err;    /* the failure of parsing; kind none: it was good */
};

/* The memory that a body costs: its bytes, and about as much again when it is parsed. */
static size_t cost(const struct tn_buf *text)
{
    return 2 * text->room;
}

struct bind_body *bind_body_new(struct tn_buf *text_give, const struct bind_fields *fields,
                                struct bind_live *live)
{
    struct bind_body *b = TN_NEW(struct bind_body);
    b->refs = 1;
    b->live = live;
    live->refs++;
    live->bytes += cost(text_give);
    b->buf = *text_give;
    tn_buf_init(text_give, text_give->max);
    tn_buf_init(&b->utf8, 3 * (size_t)b->buf.max);
    struct tn_str type = bind_fields_get(fields, TN_STR("content-type"));
    snprintf(b->type, sizeof b->type, "%.*s", TN_FMT(type));
    return b;
}

struct bind_body *bind_body_ref(struct bind_body *b)
{
    b->refs++;
    return b;
}

void bind_body_unref(struct bind_body *b)
{
    if (!b || --b->refs) return;
    b->live->bytes -= cost(&b->buf) + b->utf8.room;
    bind_live_unref(b->live);
    tn_json_free(b->json);
    tn_buf_clear(&b->buf);
    tn_buf_clear(&b->utf8);
    tn_free(b);
}

void bind_body_redact(struct bind_body *b, struct tn_log *log)
{
    tn_log_redact(log, b->buf.p, b->buf.n);
}

struct tn_str bind_body_text(const struct bind_body *b)
{
    struct tn_str text = tn_buf_str(&b->buf);
    if (!tn_str_starts(text, "\xef\xbb\xbf")) return text;
    return (struct tn_str){text.p + 3, text.n - 3};
}

struct tn_str bind_body_type(const struct bind_body *b)
{
    return tn_str(b->type);
}

/* A text of ASCII alone is the same in most encodings, but not in UTF-16, which has zero bytes. */
static bool is_plain(struct tn_str text)
{
    return tn_utf8_valid(text.p, text.n) && !memchr(text.p, 0, text.n);
}

struct tn_str bind_body_utf8(struct bind_body *b)
{
    struct tn_str text = bind_body_text(b);
    if (!b->looked && !is_plain(text)) {
        tn_recode_text(text, tn_recode_charset(tn_str(b->type)), &b->utf8);
        b->live->bytes += b->utf8.room;
    }
    b->looked = true;
    return b->utf8.n ? tn_buf_str(&b->utf8) : text;
}

/* Nearly all JSON is UTF-8, which the parser checks: only what it refuses is looked at. */
static bool parse(struct bind_body *b)
{
    tn_err_clear(&b->err);
    if (!b->utf8.n && tn_json_parse(b->json, bind_body_text(b), &b->err)) return b->looked = true;
    struct tn_str text = bind_body_utf8(b);
    if (!b->utf8.n) return false;
    tn_err_clear(&b->err);
    return tn_json_parse(b->json, text, &b->err);
}

bool bind_body_json(struct bind_body *b, struct tn_jval *root, struct tn_err *err)
{
    if (!b->json) {
        b->json = tn_json_new();
        if (!parse(b)) b->err.kind = TN_E_bad_answer;
    }
    *root = tn_json_root(b->json);
    if (b->err.kind == TN_E_none) return true;
    *err = b->err;
    return false;
}

/* The member at a path of names with dots between them. A name that itself has a dot is found as
 * well. */
static struct tn_jval at_path(struct tn_jval v, struct tn_str path)
{
    struct tn_str name;
    while (path.n) {
        struct tn_jval whole = tn_jget(v, path);
        if (!tn_jis(whole, TN_JSON_absent)) return whole;
        if (!memchr(path.p, '.', path.n)) return whole;
        tn_str_split(&path, '.', &name);
        v = tn_jget(v, name);
    }
    return v;
}

bool bind_body_rows(struct bind_body *b, struct tn_str path, struct tn_jval *rows,
                    struct tn_err *err)
{
    struct tn_jval root;
    if (!bind_body_json(b, &root, err)) return false;
    bool optional = tn_str_ends(path, "?");
    path.n -= optional;
    *rows = at_path(root, path);
    if (tn_jis(*rows, TN_JSON_array) || tn_jis(*rows, TN_JSON_null)) return true;
    if (tn_jis(*rows, TN_JSON_object) && path.n) return true;
    if (tn_jis(*rows, TN_JSON_absent) && optional) return true;
    return tn_fail(err, TN_E_bad_answer, "the answer has %s where its rows should be: \"%.*s\"",
                   tn_json_type_name(tn_jtype(*rows)), TN_FMT(path));
}

size_t bind_rows_count(struct tn_jval rows)
{
    return tn_jis(rows, TN_JSON_array) ? tn_jcount(rows) : tn_jis(rows, TN_JSON_object);
}

/* ---- replies ---- */

void bind_reply_clear(struct bind_reply *r)
{
    bind_body_unref(r->body);
    tn_arena_clear(&r->fields.memory);
}

static void drop_reply(void *object)
{
    bind_reply_clear(object);
}

static int reply_index(lua_State *L);
static const luaL_Reg reply_meta[] = {{"__index", reply_index}, {NULL, NULL}};
static const struct bind_class reply_class = {
    .name = "tenon.http.reply", .drop = drop_reply, .methods = reply_meta};

struct bind_reply *bind_reply_new(lua_State *L)
{
    return bind_new(L, sizeof(struct bind_reply), &reply_class);
}

struct bind_body *bind_is_reply(lua_State *L, int index)
{
    const struct bind_reply *r = bind_is(L, index, &reply_class);
    return r ? r->body : NULL;
}

struct bind_body *bind_as_reply(lua_State *L, int index)
{
    struct bind_reply *r = bind_as(L, index, &reply_class);
    return r->body;
}

static struct tn_jval root_or_raise(lua_State *L, struct bind_reply *r)
{
    struct tn_jval root;
    struct tn_err err;
    if (!bind_body_json(r->body, &root, &err)) bind_raise(L, &err);
    return root;
}

static int reply_header(lua_State *L)
{
    const struct bind_reply *r = bind_as(L, 1, &reply_class);
    return bind_fields_push(L, &r->fields, bind_str(L, 2));
}

/* The place of the cookie of that name among the first n; n when there is none. */
static size_t cookie_at(const struct tn_str *pairs, size_t n, struct tn_str name)
{
    size_t i = 0;
    while (i < n && !(pairs[i].n > name.n && memcmp(pairs[i].p, name.p, name.n) == 0 &&
                      pairs[i].p[name.n] == '='))
        i++;
    return i;
}

/* reply:cookies(): the cookies that the peer sets, as the value of a Cookie header; nil: it sets
 * none. */
static int reply_cookies(lua_State *L)
{
    const struct bind_reply *r = bind_as(L, 1, &reply_class);
    struct tn_str pairs[COOKIES_MAX], name;
    size_t n = 0;
    for (size_t i = 0; i < r->fields.count; i++) {
        struct tn_str rest = r->fields.list[i].value, pair;
        if (!tn_str_eq_nocase(r->fields.list[i].name, TN_STR("Set-Cookie"))) continue;
        tn_str_split(&rest, ';', &pair);
        struct tn_str value = pair = tn_str_trim(pair);
        if (!tn_str_split(&value, '=', &name) || !name.n || name.n == pair.n) continue;
        size_t at = cookie_at(pairs, n, name);
        if (at == COOKIES_MAX) break;
        pairs[at] = pair;
        n += at == n;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < n; i++) {
        if (i) luaL_addstring(&b, "; ");
        luaL_addlstring(&b, pairs[i].p, pairs[i].n);
    }
    luaL_pushresult(&b);
    if (!n) lua_pushnil(L);
    return 1;
}

static int reply_json(lua_State *L)
{
    struct bind_reply *r = bind_as(L, 1, &reply_class);
    struct tn_jval root;
    struct tn_err err;
    if (!bind_body_json(r->body, &root, &err)) return bind_fail(L, &err);
    bind_json_push(L, root);
    return 1;
}

static int reply_at(lua_State *L)
{
    struct bind_reply *r = bind_as(L, 1, &reply_class);
    bind_json_push(L, at_path(root_or_raise(L, r), bind_str(L, 2)));
    return 1;
}

static int reply_valid(lua_State *L)
{
    struct bind_reply *r = bind_as(L, 1, &reply_class);
    struct tn_jval root;
    struct tn_err err;
    if (!bind_body_json(r->body, &root, &err)) return bind_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

static int reply_count(lua_State *L)
{
    struct bind_reply *r = bind_as(L, 1, &reply_class);
    struct tn_jval rows;
    struct tn_err err;
    if (!bind_body_rows(r->body, bind_str(L, 2), &rows, &err)) bind_raise(L, &err);
    lua_pushinteger(L, (lua_Integer)bind_rows_count(rows));
    return 1;
}

/* reply:same(other, rows): are the rows of both the same bytes? */
static int reply_same(lua_State *L)
{
    struct bind_reply *a = bind_as(L, 1, &reply_class), *b = bind_as(L, 2, &reply_class);
    struct tn_str path = bind_str(L, 3);
    struct tn_jval mine = {0}, theirs = {0};
    struct tn_err err;
    if (!bind_body_rows(a->body, path, &mine, &err) ||
        !bind_body_rows(b->body, path, &theirs, &err))
        bind_raise(L, &err);
    lua_pushboolean(L, tn_str_eq(tn_jraw(mine), tn_jraw(theirs)));
    return 1;
}

static int reply_starts(lua_State *L)
{
    const struct bind_reply *r = bind_as(L, 1, &reply_class);
    const char *prefix = luaL_checkstring(L, 2);
    struct tn_str text = bind_body_text(r->body);
    while (text.n && strchr(" \t\r\n", text.p[0])) text.p++, text.n--;
    lua_pushboolean(L, tn_str_starts(text, prefix));
    return 1;
}

static int reply_drop(lua_State *L)
{
    bind_drop(bind_as(L, 1, &reply_class));
    return 0;
}

static int reply_text(lua_State *L)
{
    const struct bind_reply *r = bind_as(L, 1, &reply_class);
    struct tn_str text = tn_buf_str(&r->body->buf);
    lua_pushlstring(L, text.p, text.n);
    return 1;
}

static const luaL_Reg reply_methods[] = {{"header", reply_header},
                                         {"json", reply_json},
                                         {"cookies", reply_cookies},
                                         {"at", reply_at},
                                         {"valid", reply_valid},
                                         {"count", reply_count},
                                         {"same", reply_same},
                                         {"starts", reply_starts},
                                         {"text", reply_text},
                                         {"drop", reply_drop},
                                         {NULL, NULL}};

static int reply_index(lua_State *L)
{
    const struct bind_reply *r = bind_as(L, 1, &reply_class);
    const char *key = luaL_checkstring(L, 2);
    if (strcmp(key, "status") == 0) {
        lua_pushinteger(L, r->status);
        return 1;
    }
    if (strcmp(key, "bytes") == 0) {
        lua_pushinteger(L, (lua_Integer)r->body->buf.n);
        return 1;
    }
    if (strcmp(key, "attempts") == 0) {
        lua_pushinteger(L, r->attempts);
        return 1;
    }
    for (const luaL_Reg *m = reply_methods; m->name; m++) {
        if (strcmp(key, m->name) != 0) continue;
        tn_lua_push_host(L, m->func);
        return 1;
    }
    lua_pushnil(L);
    return 1;
}
