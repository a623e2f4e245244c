/* SPDX-License-Identifier: MIT */
#include "scripts/source.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/http_reply.h"
#include "bind/bind_map.h"
#include "scripts/record_page.h"
#include "bind/row_feed.h"
#include "loop/loop.h"

enum { PAGES_AHEAD = 2 };

/* A page that waits in the queue, or that the sync engine works on and has not released yet. */
struct page {
    struct page *next;
    struct tn_source_page view;
    struct bind_body *body;   /* the answer of which the page is a part, as it came; or */
    struct record_page *made; /* a page that was made from the answer */
    char *rows, *cursor;
};

struct handle;

/* One run of an operation. The engine and the task hold a reference each. The handle in the
 * script holds none: the source keeps the isolate alive, so a handle with a reference would keep
 * both alive for ever. */
struct source {
    unsigned refs;
    struct tn_connection *connection;
    struct tn_task *task;  /* NULL: it has ended */
    struct tn_task *waits; /* the task, while it is parked in emit */
    struct handle *handle;
    struct page *queue, **tail, *lent;
    size_t queued;
    tn_source_fn done; /* callback of the engine's next(); NULL: the engine does not wait */
    void *done_arg;
    struct tn_timer *turn;
    bool closed;
    char *reached;     /* cursor of the last page; NULL: none */
    struct tn_err err; /* the failure with which the task ended */
    const struct tn_operation *operation;
    char *filters;         /* until the task has begun; NULL: none */
    struct tn_actor actor; /* of what the adapter writes by itself */
};

/* The userdata that the script sees. */
struct handle {
    struct source *source; /* NULL: the source is gone */
};

/* ---- pages ---- */

static void page_free(struct page *p)
{
    bind_body_unref(p->body);
    record_page_free(p->made);
    tn_free(p->rows);
    tn_free(p->cursor);
    tn_free(p);
}

static void pages_free(struct page *p)
{
    while (p) {
        struct page *next = p->next;
        page_free(p);
        p = next;
    }
}

static void unref(struct source *s)
{
    if (--s->refs) return;
    if (s->handle) s->handle->source = NULL;
    pages_free(s->queue);
    pages_free(s->lent);
    tn_timer_free(s->turn);
    tn_connection_unref(s->connection);
    tn_free(s->reached);
    tn_free(s->filters);
    tn_free(s);
}

static void soon(struct source *s)
{
    if (!s->closed && s->done) tn_timer_set(s->turn, 0);
}

static struct page *pop(struct source *s)
{
    struct page *p = s->queue;
    s->queue = p->next;
    if (!s->queue) s->tail = &s->queue;
    s->queued--;
    p->next = s->lent;
    s->lent = p;
    return p;
}

/* Answers the engine's next() if a page is there or the run has ended. */
static void deliver(void *arg)
{
    struct source *s = arg;
    struct tn_err none;
    tn_source_fn done = s->done;
    if (!done || (!s->queue && s->task)) return;
    tn_err_clear(&none);
    s->done = NULL;
    s->refs++;
    if (s->queue) {
        struct page *p = pop(s);
        if (s->waits) tn_task_wake(s->waits);
        done(s->done_arg, &p->view, &none);
    } else {
        done(s->done_arg, NULL, &s->err);
    }
    unref(s);
}

/* ---- emit ---- */

static void drop_handle(void *object)
{
    struct handle *h = object;
    if (h->source) h->source->handle = NULL;
}

static int l_emit(lua_State *L);
static const luaL_Reg handle_methods[] = {{"emit", l_emit}, {NULL, NULL}};
static const struct bind_class handle_class = {
    .name = "tenon.source", .drop = drop_handle, .methods = handle_methods};

static void check_open(lua_State *L, const struct source *s)
{
    struct tn_err err;
    if (s && !s->closed) return;
    tn_fail(&err, TN_E_cancelled, "the run has ended");
    bind_raise(L, &err);
}

