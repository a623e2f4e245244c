/* SPDX-License-Identifier: MIT */
#include "bind/bind_rows.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_walk.h"
#include "bind/http_reply.h"
#include "bind/row_feed.h"

enum { QUEUE_BYTES = 16 * TN_LIMIT_RECORD, WALK_KIB = 128 };

/* One entry of the part of the text that was read: the JSON of a record, or the fault of a bad
 * row. */
struct entry {
    size_t at, n, line;
    enum tn_kind bad; /* kind of the fault; none: the entry is a record */
};

/* Its user value holds a reference to the string or stream that is read. */
struct walk {
    struct bind_walks *walks;
    struct row_feed feed;
    struct tn_json *json;
    struct tn_buf queue;
    struct entry *entries;
    size_t count, room, next;
};

static void drop_walk(void *object)
{
    struct walk *w = object;
    bind_walk_end(w->walks);
    row_feed_clear(&w->feed);
    tn_json_free(w->json);
    tn_buf_clear(&w->queue);
    tn_free(w->entries);
}
static const struct bind_class WALK = {.name = "tenon.rows", .drop = drop_walk};

/* Called by the reader for each row. It only notes the row: no Lua error may jump out of the
 * reader. */
static bool note_row(void *arg, struct tn_str json, const struct tn_err *bad, size_t line)
{
    struct walk *w = arg;
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 16;
        w->entries = tn_realloc(w->entries, w->room * sizeof *w->entries);
    }
    struct tn_str s = bad ? tn_str(bad->text) : json;
    w->entries[w->count++] = (struct entry){
        .at = w->queue.n, .n = s.n, .line = line, .bad = bad ? bad->kind : TN_E_none};
    tn_buf_addstr(&w->queue, s);
    return !w->queue.failed;
}

/* Makes the walk over the text or stream at 1, with the options at 2. */
static struct walk *push_walk(lua_State *L, const char *kind)
{
    struct row_format format;
    struct tn_err err;
    struct bind_stream *stream = kind ? NULL : bind_is_stream(L, 1);
    struct bind_body *body = kind ? NULL : bind_is_reply(L, 1);
    struct tn_str text = stream ? TN_STR("") : body ? bind_body_text(body) : bind_str(L, 1);
    lua_settop(L, 2);
    row_format_read(L, 2, kind, &format);
    if (stream) row_format_hint(&format, bind_stream_type(stream));
    if (body) row_format_hint(&format, bind_body_type(body));
    struct walk *w = bind_new_free(L, sizeof *w, &WALK);
    w->walks = bind_walk_begin(L, WALK_KIB);
    tn_buf_init(&w->queue, QUEUE_BYTES);
    w->json = tn_json_new();
    if (!row_feed_init(&w->feed, &format, text, stream, note_row, w, &err))
        luaL_error(L, "%s", err.text);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return w;
}

enum step { ROWS, WAIT, END };

/* Reads until there is an entry. END: there are no more; feed.broken says whether the text broke
 * off. */
static enum step fill(lua_State *L, struct walk *w)
{
    w->next = w->count = 0;
    tn_buf_reset(&w->queue);
    while (!w->count && !w->feed.ended) {
        tn_isolate_poll(L);
        if (!row_feed_some(&w->feed)) return WAIT;
    }
    return w->count ? ROWS : END;
}

static struct tn_err error_of(const struct walk *w, const struct entry *e)
{
    struct tn_err err;
    tn_fail(&err, e->bad, "line %zu: %.*s", e->line, (int)e->n, w->queue.p + e->at);
    err.line = (int)e->line;
    return err;
}

/* Pushes the next of the entries that were read: a record, or nil and an err. */
static void push_entry(lua_State *L, struct walk *w, size_t *line, bool *good)
{
    struct tn_err err;
    const struct entry *e = &w->entries[w->next++];
    *line = e->line;
    *good = e->bad == TN_E_none;
    if (*good) {
        if (!tn_json_parse(w->json, (struct tn_str){w->queue.p + e->at, e->n}, &err))
            bind_raise(L, &err);
        bind_json_push(L, tn_json_root(w->json));
        return;
    }
    err = error_of(w, e);
    bind_fail(L, &err);
}

