/* SPDX-License-Identifier: MIT */
/* bind_store.c - require "tenon.store": the records of a team: read, looked for, and changed in
 * transactions.  Reads are bounded and do not wait; a transaction parks its task until what it
 * wrote is durable. */
#include "base/limits.h"
#include "bind/bind_commit.h"
#include "bind/bind_event.h"
#include "bind/bind_keep.h"
#include "bind/bind_query.h"
#include "bind/bind_tx.h"
#include "loop/loop.h"
#include "store/commit.h"

enum { WALK_KIB = 64, FIRST_PAUSE_MS = 2, LONGEST_PAUSE_MS = 500 };

/* ---- single records ---- */

static void drop_rows(void *object)
{
    bind_records_clear(object);
}

static const struct bind_class rows_class = {.name = "tenon.store.rows", .drop = drop_rows};

/* What a look-up needs, as an object, so that errors may jump: its buffer holds the body. */
static struct bind_records *new_rows(lua_State *L)
{
    struct bind_records *rows = bind_new(L, sizeof *rows, &rows_class);
    bind_records_init(rows);
    return rows;
}

/* The record, nil when there is none, or nil and err. */
static int answer_row(lua_State *L, struct bind_records *rows, bool found, const struct tn_row *row,
                      const struct tn_err *err)
{
    if (!found && err->kind != TN_E_not_found) return bind_fail(L, err);
    if (found) {
        struct bind_row as = bind_row_of(row);
        bind_record_push(L, rows->json, &as, row->body);
    } else {
        lua_pushnil(L);
    }
    bind_drop(rows);
    return 1;
}

static int get_now(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    struct tn_row row;
    struct tn_id id;
    luaL_checkstring(L, 1);
    bool possible = bind_record_id(L, 2, &id);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    struct bind_records *rows = new_rows(L);
    tn_fail(&err, TN_E_not_found, "it is no UUID");
    bool found = possible && tn_store_get(desk.store, desk.actor.team, resource->plural, &id, &row,
                                          &rows->bodies, &err);
    return answer_row(L, rows, found, &row, &err);
}

/* The key fields of the table at index as texts, in the key's order; how many. */
static size_t take_key(lua_State *L, int index, const struct tn_entity *resource,
                       struct tn_arena *arena, struct tn_str key[TN_STORE_KEY_MAX])
{
    const char *const *names = resource->key;
    size_t n = 0;
    luaL_checktype(L, index, LUA_TTABLE);
    if (!names || !names[0])
        return (size_t)luaL_error(L, "%s has no key; use query", resource->name);
    bind_check_keys(L, index, names);
    for (; n < TN_STORE_KEY_MAX && names[n]; n++) {
        if (lua_getfield(L, index, names[n]) == LUA_TNIL)
            luaL_error(L, "the key of %s needs '%s'", resource->name, names[n]);
        key[n] = bind_query_text(L, -1, arena);
        lua_pop(L, 1);
    }
    return n;
}

/* Texts that go with their object. */
struct texts {
    struct tn_arena arena;
};

static void drop_texts(void *object)
{
    tn_arena_clear(&((struct texts *)object)->arena);
}

static const struct bind_class texts_class = {.name = "tenon.store.texts", .drop = drop_texts};

static struct texts *new_texts(lua_State *L)
{
    struct texts *t = bind_new(L, sizeof *t, &texts_class);
    tn_arena_init(&t->arena);
    return t;
}

static int find_now(lua_State *L)
{
    struct bind_desk desk;
    struct tn_str key[TN_STORE_KEY_MAX];
    struct tn_err err;
    struct tn_row row;
    luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    struct texts *texts = new_texts(L);
    size_t n = take_key(L, 2, resource, &texts->arena, key);
    struct bind_records *rows = new_rows(L);
    bool found = tn_store_get_by_key(desk.store, desk.actor.team, resource->plural, key, n, &row,
                                     &rows->bodies, &err);
    bind_drop(texts);
    return answer_row(L, rows, found, &row, &err);
}

/* The id of the integration named at index, or of the script's own. */
static bool integration_of(lua_State *L, int index, const struct bind_desk *desk,
                           struct tn_buf *hold, struct tn_id *id, struct tn_err *err)
{
    struct tn_row row;
    if (lua_isnoneornil(L, index)) {
        if (!bind_context(L)->integration)
            luaL_argerror(L, index, "the name of an integration is needed here");
        return tn_id_parse(tn_str(desk->owner->name), id) ||
               tn_fail(err, TN_E_not_found, "this integration has no id");
    }
    struct tn_str name = bind_str(L, index);
    if (!tn_store_get_by_key(desk->store, desk->actor.team, "integration", &name, 1, &row, hold,
                             err))
        return false;
    *id = row.id;
    return true;
}