static int emitted(lua_State *L, int status, lua_KContext ctx)
{
    struct source *s = (struct source *)ctx;
    (void)status;
    s->waits = NULL;
    check_open(L, s);
    if (s->queued >= PAGES_AHEAD) {
        s->waits = s->task;
        return tn_task_park(L, emitted, s);
    }
    return 1; /* the count of records, on top of the stack */
}

struct cursor {
    struct tn_buf json;
};

static void drop_cursor(void *object)
{
    struct cursor *c = object;
    tn_buf_clear(&c->json);
}

static const struct bind_class cursor_class = {.name = "tenon.source.cursor", .drop = drop_cursor};

/* Writes the cursor value at index as JSON; absent for nil. Leaves the text on the stack. */
static struct tn_str write_cursor(lua_State *L, int index)
{
    struct cursor *c = bind_new(L, sizeof *c, &cursor_class);
    struct tn_err err;
    struct tn_jw w;
    tn_buf_init(&c->json, TN_LIMIT_SYNC_CURSOR);
    if (lua_isnoneornil(L, index)) return (struct tn_str){0};
    tn_jw_init(&w, &c->json);
    if (!bind_json_write(L, index, &w, &err) || !tn_buf_ok(&c->json, "the cursor", &err)) {
        tn_fail_in(&err, "the cursor of emit");
        bind_raise(L, &err);
    }
    return tn_buf_str(&c->json);
}

/* Puts the page into the queue. Its cursor is that of the call, else the last cursor before it. */
static void enqueue(struct source *s, struct page *p, struct tn_str cursor, int64_t total)
{
    if (cursor.p) {
        tn_free(s->reached);
        s->reached = tn_strndup(cursor.p, cursor.n);
    }
    p->cursor = tn_strdup(s->reached);
    p->view.cursor = tn_str(p->cursor);
    p->view.total = total;
    p->view.handle = p;
    *s->tail = p;
    s->tail = &p->next;
    s->queued++;
    soon(s);
}

static void enqueue_answer(struct source *s, struct bind_body *body, struct tn_str rows,
                           struct tn_str cursor, int64_t total)
{
    struct page *p = TN_NEW(struct page);
    /* A run could not go on behind a page that came without a cursor, so the last cursor is
     * dropped. */
    if (!cursor.p) {
        tn_free(s->reached);
        s->reached = NULL;
    }
    p->body = bind_body_ref(body);
    p->rows = tn_strndup(rows.p, rows.n);
    p->view.text = bind_body_utf8(body);
    p->view.rows = (struct tn_str){p->rows, rows.n};
    enqueue(s, p, cursor, total);
}

/* emit(reply, rows, cursor, total): the body of the reply becomes the page as it came. */
static int emit_answer(lua_State *L, struct source *s)
{
    struct bind_body *body = bind_as_reply(L, 2);
    struct tn_str rows = bind_opt_str(L, 3, "");
    int64_t total = luaL_optinteger(L, 5, -1);
    struct tn_jval array;
    struct tn_err err;
    if (!bind_body_rows(body, rows, &array, &err)) bind_raise(L, &err);
    size_t count = bind_rows_count(array);
    struct tn_str cursor = write_cursor(L, 4);
    if (count) enqueue_answer(s, body, rows, cursor, total);
    lua_pushinteger(L, (lua_Integer)count);
    return emitted(L, LUA_OK, (lua_KContext)s);
}

/* ---- emit of data of which pages have to be made ---- */

/* The state of one such emit. The values that it reads stay on the Lua stack of the parked call. */
struct maker {
    struct source *source;
    bool records; /* true: reads the table at 2; false: reads the feed */
    struct row_feed feed;
    struct bind_body *body;   /* the answer that holds the text; NULL: none does */
    lua_Integer next;         /* index of the next record in the table */
    struct record_page *page; /* the page that is being filled; NULL: none */
    size_t pages, count;
    bool ended;
    struct tn_str cursor; /* the place behind all of the data */
    int64_t total;
};

static void drop_maker(void *object)
{
    struct maker *m = object;
    row_feed_clear(&m->feed);
    bind_body_unref(m->body);
    record_page_free(m->page);
}

