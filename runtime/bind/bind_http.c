/* SPDX-License-Identifier: MIT */
#include "bind/bind_http.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_rows.h"
#include "bind/bind_stream.h"
#include "bind/http_body.h"
#include "bind/http_fields.h"
#include "bind/http_live.h"
#include "bind/staged.h"
#include "net/http_client.h"

enum {
    HEADERS_MAX = HTTP_HEADERS_MAX,
    COOKIES_MAX = 50,
    HOST_MAX = 300,
    TIMEOUT_MAX_MS = 3600 * 1000,
    ATTEMPTS_MAX = 20,
    WAIT_MAX_MS = 900 * 1000
};

/* ---- bodies ---- */

struct bind_body {
    unsigned refs;
    struct http_live *live;
    struct tn_buf buf;
    struct tn_json *json; /* NULL: not read yet */
    struct tn_err err;    /* of reading it; kind none: it was good */
};

/* What a body costs: its bytes, and about as much once it is read. */
static size_t cost(const struct tn_buf *text)
{
    return 2 * text->room;
}

static struct bind_body *body_new(struct tn_buf *text_give, struct http_live *live)
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
    http_live_unref(b->live);
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
    struct http_fields fields;
};

static void drop_reply(void *object)
{
    struct reply *r = object;
    bind_body_unref(r->body);
    tn_arena_clear(&r->fields.memory);
}

static int reply_index(lua_State *L);
static const luaL_Reg reply_meta[] = {{"__index", reply_index}, {NULL, NULL}};
static const struct bind_class reply_class = {
    .name = "tenon.http.reply", .drop = drop_reply, .methods = reply_meta};

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
    return http_push_field(L, &r->fields, bind_str(L, 2));
}

/* Where a cookie of that name stands among those so far, or n. */
static size_t cookie_at(const struct tn_str *pairs, size_t n, struct tn_str name)
{
    size_t i = 0;
    while (i < n && !(pairs[i].n > name.n && memcmp(pairs[i].p, name.p, name.n) == 0 &&
                      pairs[i].p[name.n] == '='))
        i++;
    return i;
}