/* Reads and pushes the next entry: a record, or nil and an err. False: nothing is left. */
static bool push_next(lua_State *L, struct walk *w, size_t *line, bool *good)
{
    if (w->next < w->count || fill(L, w) == ROWS) {
        push_entry(L, w, line, good);
        return true;
    }
    if (w->feed.broken.kind == TN_E_none) return false;
    *line = (size_t)w->feed.broken.line;
    *good = false;
    bind_fail(L, &w->feed.broken);
    tn_err_clear(&w->feed.broken);
    return true;
}

int bind_rows_parse(lua_State *L, const char *kind)
{
    struct walk *w = push_walk(L, kind);
    size_t line;
    bool good;
    lua_newtable(L);
    bind_json_mark_array(L, -1);
    for (lua_Integer n = 1; push_next(L, w, &line, &good); n++) {
        if (!good) {
            bind_drop(w);
            return 2;
        }
        lua_rawseti(L, -2, n);
    }
    bind_drop(w);
    return 1;
}

/* Replaces the nil, err of a bad row on top of the stack by a table with its line and message. */
static void push_bad(lua_State *L, size_t line)
{
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, (lua_Integer)line);
    lua_setfield(L, -2, "line");
    lua_getfield(L, -2, "message");
    lua_setfield(L, -2, "message");
    lua_replace(L, -3);
    lua_pop(L, 1);
}

int bind_rows_sorted(lua_State *L)
{
    struct walk *w = push_walk(L, NULL);
    lua_Integer n_good = 0, n_bad = 0;
    size_t line;
    bool good;
    lua_newtable(L);
    bind_json_mark_array(L, -1);
    int records = lua_gettop(L);
    lua_newtable(L);
    while (w->next < w->count || fill(L, w) == ROWS) {
        push_entry(L, w, &line, &good);
        if (good) {
            lua_rawseti(L, records, ++n_good);
            continue;
        }
        push_bad(L, line);
        lua_rawseti(L, records + 1, ++n_bad);
    }
    if (w->feed.broken.kind != TN_E_none)
        tn_lua_push_err(L, &w->feed.broken);
    else
        lua_pushnil(L);
    bind_drop(w);
    return 3;
}

static int next_on(lua_State *L, int status, lua_KContext ctx)
{
    struct walk *w = bind_is(L, lua_upvalueindex(1), &WALK);
    size_t line;
    bool good;
    (void)status, (void)ctx;
    lua_settop(L, 0);
    if (!w) return 0; /* the walk has ended */
    if (w->feed.stream) {
        lua_getiuservalue(L, lua_upvalueindex(1), 1);
        if (!bind_is_stream(L, -1)) return luaL_error(L, "stale handle: the stream was closed");
        bind_stream_check(L, w->feed.stream);
        lua_settop(L, 0);
        if (w->next == w->count && fill(L, w) == WAIT) return tn_task_park(L, next_on, w);
    }
    lua_pushnil(L);
    if (!push_next(L, w, &line, &good)) {
        bind_drop(w);
        return 1;
    }
    lua_pushinteger(L, (lua_Integer)line);
    lua_replace(L, 1);
    return good ? 2 : 3;
}

static int next_now(lua_State *L)
{
    return next_on(L, LUA_OK, 0);
}

static int next_row(lua_State *L)
{
    return tn_lua_host_call(L, next_now);
}

int bind_rows_each(lua_State *L, const char *kind)
{
    push_walk(L, kind);
    lua_pushcclosure(L, next_row, 1);
    return 1;
}

int bind_rows_document(lua_State *L)
{
    size_t line;
    bool good;
    lua_settop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "*");
    lua_setfield(L, 2, "rows");
    struct walk *w = push_walk(L, "xml");
    if (!push_next(L, w, &line, &good)) {
        struct tn_err err;
        tn_fail(&err, TN_E_syntax, "the document is empty");
        bind_drop(w);
        return bind_fail(L, &err);
    }
    if (good) {
        struct tn_str root = row_reader_root(w->feed.reader);
        int record = lua_gettop(L);
        lua_pushlstring(L, root.p, root.n);
        /* The document may be broken behind its root; the script then gets nil, err. */
        if (!push_next(L, w, &line, &good)) lua_settop(L, record + 1);
    }
    bind_drop(w);
    return 2;
}
