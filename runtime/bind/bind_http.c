/* SPDX-License-Identifier: MIT */
#include "bind/bind_http.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_test.h"
#include "net/http_client.h"

enum {
    HEADERS_MAX = 64,
    QUERY_MAX = 100,
    TIMEOUT_MAX_MS = 3600 * 1000,
    ATTEMPTS_MAX = 20,
    LIVE_COLLECT = 16 * TN_MIB,
    LIVE_MAX = 2 * TN_LIMIT_ISOLATE_BYTES,
    WAIT_MAX_MS = 900 * 1000
};

static const char LIVE[] = "tenon.http.live"; /* registry key */

/* ---- bodies ---- */

/* Bytes of the bodies that an isolate's scripts and pages hold: its allocator does not see them. */
struct live {
    unsigned refs;
    size_t bytes;
};

struct bind_body {
    unsigned refs;
    struct live *live;
    struct tn_buf buf;
    struct tn_json *json; /* NULL: not read yet */
    struct tn_err err;    /* of reading it; kind none: it was good */
};

static void live_unref(struct live *live)
{
    if (--live->refs == 0) tn_free(live);
}

/* What a body costs: its bytes, and about as much once it is read. */
static size_t cost(const struct tn_buf *text)
{
    return 2 * text->room;
}

static struct bind_body *body_new(struct tn_buf *text_give, struct live *live)
{
    struct bind_body *b = TN_NEW(struct bind_body);
    b->refs = 1;
    b->live = live;
    live->refs++;
    live->bytes += cost(text_give);
    b->buf = *text_give;
    tn_buf_init(text_give, text_give->max);
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
    b->live->bytes -= cost(&b->buf);
    live_unref(b->live);
    tn_json_free(b->json);
    tn_buf_clear(&b->buf);
    tn_free(b);
}

struct tn_str bind_body_text(const struct bind_body *b)
{
    struct tn_str text = tn_buf_str(&b->buf);
    if (!tn_str_starts(text, "\xef\xbb\xbf")) return text;
    return (struct tn_str){text.p + 3, text.n - 3};
}

bool bind_body_json(struct bind_body *b, struct tn_jval *root, struct tn_err *err)
{
    if (!b->json) {
        b->json = tn_json_new();
        tn_err_clear(&b->err);
        if (!tn_json_parse(b->json, bind_body_text(b), &b->err)) b->err.kind = TN_E_bad_answer;
    }
    *root = tn_json_root(b->json);
    if (b->err.kind == TN_E_none) return true;
    *err = b->err;
    return false;
}

struct tn_jval bind_jpath(struct tn_jval v, struct tn_str path)
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
    *rows = bind_jpath(root, path);
    if (tn_jis(*rows, TN_JSON_array) || tn_jis(*rows, TN_JSON_null)) return true;
    return tn_fail(err, TN_E_bad_answer, "the answer has %s where its rows should be: \"%.*s\"",
                   tn_json_type_name(tn_jtype(*rows)), TN_FMT(path));
}

/* ---- replies ---- */

struct reply {
    int status;
    unsigned attempts;
    struct bind_body *body;
    struct tn_arena memory; /* of the fields */
    struct tn_fetch_field *fields;
    size_t nfields;
};

static void drop_reply(void *object)
{
    struct reply *r = object;
    bind_body_unref(r->body);
    tn_arena_clear(&r->memory);
}

static int reply_index(lua_State *L);
static const luaL_Reg reply_meta[] = {{"__index", reply_index}, {NULL, NULL}};
static const struct bind_class reply_class = {"tenon.http.reply", drop_reply, reply_meta};

struct bind_body *bind_check_reply(lua_State *L, int index)
{
    struct reply *r = bind_check(L, index, &reply_class);
    return r->body;
}

static struct tn_jval root_or_raise(lua_State *L, struct reply *r)
{
    struct tn_jval root;
    struct tn_err err;
    if (!bind_body_json(r->body, &root, &err)) bind_raise(L, &err);
    return root;
}

