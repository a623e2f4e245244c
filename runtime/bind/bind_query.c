/* SPDX-License-Identifier: MIT */
#include "bind/bind_query.h"

#include <stdio.h>

#include "base/hint.h"
#include "base/limits.h"

static void drop_query(void *object)
{
    bind_query_end(object);
}

const struct bind_class bind_query_class = {.name = "tenon.store.query", .drop = drop_query};

void bind_query_end(struct bind_query *query)
{
    bind_walk_end(query->walks);
    query->walks = NULL;
    tn_arena_clear(&query->arena);
    bind_ask_drop(&query->ask);
    tn_json_free(query->json);
    query->json = NULL;
    query->left = 0;
}

/* ---- values ---- */

/* Copies the text into the arena and tells the collector of its bytes, which it cannot see. */
static struct tn_str keep_text(lua_State *L, struct tn_str text, struct tn_arena *arena)
{
    if (text.n > TN_LIMIT_QUERY_TEXT)
        luaL_error(L, "a text to look for, or a cursor, has %d KiB at most",
                   (int)(TN_LIMIT_QUERY_TEXT / TN_KIB));
    bind_weigh(L, text.n);
    return (struct tn_str){tn_arena_strndup(arena, text.p, text.n), text.n};
}

struct tn_str bind_query_text(lua_State *L, int index, struct tn_arena *arena)
{
    char number[40];
    struct tn_str text = {NULL, 0};
    switch (lua_type(L, index)) {
    case LUA_TSTRING: text = bind_str(L, index); break;
    case LUA_TBOOLEAN: text = tn_str(lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            snprintf(number, sizeof number, "%lld", (long long)lua_tointeger(L, index));
        else
            snprintf(number, sizeof number, "%.17g", lua_tonumber(L, index));
        text = tn_str(number);
        break;
    case LUA_TUSERDATA: text = bind_decimal_text(L, index); break;
    }
    if (!text.p)
        luaL_error(L,
                   "a value to compare with is a text, a number, a decimal, true or false, not %s",
                   luaL_typename(L, index));
    return keep_text(L, text, arena);
}

void bind_query_key(lua_State *L, int index, const struct tn_entity *resource,
                    struct tn_arena *arena, struct tn_str key[TN_STORE_KEY_MAX])
{
    const char *const *names = resource->key;
    luaL_checktype(L, index, LUA_TTABLE);
    if (!names || !names[0]) luaL_error(L, "%s has no key; use query", resource->name);
    bind_check_keys(L, index, names);
    for (size_t n = 0; n < TN_STORE_KEY_MAX && names[n]; n++) {
        if (lua_getfield(L, index, names[n]) == LUA_TNIL)
            luaL_error(L, "the key of %s needs '%s'", resource->name, names[n]);
        key[n] = bind_query_text(L, -1, arena);
        lua_pop(L, 1);
    }
}

/* ---- columns ---- */

/* The column of a field. Fields of the system have one name for scripts and the API, and another
 * one in the store. */
static const char *column_of(lua_State *L, const struct tn_entity *resource, struct tn_str name)
{
    static const char *const system[][2] = {
        {"id", "id"}, {"version", "version"}, {"createdAt", "created"}, {"updatedAt", "updated"}};
    const char *names[200] = {NULL};
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        if (tn_str_is(name, system[i][0])) return system[i][1];
    const struct tn_field *f = tn_field_find(resource->fields, resource->n_fields, name);
    if (f) return f->name;
    for (size_t i = 0; i < resource->n_fields && i < 199; i++) names[i] = resource->fields[i].name;
    luaL_error(L, "%s has no field '%s'%s", resource->name, name.p,
               tn_did_you_mean(name, names).text);
    return NULL;
}

/* ---- where ---- */

static const struct {
    const char *name;
    enum tn_filter_op op;
} operators[] = {
    {"eq", TN_FILTER_eq}, {"ne", TN_FILTER_ne},         {"in", TN_FILTER_in},
    {"lt", TN_FILTER_lt}, {"le", TN_FILTER_le},         {"gt", TN_FILTER_gt},
    {"ge", TN_FILTER_ge}, {"prefix", TN_FILTER_prefix}, {"contains", TN_FILTER_contains}};

static struct tn_filter *filter_new(lua_State *L, struct bind_query *query, const char *column,
                                    enum tn_filter_op op)
{
    if (query->q.filter_count == TN_STORE_FILTERS_MAX)
        luaL_error(L, "a query has %d conditions at most", TN_STORE_FILTERS_MAX);
    struct tn_filter *f = &query->filters[query->q.filter_count++];
    *f = (struct tn_filter){.column = column, .op = op};
    return f;
}

/* Copies the value on top of the stack into the query, as text. */
static struct tn_str take_text(lua_State *L, struct bind_query *query)
{
    struct tn_str text = bind_query_text(L, -1, &query->arena);
    query->texts += text.n;
    if (query->texts > TN_LIMIT_QUERY_TEXTS)
        luaL_error(L, "the values of a query have %d KiB at most in all",
                   (int)(TN_LIMIT_QUERY_TEXTS / TN_KIB));
    return text;
}

/* Reads the value on top of the stack. */
static void take_one(lua_State *L, struct bind_query *query, struct tn_filter *f)
{
    struct tn_str *value = tn_arena_alloc(&query->arena, sizeof *value);
    *value = take_text(L, query);
    f->values = value;
    f->count = 1;
}

/* Reads the list on top of the stack. */
static void take_list(lua_State *L, struct bind_query *query, struct tn_filter *f)
{
    bind_plain(L, lua_gettop(L), "a list to look for");
    size_t n = lua_rawlen(L, -1);
    if (n > TN_LIMIT_PAGE) luaL_error(L, "a list to look for has %d values at most", TN_LIMIT_PAGE);
    struct tn_str *values = tn_arena_alloc(&query->arena, (n + 1) * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        values[i] = take_text(L, query);
        lua_pop(L, 1);
    }
    f->values = values;
    f->count = n;
}

/* Reads one operator; its value is on top of the stack. */
static void take_operator(lua_State *L, struct bind_query *query, const char *column,
                          const char *name)
{
    const char *names[sizeof operators / sizeof *operators + 2] = {NULL};
    size_t n = sizeof operators / sizeof *operators;
    if (strcmp(name, "null") == 0) {
        luaL_checktype(L, -1, LUA_TBOOLEAN);
        filter_new(L, query, column, lua_toboolean(L, -1) ? TN_FILTER_null : TN_FILTER_not_null);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = operators[i].name;
        if (strcmp(name, operators[i].name) != 0) continue;
        struct tn_filter *f = filter_new(L, query, column, operators[i].op);
        if (f->op == TN_FILTER_in)
            take_list(L, query, f);
        else
            take_one(L, query, f);
        return;
    }
    names[n] = "null";
    luaL_error(L, "there is no operator '%s' (eq ne in lt le gt ge prefix contains null)%s", name,
               tn_did_you_mean(tn_str(name), names).text);
}

/* Reads the condition on top of the stack: a value, a list of values, or a table of operators. */
static void take_condition(lua_State *L, struct bind_query *query, const char *column)
{
    if (bind_json_is_null(L, -1)) {
        filter_new(L, query, column, TN_FILTER_null);
    } else if (!lua_istable(L, -1)) {
        take_one(L, query, filter_new(L, query, column, TN_FILTER_eq));
    } else if (lua_rawlen(L, -1) || bind_json_is_array(L, -1)) {
        take_list(L, query, filter_new(L, query, column, TN_FILTER_in));
    } else {
        bind_plain(L, lua_gettop(L), "a condition");
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "a condition has operators as keys");
            take_operator(L, query, column, lua_tostring(L, -2));
        }
    }
}