static const struct bind_class maker_class = {.name = "tenon.source.maker", .drop = drop_maker};

/* The row reader calls this for each row; it must not touch Lua. */
static bool take_row(void *arg, struct tn_str json, const struct tn_err *bad, size_t line)
{
    struct maker *m = arg;
    m->count++;
    if (bad)
        record_page_bad(m->page, line, bad, row_reader_raw(m->feed.reader));
    else
        tn_buf_addstr(record_page_row(m->page), json);
    return !m->page->text.failed;
}

/* Reads rows until the page is full or the text ends. False: the stream has no bytes yet. */
static bool read_text(lua_State *L, struct maker *m)
{
    while (!m->ended && !record_page_full(m->page)) {
        tn_isolate_poll(L);
        if (!row_feed_some(&m->feed)) return false;
        m->ended = m->feed.ended;
    }
    return true;
}

static bool read_records(lua_State *L, struct maker *m)
{
    while (!m->ended && !record_page_full(m->page)) {
        struct tn_err err;
        struct tn_jw w;
        tn_isolate_poll(L);
        if (lua_rawgeti(L, 2, m->next) == LUA_TNIL) {
            m->ended = true;
        } else {
            struct tn_buf *text = record_page_row(m->page);
            size_t at = text->n;
            tn_jw_init(&w, text);
            if (!bind_json_write(L, -1, &w, &err) || !tn_buf_ok(text, "a page", &err)) {
                tn_fail_in(&err, "emit, record %lld", (long long)m->next);
                bind_raise(L, &err);
            }
            if (text->p[at] != '{')
                luaL_error(L, "emit: record %I is no table of members", m->next);
            m->next++;
            m->count++;
        }
        lua_pop(L, 1);
    }
    return true;
}

/* Gives the filled page to the engine. Only the last page of the data carries the cursor: a run
 * that breaks off before goes on from the old cursor. If the last page was given already, an
 * empty one carries the cursor. */
static void give_made(struct maker *m)
{
    bool last = m->ended && m->feed.broken.kind == TN_E_none;
    struct record_page *made = m->page;
    m->page = NULL;
    if (!record_page_count(made) && !(last && m->pages && m->cursor.p)) {
        record_page_free(made);
        return;
    }
    struct page *p = TN_NEW(struct page);
    p->made = made;
    record_page_end(made, &p->view);
    m->pages++;
    enqueue(m->source, p, last ? m->cursor : (struct tn_str){NULL, 0}, m->total);
}

static void raise_broken(lua_State *L, struct maker *m)
{
    struct tn_err err = m->feed.broken;
    bool text = err.kind == TN_E_syntax || err.kind == TN_E_too_large || err.kind == TN_E_cancelled;
    err.line = 0; /* the fault lies in the peer's answer, at no line of a script */
    if (text) {
        err.kind = TN_E_bad_answer;
        tn_fail_in(&err, "the answer cannot be read");
    }
    bind_raise(L, &err);
}

static int emit_on(lua_State *L, int status, lua_KContext ctx)
{
    struct maker *m = (struct maker *)ctx;
    struct source *s = m->source;
    (void)status;
    s->waits = NULL;
    check_open(L, s);
    while (!m->ended && s->queued < PAGES_AHEAD) {
        if (!m->page) m->page = record_page_new(m->pages + 1);
        if (m->records ? !read_records(L, m) : !read_text(L, m)) return tn_task_park(L, emit_on, m);
        give_made(m);
    }
    if (m->feed.broken.kind != TN_E_none) raise_broken(L, m);
    if (!m->ended || s->queued >= PAGES_AHEAD) {
        s->waits = s->task;
        return tn_task_park(L, emit_on, m);
    }
    lua_pushinteger(L, (lua_Integer)m->count);
    bind_drop(m);
    return 1;
}