static int reply_header(lua_State *L)
{
    const struct reply *r = bind_check(L, 1, &reply_class);
    struct tn_str name = bind_str(L, 2);
    for (size_t i = 0; i < r->nfields; i++) {
        if (!tn_str_eq_nocase(r->fields[i].name, name)) continue;
        lua_pushlstring(L, r->fields[i].value.p, r->fields[i].value.n);
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

static int reply_json(lua_State *L)
{
    struct reply *r = bind_check(L, 1, &reply_class);
    struct tn_jval root;
    struct tn_err err;
    if (!bind_body_json(r->body, &root, &err)) return bind_fail(L, &err);
    bind_json_push(L, root);
    return 1;
}

static int reply_at(lua_State *L)
{
    struct reply *r = bind_check(L, 1, &reply_class);
    bind_json_push(L, bind_jpath(root_or_raise(L, r), bind_str(L, 2)));
    return 1;
}

static int reply_valid(lua_State *L)
{
    struct reply *r = bind_check(L, 1, &reply_class);
    struct tn_jval root;
    struct tn_err err;
    if (!bind_body_json(r->body, &root, &err)) return bind_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

static int reply_count(lua_State *L)
{
    struct reply *r = bind_check(L, 1, &reply_class);
    struct tn_jval rows;
    struct tn_err err;
    if (!bind_body_rows(r->body, bind_str(L, 2), &rows, &err)) bind_raise(L, &err);
    lua_pushinteger(L, tn_jis(rows, TN_JSON_array) ? (lua_Integer)tn_jcount(rows) : 0);
    return 1;
}

/* reply:same(other, rows): are the rows of both the same bytes? */
static int reply_same(lua_State *L)
{
    struct reply *a = bind_check(L, 1, &reply_class), *b = bind_check(L, 2, &reply_class);
    struct tn_str path = bind_str(L, 3);
    struct tn_jval mine, theirs;
    struct tn_err err;
    if (!bind_body_rows(a->body, path, &mine, &err) ||
        !bind_body_rows(b->body, path, &theirs, &err))
        bind_raise(L, &err);
    lua_pushboolean(L, tn_str_eq(tn_jraw(mine), tn_jraw(theirs)));
    return 1;
}

static int reply_starts(lua_State *L)
{
    const struct reply *r = bind_check(L, 1, &reply_class);
    const char *prefix = luaL_checkstring(L, 2);
    struct tn_str text = bind_body_text(r->body);
    while (text.n && strchr(" \t\r\n", text.p[0])) text.p++, text.n--;
    lua_pushboolean(L, tn_str_starts(text, prefix));
    return 1;
}

static int reply_drop(lua_State *L)
{
    bind_drop(bind_check(L, 1, &reply_class));
    return 0;
}

static int reply_text(lua_State *L)
{
    const struct reply *r = bind_check(L, 1, &reply_class);
    struct tn_str text = tn_buf_str(&r->body->buf);
    lua_pushlstring(L, text.p, text.n);
    return 1;
}

static const luaL_Reg reply_methods[] = {{"header", reply_header}, {"json", reply_json},
                                         {"at", reply_at},         {"valid", reply_valid},
                                         {"count", reply_count},   {"same", reply_same},
                                         {"starts", reply_starts}, {"text", reply_text},
                                         {"drop", reply_drop},     {NULL, NULL}};

static int reply_index(lua_State *L)
{
    const struct reply *r = bind_check(L, 1, &reply_class);
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
        lua_pushcfunction(L, m->func);
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

/* ---- what bodies may weigh ---- */

struct root {
    struct live *live;
};

static void drop_root(void *object)
{
    const struct root *root = object;
    if (root->live) live_unref(root->live);
}

static const struct bind_class root_class = {"tenon.http.root", drop_root, NULL};

static struct live *live_of(lua_State *L)
{
    struct root *root;
    if (lua_getfield(L, LUA_REGISTRYINDEX, LIVE) == LUA_TNIL) {
        lua_pop(L, 1);
        root = bind_new_free(L, sizeof *root, &root_class);
        root->live = TN_NEW(struct live);
        root->live->refs = 1;
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, LIVE);
    }
    root = bind_check(L, -1, &root_class);
    lua_pop(L, 1);
    return root->live;
}

/* Lua knows nothing of the bodies, so it is told to look for garbage when they have become many.  A
 * script that really holds that much is stopped. */
static void check_live(lua_State *L, const struct live *live)
{
    struct tn_err err;
    if (live->bytes < LIVE_COLLECT) return;
    lua_gc(L, LUA_GCCOLLECT);
    if (live->bytes < LIVE_MAX) return;
    tn_fail(&err, TN_E_budget, "the replies that this script holds take more than %u MiB",
            LIVE_MAX / TN_MIB);
    bind_raise(L, &err);
}

/* ---- calls ---- */

struct call {
    struct tn_task *task;
    struct live *live;
    struct tn_fetch_call *fetch; /* NULL: not under way */
    struct tn_err err;
    struct reply reply; /* what came; moved to the reply that the script gets */
};

static void drop_call(void *object)
{
    struct call *c = object;
    tn_fetch_cancel(c->fetch);
    c->fetch = NULL;
    drop_reply(&c->reply);
    if (c->live) live_unref(c->live);
}

static const struct bind_class call_class = {"tenon.http.call", drop_call, NULL};

static void copy_fields(struct reply *to, const struct tn_reply *from)
{
    struct tn_arena *a = &to->memory;
    to->fields = tn_arena_alloc(a, (from->nfields + 1) * sizeof *to->fields);
    for (size_t i = 0; i < from->nfields; i++) {
        const struct tn_fetch_field *f = &from->fields[i];
        to->fields[i].name = (struct tn_str){tn_arena_strndup(a, f->name.p, f->name.n), f->name.n};
        to->fields[i].value =
            (struct tn_str){tn_arena_strndup(a, f->value.p, f->value.n), f->value.n};
    }
    to->nfields = from->nfields;
}

static void on_reply(void *arg, const struct tn_err *err, struct tn_reply *reply)
{
    struct call *c = arg;
    c->fetch = NULL;
    if (err) {
        c->err = *err;
    } else {
        c->reply.status = reply->status;
        c->reply.attempts = reply->attempts;
        c->reply.body = body_new(&reply->body, c->live);
        copy_fields(&c->reply, reply);
    }
    tn_task_wake(c->task);
}

static int request_done(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx; /* still on our Lua stack */
    (void)status;
    if (c->err.kind != TN_E_none) return bind_fail(L, &c->err);
    check_live(L, c->live);
    /* What a peer says when it refuses is shown to people, and some peers repeat what they got. */
    if (c->reply.status >= 400 && c->reply.body)
        tn_log_redact(bind_context(L)->log, c->reply.body->buf.p, c->reply.body->buf.n);
    struct reply *r = bind_new(L, sizeof *r, &reply_class);
    *r = c->reply;
    c->reply = (struct reply){0};
    tn_arena_init(&c->reply.memory);
    return 1;
}

/* ---- requests ---- */

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

/* Names of the table at index, sorted, so that a request reads the same each time. */
static size_t sorted_names(lua_State *L, int index, const char **names, size_t max)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "names have to be texts");
        if (n == max) luaL_error(L, "more than %d names", (int)max);
        names[n++] = lua_tostring(L, -2);
    }
    if (n) qsort(names, n, sizeof *names, by_name);
    return n;
}