static void take_where(lua_State *L, int options, struct bind_query *query)
{
    if (lua_getfield(L, options, "where") != LUA_TNIL) {
        if (!lua_istable(L, -1)) luaL_error(L, "'where' is a table of fields and conditions");
        bind_plain(L, lua_gettop(L), "'where'");
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "'where' has fields as keys");
            luaL_checkstack(L, 8, "where");
            take_condition(L, query, column_of(L, query->resource, bind_str(L, -2)));
        }
    }
    query->q.filters = query->filters;
    lua_pop(L, 1);
}

/* ---- sort and limit ---- */

static void take_sort_key(lua_State *L, struct bind_query *query)
{
    if (query->q.sort_count == TN_STORE_SORT_MAX)
        luaL_error(L, "a query sorts by %d fields at most", TN_STORE_SORT_MAX);
    struct tn_str name = bind_str(L, -1);
    bool down = name.n && name.p[0] == '-';
    name.p += down;
    name.n -= down;
    query->q.sort[query->q.sort_count++] =
        (struct tn_sort){column_of(L, query->resource, name), down};
}

static void take_sort(lua_State *L, int options, struct bind_query *query)
{
    int type = lua_getfield(L, options, "sort");
    if (type == LUA_TSTRING) {
        take_sort_key(L, query);
    } else if (type != LUA_TNIL) {
        if (type != LUA_TTABLE) luaL_error(L, "'sort' is a field or a list of them");
        bind_plain(L, lua_gettop(L), "'sort'");
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++, lua_pop(L, 1))
            take_sort_key(L, query);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void take_place(lua_State *L, int options, struct bind_query *query)
{
    query->q.limit = (size_t)bind_opt_limit(L, options, query->resource->page);
    struct tn_str cursor = bind_opt_key_str(L, options, "cursor");
    int64_t offset = bind_opt_key_int(L, options, "offset", 0);
    if (offset < 0 || offset > TN_LIMIT_OFFSET)
        luaL_error(L, "'offset' is a number from 0 to %d", TN_LIMIT_OFFSET);
    if (cursor.p && offset) luaL_error(L, "'cursor' and 'offset' exclude each other");
    if (cursor.p) query->q.cursor = keep_text(L, cursor, &query->arena);
    query->q.offset = (size_t)offset;
}

struct bind_query *bind_query_new(lua_State *L, int options, const struct bind_desk *desk,
                                  const struct tn_entity *resource, const char *more)
{
    const char *const names[] = {"where", "sort", "limit", "cursor", "offset", "total", more, NULL};
    bind_check_keys(L, options, names);
    struct bind_query *query = bind_new(L, sizeof *query, &bind_query_class);
    query->resource = resource;
    query->store = desk->store;
    query->q.team = tn_entity_team(resource, desk->actor.team);
    query->q.table = resource->plural;
    query->q.limit = (size_t)resource->page;
    tn_arena_init(&query->arena);
    query->json = tn_json_new();
    if (lua_isnoneornil(L, options)) return query;
    take_where(L, options, query);
    take_sort(L, options, query);
    take_place(L, options, query);
    query->q.total = bind_opt_key_bool(L, options, "total", false);
    return query;
}

/* ---- pages ---- */

int bind_query_send(lua_State *L, struct bind_query *query, lua_KFunction k)
{
    struct tn_read *read = tn_read_new(query->q.team);
    if (query->ask.found) query->q.cursor = bind_query_page(query)->next;
    tn_read_query(read, &query->q);
    query->q.cursor =
        (struct tn_str){NULL, 0}; /* the texts of the last page are freed with its answer */
    query->q.total = false;
    query->q.offset = 0; /* the next pages go on by cursor */
    return bind_ask_send(L, &query->ask, query->store, read, k, query);
}

const struct tn_list *bind_query_page(const struct bind_query *query)
{
    return tn_found_list(query->ask.found, 0);
}

bool bind_query_push(lua_State *L, const struct bind_query *query, size_t i)
{
    const struct tn_row *row = tn_found_row(query->ask.found, 0, i);
    if (row) bind_record_push(L, query->json, query->resource, row);
    return row;
}

void bind_query_finish(lua_State *L, const struct bind_query *query)
{
    const struct tn_list *page = bind_query_page(query);
    bind_json_mark_array(L, -1);
    lua_createtable(L, 0, 4);
    lua_insert(L, -2);
    lua_setfield(L, -2, "rows");
    lua_pushboolean(L, page->more);
    lua_setfield(L, -2, "more");
    if (page->more) {
        lua_pushlstring(L, page->next.p, page->next.n);
        lua_setfield(L, -2, "next");
    }
    if (page->total >= 0) {
        lua_pushinteger(L, page->total);
        lua_setfield(L, -2, "total");
    }
    if (page->total_capped) {
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "totalCapped");
    }
}
