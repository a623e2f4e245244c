/* SPDX-License-Identifier: MIT */
/* bind_http.c - require "tenon.http": requests to other systems. A request is sent at once, or
 * waits until the limits of its integration let it go. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_rows.h"
#include "bind/bind_stream.h"
#include "bind/http_body.h"
#include "bind/http_live.h"
#include "bind/http_reply.h"
#include "bind/testing.h"
#include "net/http_client.h"

enum { HOST_MAX = 300, TIMEOUT_MAX_MS = 3600 * 1000, ATTEMPTS_MAX = 20, WAIT_MAX_MS = 900 * 1000 };

/* ---- calls ---- */

/* A request, while it waits to be sent and while it is under way. */
struct call {
    struct call *next; /* the next in the list that this call is in */
    struct tn_task *task;
    struct bind_live *live;
    struct tn_fetch_call *fetch; /* NULL: the request is not under way */
    bool flying, waiting;
    unsigned per_host;
    char host[HOST_MAX]; /* and port */
    struct tn_fetch f;   /* the waiting request; `memory` or the Lua stack holds its texts */
    struct tn_arena memory;
    struct tn_err err;
    struct bind_reply reply; /* the answer, until the script's reply takes it over */
};

static void list_remove(struct call **list, const struct call *c)
{
    while (*list != c) list = &(*list)->next;
    *list = c->next;
}

static bool may_fly(const struct bind_live *live, const struct call *c)
{
    unsigned there = 0;
    for (const struct call *o = live->flying; o; o = o->next)
        there += strcmp(o->host, c->host) == 0;
    return live->flying_count < TN_LIMIT_ISOLATE_REQUESTS && there < c->per_host;
}

static void take_off(struct call *c)
{
    c->flying = true;
    c->next = c->live->flying;
    c->live->flying = c;
    c->live->flying_count++;
}

static void queue_up(struct call *c)
{
    struct call **at = &c->live->waiting;
    while (*at) at = &(*at)->next;
    c->next = NULL;
    c->waiting = true;
    *at = c;
    c->live->waiting_count++;
}

static void leave_queue(struct call *c)
{
    list_remove(&c->live->waiting, c);
    c->live->waiting_count--;
    c->waiting = false;
}

/* Gives back the call's place among the requests under way, and sends those that may go now. */
static void land(struct call *c)
{
    struct bind_live *live = c->live;
    struct call *next;
    if (!c->flying) return;
    c->flying = false;
    list_remove(&live->flying, c);
    live->flying_count--;
    for (struct call *w = live->waiting; w; w = next) {
        next = w->next;
        if (!may_fly(live, w)) continue;
        leave_queue(w);
        take_off(w);
        tn_task_wake(w->task);
    }
}

static void drop_call(void *object)
{
    struct call *c = object;
    tn_fetch_cancel(c->fetch);
    c->fetch = NULL;
    bind_reply_clear(&c->reply);
    tn_arena_clear(&c->memory);
    if (!c->live) return;
    if (c->waiting) leave_queue(c);
    land(c);
    bind_live_unref(c->live);
}

static const struct bind_class call_class = {.name = "tenon.http.call", .drop = drop_call};

static void on_reply(void *arg, const struct tn_err *err, struct tn_reply *reply)
{
    struct call *c = arg;
    c->fetch = NULL;
    land(c);
    if (err) {
        c->err = *err;
    } else {
        c->reply.status = reply->status;
        c->reply.attempts = reply->attempts;
        bind_fields_copy(&c->reply.fields, reply);
        c->reply.body = bind_body_new(&reply->body, &c->reply.fields, c->live);
    }
    tn_task_wake(c->task);
}

static int request_done(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx; /* still on our Lua stack */
    (void)status;
    if (c->err.kind != TN_E_none) return bind_fail(L, &c->err);
    bind_live_check(L, c->live);
    /* The text of a refusal is shown to people, and some peers repeat what they were sent. So
     * secrets in it are masked. */
    if (c->reply.status >= 400 && c->reply.body)
        bind_body_redact(c->reply.body, bind_context(L)->log);
    struct bind_reply *r = bind_reply_new(L);
    *r = c->reply;
    c->reply = (struct bind_reply){0};
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

/* Does the option's list of credentials hold this name? */
static bool is_credential(lua_State *L, int list, const char *name)
{
    static const char *const always[] = {"Authorization", "Cookie", "X-API-Key"};
    bool is = false;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        is |= tn_str_eq_nocase(tn_str(name), tn_str(always[i]));
    lua_Integer n = lua_isnil(L, list) ? 0 : (lua_Integer)lua_rawlen(L, list);
    for (lua_Integer i = 1; i <= n && i <= BIND_HEADERS_MAX && !is; i++) {
        if (lua_rawgeti(L, list, i) != LUA_TSTRING)
            luaL_error(L, "credentials is a list of names of headers");
        is = tn_str_eq_nocase(tn_str(name), bind_str(L, -1));
        lua_pop(L, 1);
    }
    return is;
}

/* Registers the credentials of the request with the log, so that no message and no log line
 * shows them. */
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

/* Raises when the text has a zero byte, because libcurl would silently drop all text behind it. */
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

/* Leaves the texts on the stack. */
static void read_tls(lua_State *L, struct tn_fetch_tls *tls)
{
    static const char *const names[] = {"ca", "cert", "key", NULL};
    struct tn_str *const texts[] = {&tls->ca, &tls->cert, &tls->key};
    if (lua_getfield(L, 1, "tls") == LUA_TNIL) return;
    int table = lua_gettop(L);
    luaL_checktype(L, table, LUA_TTABLE);
    bind_check_keys(L, table, names);
    for (size_t i = 0; names[i]; i++) {
        *texts[i] = bind_opt_key_str(L, table, names[i]);
        lua_getfield(L, table, names[i]);
    }
}

/* Pushes the URL with its query and returns it. */
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
    /* Lua errors may jump out of here, so Lua owns the buffer. */
    struct tn_buf url = {.p = lua_newuserdatauv(L, TN_EGRESS_URL + 1, 0),
                         .room = TN_EGRESS_URL,
                         .max = TN_EGRESS_URL};
    tn_buf_addstr(&url, base);
    bind_add_query(L, &url, query);
    luaL_argcheck(L, !url.failed, 1, "url and query are too long");
    return lua_pushlstring(L, url.p, url.n);
}