/* reply:cookies(): what the peer sets, as the value of a Cookie header; nil when it sets none. */
static int reply_cookies(lua_State *L)
{
    const struct reply *r = bind_check(L, 1, &reply_class);
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
        tn_lua_push_host(L, m->func);
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

/* ---- calls ---- */

/* A request: first perhaps waiting for its turn, then under way. */
struct http_call {
    struct http_call *next; /* of the list that it is in */
    struct tn_task *task;
    struct http_live *live;
    struct tn_fetch_call *fetch; /* NULL: not under way */
    bool flying, waiting;
    unsigned per_host;
    char host[HOST_MAX]; /* and port */
    struct tn_fetch f;   /* while it waits; its texts are on the stack or in memory */
    struct tn_arena memory;
    struct tn_err err;
    struct reply reply; /* what came; moved to the reply that the script gets */
};

static void list_remove(struct http_call **list, const struct http_call *c)
{
    while (*list != c) list = &(*list)->next;
    *list = c->next;
}

static bool may_fly(const struct http_live *live, const struct http_call *c)
{
    unsigned there = 0;
    for (const struct http_call *o = live->flying; o; o = o->next)
        there += strcmp(o->host, c->host) == 0;
    return live->flying_count < TN_LIMIT_ISOLATE_REQUESTS && there < c->per_host;
}

static void take_off(struct http_call *c)
{
    c->flying = true;
    c->next = c->live->flying;
    c->live->flying = c;
    c->live->flying_count++;
}

static void queue_up(struct http_call *c)
{
    struct http_call **at = &c->live->waiting;
    while (*at) at = &(*at)->next;
    c->next = NULL;
    c->waiting = true;
    *at = c;
    c->live->waiting_count++;
}

static void leave_queue(struct http_call *c)
{
    list_remove(&c->live->waiting, c);
    c->live->waiting_count--;
    c->waiting = false;
}

/* Its place is free: those whose turn it is now go on. */
static void land(struct http_call *c)
{
    struct http_live *live = c->live;
    struct http_call *next;
    if (!c->flying) return;
    c->flying = false;
    list_remove(&live->flying, c);
    live->flying_count--;
    for (struct http_call *w = live->waiting; w; w = next) {
        next = w->next;
        if (!may_fly(live, w)) continue;
        leave_queue(w);
        take_off(w);
        tn_task_wake(w->task);
    }
}

static void drop_call(void *object)
{
    struct http_call *c = object;
    tn_fetch_cancel(c->fetch);
    c->fetch = NULL;
    drop_reply(&c->reply);
    tn_arena_clear(&c->memory);
    if (!c->live) return;
    if (c->waiting) leave_queue(c);
    land(c);
    http_live_unref(c->live);
}

static const struct bind_class call_class = {.name = "tenon.http.call", .drop = drop_call};

static void on_reply(void *arg, const struct tn_err *err, struct tn_reply *reply)
{
    struct http_call *c = arg;
    c->fetch = NULL;
    land(c);
    if (err) {
        c->err = *err;
    } else {
        c->reply.status = reply->status;
        c->reply.attempts = reply->attempts;
        c->reply.body = body_new(&reply->body, c->live);
        http_fields_copy(&c->reply.fields, reply);
    }
    tn_task_wake(c->task);
}

static int request_done(lua_State *L, int status, lua_KContext ctx)
{
    struct http_call *c = (struct http_call *)ctx; /* still on our Lua stack */
    (void)status;
    if (c->err.kind != TN_E_none) return bind_fail(L, &c->err);
    http_live_check(L, c->live);
    /* What a peer says when it refuses is shown to people, and some peers repeat what they got. */
    if (c->reply.status >= 400 && c->reply.body)
        tn_log_redact(bind_context(L)->log, c->reply.body->buf.p, c->reply.body->buf.n);
    struct reply *r = bind_new(L, sizeof *r, &reply_class);
    *r = c->reply;
    c->reply = (struct reply){0};
    tn_arena_init(&c->reply.fields.memory);
    return 1;
}

/* ---- requests ---- */

static void hide_cookies(struct tn_log *log, struct tn_str rest)
{
    struct tn_str value, name;
    while (tn_str_split(&rest, ';', &value)) {
        if (!tn_str_split(&value, '=', &name) || !value.p) continue;
        value = tn_str_trim(value);
        if (value.n > 1 && value.p[0] == '"') value = (struct tn_str){value.p + 1, value.n - 2};
        tn_log_secret(log, value);
    }
}

static void hide_credential(struct tn_log *log, const struct tn_fetch_header *h)
{
    struct tn_str rest = h->value, scheme;
    tn_log_secret(log, h->value);
    if (tn_str_eq_nocase(tn_str(h->name), TN_STR("Cookie")))
        hide_cookies(log, h->value);
    else if (tn_str_split(&rest, ' ', &scheme) && rest.p)
        tn_log_secret(log, tn_str_trim(rest));
}

/* Is it one of the names that the option lists? */
static bool is_credential(lua_State *L, int list, const char *name)
{
    static const char *const always[] = {"Authorization", "Cookie", "X-API-Key"};
    bool is = false;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        is |= tn_str_eq_nocase(tn_str(name), tn_str(always[i]));
    lua_Integer n = lua_isnil(L, list) ? 0 : (lua_Integer)lua_rawlen(L, list);
    for (lua_Integer i = 1; i <= n && i <= HEADERS_MAX && !is; i++) {
        if (lua_rawgeti(L, list, i) != LUA_TSTRING)
            luaL_error(L, "credentials is a list of names of headers");
        is = tn_str_eq_nocase(tn_str(name), bind_str(L, -1));
        lua_pop(L, 1);
    }
    return is;
}

/* What signs us in must not come back in a message or a log line. */
static void hide_credentials(lua_State *L, struct tn_log *log, const struct tn_fetch *f)
{
    if (lua_getfield(L, 1, "credentials") != LUA_TNIL) luaL_checktype(L, -1, LUA_TTABLE);
    for (size_t i = 0; i < f->nheaders; i++)
        if (is_credential(L, lua_gettop(L), f->headers[i].name))
            hide_credential(log, &f->headers[i]);
    lua_pop(L, 1);
}

static unsigned ranged(lua_State *L, const char *key, int64_t otherwise, int64_t max)
{
    int64_t v = bind_opt_key_int(L, 1, key, otherwise);
    luaL_argcheck(L, v >= 0, 1, key);
    return (unsigned)(v > max ? max : v);
}

/* Where a text goes on as a C string, what stands behind a NUL would be left out in silence. */
static void check_no_nul(lua_State *L, struct tn_str text, const char *what)
{
    if (text.n && memchr(text.p, 0, text.n))
        luaL_argerror(L, 1, lua_pushfstring(L, "%s has a zero byte", what));
}

static const char *throttle_name(lua_State *L, const struct bind_context *context)
{
    int type = lua_getfield(L, 1, "throttle");
    const char *name = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (name) check_no_nul(L, bind_str(L, -1), "throttle");
    lua_pop(L, 1);
    return type == LUA_TNIL ? context->integration : name;
}

static void read_options(lua_State *L, const struct bind_context *context, struct tn_fetch *f)
{
    f->method = lua_getfield(L, 1, "method") == LUA_TSTRING ? lua_tostring(L, -1) : "GET";
    if (lua_type(L, -1) == LUA_TSTRING) check_no_nul(L, bind_str(L, -1), "method");
    lua_pop(L, 1);
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
    check_no_nul(L, base, "url");
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
    bind_add_query(L, &url, query);
    luaL_argcheck(L, !url.failed, 1, "url and query are too long");
    return lua_pushlstring(L, url.p, url.n);
}

/* ---- replies of tests ---- */

/* A reply from the table at the top: status, headers, body. */
static int recorded_reply(lua_State *L)
{
    int table = lua_gettop(L);
    struct tn_str body = bind_opt_key_str(L, table, "body");
    struct http_live *live = http_live_of(L);
    struct reply *r = bind_new(L, sizeof *r, &reply_class);
    struct tn_buf text;
    int made = lua_gettop(L);
    tn_arena_init(&r->fields.memory);
    r->status = (int)bind_opt_key_int(L, table, "status", 200);
    r->attempts = 1;
    tn_buf_init(&text, TN_LIMIT_REPLY);
    tn_buf_addstr(&text, body);
    r->body = body_new(&text, live);
    http_recorded_fields(L, table, &r->fields);
    lua_settop(L, made);
    return 1;
}

/* ---- what scripts call ---- */

/* The options at 1 as a request.  Its texts stand on the stack. */
static void read_request(lua_State *L, const char *const *keys, struct tn_fetch *f,
                         struct tn_fetch_header headers[HEADERS_MAX + 1])
{
    const struct bind_context *context = bind_context(L);
    const char *type;
    *f = (struct tn_fetch){0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_checkstack(L, HEADERS_MAX + 120, NULL);
    bind_check_keys(L, 1, keys);
    read_options(L, context, f);
    f->url = push_url(L);
    f->body = bind_push_body(L, 1, &type);
    bool typed = false;
    if (lua_getfield(L, 1, "headers") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        f->nheaders = http_read_headers(L, lua_gettop(L), headers);
    }
    for (size_t i = 0; i < f->nheaders; i++)
        typed |= tn_str_eq_nocase(tn_str(headers[i].name), TN_STR("content-type"));
    if (typed && type && tn_str_starts(tn_str(type), "multipart/"))
        luaL_error(L, "multipart has a Content-Type of its own, with the boundary");
    if (!typed && type)
        headers[f->nheaders++] = (struct tn_fetch_header){"Content-Type", tn_str(type)};
    f->headers = headers;
    hide_credentials(L, context->log, f);
}

static int no_network(lua_State *L)
{
    struct tn_err err;
    tn_fail(&err, TN_E_unavailable, "there is no network here");
    return bind_fail(L, &err);
}

static int launch(lua_State *L, struct http_call *c, const struct tn_fetch *f)
{
    struct tn_err err;
    c->fetch = tn_fetch(bind_context(L)->http, f, on_reply, c, &err);
    if (c->fetch) return tn_task_park(L, request_done, c);
    land(c);
    return bind_fail(L, &err);
}

static int its_turn(lua_State *L, int status, lua_KContext ctx)
{
    struct http_call *c = (struct http_call *)ctx;
    (void)status;
    if (!c->flying) return tn_task_park(L, its_turn, c);
    return launch(L, c, &c->f);
}

/* Headers lie in a table that the script may change meanwhile: they are copied.  The other texts
 * stand on the stack. */
static int wait_for_turn(lua_State *L, struct http_call *c, const struct tn_fetch *f)
{
    struct tn_err err;
    if (c->live->waiting_count == TN_LIMIT_ISOLATE_WAITING) {
        tn_fail(&err, TN_E_overloaded,
                "%u requests of this integration wait for their turn already",
                TN_LIMIT_ISOLATE_WAITING);
        return bind_fail(L, &err);
    }
    struct tn_fetch_header *copy = tn_arena_alloc(&c->memory, (f->nheaders + 1) * sizeof *copy);
    for (size_t i = 0; i < f->nheaders; i++) {
        struct tn_str value = f->headers[i].value;
        copy[i].name = tn_arena_strdup(&c->memory, f->headers[i].name);
        copy[i].value = (struct tn_str){tn_arena_strndup(&c->memory, value.p, value.n), value.n};
    }
    c->f = *f;
    c->f.headers = copy;
    c->f.method = tn_arena_strdup(&c->memory, f->method);
    c->f.throttle = f->throttle ? tn_arena_strdup(&c->memory, f->throttle) : NULL;
    queue_up(c);
    return tn_task_park(L, its_turn, c);
}

static bool set_host(struct http_call *c, const char *url, struct tn_err *err)
{
    struct tn_url parts;
    if (!tn_url_parse(tn_str(url), &parts, err)) return false;
    int n = snprintf(c->host, sizeof c->host, "%.*s:%u", TN_FMT(parts.host), parts.port);
    for (int i = 0; i < n && i < HOST_MAX; i++)
        if (c->host[i] >= 'A' && c->host[i] <= 'Z') c->host[i] = (char)(c->host[i] | 32);
    return true;
}

static int l_request(lua_State *L)
{
    static const char *const keys[] = {
        "method",   "url",   "query", "headers",  "body",      "form",     "multipart",   "timeout",
        "attempts", "delay", "safe",  "throttle", "max_reply", "per_host", "credentials", NULL};
    struct tn_fetch_header headers[HEADERS_MAX + 1];
    struct tn_fetch f;
    struct tn_err err;
    read_request(L, keys, &f, headers);
    int64_t per_host = bind_opt_key_int(L, 1, "per_host", TN_LIMIT_HOST_REQUESTS);
    luaL_argcheck(L, per_host >= 1 && per_host <= TN_LIMIT_ISOLATE_REQUESTS, 1,
                  "per_host: 1 to 20");
    if (bind_staged_answer(L, 1, f.url)) return recorded_reply(L);
    if (!bind_context(L)->http) return no_network(L);
    struct http_call *c = bind_new(L, sizeof *c, &call_class);
    tn_arena_init(&c->memory);
    tn_arena_init(&c->reply.fields.memory);
    tn_err_clear(&c->err);
    c->task = tn_task_self(L);
    c->live = http_live_ref(L);
    c->per_host = (unsigned)per_host;
    if (!set_host(c, f.url, &err)) return bind_fail(L, &err);
    if (!may_fly(c->live, c)) return wait_for_turn(L, c, &f);
    take_off(c);
    return launch(L, c, &f);
}

static int l_stream(lua_State *L)
{
    static const char *const keys[] = {"method", "url",       "query",     "headers",     "body",
                                       "form",   "multipart", "timeout",   "attempts",    "delay",
                                       "safe",   "throttle",  "max_reply", "credentials", NULL};
    struct tn_fetch_header headers[HEADERS_MAX + 1];
    struct tn_fetch f;
    read_request(L, keys, &f, headers);
    int64_t most = bind_opt_key_int(L, 1, "max_reply", 0);
    luaL_argcheck(L, most >= 0, 1, "max_reply");
    f.max_reply = (uint64_t)most > TN_LIMIT_STREAM ? TN_LIMIT_STREAM : (size_t)most;
    if (bind_staged_answer(L, 1, f.url)) return bind_stream_recorded(L, bind_rows_of_stream);
    if (!bind_context(L)->http) return no_network(L);
    return bind_stream_open(L, &f, bind_rows_of_stream);
}

static const luaL_Reg functions[] = {{"request", l_request}, {"stream", l_stream}, {NULL, NULL}};

int luaopen_tenon_http(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
