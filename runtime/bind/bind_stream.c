/* SPDX-License-Identifier: MIT */
#include "bind/bind_stream.h"

#include "base/limits.h"
#include "base/log.h"
#include "bind/http_live.h"
#include "bind/http_reply.h"

enum {
    HIGH = 256 * 1024, /* when so many bytes wait for the script, the peer has to wait */
    LOW = 64 * 1024,
    CHUNK = 64 * 1024,
    CHUNK_MAX = TN_MIB
};

struct bind_stream {
    lua_CFunction rows;
    struct tn_task *task;
    struct bind_live *live;
    struct tn_fetch_call *fetch; /* NULL: the answer has ended */
    bool known;                  /* the header of the answer has arrived */
    bool paused, parked;         /* the peer has to wait; the task waits */
    int status;
    struct bind_fields fields;
    struct tn_buf buf; /* bytes [at, n) have arrived and were not yet read */
    size_t at;
    struct tn_err err; /* how the answer ended */
};

static int stream_index(lua_State *L);
static const luaL_Reg meta[] = {{"__index", stream_index}, {NULL, NULL}};

static void end(struct bind_stream *s)
{
    if (!s->live) return;
    bind_live_stream_end(s->live);
    bind_live_unref(s->live);
    s->live = NULL;
}

static void drop_stream(void *object)
{
    struct bind_stream *s = object;
    tn_fetch_cancel(s->fetch);
    s->fetch = NULL;
    end(s);
    tn_buf_clear(&s->buf);
    tn_arena_clear(&s->fields.memory);
}
static const struct bind_class STREAM = {
    .name = "tenon.http.stream", .drop = drop_stream, .methods = meta};

static struct bind_stream *push_stream(lua_State *L, lua_CFunction rows)
{
    struct bind_stream *s = bind_new(L, sizeof *s, &STREAM);
    s->rows = rows;
    tn_buf_init(&s->buf, HIGH + TN_LIMIT_REPLY); /* room for the whole text of a refusal */
    tn_arena_init(&s->fields.memory);
    tn_err_clear(&s->err);
    return s;
}

struct bind_stream *bind_is_stream(lua_State *L, int index)
{
    return bind_is(L, index, &STREAM);
}

void bind_stream_check(lua_State *L, struct bind_stream *s)
{
    if (s->task && tn_task_self(L) != s->task)
        luaL_error(L, "a stream is read by the task that opened it");
}

/* ---- bytes that arrive ---- */

static void wake(struct bind_stream *s)
{
    if (s->parked) tn_task_wake(s->task);
    s->parked = false;
}

static void know(struct bind_stream *s, const struct tn_reply *head)
{
    if (s->known) return;
    s->known = true;
    s->status = head->status;
    bind_fields_copy(&s->fields, head);
}

static void append(struct bind_stream *s, const char *bytes, size_t n)
{
    if (s->at) {
        memmove(s->buf.p, s->buf.p + s->at, s->buf.n - s->at);
        s->buf.n -= s->at;
        s->at = 0;
    }
    tn_buf_add(&s->buf, bytes, n);
}

static bool on_data(void *arg, const struct tn_reply *head, const char *bytes, size_t n)
{
    struct bind_stream *s = arg;
    know(s, head);
    s->paused = s->buf.n - s->at + n > HIGH;
    if (!s->paused) append(s, bytes, n);
    wake(s);
    return !s->paused;
}

static void on_end(void *arg, const struct tn_err *err, struct tn_reply *reply)
{
    struct bind_stream *s = arg;
    s->fetch = NULL;
    end(s);
    if (err)
        s->err = *err;
    else
        know(s, reply);
    if (!err && reply->body.n) append(s, reply->body.p, reply->body.n);
    wake(s);
}

/* ---- bytes that the script reads ---- */

static struct tn_str waiting(const struct bind_stream *s, size_t most)
{
    size_t n = s->buf.n - s->at;
    return (struct tn_str){s->buf.p ? s->buf.p + s->at : "", n < most ? n : most};
}

static void taken(struct bind_stream *s, size_t n)
{
    s->at += n;
    if (s->at == s->buf.n) {
        s->at = 0;
        tn_buf_reset(&s->buf);
    }
    if (s->paused && s->buf.n - s->at <= LOW) {
        s->paused = false;
        tn_fetch_resume(s->fetch);
    }
}

static enum bind_streamed look(struct bind_stream *s, struct tn_err *err)
{
    if (s->buf.n > s->at) return BIND_STREAM_bytes;
    if (s->fetch) {
        s->parked = true;
        return BIND_STREAM_wait;
    }
    if (s->err.kind == TN_E_none) return BIND_STREAM_end;
    *err = s->err;
    return BIND_STREAM_failed;
}

struct tn_str bind_stream_type(const struct bind_stream *s)
{
    return bind_fields_get(&s->fields, TN_STR("content-type"));
}

