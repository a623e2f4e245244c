/* SPDX-License-Identifier: MIT */
#include "bind/bind_transaction.h"

#include <stdlib.h>

#include "base/limits.h"
#include "bind/bind_event.h"
#include "bind/bind_keep.h"
#include "bind/bind_query.h"
#include "loop/loop.h"

enum { FIRST_PAUSE_MS = 2, LONGEST_PAUSE_MS = 500 };

/* One call of store.transaction, with all its tries. The stack has the function, then the deal;
 * later the transaction and, once the function has returned, its results. */
struct deal {
    struct tn_task *task;
    struct bind_desk desk;
    struct bind_record_reader reader;
    struct tn_arena key; /* holds the key of the current step */
    struct tn_tx *tx;    /* the transaction that is being committed; NULL: none */
    struct tn_err err;   /* the failure of the last wait */
    struct tn_timer *pause;
    int tries;
};
enum { AT_FUNCTION = 1, AT_DEAL, AT_TX };

static void drop_deal(void *object)
{
    struct deal *d = object;
    tn_tx_free(d->tx);
    bind_record_reader_clear(&d->reader);
    tn_arena_clear(&d->key);
    tn_timer_free(d->pause);
}

static const struct bind_class deal_class = {.name = "tenon.store.deal", .drop = drop_deal};

/* Called when a fetch or a commit is done. */
static void answered(void *arg, const struct tn_err *err)
{
    struct deal *d = arg;
    tn_err_clear(&d->err);
    if (err) d->err = *err;
    tn_task_wake(d->task);
}

/* ---- inside a transaction ---- */

/* One run of the function, and the transaction that it gets. */
struct run {
    struct deal *deal; /* on the stack, below the run */
    struct tn_tx *tx;
    lua_CFunction step; /* called again when everything that the step looks at was fetched */
};

static void drop_run(void *object)
{
    struct run *t = object;
    tn_task_hold(t->deal->task, false);
    tn_tx_free(t->tx);
}

static const struct bind_class run_class;

/* Returns the run at 1. Raises when another task uses the transaction, even if the function gave
 * it to that task. */
static struct run *check_run(lua_State *L)
{
    struct run *t = bind_as(L, 1, &run_class);
    if (t->deal->task != tn_task_current(L))
        luaL_error(L, "another task began this transaction, and it alone can go on");
    return t;
}

static const struct tn_entity *check_resource(lua_State *L, const struct run *t)
{
    return bind_resource(L, 2, t->deal->desk.owner);
}

static _Noreturn void refuse(lua_State *L, const struct run *t, const struct tn_err *err)
{
    bind_push_faults(L, t->deal->reader.json, err, tn_tx_faults(t->tx));
    lua_error(L);
    abort(); /* lua_error does not say that it never returns */
}

static int fetched(lua_State *L, int status, lua_KContext ctx)
{
    const struct run *t = (const struct run *)ctx;
    (void)status;
    if (t->deal->err.kind != TN_E_none) return bind_raise(L, &t->deal->err);
    return t->step(L);
}

/* Fetches everything that was asked for, then calls the step again with the same arguments. So
 * the stack has to be as it was when the step began. */
static int fetch(lua_State *L, struct run *t, lua_CFunction step)
{
    bind_ask_task(L);
    t->step = step;
    tn_tx_fetch(t->tx, answered, t->deal);
    return tn_task_park_reader(L, fetched, t);
}

