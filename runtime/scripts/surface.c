/* SPDX-License-Identifier: MIT */
#include "scripts/surface.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "net/http_server.h"
#include "net/router.h"

enum { WAIT_MS = 30000, HEADERS_MAX = 32, PATTERN_MAX = 512 };

/* ---- rows ---- */

struct tn_surfaces {
    struct tn_units *units;
    struct tn_surface_row *rows;
    size_t n, room;
    struct tn_arena texts;
};

static void add_row(struct tn_surfaces *s, const struct tn_decl *surface,
                    const struct tn_surface_route *route)
{
    char pattern[PATTERN_MAX];
    const char *prefix = surface->surface.path ? surface->surface.path : "";
    snprintf(pattern, sizeof pattern, "%s%s", prefix, route->path);
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 32;
        s->rows = tn_realloc(s->rows, s->room * sizeof *s->rows);
    }
    s->rows[s->n++] = (struct tn_surface_row){.method = route->method,
                                              .pattern = tn_arena_strdup(&s->texts, pattern),
                                              .open = route->open,
                                              .surface = surface,
                                              .route = route,
                                              .unit = tn_units_of(s->units, surface)};
}

struct tn_surfaces *tn_surfaces_new(struct tn_units *units)
{
    struct tn_surfaces *s = TN_NEW(struct tn_surfaces);
    s->units = tn_units_ref(units);
    tn_arena_init(&s->texts);
    for (size_t i = 0; i < tn_units_surfaces(units); i++) {
        const struct tn_decl *surface = tn_units_surface_at(units, i);
        const struct tn_surface_route *route = surface->surface.routes;
        for (; route && route->method; route++) add_row(s, surface, route);
    }
    return s;
}

void tn_surfaces_free(struct tn_surfaces *s)
{
    if (!s) return;
    tn_units_unref(s->units);
    tn_arena_clear(&s->texts);
    tn_free(s->rows);
    tn_free(s);
}

size_t tn_surfaces_count(const struct tn_surfaces *s)
{
    return s->n;
}

const struct tn_surface_row *tn_surfaces_at(const struct tn_surfaces *s, size_t i)
{
    return i < s->n ? &s->rows[i] : NULL;
}

/* ---- the request as the script sees it ---- */

static void push_str(lua_State *L, struct tn_str s)
{
    lua_pushlstring(L, s.p ? s.p : "", s.n);
}

/* Sets t[name] unless the table, on top, already has it. */
static void set_first(lua_State *L, struct tn_str name, struct tn_str value)
{
    push_str(L, name);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
        lua_pop(L, 1);
        push_str(L, value);
        lua_rawset(L, -3);
    } else {
        lua_pop(L, 2);
    }
}

/* Does the value hold an API key of Tenon? Such a header is left out: scripts must not see it. */
static bool holds_our_key(struct tn_str value)
{
    return memmem(value.p, value.n, "tnn_live_", 9) || memmem(value.p, value.n, "tnn_test_", 9);
}

static void push_headers(lua_State *L, const struct tn_http_head *head)
{
    char name[128];
    lua_createtable(L, 0, (int)head->nfields);
    for (unsigned i = 0; i < head->nfields; i++) {
        struct tn_str from = head->fields[i].name, value = head->fields[i].value;
        if (from.n >= sizeof name || holds_our_key(value)) continue;
        for (size_t k = 0; k < from.n; k++)
            name[k] = (char)(from.p[k] >= 'A' && from.p[k] <= 'Z' ? from.p[k] + 32 : from.p[k]);
        set_first(L, (struct tn_str){name, from.n}, value);
    }
}

static void push_query(lua_State *L, const struct tn_http_exchange *x)
{
    lua_newtable(L);
    for (size_t i = 0; i < tn_http_query_count(x); i++) {
        struct tn_str name, value;
        tn_http_query_at(x, i, &name, &value);
        set_first(L, name, value);
    }
}