enum bind_streamed bind_stream_take(struct bind_stream *s, size_t most, struct tn_buf *into,
                                    struct tn_err *err)
{
    enum bind_streamed how = look(s, err);
    if (how != BIND_STREAM_bytes) return how;
    struct tn_str part = waiting(s, most);
    tn_buf_addstr(into, part);
    taken(s, part.n);
    return how;
}

static int read_on(lua_State *L, int status, lua_KContext ctx)
{
    struct bind_stream *s = bind_as(L, 1, &STREAM);
    struct tn_err err;
    (void)status;
    switch (look(s, &err)) {
    case BIND_STREAM_wait: return tn_task_park(L, read_on, (void *)ctx);
    case BIND_STREAM_failed: return bind_fail(L, &err);
    case BIND_STREAM_end: lua_pushnil(L); return 1;
    case BIND_STREAM_bytes: break;
    }
    struct tn_str part = waiting(s, (size_t)ctx);
    lua_pushlstring(L, part.p, part.n);
    taken(s, part.n);
    return 1;
}

/* stream:read(most) */
static int stream_read(lua_State *L)
{
    struct bind_stream *s = bind_as(L, 1, &STREAM);
    lua_Integer most = luaL_optinteger(L, 2, CHUNK);
    luaL_argcheck(L, most >= 1 && most <= CHUNK_MAX, 2, "1 byte to 1 MiB");
    bind_stream_check(L, s);
    return read_on(L, LUA_OK, (lua_KContext)most);
}

/* stream:rows{format = ...} */
static int stream_rows(lua_State *L)
{
    struct bind_stream *s = bind_as(L, 1, &STREAM);
    bind_stream_check(L, s);
    return s->rows(L);
}

static int stream_header(lua_State *L)
{
    const struct bind_stream *s = bind_as(L, 1, &STREAM);
    return bind_fields_push(L, &s->fields, bind_str(L, 2));
}

static int stream_close(lua_State *L)
{
    struct bind_stream *s = bind_as(L, 1, &STREAM);
    bind_stream_check(L, s);
    bind_drop(s);
    return 0;
}

static const luaL_Reg methods[] = {{"close", stream_close},
                                   {"header", stream_header},
                                   {"read", stream_read},
                                   {"rows", stream_rows},
                                   {NULL, NULL}};

static int stream_index(lua_State *L)
{
    const struct bind_stream *s = bind_as(L, 1, &STREAM);
    const char *key = luaL_checkstring(L, 2);
    if (strcmp(key, "status") == 0) {
        lua_pushinteger(L, s->status);
        return 1;
    }
    for (const luaL_Reg *m = methods; m->name; m++) {
        if (strcmp(key, m->name) != 0) continue;
        tn_lua_push_host(L, m->func);
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

/* ---- opening ---- */

static int opened(lua_State *L, int status, lua_KContext ctx)
{
    struct bind_stream *s = (struct bind_stream *)ctx;
    (void)status;
    if (!s->known && s->fetch) {
        s->parked = true;
        return tn_task_park(L, opened, s);
    }
    if (!s->known) {
        struct tn_err err = s->err;
        bind_drop(s);
        return bind_fail(L, &err);
    }
    /* The text of a refusal is shown to people, and some peers repeat what they were sent. So
     * secrets in it are masked. */
    if (s->status >= 400) tn_log_redact(bind_context(L)->log, s->buf.p, s->buf.n);
    return 1; /* the stream, on top */
}

int bind_stream_open(lua_State *L, const struct tn_fetch *f, lua_CFunction rows)
{
    struct tn_err err;
    struct tn_fetch with = *f;
    with.data = on_data;
    struct bind_stream *s = push_stream(L, rows);
    s->task = tn_task_self(L);
    struct bind_live *live = bind_live_ref(L);
    if (!bind_live_stream(live)) {
        bind_live_unref(live);
        tn_fail(&err, TN_E_overloaded,
                "%u streamed answers are open already: read them to their end, or close them",
                TN_LIMIT_ISOLATE_STREAMS);
        return bind_fail(L, &err);
    }
    s->live = live;
    s->fetch = tn_fetch_start(bind_context(L)->http, &with, on_end, s, &err);
    if (!s->fetch) {
        bind_drop(s);
        return bind_fail(L, &err);
    }
    return opened(L, LUA_OK, (lua_KContext)s);
}

int bind_stream_recorded(lua_State *L, lua_CFunction rows)
{
    int table = lua_gettop(L);
    bind_plain(L, table, "the reply of a test");
    struct tn_str body = bind_opt_key_str(L, table, "body");
    struct bind_stream *s = push_stream(L, rows);
    s->known = true;
    s->status = (int)bind_opt_key_int(L, table, "status", 200);
    if (body.p) append(s, body.p, body.n);
    bind_fields_read(L, table, &s->fields);
    return 1;
}