static int push_record(lua_State *L, const struct run *t, const struct tn_tx_record *r)
{
    if (r) {
        const struct tn_row row = {.id = r->id,
                                   .version = r->version,
                                   .created_ms = r->created_ms,
                                   .updated_ms = r->updated_ms,
                                   .body = r->body};
        bind_record_push(L, t->deal->reader.json, r->entity, &row);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int l_get(lua_State *L)
{
    struct run *t = check_run(L);
    const struct tn_entity *resource = check_resource(L, t);
    struct tn_tx_record *r = NULL;
    struct tn_id id;
    struct tn_err err;
    if (!bind_record_id(L, 3, &id)) return push_record(L, t, NULL);
    tn_tx_ask(t->tx, resource, &id);
    if (tn_tx_asks(t->tx)) return fetch(L, t, l_get);
    if (!tn_tx_get(t->tx, resource, &id, &r, &err)) bind_raise(L, &err);
    return push_record(L, t, r);
}

static int l_find(lua_State *L)
{
    struct run *t = check_run(L);
    const struct tn_entity *resource = check_resource(L, t);
    struct tn_str key[TN_STORE_KEY_MAX];
    struct tn_tx_record *r;
    struct tn_err err;
    lua_settop(L, 3);
    tn_arena_clear(&t->deal->key);
    bind_query_key(L, 3, resource, &t->deal->key, key);
    tn_tx_ask_key(t->tx, resource, key);
    if (tn_tx_asks(t->tx)) return fetch(L, t, l_find);
    if (!tn_tx_find(t->tx, resource, key, &r, &err)) bind_raise(L, &err);
    return push_record(L, t, r);
}

static int queried(lua_State *L, int status, lua_KContext ctx)
{
    struct bind_query *query = (struct bind_query *)ctx;
    const struct run *t = check_run(L);
    const struct tn_row *row;
    struct tn_tx_record *r;
    struct tn_err err;
    lua_Integer n = 0;
    (void)status;
    if (!bind_ask_answered(&query->ask, &err)) bind_raise(L, &err);
    lua_createtable(L, (int)bind_query_page(query)->count, 0);
    for (size_t i = 0; (row = tn_found_row(query->ask.found, 0, i)); i++) {
        if (!tn_tx_note(t->tx, query->resource, row, &r, &err)) bind_raise(L, &err);
        if (!r) continue;
        push_record(L, t, r);
        lua_rawseti(L, -2, ++n);
    }
    bind_query_finish(L, query);
    bind_drop(query);
    return 1;
}

/* Pushes the stored page, with the changes that the transaction made to its rows. Records that
 * the transaction created are missing from the page. */
static int l_query(lua_State *L)
{
    const struct run *t = check_run(L);
    const struct tn_entity *resource = check_resource(L, t);
    lua_settop(L, 3);
    return bind_query_send(L, bind_query_new(L, 3, &t->deal->desk, resource, NULL), queried);
}

static struct tn_id id_given(lua_State *L, struct tn_str given)
{
    struct tn_id id = {{0}};
    struct tn_err err;
    if (!given.p || tn_id_parse(given, &id)) return id;
    tn_fail(&err, TN_E_invalid, "id: it has to be a UUID");
    tn_fail_field(&err, "id");
    bind_raise(L, &err);
}

static int l_create(lua_State *L)
{
    struct run *t = check_run(L);
    const struct tn_entity *resource = check_resource(L, t);
    struct tn_str given, body = bind_record_body(L, 3, &t->deal->reader, &given);
    struct tn_id id = id_given(L, given);
    struct tn_err err;
    char text[TN_ID_LEN + 1];
    if (given.p) tn_tx_ask(t->tx, resource, &id);
    if (tn_tx_asks(t->tx)) return fetch(L, t, l_create);
    if (!tn_tx_create(t->tx, resource, &id, body, &err)) refuse(L, t, &err);
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

typedef bool (*change_fn)(struct tn_tx *tx, const struct tn_entity *resource,
                          const struct tn_id *id, struct tn_str body, struct tn_err *err);

static int change(lua_State *L, lua_CFunction step, change_fn fn)
{
    struct run *t = check_run(L);
    const struct tn_entity *resource = check_resource(L, t);
    struct tn_id id = check_id(L, resource), other;
    struct tn_str given, body = bind_record_body(L, 4, &t->deal->reader, &given);
    struct tn_err err;
    if (given.p && (!tn_id_parse(given, &other) || memcmp(&id, &other, sizeof id) != 0))
        luaL_argerror(L, 4, "this is another record: it has an id of its own");
    tn_tx_ask(t->tx, resource, &id);
    if (tn_tx_asks(t->tx)) return fetch(L, t, step);
    if (!fn(t->tx, resource, &id, body, &err)) refuse(L, t, &err);
    return 0;
}

static int l_put(lua_State *L)
{
    return change(L, l_put, tn_tx_put);
}

static int l_patch(lua_State *L)
{
    return change(L, l_patch, tn_tx_patch);
}

static int l_delete(lua_State *L)
{
    struct run *t = check_run(L);
    const struct tn_entity *resource = check_resource(L, t);
    struct tn_id id;
    struct tn_err err;
    bool was_there = false, possible = bind_record_id(L, 3, &id);
    if (possible) tn_tx_ask(t->tx, resource, &id);
    if (tn_tx_asks(t->tx)) return fetch(L, t, l_delete);
    if (possible && !tn_tx_delete(t->tx, resource, &id, false, &was_there, &err))
        bind_raise(L, &err);
    lua_pushboolean(L, was_there);
    return 1;
}

static int l_event(lua_State *L)
{
    struct run *t = check_run(L);
    struct bind_event_told told;
    struct tn_err err;
    bind_event_read(L, 2, t->deal->desk.owner, &t->deal->reader, &told);
    if (!tn_tx_event(t->tx, told.type, told.resource, &told.id, told.data, &err))
        bind_raise(L, &err);
    return 0;
}

static int l_audit(lua_State *L)
{
    struct run *t = check_run(L);
    const char *action = luaL_checkstring(L, 2), *object = luaL_optstring(L, 3, "");
    struct tn_str given, detail = TN_STR("");
    struct tn_err err;
    luaL_argcheck(L, strlen(action) <= 100, 2, "100 bytes at most");
    luaL_argcheck(L, strlen(object) <= 200, 3, "200 bytes at most");
    if (!lua_isnoneornil(L, 4)) detail = bind_record_body(L, 4, &t->deal->reader, &given);
    if (!tn_tx_audit(t->tx, action, object, detail, &err)) bind_raise(L, &err);
    return 0;
}

static int l_kv_get(lua_State *L)
{
    struct run *t = check_run(L);
    char text[KEEP_KEY];
    struct tn_str value, key = keep_key(L, t->deal->desk.owner, 2, text);
    struct tn_err err;
    tn_tx_ask_kv(t->tx, key);
    if (tn_tx_asks(t->tx)) return fetch(L, t, l_kv_get);
    if (!tn_tx_kv_get(t->tx, key, &value, &err)) bind_raise(L, &err);
    if (value.p)
        lua_pushlstring(L, value.p, value.n);
    else
        lua_pushnil(L);
    return 1;
}

static int l_kv_put(lua_State *L)
{
    struct run *t = check_run(L);
    char text[KEEP_KEY];
    struct tn_str value = bind_str(L, 3), key = keep_key(L, t->deal->desk.owner, 2, text);
    struct tn_err err;
    int64_t expires = keep_expiry(L, 4);
    luaL_argcheck(L, value.n <= KEEP_VALUE, 3, "a value has 256 KiB at most");
    tn_tx_ask_kv(t->tx, key);
    if (tn_tx_asks(t->tx)) return fetch(L, t, l_kv_put);
    if (!tn_tx_kv_set(t->tx, key, value, expires, &err)) bind_raise(L, &err);
    return 0;
}

static int l_kv_delete(lua_State *L)
{
    struct run *t = check_run(L);
    char text[KEEP_KEY];
    struct tn_str none = {NULL, 0}, key = keep_key(L, t->deal->desk.owner, 2, text);
    struct tn_err err;
    tn_tx_ask_kv(t->tx, key);
    if (tn_tx_asks(t->tx)) return fetch(L, t, l_kv_delete);
    if (!tn_tx_kv_set(t->tx, key, none, 0, &err)) bind_raise(L, &err);
    return 0;
}

/* __close: the function raised, or it closed the transaction early. No step is possible after
 * that. */
static int l_close(lua_State *L)
{
    struct run *t = bind_is(L, 1, &run_class);
    if (!t) return 0;
    struct deal *d = t->deal;
    bind_drop(t);
    bind_drop(d);
    return 0;
}

static const luaL_Reg methods[] = {
    {"get", l_get},       {"find", l_find},     {"query", l_query},   {"create", l_create},
    {"put", l_put},       {"patch", l_patch},   {"delete", l_delete}, {"event", l_event},
    {"audit", l_audit},   {"kv_get", l_kv_get}, {"kv_put", l_kv_put}, {"kv_delete", l_kv_delete},
    {"__close", l_close}, {NULL, NULL}};
static const struct bind_class run_class = {
    .name = "tenon.transaction", .drop = drop_run, .methods = methods};

/* ---- a transaction ---- */

static void pause_ends(void *arg)
{
    struct deal *d = arg;
    tn_task_wake(d->task);
}

/* A random pause that grows with each try, so that two transactions which collide do not collide
 * again. */
static int64_t pause_ms(int tries)
{
    int64_t ms = FIRST_PAUSE_MS << tries;
    unsigned char jitter;
    if (ms > LONGEST_PAUSE_MS) ms = LONGEST_PAUSE_MS;
    tn_random(&jitter, 1);
    return ms / 2 + ms * jitter / 255;
}

static int attempt(lua_State *L, int status, lua_KContext ctx);

/* Returns the results of the function, or true when it had none, so that a script can assert the
 * result. */
static int succeed(lua_State *L, struct deal *d)
{
    if (lua_gettop(L) == AT_TX) lua_pushboolean(L, 1);
    bind_drop(d);
    return lua_gettop(L) - AT_TX;
}

static int give_up(lua_State *L, struct deal *d)
{
    lua_pushnil(L);
    bind_push_faults(L, d->reader.json, &d->err, tn_tx_faults(d->tx));
    bind_drop(d);
    return 2;
}

static int committed(lua_State *L, int status, lua_KContext ctx)
{
    struct deal *d = (struct deal *)ctx;
    (void)status;
    if (d->err.kind == TN_E_none) return succeed(L, d);
    bool changed = d->err.kind == TN_E_conflict;
    if (!changed || ++d->tries >= TN_LIMIT_TX_TRIES) return give_up(L, d);
    tn_tx_free(d->tx);
    d->tx = NULL;
    lua_settop(L, AT_DEAL);
    tn_timer_set(d->pause, pause_ms(d->tries));
    return tn_task_park(L, attempt, d);
}

/* Commits after the function has returned; its results are above AT_TX. From here on the script
 * cannot use the transaction. */
static int commit_it(lua_State *L)
{
    /* The function closed it early (`local t <close> = tx`): its writes are dropped. */
    struct run *t = bind_is(L, AT_TX, &run_class);
    if (!t) return luaL_error(L, "the transaction was closed by its function");
    struct deal *d = t->deal;
    d->tx = t->tx;
    t->tx = NULL;
    bind_drop(t);
    lua_closeslot(L, AT_TX);
    tn_tx_commit(d->tx, answered, d);
    return tn_task_park(L, committed, d);
}

static int ran(lua_State *L, int status, lua_KContext ctx)
{
    (void)status, (void)ctx;
    return tn_lua_host_call(L, commit_it);
}

/* Runs the function once. It may wait for reads only, and gives way like any other script when
 * it computes for long. */
static int attempt(lua_State *L, int status, lua_KContext ctx)
{
    struct deal *d = (struct deal *)ctx;
    struct run *t = bind_new(L, sizeof *t, &run_class);
    (void)status;
    t->deal = d;
    t->tx = bind_tx_new(&d->desk);
    tn_task_hold(d->task, true);
    lua_toclose(L, AT_TX);
    lua_pushvalue(L, AT_FUNCTION);
    lua_pushvalue(L, AT_TX);
    lua_callk(L, 1, LUA_MULTRET, 0, ran);
    return ran(L, LUA_OK, 0);
}

int bind_transaction(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, AT_FUNCTION);
    struct tn_task *task = tn_task_self(L);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    struct deal *d = bind_new(L, sizeof *d, &deal_class);
    d->task = task;
    d->desk = desk;
    bind_record_reader_init(&d->reader);
    tn_arena_init(&d->key);
    d->pause = tn_timer_new(bind_context(L)->loop, pause_ends, d);
    return attempt(L, LUA_OK, (lua_KContext)d);
}