/* Checks that the table at 2 is a list of records, not one record. */
static void check_list(lua_State *L)
{
    luaL_argcheck(L, lua_isnil(L, 3), 3, "records have no format");
    bind_plain(L, 2, "the list of records");
    lua_pushnil(L);
    if (lua_rawlen(L, 2) || !lua_next(L, 2)) return;
    luaL_argerror(L, 2, "a list of records is expected, not one record");
}

/* Opens the text, stream or reply at 2. */
static void open_feed(lua_State *L, struct maker *m, struct row_format *format)
{
    struct tn_err err;
    struct bind_stream *stream = bind_is_stream(L, 2);
    struct tn_str text = TN_STR("");
    if (stream) {
        bind_stream_check(L, stream);
        row_format_hint(format, bind_stream_type(stream));
    } else if (lua_type(L, 2) == LUA_TSTRING) {
        text = bind_str(L, 2);
    } else {
        m->body = bind_body_ref(bind_as_reply(L, 2));
        text = bind_body_text(m->body);
        row_format_hint(format, bind_body_type(m->body));
    }
    if (!row_feed_init(&m->feed, format, text, stream, take_row, m, &err))
        luaL_error(L, "%s", err.text);
}

/* emit(reply, stream or text, {format = ...}, cursor, total), emit(records, nil, cursor, total) */
static int emit_made(lua_State *L, struct source *s)
{
    struct row_format format;
    bool records = lua_istable(L, 2);
    int64_t total = luaL_optinteger(L, 5, -1);
    if (records) check_list(L);
    if (!records) row_format_read(L, 3, NULL, &format);
    struct tn_str cursor = write_cursor(L, 4);
    struct maker *m = bind_new(L, sizeof *m, &maker_class);
    m->source = s;
    m->records = records;
    m->next = 1;
    m->cursor = cursor;
    m->total = total;
    if (!records) open_feed(L, m, &format);
    return emit_on(L, LUA_OK, (lua_KContext)m);
}

/* source:emit(what, rows, cursor, total) */
static int l_emit(lua_State *L)
{
    struct source *s = ((struct handle *)bind_as(L, 1, &handle_class))->source;
    lua_settop(L, 5);
    check_open(L, s);
    luaL_argcheck(L, tn_task_self(L) == s->task, 1, "emit from another task");
    if (lua_istable(L, 2) || lua_istable(L, 3)) return emit_made(L, s);
    return emit_answer(L, s);
}

/* ---- the run ---- */

/* Pushes the arguments of connection.run that follow adapter and config: run, filters, source,
 * resume. */
static int push_run(lua_State *L, void *arg)
{
    struct source *s = arg;
    tn_isolate_push(L, s->operation->run);
    tn_connection_push_json(L, s->filters ? tn_str(s->filters) : TN_STR("{}"));
    struct handle *h = bind_new_free(L, sizeof *h, &handle_class);
    h->source = s;
    s->handle = h;
    if (s->reached)
        tn_connection_push_json(L, tn_str(s->reached));
    else
        lua_pushnil(L);
    return 4;
}

static void run_done(void *arg, const struct tn_err *err)
{
    struct source *s = arg;
    s->task = s->waits = NULL;
    if (err) {
        s->err = *err;
        tn_connection_redact(s->connection, &s->err);
    }
    soon(s);
    unref(s);
}

static void source_next(void *self, tn_source_fn done, void *arg)
{
    struct source *s = self;
    s->done = done;
    s->done_arg = arg;
    if (s->queue || !s->task) soon(s);
}

static void source_release(void *self, const struct tn_source_page *page)
{
    struct source *s = self;
    struct page *p = page->handle, **at = &s->lent;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    page_free(p);
}

static void source_close(void *self)
{
    struct source *s = self;
    s->closed = true;
    s->done = NULL;
    tn_timer_cancel(s->turn);
    tn_task_cancel(s->task);
    unref(s);
}

static const struct tn_source_ops source_ops = {
    .next = source_next, .release = source_release, .close = source_close};