static int by_link_now(lua_State *L)
{
    struct bind_desk desk;
    struct tn_origin origin;
    struct tn_err err;
    struct tn_row row;
    luaL_checkstring(L, 1);
    struct tn_str external = bind_str(L, 2);
    luaL_argcheck(L, external.n <= TN_LIMIT_QUERY_TEXT, 2, "64 KiB at most");
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    struct bind_records *rows = new_rows(L);
    origin.entity = tn_str(resource->name);
    bool found = integration_of(L, 3, &desk, &rows->bodies, &origin.integration, &err) &&
                 tn_store_get_by_link(desk.store, desk.actor.team, resource->plural, &origin,
                                      external, &row, &rows->bodies, &err);
    return answer_row(L, rows, found, &row, &err);
}

static int l_get(lua_State *L)
{
    lua_settop(L, 2);
    return bind_read(L, get_now);
}

static int l_find(lua_State *L)
{
    lua_settop(L, 2);
    return bind_read(L, find_now);
}

static int l_by_link(lua_State *L)
{
    lua_settop(L, 3);
    return bind_read(L, by_link_now);
}

/* ---- pages ---- */

/* The array at the top and what else the page says, as one table. */
static void finish_page(lua_State *L, const struct bind_query *query)
{
    bind_json_mark_array(L, -1);
    lua_createtable(L, 0, 4);
    lua_insert(L, -2);
    lua_setfield(L, -2, "rows");
    lua_pushboolean(L, query->page.more);
    lua_setfield(L, -2, "more");
    if (query->page.more) {
        lua_pushlstring(L, query->page.next.p, query->page.next.n);
        lua_setfield(L, -2, "next");
    }
    if (query->page.total >= 0) {
        lua_pushinteger(L, query->page.total);
        lua_setfield(L, -2, "total");
    }
}

