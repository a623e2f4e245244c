/* SPDX-License-Identifier: MIT */
/* bind_map_view.c - shows the source record to a function field. A value is converted only when
 * the function reads it. A view is valid for one call; a script that keeps it and reads it later
 * gets an error. */
#include "base/json_tape.h"
#include "bind/bind.h"
#include "bind/bind_map_node.h"

struct map_view_root {
    struct tn_jval record; /* record.json NULL: the view is closed */
    uint64_t epoch;        /* number of the call */
};
struct view {
    struct map_view_root *root; /* user value 1 keeps it */
    uint64_t epoch;
    uint32_t at;
};

static const char ROOT[] = "tenon.map.record", VIEW[] = "tenon.map.view";

/* The value under a view or a root; absent when it is neither. */
static bool value_at(lua_State *L, int index, struct tn_jval *out)
{
    const struct map_view_root *root = luaL_testudata(L, index, ROOT);
    uint64_t epoch;
    uint32_t at;
    if (root) {
        epoch = root->epoch;
        at = root->record.at;
    } else {
        const struct view *v = luaL_testudata(L, index, VIEW);
        if (!v) return false;
        root = v->root;
        epoch = v->epoch;
        at = v->at;
    }
    if (!root->record.json || root->epoch != epoch)
        return map_misuse(L, "the record is gone: a function may read it only while it runs");
    *out = (struct tn_jval){root->record.json, at};
    return true;
}

/* Pushes a list or an object as a view under the view at index; pushes any other value
 * converted. */
static void push_value(lua_State *L, int index, struct tn_jval v)
{
    enum tn_json_type type = tn_jtype(v);
    int64_t n;
    if (type == TN_JSON_string) {
        struct tn_str raw = tn_jraw(v);
        if (!(tn_jtape(v.json)[v.at].info & TN_JNODE_ESCAPED)) {
            lua_pushlstring(L, raw.p + 1, raw.n - 2);
            return;
        }
    }
    if (type == TN_JSON_number) {
        bool plain = tn_jtape(v.json)[v.at].info & TN_JNODE_INTEGER && tn_jraw(v).p[0] != '-';
        if (plain && tn_jint(v, &n))
            lua_pushinteger(L, n);
        else
            bind_decimal_push_value(L, tn_jraw(v));
        return;
    }
    if (type != TN_JSON_array && type != TN_JSON_object) {
        bind_json_push(L, v);
        return;
    }
    struct map_view_root *root = luaL_testudata(L, index, ROOT);
    int self = lua_absindex(L, index);
    struct view *made = lua_newuserdatauv(L, sizeof *made, 1);
    if (root) {
        lua_pushvalue(L, self);
    } else {
        root = ((const struct view *)lua_touserdata(L, self))->root;
        lua_getiuservalue(L, self, 1);
    }
    lua_setiuservalue(L, -2, 1);
    *made = (struct view){.root = root, .epoch = root->epoch, .at = v.at};
    luaL_setmetatable(L, VIEW);
}

static int l_index(lua_State *L)
{
    struct tn_jval v = {0};
    struct tn_str key;
    value_at(L, 1, &v);
    if (lua_type(L, 2) == LUA_TSTRING) {
        key.p = lua_tolstring(L, 2, &key.n);
        push_value(L, 1, tn_jget(v, key));
    } else if (lua_isinteger(L, 2) && lua_tointeger(L, 2) >= 1) {
        push_value(L, 1, tn_jat(v, (size_t)lua_tointeger(L, 2) - 1));
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int l_len(lua_State *L)
{
    struct tn_jval v = {0};
    value_at(L, 1, &v);
    lua_pushinteger(L, (lua_Integer)tn_jcount(v));
    return 1;
}

/* Upvalues: the view, and how many members were returned so far. */
static int l_next(lua_State *L)
{
    struct tn_jval v = {0};
    lua_Integer skip = lua_tointeger(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(1));
    int self = lua_gettop(L);
    value_at(L, self, &v);
    struct tn_jiter it = tn_jiter(v);
    it.next = (uint32_t)lua_tointeger(L, lua_upvalueindex(3));
    if (!tn_jnext(&it)) return 0;
    lua_pushinteger(L, skip + 1);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushinteger(L, it.next);
    lua_replace(L, lua_upvalueindex(3));
    if (tn_jis(v, TN_JSON_object))
        lua_pushlstring(L, it.key.p, it.key.n);
    else
        lua_pushinteger(L, skip + 1);
    push_value(L, self, it.value);
    return 2;
}

static int l_pairs(lua_State *L)
{
    struct tn_jval v = {0};
    value_at(L, 1, &v);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, tn_jiter(v).next);
    lua_pushcclosure(L, l_next, 3);
    return 1;
}

static int l_frozen(lua_State *L)
{
    return map_misuse(L, "the source record cannot be changed");
}

static const luaL_Reg methods[] = {{"__index", l_index},
                                   {"__newindex", l_frozen},
                                   {"__len", l_len},
                                   {"__pairs", l_pairs},
                                   {NULL, NULL}};

void map_view_open(lua_State *L)
{
    static const char *const classes[] = {ROOT, VIEW};
    bind_decimal_methods(L);
    for (size_t i = 0; i < 2; i++) {
        luaL_newmetatable(L, classes[i]);
        luaL_setfuncs(L, methods, 0);
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 1);
    }
}

struct map_view_root *map_view_new(lua_State *L)
{
    struct map_view_root *root = lua_newuserdatauv(L, sizeof *root, 0);
    *root = (struct map_view_root){.epoch = 1};
    luaL_setmetatable(L, ROOT);
    return root;
}

void map_view_set(struct map_view_root *root, struct tn_jval record)
{
    root->record = record;
}

void map_view_close(struct map_view_root *root)
{
    root->record = (struct tn_jval){0};
    root->epoch++;
}

struct tn_str map_view_raw(lua_State *L, int index)
{
    struct tn_jval v;
    if (lua_type(L, index) != LUA_TUSERDATA || !value_at(L, index, &v)) return (struct tn_str){0};
    return tn_jraw(v);
}