/* ---- replies of tests ---- */

/* Makes the reply from the table on top of the stack: status, headers, body. */
static int recorded_reply(lua_State *L)
{
    int table = lua_gettop(L);
    struct tn_str body = bind_opt_key_str(L, table, "body");
    struct bind_live *live = bind_live_of(L);
    struct bind_reply *r = bind_reply_new(L);
    struct tn_buf text;
    int made = lua_gettop(L);
    tn_arena_init(&r->fields.memory);
    r->status = (int)bind_opt_key_int(L, table, "status", 200);
    r->attempts = 1;
    bind_fields_read(L, table, &r->fields);
    tn_buf_init(&text, TN_LIMIT_REPLY);
    tn_buf_addstr(&text, body);
    r->body = bind_body_new(&text, &r->fields, live);
    lua_settop(L, made);
    return 1;
}

/* ---- the functions of the module ---- */

/* Fills in the request from the options at 1. The stack holds its texts. */
static void read_request(lua_State *L, const char *const *keys, struct tn_fetch *f,
                         struct tn_fetch_header headers[BIND_HEADERS_MAX + 1])
{
    const struct bind_context *context = bind_context(L);
    const char *type;
    *f = (struct tn_fetch){0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_checkstack(L, BIND_HEADERS_MAX + 120, NULL);
    bind_check_keys(L, 1, keys);
    read_options(L, context, f);
    read_tls(L, &f->tls);
    f->url = push_url(L);
    f->body = bind_push_body(L, 1, &type);
    bool typed = false;
    if (lua_getfield(L, 1, "headers") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        f->nheaders = bind_read_headers(L, lua_gettop(L), headers);
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

static int launch(lua_State *L, struct call *c, const struct tn_fetch *f)
{
    struct tn_err err;
    c->fetch = tn_fetch_start(bind_context(L)->http, f, on_reply, c, &err);
    if (c->fetch) return tn_task_park(L, request_done, c);
    land(c);
    return bind_fail(L, &err);
}

static int its_turn(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx;
    (void)status;
    if (!c->flying) return tn_task_park(L, its_turn, c);
    return launch(L, c, &c->f);
}

/* Queues the request and parks the task. Copies the headers, because the script may change its
 * table of headers meanwhile; the stack holds the other texts. */
static int wait_for_turn(lua_State *L, struct call *c, const struct tn_fetch *f)
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

static bool set_host(struct call *c, const char *url, struct tn_err *err)
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
        "method",    "url",      "query",       "headers", "body", "form",
        "multipart", "timeout",  "attempts",    "delay",   "safe", "throttle",
        "max_reply", "per_host", "credentials", "tls",     NULL};
    struct tn_fetch_header headers[BIND_HEADERS_MAX + 1];
    struct tn_fetch f;
    struct tn_err err;
    read_request(L, keys, &f, headers);
    int64_t per_host = bind_opt_key_int(L, 1, "per_host", TN_LIMIT_HOST_REQUESTS);
    luaL_argcheck(L, per_host >= 1 && per_host <= TN_LIMIT_ISOLATE_REQUESTS, 1,
                  "per_host: 1 to 20");
    if (bind_testing_answer(L, 1, f.url)) return recorded_reply(L);
    if (!bind_context(L)->http) return no_network(L);
    struct call *c = bind_new(L, sizeof *c, &call_class);
    tn_arena_init(&c->memory);
    tn_arena_init(&c->reply.fields.memory);
    tn_err_clear(&c->err);
    c->task = tn_task_self(L);
    c->live = bind_live_ref(L);
    c->per_host = (unsigned)per_host;
    if (!set_host(c, f.url, &err)) return bind_fail(L, &err);
    if (!may_fly(c->live, c)) return wait_for_turn(L, c, &f);
    take_off(c);
    return launch(L, c, &f);
}

/* stream:rows{format = ...} */
static int stream_rows(lua_State *L)
{
    return bind_rows_each(L, NULL);
}

static int l_stream(lua_State *L)
{
    static const char *const keys[] = {"method",    "url",         "query",     "headers",
                                       "body",      "form",        "multipart", "timeout",
                                       "attempts",  "delay",       "safe",      "throttle",
                                       "max_reply", "credentials", "tls",       NULL};
    struct tn_fetch_header headers[BIND_HEADERS_MAX + 1];
    struct tn_fetch f;
    read_request(L, keys, &f, headers);
    int64_t most = bind_opt_key_int(L, 1, "max_reply", 0);
    luaL_argcheck(L, most >= 0, 1, "max_reply");
    f.max_reply = (uint64_t)most > TN_LIMIT_STREAM ? TN_LIMIT_STREAM : (size_t)most;
    if (bind_testing_answer(L, 1, f.url)) return bind_stream_recorded(L, stream_rows);
    if (!bind_context(L)->http) return no_network(L);
    return bind_stream_open(L, &f, stream_rows);
}

static const luaL_Reg functions[] = {{"request", l_request}, {"stream", l_stream}, {NULL, NULL}};

int luaopen_tenon_http(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