static void push_params(lua_State *L, const struct tn_http_exchange *x)
{
    const struct tn_route_match *match = tn_http_match(x);
    lua_newtable(L);
    for (unsigned i = 0; i < match->n; i++) set_first(L, match->names[i], match->values[i]);
}

struct reader {
    struct tn_json *json;
};

static void drop_reader(void *object)
{
    struct reader *r = object;
    tn_json_free(r->json);
}

static const struct bind_class reader_class = {.name = "tenon.surface.reader", .drop = drop_reader};

/* req:json(): the value of the body, or nil, err. */
static int l_json(lua_State *L)
{
    struct tn_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "body");
    struct tn_str body = bind_str(L, -1);
    struct reader *r = bind_new(L, sizeof *r, &reader_class);
    r->json = tn_json_new();
    if (!tn_json_parse(r->json, body, &err)) {
        bind_drop(r);
        return bind_fail(L, &err);
    }
    bind_json_push(L, tn_json_root(r->json));
    bind_drop(r);
    return 1;
}

/* ---- a call ---- */

struct call {
    const struct tn_surface_row *row;
    struct tn_unit *unit;
    struct tn_http_exchange *x;
    struct tn_task *task;
    struct tn_actor actor;
    tn_surface_error_fn error;
    void *error_arg;
    int status;
    struct tn_buf body;
    char type[128];
};

static int push_request(lua_State *L, void *arg)
{
    const struct call *c = arg;
    lua_createtable(L, 0, 7);
    push_str(L, tn_http_method(c->x));
    lua_setfield(L, -2, "method");
    push_str(L, tn_http_path(c->x)->text);
    lua_setfield(L, -2, "path");
    push_params(L, c->x);
    lua_setfield(L, -2, "params");
    push_query(L, c->x);
    lua_setfield(L, -2, "query");
    push_headers(L, tn_http_head(c->x));
    lua_setfield(L, -2, "headers");
    push_str(L, tn_http_body(c->x));
    lua_setfield(L, -2, "body");
    tn_lua_push_host(L, l_json);
    lua_setfield(L, -2, "json");
    return 1;
}

static void bad_answer(lua_State *L, const struct call *c, const char *what)
{
    struct tn_err err;
    tn_fail(&err, TN_E_script, "%s %s: a handler answers status, body, headers; %s", c->row->method,
            c->row->pattern, what);
    tn_fail_at(&err, c->row->surface->path, c->row->route->line);
    bind_raise(L, &err);
}

/* A handler may say `return 200, store.query(...)`. When the call fails it gives nil, err; that
 * err then becomes the answer. */
static void check_worked(lua_State *L)
{
    const struct tn_err *err = lua_isnil(L, 2) ? tn_lua_test_err(L, 3) : NULL;
    if (err) bind_raise(L, err);
}

/* Makes the failure one of the handler: the caller of the route is not at fault. */
static void no_json(lua_State *L, const struct call *c, const struct tn_err *why)
{
    char text[sizeof why->text + sizeof why->field + 8];
    snprintf(text, sizeof text, "%s%s%s", why->field, why->field[0] ? ": " : "", why->text);
    bad_answer(L, c, text);
}

static void take_body(lua_State *L, struct call *c)
{
    struct tn_err err;
    struct tn_jw w;
    size_t n;
    if (lua_isnoneornil(L, 2)) return;
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *text = lua_tolstring(L, 2, &n);
        tn_buf_add(&c->body, text, n);
        snprintf(c->type, sizeof c->type, "text/plain; charset=utf-8");
    } else {
        tn_jw_init(&w, &c->body);
        if (!bind_json_write(L, 2, &w, &err) && !c->body.failed) no_json(L, c, &err);
        snprintf(c->type, sizeof c->type, "application/json");
    }
    if (!c->body.failed) return;
    tn_fail(&err, TN_E_budget, "%s %s: the handler's answer is larger than %u MiB", c->row->method,
            c->row->pattern, TN_LIMIT_ANSWER / TN_MIB);
    tn_fail_at(&err, c->row->surface->path, c->row->route->line);
    bind_raise(L, &err);
}