static bool check_request(const struct tn_connection *c, const struct tn_run_request *r,
                          const struct tn_operation **operation, struct tn_err *err)
{
    const struct tn_integration *i = tn_connection_integration(c);
    const struct tn_operation *o = tn_decl_operation(tn_connection_adapter(c), r->operation);
    struct tn_json *json = tn_json_new();
    bool ok = true;
    if (!i->enabled)
        ok = tn_fail(err, TN_E_unavailable, "the integration %.*s is disabled", TN_FMT(i->name));
    else if (!o || o->run == LUA_NOREF || !o->mapping)
        ok = tn_fail(err, TN_E_not_found, "%.*s has no operation '%s' that can be run",
                     TN_FMT(i->name), r->operation);
    else if (r->filters.n && !r->retry)
        ok = tn_json_parse(json, r->filters, err) &&
             tn_field_check(o->filters, o->n_filters, tn_json_root(json), "filters", 0, err);
    tn_json_free(json);
    *operation = o;
    return ok;
}

/* What the adapter writes by itself is the work of the run. */
static struct tn_actor actor_of(const struct tn_connection *c, const struct tn_run_request *r)
{
    const struct tn_integration *i = tn_connection_integration(c);
    struct tn_actor actor = {.team = r->team, .grants = "*:*", .origin = i->id, .depth = r->depth};
    snprintf(actor.name, sizeof actor.name, "integration %.*s", TN_FMT(i->name));
    return actor;
}

static bool start(struct source *s, struct tn_err *err)
{
    struct tn_task_call call = {.push = push_run, .done = run_done, .context = &s->actor};
    s->refs++;
    s->task = tn_connection_start(s->connection, "run", &call, s, err);
    if (!s->task) s->refs--;
    return s->task != NULL;
}

static void fill(struct tn_source *out, struct source *s, const struct tn_mapping *mapping)
{
    struct tn_unit *unit = tn_connection_unit(s->connection);
    const struct tn_decl *target = tn_unit_target(unit, s->operation->mapping);
    *out = (struct tn_source){.ops = &source_ops,
                              .self = s,
                              .plan = tn_mapping_plan(mapping),
                              .table = target->resource.plural,
                              .resource = &target->resource,
                              .resources = tn_unit_resources(unit),
                              .entity = s->operation->entity,
                              .adopt = s->operation->adopt,
                              .mapping = tn_mapping_info(mapping)->file,
                              .replaced_us = tn_connection_replaced_us(s->connection)};
    snprintf(out->generation, sizeof out->generation, "%s", tn_unit_generation(unit));
}

static bool source_open(void *self, const struct tn_run_request *r, struct tn_source *out,
                        struct tn_err *err)
{
    const struct tn_operation *operation;
    const struct tn_mapping *mapping;
    struct tn_connection *c = tn_connection_get(self, r->team, r->integration, err);
    if (!c) return false;
    if (!check_request(c, r, &operation, err)) goto fail;
    mapping = tn_connection_mapping(c, operation->mapping, err);
    if (!mapping) goto fail;
    struct source *s = TN_NEW(struct source);
    s->refs = 1;
    s->connection = c;
    s->tail = &s->queue;
    s->operation = operation;
    s->actor = actor_of(c, r);
    if (r->filters.n) s->filters = tn_strndup(r->filters.p, r->filters.n);
    if (r->cursor.n) s->reached = tn_strndup(r->cursor.p, r->cursor.n);
    s->turn = tn_timer_new(tn_host_loop(tn_isolate_host(tn_connection_isolate(c))), deliver, s);
    tn_err_clear(&s->err);
    if (!r->retry && !start(s, err)) {
        s->closed = true;
        unref(s);
        return false;
    }
    fill(out, s, mapping);
    return true;
fail:
    tn_connection_unref(c);
    return false;
}

static struct tn_loading *source_load(void *self, const struct tn_run_request *r, tn_loaded_fn done,
                                      void *arg)
{
    return tn_connections_load(self, r->team, r->integration, r->operation, done, arg);
}

const struct tn_adapter_ops tn_source_adapters = {
    .load = source_load, .stop = tn_connections_stop, .open = source_open};
