/* SPDX-License-Identifier: MIT */
/* bind_event.c - require "tenon.event": reads the numbered log of events about a team's records,
 * and adds events of the script to it. */
#include "bind/bind_event.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/time.h"
#include "bind/bind_ask.h"
#include "events/event.h"
#include "store/tables.h"

enum { USUAL = 100 };

/* ---- the event that a script emits ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Is the text a type: at least two words with a dot between each two? */
static bool is_type(struct tn_str type)
{
    size_t dots = 0;
    if (!type.n || type.n > TN_STORE_NAME_MAX) return false;
    for (size_t i = 0; i < type.n; i++) {
        bool dot = type.p[i] == '.';
        bool edge = i == 0 || i + 1 == type.n || type.p[i - 1] == '.';
        if ((dot && edge) || (!dot && !is_word(type.p[i]))) return false;
        dots += dot;
    }
    return dots > 0;
}

/* Is the type one that the store or Tenon itself emits? Scripts may not emit those. */
static bool is_taken(const struct bind_owner *owner, struct tn_str type)
{
    struct tn_str rest = type, head;
    char name[TN_STORE_NAME_MAX + 1];
    tn_str_split(&rest, '.', &head);
    snprintf(name, sizeof name, "%.*s", TN_FMT(head));
    for (size_t i = 0; i < tn_system_table_count; i++)
        if (tn_system_tables[i].event && strcmp(tn_system_tables[i].event, name) == 0) return true;
    bool changes =
        tn_str_is(rest, "created") || tn_str_is(rest, "updated") || tn_str_is(rest, "deleted");
    return changes && tn_entities_find(owner->resources, tn_str(name));
}

static const char *check_type(lua_State *L, int index, const struct bind_owner *owner)
{
    struct tn_str type = bind_str(L, index);
    if (!is_type(type))
        luaL_error(L,
                   "'%s' is no type of event: words of letters, digits, '_' and '-' with dots "
                   "between them, such as order.shipped, %d characters at most",
                   type.p, TN_STORE_NAME_MAX);
    if (is_taken(owner, type))
        luaL_error(L, "'%s' is what Tenon itself says; give your event a name of its own", type.p);
    return type.p;
}

/* options.record = { resource, id } or { resource = ..., id = ... } */
static void read_about(lua_State *L, int options, const struct bind_owner *owner,
                       struct bind_event_told *out)
{
    static const char *const names[] = {"record", NULL};
    bind_check_keys(L, options, names);
    if (lua_isnoneornil(L, options) || lua_getfield(L, options, "record") == LUA_TNIL) return;
    int record = lua_gettop(L);
    bind_plain(L, record, "'record'");
    if (lua_rawgeti(L, record, 1) == LUA_TNIL) lua_getfield(L, record, "resource");
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "'record' is { resource, id }");
    out->resource = bind_resource(L, lua_gettop(L), owner);
    if (lua_rawgeti(L, record, 2) == LUA_TNIL) lua_getfield(L, record, "id");
    if (lua_type(L, -1) != LUA_TSTRING || !bind_record_id(L, lua_gettop(L), &out->id))
        luaL_error(L, "'record' is { resource, id }, and the id that of a record");
    lua_settop(L, record - 1);
}

static void read_data(lua_State *L, int index, struct bind_record_reader *reader,
                      struct bind_event_told *out)
{
    out->data = TN_STR("");
    if (lua_isnoneornil(L, index)) return;
    out->data = bind_table(L, index, reader);
    if (reader->text.n > TN_LIMIT_EVENT)
        luaL_error(L, "the data of an event has %d KiB at most", (int)(TN_LIMIT_EVENT / TN_KIB));
}

void bind_event_read(lua_State *L, int first, const struct bind_owner *owner,
                     struct bind_record_reader *reader, struct bind_event_told *out)
{
    *out = (struct bind_event_told){.type = check_type(L, first, owner)};
    lua_settop(L, lua_gettop(L) > first + 2 ? lua_gettop(L) : first + 2);
    /* The data is read last, because the reader that then holds it may be shared: no table of
     * the script is read after it. */
    read_about(L, first + 2, owner, out);
    read_data(L, first + 1, reader, out);
}

/* ---- emit ---- */

struct emitting {
    struct tn_task *task;
    struct bind_record_reader reader;
    struct tn_tx *tx;
    struct tn_err err;
};