static int query_now(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    luaL_checkstring(L, 1);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    struct bind_query *query = bind_query_new(L, 2, &desk, resource, NULL);
    if (!bind_query_run(query, &err)) return bind_fail(L, &err);
    lua_createtable(L, (int)query->rows.n, 0);
    for (size_t i = 0; i < query->rows.n; i++) {
        bind_records_push(L, &query->rows, i);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    finish_page(L, query);
    bind_drop(query);
    return 1;
}

static int l_query(lua_State *L)
{
    lua_settop(L, 2);
    return bind_read(L, query_now);
}

/* ---- all pages ---- */

static int push_next(lua_State *L, struct bind_query *query)
{
    if (query->at == query->rows.n || query->left == 0) {
        bind_query_end(query);
        return 0;
    }
    query->left--;
    bind_records_push(L, &query->rows, query->at++);
    return 1;
}

static int next_page(lua_State *L)
{
    struct bind_query *query = bind_as(L, 1, &bind_query_class);
    struct tn_err err;
    if (!bind_query_run(query, &err)) {
        bind_query_end(query);
        return bind_raise(L, &err);
    }
    query->begun = true;
    query->at = 0;
    bind_weigh(L, query->rows.bodies.n);
    return push_next(L, query);
}

static int each_next(lua_State *L)
{
    struct bind_query *query = bind_as(L, 1, &bind_query_class);
    bool more = !query->begun || query->page.more;
    if (query->left && more && query->at == query->rows.n) return bind_read(L, next_page);
    return push_next(L, query);
}

static int l_each(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    luaL_checkstring(L, 1);
    lua_settop(L, 2);
    if (!bind_desk_open(L, &desk, &err)) return bind_raise(L, &err);
    tn_lua_push_host(L, each_next);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    struct bind_query *query = bind_query_new(L, 2, &desk, resource, "max");
    query->left = bind_opt_key_int(L, 2, "max", TN_LIMIT_EACH);
    if (query->left < 1 || query->left > TN_LIMIT_EACH)
        return luaL_error(L, "'max' is a number from 1 to %d", TN_LIMIT_EACH);
    query->walks = bind_walk_begin(L, WALK_KIB);
    return 2;
}

/* ---- inside a transaction ---- */

static void drop_tx(void *object)
{
    struct tx *tx = object;
    if (tx->task) tn_task_hold(tx->task, false);
    tx_clear(tx);
}

static const struct bind_class tx_class;

static struct tx *check_tx(lua_State *L)
{
    return bind_as(L, 1, &tx_class);
}

static const struct tn_entity *check_resource(lua_State *L, const struct tx *tx)
{
    return bind_resource(L, 2, tx->desk.owner);
}

static int push_record(lua_State *L, struct tx *tx, const struct tx_record *r)
{
    if (r)
        bind_record_push(L, tx->before, &r->row, r->body);
    else
        lua_pushnil(L);
    return 1;
}

static int tx_l_get(lua_State *L)
{
    struct tx *tx = check_tx(L);
    const struct tn_entity *resource = check_resource(L, tx);
    struct tx_record *r = NULL;
    struct tn_id id;
    struct tn_err err;
    if (bind_record_id(L, 3, &id) && !tx_get(tx, resource, &id, &r, &err)) bind_raise(L, &err);
    return push_record(L, tx, r);
}

static int tx_l_find(lua_State *L)
{
    struct tx *tx = check_tx(L);
    const struct tn_entity *resource = check_resource(L, tx);
    struct tn_str key[TN_STORE_KEY_MAX];
    struct tx_record *r;
    struct tn_err err;
    struct texts *texts = new_texts(L);
    size_t n = take_key(L, 3, resource, &texts->arena, key);
    if (!tx_find(tx, resource, key, n, &r, &err)) bind_raise(L, &err);
    bind_drop(texts);
    return push_record(L, tx, r);
}

/* The page as it is stored; what the transaction changed of its rows shows, what it made does not.
 */
static int tx_l_query(lua_State *L)
{
    struct tx *tx = check_tx(L);
    const struct tn_entity *resource = check_resource(L, tx);
    struct tx_record *r;
    struct tn_err err;
    lua_Integer n = 0;
    lua_settop(L, 3);
    struct bind_query *query = bind_query_new(L, 3, &tx->desk, resource, NULL);
    if (!bind_query_run(query, &err)) bind_raise(L, &err);
    lua_createtable(L, (int)query->rows.n, 0);
    for (size_t i = 0; i < query->rows.n; i++) {
        const struct bind_row *row = &query->rows.v[i];
        struct tn_str body = {query->rows.bodies.p + row->at, row->n};
        if (!tx_note_row(tx, resource, row, body, &r, &err)) bind_raise(L, &err);
        if (!r) continue;
        push_record(L, tx, r);
        lua_rawseti(L, -2, ++n);
    }
    finish_page(L, query);
    bind_drop(query);
    return 1;
}

static int tx_l_create(lua_State *L)
{
    struct tx *tx = check_tx(L);
    const struct tn_entity *resource = check_resource(L, tx);
    struct tn_str given, body = bind_record_body(L, 3, &tx->reader, &given);
    struct tn_id id = {{0}};
    struct tn_err err;
    char text[TN_ID_LEN + 1];
    if (given.p && !tn_id_parse(given, &id)) {
        tn_fail(&err, TN_E_invalid, "id: it has to be a UUID");
        tn_fail_field(&err, "id");
        bind_raise(L, &err);
    }
    if (!tx_create(tx, resource, &id, body, &err)) bind_raise(L, &err);
    tn_id_text(&id, text);
    lua_pushstring(L, text);
    return 1;
}

/* Argument 3: the id of a record to be changed. */
static struct tn_id check_id(lua_State *L, const struct tn_entity *resource)
{
    struct tn_id id;
    struct tn_err err;
    if (bind_record_id(L, 3, &id)) return id;
    tn_fail(&err, TN_E_not_found, "there is no %s '%s'", resource->name, lua_tostring(L, 3));
    bind_raise(L, &err);
    return id;
}

typedef bool (*change_fn)(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
                          struct tn_str body, struct tn_err *err);

static int change(lua_State *L, change_fn fn)
{
    struct tx *tx = check_tx(L);
    const struct tn_entity *resource = check_resource(L, tx);
    struct tn_id id = check_id(L, resource), other;
    struct tn_str given, body = bind_record_body(L, 4, &tx->reader, &given);
    struct tn_err err;
    if (given.p && (!tn_id_parse(given, &other) || memcmp(&id, &other, sizeof id) != 0))
        luaL_argerror(L, 4, "this is another record: it has an id of its own");
    if (!fn(tx, resource, &id, body, &err)) bind_raise(L, &err);
    return 0;
}

static int tx_l_put(lua_State *L)
{
    return change(L, tx_put);
}

static int tx_l_patch(lua_State *L)
{
    return change(L, tx_patch);
}

static int tx_l_delete(lua_State *L)
{
    struct tx *tx = check_tx(L);
    const struct tn_entity *resource = check_resource(L, tx);
    struct tn_id id;
    struct tn_err err;
    bool was_there = false;
    if (bind_record_id(L, 3, &id) && !tx_delete(tx, resource, &id, &was_there, &err))
        bind_raise(L, &err);
    lua_pushboolean(L, was_there);
    return 1;
}

static int tx_l_event(lua_State *L)
{
    struct tx *tx = check_tx(L);
    struct bind_event_told told;
    struct tn_err err;
    bind_event_read(L, 2, tx->desk.owner, &tx->reader, &told);
    if (!tx_event(tx, told.type, told.resource, &told.id, told.data, &err)) bind_raise(L, &err);
    return 0;
}

static int tx_l_audit(lua_State *L)
{
    struct tx *tx = check_tx(L);
    const char *action = luaL_checkstring(L, 2), *object = luaL_optstring(L, 3, "");
    struct tn_str given, detail = TN_STR("");
    struct tn_err err;
    luaL_argcheck(L, strlen(action) <= 100, 2, "100 bytes at most");
    luaL_argcheck(L, strlen(object) <= 200, 3, "200 bytes at most");
    if (!lua_isnoneornil(L, 4)) detail = bind_record_body(L, 4, &tx->reader, &given);
    if (!tx_audit(tx, action, object, detail, &err)) bind_raise(L, &err);
    return 0;
}

static int tx_l_kv_get(lua_State *L)
{
    struct tx *tx = check_tx(L);
    char key[KEEP_KEY];
    struct tn_str value;
    struct tn_err err;
    if (!tx_kv_get(tx, keep_key(L, tx->desk.owner, 2, key), &value, &err)) bind_raise(L, &err);
    if (value.p)
        lua_pushlstring(L, value.p, value.n);
    else
        lua_pushnil(L);
    return 1;
}

static int tx_l_kv_put(lua_State *L)
{
    struct tx *tx = check_tx(L);
    char key[KEEP_KEY];
    struct tn_str value = bind_str(L, 3);
    struct tn_err err;
    int64_t expires = keep_expiry(L, 4);
    luaL_argcheck(L, value.n <= KEEP_VALUE, 3, "a value has 256 KiB at most");
    if (!tx_kv_set(tx, keep_key(L, tx->desk.owner, 2, key), value, expires, &err))
        bind_raise(L, &err);
    return 0;
}

static int tx_l_kv_delete(lua_State *L)
{
    struct tx *tx = check_tx(L);
    char key[KEEP_KEY];
    struct tn_err err;
    struct tn_str none = {NULL, 0};
    if (!tx_kv_set(tx, keep_key(L, tx->desk.owner, 2, key), none, 0, &err)) bind_raise(L, &err);
    return 0;
}

/* The function ended, well or not: from now on nothing can be done with it. */
static int tx_l_close(lua_State *L)
{
    struct tx *tx = bind_is(L, 1, &tx_class);
    if (tx) bind_drop(tx);
    return 0;
}

static const luaL_Reg tx_methods[] = {{"get", tx_l_get},       {"find", tx_l_find},
                                      {"query", tx_l_query},   {"create", tx_l_create},
                                      {"put", tx_l_put},       {"patch", tx_l_patch},
                                      {"delete", tx_l_delete}, {"event", tx_l_event},
                                      {"audit", tx_l_audit},   {"kv_get", tx_l_kv_get},
                                      {"kv_put", tx_l_kv_put}, {"kv_delete", tx_l_kv_delete},
                                      {"__close", tx_l_close}, {NULL, NULL}};
static const struct bind_class tx_class = {
    .name = "tenon.transaction", .drop = drop_tx, .methods = tx_methods};

/* ---- a transaction ---- */

/* Stack: function, deal; then the transaction and, once it has run, what the function returned. */
struct deal {
    struct bind_commit commit; /* first */
    struct bind_desk desk;
    struct tn_timer *pause;
    int tries;
};
enum { AT_FUNCTION = 1, AT_DEAL, AT_TX };

static void drop_deal(void *object)
{
    struct deal *d = object;
    bind_commit_forget(&d->commit);
    tn_timer_free(d->pause);
}

static const struct bind_class deal_class = {.name = "tenon.store.deal", .drop = drop_deal};

static void pause_ends(void *arg)
{
    struct deal *d = arg;
    tn_task_wake(d->commit.task);
}

/* Grows, and is never the same for two that are in each other's way. */
static int64_t pause_ms(int tries)
{
    int64_t ms = FIRST_PAUSE_MS << tries;
    unsigned char jitter;
    if (ms > LONGEST_PAUSE_MS) ms = LONGEST_PAUSE_MS;
    tn_random(&jitter, 1);
    return ms / 2 + ms * jitter / 255;
}

static int attempt(lua_State *L, int status, lua_KContext ctx);

/* What the function returned; true when that was nothing, so that the answer can be asserted. */
static int succeed(lua_State *L)
{
    if (lua_gettop(L) == AT_TX) lua_pushboolean(L, 1);
    return lua_gettop(L) - AT_TX;
}

/* Another was faster: the function runs again with what there is now. */
static bool overtaken(const struct tn_err *err)
{
    return err->kind == TN_E_conflict || err->kind == TN_E_key_taken;
}

static int committed(lua_State *L, int status, lua_KContext ctx)
{
    struct deal *d = (struct deal *)ctx;
    (void)status;
    if (d->commit.err.kind == TN_E_none) return succeed(L);
    if (!overtaken(&d->commit.err) || ++d->tries >= TN_LIMIT_TX_TRIES)
        return bind_fail(L, &d->commit.err);
    lua_settop(L, AT_DEAL);
    tn_timer_set(d->pause, pause_ms(d->tries));
    return tn_task_park(L, attempt, d);
}

/* The function has run; its values are above AT_TX. */
static struct tn_commit *what_it_did(lua_State *L, const struct deal *d)
{
    struct tn_err err;
    /* `local t <close> = tx` ends it early; what it wrote is gone then. */
    struct tx *tx = bind_is(L, AT_TX, &tx_class);
    if (!tx) luaL_error(L, "the transaction was closed by its function");
    struct tn_commit *commit = tn_commit_new(d->desk.store);
    bool ok = tx_build(tx, commit, &err);
    if (!ok) {
        tn_commit_free(commit);
        bind_raise(L, &err);
    }
    bind_drop(tx);
    return commit;
}

static int commit_it(lua_State *L)
{
    struct deal *d = bind_as(L, AT_DEAL, &deal_class);
    struct tn_commit *commit = what_it_did(L, d);
    if (!tn_commit_count(commit)) {
        tn_commit_free(commit);
        return succeed(L);
    }
    bind_commit_send(&d->commit, d->desk.store, commit);
    lua_closeslot(L, AT_TX);
    return tn_task_park(L, committed, d);
}

static int ran(lua_State *L, int status, lua_KContext ctx)
{
    (void)status, (void)ctx;
    return tn_lua_host_call(L, commit_it);
}

/* The function cannot wait, but it can be left for a while, as all that computes. */
static int attempt(lua_State *L, int status, lua_KContext ctx)
{
    struct deal *d = (struct deal *)ctx;
    struct tx *tx = bind_new(L, sizeof *tx, &tx_class);
    (void)status;
    tx_init(tx, &d->desk);
    tx->task = d->commit.task;
    tn_task_hold(tx->task, true);
    lua_toclose(L, AT_TX);
    lua_pushvalue(L, AT_FUNCTION);
    lua_pushvalue(L, AT_TX);
    lua_callk(L, 1, LUA_MULTRET, 0, ran);
    return ran(L, LUA_OK, 0);
}

static int l_transaction(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, AT_FUNCTION);
    struct tn_task *task = tn_task_self(L);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    struct deal *d = bind_new(L, sizeof *d, &deal_class);
    d->commit.task = task;
    d->desk = desk;
    d->pause = tn_timer_new(bind_context(L)->loop, pause_ends, d);
    return attempt(L, LUA_OK, (lua_KContext)d);
}

static const luaL_Reg functions[] = {
    {"get", l_get},     {"find", l_find}, {"by_link", l_by_link},
    {"query", l_query}, {"each", l_each}, {"transaction", l_transaction},
    {NULL, NULL}};

int luaopen_tenon_store(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