/* The server sets these headers itself. */
static bool is_ours(struct tn_str name)
{
    static const char *const ours[] = {
        "content-length", "transfer-encoding", "connection",   "date",
        "keep-alive",     "upgrade",           "x-request-id", NULL};
    for (size_t i = 0; ours[i]; i++)
        if (tn_str_eq_nocase(name, tn_str(ours[i]))) return true;
    return false;
}

static bool is_token(struct tn_str name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (!c || !strchr(others, c))) return false;
    }
    return name.n > 0;
}

static void take_header(lua_State *L, struct call *c, struct tn_str name, struct tn_str value)
{
    if (!is_token(name)) bad_answer(L, c, "a header has a name that is none");
    if (is_ours(name)) return;
    if (tn_str_eq_nocase(name, TN_STR("content-type")))
        snprintf(c->type, sizeof c->type, "%.*s", TN_FMT(value));
    else
        tn_http_header(c->x, name.p, value);
}

static void take_headers(lua_State *L, struct call *c)
{
    int count = 0;
    if (lua_isnoneornil(L, 3)) return;
    if (!bind_is_plain(L, 3)) bad_answer(L, c, "headers have to be a plain table");
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 2)) {
        struct tn_str value;
        if (lua_type(L, -2) != LUA_TSTRING || ++count > HEADERS_MAX)
            bad_answer(L, c, "headers have names, 32 at most");
        struct tn_str name = bind_str(L, -2);
        value.p = luaL_tolstring(L, -1, &value.n);
        take_header(L, c, name, value);
    }
}

static void take_answer(lua_State *L, int n, void *arg)
{
    struct call *c = arg;
    (void)n;
    lua_settop(L, 3);
    lua_Integer status = lua_isinteger(L, 1) ? lua_tointeger(L, 1) : 0;
    if (status < 200 || status > 599) bad_answer(L, c, "the status is a number from 200 to 599");
    c->status = (int)status;
    check_worked(L);
    take_body(L, c);
    take_headers(L, c);
}

static void call_free(struct call *c)
{
    tn_buf_clear(&c->body);
    tn_unit_unref(c->unit);
    tn_free(c);
}

static void call_done(void *arg, const struct tn_err *err)
{
    struct call *c = arg;
    if (!err)
        tn_http_reply(c->x, c->status, c->type[0] ? c->type : NULL, tn_buf_str(&c->body));
    else if (tn_http_gone(c->x))
        tn_http_abort(c->x);
    else
        c->error(c->error_arg, c->x, err);
    call_free(c);
}

/* The peer has closed the connection, so the answer will be dropped. */
static void client_gone(void *arg, struct tn_http_exchange *x)
{
    struct call *c = arg;
    (void)x;
    tn_task_cancel(c->task);
}

void tn_surface_serve(const struct tn_surface_row *row, const struct tn_actor *actor,
                      struct tn_http_exchange *x, tn_surface_error_fn error, void *arg)
{
    struct call *c = TN_NEW(struct call);
    const struct tn_task_call how = {.push = push_request,
                                     .take = take_answer,
                                     .done = call_done,
                                     .limit_ms = WAIT_MS,
                                     .context = &c->actor};
    struct tn_err err;
    *c = (struct call){.row = row, .x = x, .actor = *actor, .error = error, .error_arg = arg};
    c->unit = tn_unit_ref(row->unit);
    tn_buf_init(&c->body, TN_LIMIT_ANSWER);
    c->task = tn_task_start(tn_unit_isolate(c->unit), row->route->ref, &how, c, &err);
    if (c->task) {
        tn_http_on_gone(x, client_gone, c);
        return;
    }
    error(arg, x, &err);
    call_free(c);
}
