/* SPDX-License-Identifier: MIT */
/* bind_store.c - require "tenon.store": reads and queries the records of a team, and changes
 * them in transactions (bind_transaction.h). A read parks its task until the store answers. */
#include "base/limits.h"
#include "bind/bind_query.h"
#include "bind/bind_transaction.h"

enum { WALK_KIB = 64 };

/* ---- single records ---- */

/* A read of one record. */
struct look {
    struct bind_ask ask;
    struct tn_store *store;
    int64_t team; /* the team of the integration */
    const struct tn_entity *resource;
    struct tn_arena arena; /* texts of keys */
    struct tn_str external;
    struct tn_json *json;
};

static void drop_look(void *object)
{
    struct look *look = object;
    bind_ask_drop(&look->ask);
    tn_arena_clear(&look->arena);
    tn_json_free(look->json);
}

static const struct bind_class look_class = {.name = "tenon.store.look", .drop = drop_look};

static struct look *look_new(lua_State *L, const struct bind_desk *desk,
                             const struct tn_entity *resource)
{
    struct look *look = bind_new(L, sizeof *look, &look_class);
    look->store = desk->store;
    look->team = desk->actor.team;
    look->resource = resource;
    tn_arena_init(&look->arena);
    return look;
}

static struct tn_read *read_new(const struct look *look)
{
    return tn_read_new(tn_entity_team(look->resource, look->team));
}

/* Continues a read: returns the record; nil when there is none; nil and err when the read
 * failed. */
static int looked(lua_State *L, int status, lua_KContext ctx)
{
    struct look *look = (struct look *)ctx;
    struct tn_err err;
    (void)status;
    if (!bind_ask_answered(&look->ask, &err)) return bind_fail(L, &err);
    const struct tn_row *row = tn_found_row(look->ask.found, 0, 0);
    if (row) {
        look->json = tn_json_new();
        bind_record_push(L, look->json, look->resource, row);
    } else {
        lua_pushnil(L);
    }
    bind_drop(look);
    return 1;
}

static int send(lua_State *L, struct look *look, struct tn_read *read_give)
{
    return bind_ask_send(L, &look->ask, look->store, read_give, looked, look);
}

static int l_get(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    struct tn_id id;
    lua_settop(L, 2);
    luaL_checkstring(L, 1);
    bool possible = bind_record_id(L, 2, &id);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    bind_ask_task(L);
    if (!possible) {
        lua_pushnil(L);
        return 1;
    }
    struct look *look = look_new(L, &desk, resource);
    struct tn_read *read = read_new(look);
    tn_read_get(read, resource->plural, &id);
    return send(L, look, read);
}

static int l_find(lua_State *L)
{
    struct bind_desk desk;
    struct tn_str key[TN_STORE_KEY_MAX];
    struct tn_err err;
    lua_settop(L, 2);
    luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    struct look *look = look_new(L, &desk, resource);
    bind_query_key(L, 2, resource, &look->arena, key);
    struct tn_read *read = read_new(look);
    tn_read_key(read, resource->plural, key, tn_entity_key_length(resource));
    return send(L, look, read);
}

static int send_link(lua_State *L, struct look *look, const struct tn_id *integration)
{
    const struct tn_origin origin = {*integration, tn_str(look->resource->name)};
    struct tn_read *read = read_new(look);
    tn_read_link(read, look->resource->plural, &origin, look->external);
    return send(L, look, read);
}

static int integration_known(lua_State *L, int status, lua_KContext ctx)
{
    struct look *look = (struct look *)ctx;
    struct tn_err err;
    (void)status;
    if (!bind_ask_answered(&look->ask, &err)) return bind_fail(L, &err);
    const struct tn_row *row = tn_found_row(look->ask.found, 0, 0);
    if (row) return send_link(L, look, &row->id);
    lua_pushnil(L);
    bind_drop(look);
    return 1;
}

