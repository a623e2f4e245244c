/* SPDX-License-Identifier: MIT */
/* bind_test.c - require "tenon.test": with it, tests of scripts set the time and the answers of
 * peers, and try mappings. Its functions raise in an isolate that runs no tests. */
#include "base/buf.h"
#include "base/limits.h"
#include "bind/bind_map.h"
#include "bind/bind_rows.h"
#include "bind/http_reply.h"
#include "bind/owner.h"
#include "bind/testing.h"
#include "mapping/apply.h"
#include "script/box.h"

static struct bind_testing *check_test(lua_State *L)
{
    struct bind_testing *test = bind_testing_of(L);
    if (!test) luaL_error(L, "this works in a test only (tenon test)");
    return test;
}

static int l_answer(lua_State *L)
{
    check_test(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    bind_testing_answer_by(L);
    return 0;
}

static int l_clock(lua_State *L)
{
    struct bind_testing *test = check_test(L);
    if (!lua_isnoneornil(L, 1)) {
        *test->clock = (struct tn_clock){.stopped = true, .ms = luaL_checkinteger(L, 1)};
    }
    lua_pushinteger(L, bind_now(L));
    return 1;
}

static int l_reset(lua_State *L)
{
    struct bind_testing *test = check_test(L);
    test->clock->stopped = false;
    if (test->teams) test->owner->team = ++*test->teams;
    lua_pushnil(L);
    bind_testing_answer_by(L);
    return 0;
}

/* A mapped record. The object frees it, so that a Lua error leaks nothing. */
struct trial {
    struct tn_buf in, out;
    struct tn_json *json;
    struct tn_apply *apply;
};

static void drop_trial(void *object)
{
    struct trial *t = object;
    tn_apply_free(t->apply);
    tn_json_free(t->json);
    tn_buf_clear(&t->in);
    tn_buf_clear(&t->out);
}

static const struct bind_class trial_class = {.name = "tenon.test.trial", .drop = drop_trial};

static void read_record(lua_State *L, int index, struct trial *t)
{
    struct tn_err err;
    struct tn_jw w;
    tn_jw_init(&w, &t->in);
    if (!bind_json_write(L, index, &w, &err) || !tn_buf_ok(&t->in, "the record", &err) ||
        !tn_json_parse(t->json, tn_buf_str(&t->in), &err))
        bind_raise(L, &err);
}

/* map("oracle_fusion/item", record): gives the record as it would be stored; or nil and the err
 * of the first fault. */
static int l_map(lua_State *L)
{
    const struct bind_testing *test = check_test(L);
    const char *name = luaL_checkstring(L, 1);
    const struct tn_mapping *mapping = test->mapping ? test->mapping(test->arg, name) : NULL;
    struct tn_outcome outcome;
    struct tn_err err;
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!mapping) return luaL_error(L, "there is no mapping '%s'", name);
    struct trial *t = bind_new(L, sizeof *t, &trial_class);
    tn_buf_init(&t->in, TN_LIMIT_RECORD);
    tn_buf_init(&t->out, TN_LIMIT_RECORD);
    t->json = tn_json_new();
    t->apply = tn_apply_new(tn_mapping_plan(mapping));
    read_record(L, 2, t);
    if (!tn_apply_record(t->apply, tn_json_root(t->json), &t->out, &outcome)) {
        const struct tn_outcome_fault *f = &outcome.faults[0];
        tn_fail(&err, f->kind, "%s", f->text);
        tn_fail_field(&err, "%s", f->field);
        return bind_fail(L, &err);
    }
    if (!tn_json_parse(t->json, tn_buf_str(&t->out), &err)) return bind_raise(L, &err);
    bind_json_push(L, tn_json_root(t->json));
    return 1;
}

/* rows(reply, path), rows(text or stream, { format = ... }): gives the records that emit would
 * take. */
static int l_rows(lua_State *L)
{
    struct tn_jval rows;
    struct tn_err err;
    check_test(L);
    if (lua_istable(L, 2)) return bind_rows_sorted(L);
    struct bind_body *body = bind_as_reply(L, 1);
    if (!bind_body_rows(body, bind_opt_str(L, 2, ""), &rows, &err)) bind_raise(L, &err);
    if (tn_jis(rows, TN_JSON_array)) {
        bind_json_push(L, rows);
        return 1;
    }
    lua_newtable(L);
    bind_json_mark_array(L, -1);
    if (!bind_rows_count(rows)) return 1;
    bind_json_push(L, rows);
    lua_rawseti(L, -2, 1);
    return 1;
}

/* config(adapter, config): the config as the server would give it to the adapter. */
static int l_config(lua_State *L)
{
    const struct bind_testing *test = check_test(L);
    const struct tn_box *box = tn_box_test(L, 1, "adapter");
    struct tn_jw w;
    struct tn_err err;
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    if (!test->config || !box) return 1; /* a plain table declares no config */
    struct trial *t = bind_new(L, sizeof *t, &trial_class);
    tn_buf_init(&t->in, TN_LIMIT_RECORD);
    tn_buf_init(&t->out, TN_LIMIT_RECORD);
    t->json = tn_json_new();
    read_record(L, 2, t);
    tn_jw_init(&w, &t->out);
    lua_pushvalue(L, 1);
    int ref = tn_isolate_keep(L);
    bool ok = test->config(tn_isolate_of(L), box->file, ref, tn_json_root(t->json), &w, &err);
    tn_isolate_release(tn_isolate_of(L), ref);
    if (!ok || !tn_json_parse(t->json, tn_buf_str(&t->out), &err)) bind_raise(L, &err);
    bind_json_push(L, tn_json_root(t->json));
    return 1;
}

static const luaL_Reg functions[] = {{"answer", l_answer}, {"clock", l_clock}, {"config", l_config},
                                     {"map", l_map},       {"reset", l_reset}, {"rows", l_rows},
                                     {NULL, NULL}};

int luaopen_tenon_test(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