static void drop_emitting(void *object)
{
    struct emitting *e = object;
    tn_tx_free(e->tx);
    bind_record_reader_clear(&e->reader);
}

static const struct bind_class emitting_class = {.name = "tenon.event.emit", .drop = drop_emitting};

static void committed(void *arg, const struct tn_err *err)
{
    struct emitting *e = arg;
    if (err) e->err = *err;
    tn_task_wake(e->task);
}

static int emitted(lua_State *L, int status, lua_KContext ctx)
{
    const struct emitting *e = (const struct emitting *)ctx;
    (void)status;
    if (e->err.kind != TN_E_none) return bind_fail(L, &e->err);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_emit(lua_State *L)
{
    struct bind_desk desk;
    struct bind_event_told told;
    struct tn_err err;
    lua_settop(L, 3);
    luaL_checkstring(L, 1);
    struct tn_task *task = tn_task_self(L);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    struct emitting *e = bind_new(L, sizeof *e, &emitting_class);
    e->task = task;
    e->tx = bind_tx_new(&desk);
    bind_record_reader_init(&e->reader);
    bind_event_read(L, 1, desk.owner, &e->reader, &told);
    if (!tn_tx_event(e->tx, told.type, told.resource, &told.id, told.data, &err))
        return bind_fail(L, &err);
    tn_tx_commit(e->tx, committed, e);
    return tn_task_park(L, emitted, e);
}

/* ---- after ---- */

/* An event.after under way: reads the log page by page until `limit` events match, or
 * TN_LIMIT_EVENT_SCAN were looked at. */
struct reading {
    struct bind_ask ask;
    struct tn_store *store;
    int64_t team;
    const struct tn_entities *resources;
    const char *types[TN_LIMIT_EVENT_PATTERNS + 1]; /* texts of the script's table; NULL ends */
    size_t limit, looked;
    struct tn_arena arena;
    struct tn_event *v; /* the events that match; their texts are in the arena */
    size_t n;
    int64_t last;
    bool gap, end;
    struct tn_json *json;
};

static void drop_reading(void *object)
{
    struct reading *r = object;
    bind_ask_drop(&r->ask);
    tn_arena_clear(&r->arena);
    tn_json_free(r->json);
}

static const struct bind_class reading_class = {.name = "tenon.event.reading",
                                                .drop = drop_reading};

static struct tn_str kept(struct reading *r, struct tn_str s)
{
    return (struct tn_str){tn_arena_strndup(&r->arena, s.p ? s.p : "", s.n), s.n};
}

static bool wanted(const struct reading *r, struct tn_str type)
{
    for (size_t i = 0; r->types[i]; i++)
        if (tn_event_matches(r->types[i], type)) return true;
    return !r->types[0];
}

static void take_event(struct reading *r, const struct tn_event *e)
{
    r->last = e->seq;
    r->looked++;
    if (!wanted(r, e->type)) return;
    struct tn_event *told = &r->v[r->n++];
    *told = *e;
    told->type = kept(r, e->type);
    told->table = kept(r, e->table);
    told->data = kept(r, e->data);
}

static void take_page(lua_State *L, struct reading *r)
{
    const struct tn_event *e;
    for (size_t i = 0; r->n < r->limit && (e = tn_found_event(r->ask.found, 0, i)); i++)
        take_event(r, e);
    r->gap |= tn_found_tail(r->ask.found, 0)->gap;
    r->end = !tn_found_list(r->ask.found, 0)->more && r->n < r->limit;
    tn_isolate_poll(L);
}

static int push_reading(lua_State *L, struct reading *r)
{
    lua_createtable(L, 0, 4);
    lua_createtable(L, (int)r->n, 0);
    for (size_t i = 0; i < r->n; i++) {
        bind_event_push(L, r->resources, r->json, &r->v[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    bind_json_mark_array(L, -1);
    lua_setfield(L, -2, "events");
    lua_pushinteger(L, r->last);
    lua_setfield(L, -2, "last");
    lua_pushboolean(L, !r->end);
    lua_setfield(L, -2, "more");
    lua_pushboolean(L, r->gap);
    lua_setfield(L, -2, "gap");
    bind_drop(r);
    return 1;
}

static int read_page(lua_State *L, struct reading *r);

static int page_read(lua_State *L, int status, lua_KContext ctx)
{
    struct reading *r = (struct reading *)ctx;
    struct tn_err err;
    (void)status;
    if (!bind_ask_answered(&r->ask, &err)) return bind_fail(L, &err);
    take_page(L, r);
    bool on = !r->end && r->n < r->limit && r->looked < TN_LIMIT_EVENT_SCAN;
    return on ? read_page(L, r) : push_reading(L, r);
}

static int read_page(lua_State *L, struct reading *r)
{
    struct tn_read *read = tn_read_new(r->team);
    tn_read_tail(read, TN_PARTITION_DEFAULT, r->last, TN_LIMIT_PAGE);
    return bind_ask_send(L, &r->ask, r->store, read, page_read, r);
}

static void push_event_data(lua_State *L, struct tn_json *json, struct tn_str data)
{
    struct tn_err err;
    if (!data.n) return;
    if (!tn_json_parse(json, data, &err)) bind_raise(L, &err);
    bind_json_push(L, tn_json_root(json));
    lua_setfield(L, -2, "data");
}

void bind_event_push(lua_State *L, const struct tn_entities *resources, struct tn_json *json,
                     const struct tn_event *e)
{
    static const struct tn_id none;
    char id[TN_ID_LEN + 1], at[TN_TIME_LEN + 1], table[TN_STORE_NAME_MAX + 1];
    lua_createtable(L, 0, 6);
    lua_pushlstring(L, e->type.p, e->type.n);
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, e->seq);
    lua_setfield(L, -2, "seq");
    lua_pushinteger(L, e->number);
    lua_setfield(L, -2, "number");
    tn_time_text(e->at_ms, at);
    lua_pushstring(L, at);
    lua_setfield(L, -2, "at");
    push_event_data(L, json, e->data);
    if (!e->table.n || memcmp(&e->record, &none, sizeof none) == 0) return;
    snprintf(table, sizeof table, "%.*s", TN_FMT(e->table));
    const struct tn_entity *resource = tn_entities_of_table(resources, tn_str(table));
    tn_id_text(&e->record, id);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, resource ? resource->name : table);
    lua_setfield(L, -2, "resource");
    lua_pushstring(L, id);
    lua_setfield(L, -2, "id");
    lua_pushinteger(L, e->version);
    lua_setfield(L, -2, "version");
    lua_setfield(L, -2, "record");
}

static void take_types(lua_State *L, int options, struct reading *r)
{
    if (lua_isnoneornil(L, options) || lua_getfield(L, options, "types") == LUA_TNIL) return;
    if (!lua_istable(L, -1)) luaL_error(L, "'types' is a list of types such as \"order.*\"");
    bind_plain(L, lua_gettop(L), "'types'");
    size_t n = lua_rawlen(L, -1);
    if (n > TN_LIMIT_EVENT_PATTERNS)
        luaL_error(L, "'types' has %d at most", TN_LIMIT_EVENT_PATTERNS);
    for (size_t i = 0; i < n; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "'types' is a list of types such as \"order.*\"");
        struct tn_str type = bind_str(L, -1);
        if (type.n > TN_LIMIT_EVENT_PATTERN)
            luaL_error(L, "one of 'types' has more than %d bytes", TN_LIMIT_EVENT_PATTERN);
        r->types[i] = tn_arena_strndup(&r->arena, type.p, type.n);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int l_after(lua_State *L)
{
    static const char *const names[] = {"limit", "types", NULL};
    struct bind_desk desk;
    struct tn_err err;
    lua_settop(L, 2);
    lua_Integer after = luaL_checkinteger(L, 1);
    luaL_argcheck(L, after >= 0, 1, "a place in the log, 0 or more");
    bind_check_keys(L, 2, names);
    int64_t limit = bind_opt_limit(L, 2, USUAL);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    struct reading *r = bind_new(L, sizeof *r, &reading_class);
    tn_arena_init(&r->arena);
    r->json = tn_json_new();
    r->store = desk.store;
    r->team = desk.actor.team;
    r->resources = desk.owner->resources;
    r->limit = (size_t)limit;
    r->last = after;
    r->v = tn_arena_alloc(&r->arena, r->limit * sizeof *r->v);
    take_types(L, 2, r);
    return read_page(L, r);
}

static const luaL_Reg functions[] = {{"after", l_after}, {"emit", l_emit}, {NULL, NULL}};

int luaopen_tenon_event(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