/* The integration is the one that argument 3 names, else the script's own. */
static int l_by_link(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    struct tn_id own;
    lua_settop(L, 3);
    luaL_checkstring(L, 1);
    struct tn_str external = bind_str(L, 2), name = bind_opt_str(L, 3, "");
    luaL_argcheck(L, external.n <= TN_LIMIT_QUERY_TEXT, 2, "64 KiB at most");
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    struct look *look = look_new(L, &desk, bind_resource(L, 1, desk.owner));
    look->external = external;
    if (lua_isnil(L, 3)) {
        if (!bind_context(L)->integration)
            luaL_argerror(L, 3, "the name of an integration is needed here");
        bool has_id = tn_id_parse(tn_str(desk.owner->name), &own);
        if (!has_id) lua_pushnil(L);
        return has_id ? send_link(L, look, &own) : 1;
    }
    struct tn_read *read = tn_read_new(desk.actor.team);
    tn_read_key(read, "integration", &name, 1);
    return bind_ask_send(L, &look->ask, look->store, read, integration_known, look);
}

/* ---- pages ---- */

static int queried(lua_State *L, int status, lua_KContext ctx)
{
    struct bind_query *query = (struct bind_query *)ctx;
    struct tn_err err;
    (void)status;
    if (!bind_ask_answered(&query->ask, &err)) return bind_fail(L, &err);
    lua_createtable(L, (int)bind_query_page(query)->count, 0);
    for (size_t i = 0; bind_query_push(L, query, i); i++) lua_rawseti(L, -2, (lua_Integer)i + 1);
    bind_query_finish(L, query);
    bind_drop(query);
    return 1;
}

static int l_query(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    lua_settop(L, 2);
    luaL_checkstring(L, 1);
    if (!bind_desk_open(L, &desk, &err)) return bind_fail(L, &err);
    const struct tn_entity *resource = bind_resource(L, 1, desk.owner);
    return bind_query_send(L, bind_query_new(L, 2, &desk, resource, NULL), queried);
}

/* ---- all pages ---- */

static int push_next(lua_State *L, struct bind_query *query)
{
    if (query->left && bind_query_push(L, query, query->at)) {
        query->left--;
        query->at++;
        return 1;
    }
    bind_query_end(query);
    return 0;
}

/* Tells the collector of the answer's memory, which it cannot see. */
static void weigh(lua_State *L, const struct bind_query *query)
{
    size_t bytes = 0;
    const struct tn_row *row;
    for (size_t i = 0; (row = tn_found_row(query->ask.found, 0, i)); i++) bytes += row->body.n;
    bind_weigh(L, bytes);
}

static int next_page(lua_State *L, int status, lua_KContext ctx)
{
    struct bind_query *query = (struct bind_query *)ctx;
    struct tn_err err;
    (void)status;
    if (!bind_ask_answered(&query->ask, &err)) {
        bind_query_end(query);
        return bind_raise(L, &err);
    }
    query->begun = true;
    query->at = 0;
    weigh(L, query);
    return push_next(L, query);
}

static bool needs_page(const struct bind_query *query)
{
    if (!query->left || !query->begun) return query->left;
    const struct tn_list *page = bind_query_page(query);
    return page->more && query->at == page->count;
}

static int each_next(lua_State *L)
{
    struct bind_query *query = bind_as(L, 1, &bind_query_class);
    if (query->task != tn_task_current(L))
        return luaL_error(L, "another task began this walk, and it alone can go on");
    return needs_page(query) ? bind_query_send(L, query, next_page) : push_next(L, query);
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
    query->task = tn_task_current(L);
    query->left = bind_opt_key_int(L, 2, "max", TN_LIMIT_EACH);
    if (query->left < 1 || query->left > TN_LIMIT_EACH)
        return luaL_error(L, "'max' is a number from 1 to %d", TN_LIMIT_EACH);
    query->walks = bind_walk_begin(L, WALK_KIB);
    return 2;
}

static const luaL_Reg functions[] = {
    {"get", l_get},     {"find", l_find}, {"by_link", l_by_link},
    {"query", l_query}, {"each", l_each}, {"transaction", bind_transaction},
    {NULL, NULL}};

int luaopen_tenon_store(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