static bool is_plain(lua_State *L, int index)
{
    int type = lua_type(L, index);
    return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN ||
           bind_decimal_text(L, index).p;
}

static void add_pair(lua_State *L, struct tn_buf *url, const char *name, int value)
{
    size_t n;
    if (!is_plain(L, value))
        luaL_error(L, "the parameter %s cannot be a %s", name, luaL_typename(L, value));
    const char *text = luaL_tolstring(L, value, &n);
    tn_buf_addc(url, memchr(url->p, '?', url->n) ? '&' : '?');
    add_encoded(url, tn_str(name));
    tn_buf_addc(url, '=');
    add_encoded(url, (struct tn_str){text, n});
    lua_pop(L, 1);
}

/* Appends the query table (an array value gives the name several times). */
static void add_query(lua_State *L, struct tn_buf *url, int index)
{
    const char *names[QUERY_MAX];
    size_t n = sorted_names(L, index, names, QUERY_MAX);
    for (size_t i = 0; i < n; i++) {
        lua_getfield(L, index, names[i]);
        if (!lua_istable(L, -1)) {
            if (!bind_json_is_null(L, -1)) add_pair(L, url, names[i], lua_gettop(L));
        } else {
            for (lua_Integer k = 1; lua_rawgeti(L, -1, k) != LUA_TNIL; k++) {
                add_pair(L, url, names[i], lua_gettop(L));
                lua_pop(L, 1);
            }
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

/* The header table: values stay on the Lua stack, where the table holds them. */
static size_t read_headers(lua_State *L, int index, struct tn_fetch_header *headers)
{
    const char *names[HEADERS_MAX];
    size_t n = sorted_names(L, index, names, HEADERS_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        lua_getfield(L, index, names[i]);
        const char *text = lua_tolstring(L, -1, &len);
        if (!text) luaL_error(L, "the header %s has to be a text", names[i]);
        headers[i] = (struct tn_fetch_header){names[i], {text, len}};
    }
    return n;
}

/* What signs us in must not come back in a message or a log line. */
static void hide_credentials(struct tn_log *log, const struct tn_fetch *f)
{
    static const char *const names[] = {"Authorization", "Cookie", "X-API-Key"};
    for (size_t i = 0; i < f->nheaders; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            struct tn_str value = f->headers[i].value, scheme = value;
            if (!tn_str_eq_nocase(tn_str(f->headers[i].name), tn_str(names[k]))) continue;
            tn_log_secret(log, value);
            if (tn_str_split(&scheme, ' ', &value) && scheme.p) tn_log_secret(log, scheme);
        }
    }
}

static unsigned ranged(lua_State *L, const char *key, int64_t otherwise, int64_t max)
{
    int64_t v = bind_opt_key_int(L, 1, key, otherwise);
    luaL_argcheck(L, v >= 0, 1, key);
    return (unsigned)(v > max ? max : v);
}

static const char *throttle_name(lua_State *L, const struct bind_context *context)
{
    int type = lua_getfield(L, 1, "throttle");
    const char *name = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return type == LUA_TNIL ? context->integration : name;
}

static void read_options(lua_State *L, const struct bind_context *context, struct tn_fetch *f)
{
    f->method = lua_getfield(L, 1, "method") == LUA_TSTRING ? lua_tostring(L, -1) : "GET";
    lua_pop(L, 1);
    f->body = bind_opt_key_str(L, 1, "body");
    f->total_ms = ranged(L, "timeout", 0, TIMEOUT_MAX_MS);
    f->max_reply = ranged(L, "max_reply", 0, TN_LIMIT_REPLY);
    f->retry.attempts = ranged(L, "attempts", 1, ATTEMPTS_MAX);
    f->retry.delay_ms = ranged(L, "delay", 0, TIMEOUT_MAX_MS);
    f->retry.safe = bind_opt_key_bool(L, 1, "safe", false);
    f->retry.on_500 = f->retry.safe;
    f->max_wait_ms = WAIT_MAX_MS;
    f->policy = context->integration ? TN_EGRESS_upstream : TN_EGRESS_public;
    f->throttle = throttle_name(L, context);
}

/* The URL with its query, left on the stack as a string. */
static const char *push_url(lua_State *L)
{
    struct tn_str base = bind_opt_key_str(L, 1, "url");
    luaL_argcheck(L, base.n, 1, "url is missing");
    luaL_argcheck(L, base.n < TN_EGRESS_URL, 1, "url is too long");
    if (lua_getfield(L, 1, "query") == LUA_TNIL) {
        lua_pop(L, 1);
        return lua_pushlstring(L, base.p, base.n);
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    int query = lua_gettop(L);
    /* Errors may jump out of here: the buffer is memory of Lua's. */
    struct tn_buf url = {.p = lua_newuserdatauv(L, TN_EGRESS_URL + 1, 0),
                         .room = TN_EGRESS_URL,
                         .max = TN_EGRESS_URL};
    tn_buf_addstr(&url, base);
    add_query(L, &url, query);
    luaL_argcheck(L, !url.failed, 1, "url and query are too long");
    return lua_pushlstring(L, url.p, url.n);
}

/* ---- replies of tests ---- */

static void add_field(struct reply *r, const char *name, struct tn_str value)
{
    struct tn_arena *a = &r->memory;
    struct tn_str key = tn_str(name);
    r->fields[r->nfields].name = (struct tn_str){tn_arena_strndup(a, key.p, key.n), key.n};
    r->fields[r->nfields++].value = (struct tn_str){tn_arena_strndup(a, value.p, value.n), value.n};
}

static void add_headers(lua_State *L, int index, struct reply *r)
{
    struct tn_fetch_header headers[HEADERS_MAX];
    if (lua_getfield(L, index, "headers") != LUA_TTABLE) return;
    size_t n = read_headers(L, lua_gettop(L), headers);
    r->fields = tn_arena_alloc(&r->memory, (n + 1) * sizeof *r->fields);
    for (size_t i = 0; i < n; i++) add_field(r, headers[i].name, headers[i].value);
}

/* A reply from the table at the top: status, headers, body. */
static int recorded_reply(lua_State *L)
{
    int table = lua_gettop(L);
    struct tn_str body = bind_opt_key_str(L, table, "body");
    struct live *live = live_of(L);
    struct reply *r = bind_new(L, sizeof *r, &reply_class);
    struct tn_buf text;
    int made = lua_gettop(L);
    tn_arena_init(&r->memory);
    r->status = (int)bind_opt_key_int(L, table, "status", 200);
    r->attempts = 1;
    tn_buf_init(&text, TN_LIMIT_REPLY);
    tn_buf_addstr(&text, body);
    r->body = body_new(&text, live);
    luaL_checkstack(L, HEADERS_MAX + 8, NULL);
    add_headers(L, table, r);
    lua_settop(L, made);
    return 1;
}

static int l_request(lua_State *L)
{
    static const char *const keys[] = {"method", "url",      "query",     "headers",
                                       "body",   "timeout",  "attempts",  "delay",
                                       "safe",   "throttle", "max_reply", NULL};
    const struct bind_context *context = bind_context(L);
    struct tn_fetch_header headers[HEADERS_MAX];
    struct tn_fetch f = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_checkstack(L, HEADERS_MAX + QUERY_MAX, NULL);
    bind_check_keys(L, 1, keys);
    read_options(L, context, &f);
    f.url = push_url(L);
    if (lua_getfield(L, 1, "headers") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        f.nheaders = read_headers(L, lua_gettop(L), headers);
    }
    f.headers = headers;
    struct tn_err err;
    if (bind_test_answer(L, 1, f.url)) return recorded_reply(L);
    if (!context->http) {
        tn_fail(&err, TN_E_unavailable, "there is no network here");
        return bind_fail(L, &err);
    }
    struct call *c = bind_new(L, sizeof *c, &call_class);
    c->task = tn_task_self(L);
    c->live = live_of(L);
    c->live->refs++;
    tn_err_clear(&c->err);
    tn_arena_init(&c->reply.memory);
    hide_credentials(context->log, &f);
    c->fetch = tn_fetch(context->http, &f, on_reply, c, &err);
    if (!c->fetch) return bind_fail(L, &err);
    return tn_task_park(L, request_done, c);
}

static const luaL_Reg functions[] = {{"request", l_request}, {NULL, NULL}};

int luaopen_tenon_http(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
