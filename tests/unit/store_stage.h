/* SPDX-License-Identifier: MIT */
/* store_stage.h - for tests of what scripts do with records: the rig of bind/ with a real store
 * behind it, resources of the test's own with their tables, and scripts that run as tasks. */
#ifndef TN_TESTS_STORE_STAGE_H
#define TN_TESTS_STORE_STAGE_H

#include "at_once.h"
#include "scripts_rig.h"

#include <ftw.h>

#include "scripts/resource_check.h"
#include "store/commit.h"
#include "store/server.h"
#include "store/store.h"
#include "store/tables.h"

struct stage {
    struct rig rig;
    char dir[64], socket[96];
    int store_fd;
    struct tn_store_server *server;
    struct tn_isolate *iso;
    struct bind_owner owner;
    struct bind_context context;
    bool flag;
    char out[8192];
    struct tn_err err;
};

static const char stage_order[] =
    "local tn = require 'tenon'\n"
    "return tn.resource { path = '/api/v1/orders', key = { 'number' },\n"
    "  fields = { tn.text 'number' { required = true, max = 20 }, tn.int 'quantity' { min = 1 },\n"
    "    tn.decimal 'price', tn.text 'note' { null = true }, tn.bool 'urgent', tn.any 'more',\n"
    "    tn.time 'due', tn.state 'status' { 'open', open = { 'done' }, done = {} } },\n"
    "  list = { filter = { 'quantity', 'price', 'note', 'urgent', 'due', 'status' },\n"
    "           sort = { 'quantity', 'number' }, page = { 10, max = 500 } } }\n";
static const char stage_line[] =
    "local tn = require 'tenon'\n"
    "return tn.resource { path = '/api/v1/lines', fields = { tn.text 'orderId', tn.any 'more' },\n"
    "  list = { filter = { 'orderId' } } }\n";

static inline void stage_set(void *arg)
{
    *(bool *)arg = true;
}

static inline void stage_defined(void *arg, const struct tn_err *err)
{
    if (err) fail_msg("%s", err->text);
    *(bool *)arg = true;
}

static inline void stage_committed(void *arg, const struct tn_committed *done,
                                   const struct tn_err *err)
{
    (void)done;
    stage_defined(arg, err);
}

static inline void stage_define(struct stage *s, const struct tn_table *t)
{
    s->flag = false;
    tn_store_define(s->rig.env.store, t, stage_defined, &s->flag);
    rig_until(&s->rig, &s->flag);
}

static inline void stage_tables(struct stage *s)
{
    for (size_t i = 0; i < tn_units_resources(s->rig.units); i++) {
        struct tn_column columns[TN_STORE_COLUMNS_MAX];
        struct tn_table t;
        tn_entity_table(&tn_units_resource_at(s->rig.units, i)->resource, columns, &t);
        stage_define(s, &t);
    }
}

static inline void stage_serve(struct stage *s)
{
    struct tn_err err;
    struct tn_server_options so = {
        .dir = s->dir, .listen_fd = s->store_fd, .workers_live = s->rig.env.store != NULL};
    s->server = tn_store_server_open(s->rig.loop, &so, &err);
    if (!s->server) fail_msg("%s", err.text);
}

static inline void stage_store(struct stage *s)
{
    struct tn_err err;
    bool ready = false;
    snprintf(s->dir, sizeof s->dir, "/tmp/tenon-stage-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->socket, sizeof s->socket, "%s/store.sock", s->dir);
    s->store_fd = tn_store_listen(s->socket, &err);
    assert_true(s->store_fd >= 0);
    stage_serve(s);
    struct tn_store_options o = {.dir = s->dir, .socket = s->socket, .holder = tn_id_new()};
    s->rig.env.store = tn_store_open(s->rig.loop, &o, &err);
    if (!s->rig.env.store) fail_msg("%s", err.text);
    s->rig.env.tools = tn_tx_tools_new();
    tn_store_on_ready(s->rig.env.store, stage_set, &ready);
    rig_until(&s->rig, &ready);
}

/* An isolate over the core's files that works for a team. */
static inline struct tn_isolate *stage_isolate(struct stage *s, struct bind_owner *owner,
                                               struct bind_context *context, int64_t team)
{
    struct tn_err err;
    struct tn_unit *core = tn_units_find(s->rig.units, "core");
    *owner = (struct bind_owner){.env = &s->rig.env,
                                 .team = team,
                                 .name = "01890a5d-ac96-774b-bcce-b302099a8057",
                                 .resources = tn_unit_resources(core)};
    *context = (struct bind_context){.loop = s->rig.loop,
                                     .area = "test",
                                     .store = s->rig.env.store,
                                     .integration = team ? "plant_7" : NULL,
                                     .app = owner};
    struct tn_isolate *iso = tn_unit_isolate_new(core, "test", context, &err);
    if (!iso) fail_msg("%s", err.text);
    return iso;
}

static void stage_upstream(void *arg, struct tn_http_exchange *x)
{
    (void)arg;
    tn_http_reply(x, 500, NULL, TN_STR(""));
}

static inline struct tn_fileset *stage_files(const struct tn_embedded *more)
{
    static const struct tn_embedded own[] = {
        {"scripts/resources/order.lua", stage_order, sizeof stage_order - 1},
        {"scripts/resources/line.lua", stage_line, sizeof stage_line - 1},
        {NULL, NULL, 0}};
    struct tn_fileset *tree = rig_files(), *over = tn_fileset_embedded(own);
    struct tn_fileset *both = tn_fileset_over(tree, over), *last = tn_fileset_embedded(more);
    struct tn_fileset *all = tn_fileset_over(both, last);
    tn_fileset_unref(tree);
    tn_fileset_unref(over);
    tn_fileset_unref(both);
    tn_fileset_unref(last);
    return all;
}

static inline int stage_open(void **state)
{
    static const struct tn_embedded nothing[] = {{NULL, NULL, 0}};
    struct stage *s = TN_NEW(struct stage);
    rig_open(&s->rig, stage_upstream, NULL);
    stage_store(s);
    s->rig.units = rig_load(&s->rig, stage_files(nothing));
    stage_tables(s);
    for (size_t i = 0; i < tn_system_table_count; i++) stage_define(s, &tn_system_tables[i]);
    s->iso = stage_isolate(s, &s->owner, &s->context, 1);
    *state = s;
    return 0;
}

static int stage_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int stage_close(void **state)
{
    struct stage *s = *state;
    tn_isolate_unref(s->iso);
    tn_store_close(s->rig.env.store);
    tn_store_server_close(s->server);
    close(s->store_fd);
    tn_tx_tools_free(s->rig.env.tools);
    rig_close(&s->rig);
    nftw(s->dir, stage_unlink, 16, FTW_DEPTH | FTW_PHYS);
    tn_free(s);
    return 0;
}

static inline void stage_take(lua_State *L, int n, void *arg)
{
    struct stage *s = arg;
    size_t at = 0;
    for (int i = 1; i <= n && at < sizeof s->out; i++) {
        at += (size_t)snprintf(s->out + at, sizeof s->out - at, "%s%s", i > 1 ? " " : "",
                               luaL_tolstring(L, i, NULL));
        lua_pop(L, 1);
    }
}

static inline void stage_done(void *arg, const struct tn_err *err)
{
    struct stage *s = arg;
    s->flag = true;
    tn_err_clear(&s->err);
    if (!err) return;
    s->err = *err;
    snprintf(s->out, sizeof s->out, "%s: %s", tn_kind_name(err->kind), err->text);
}

/* The body of a function with store, event, json, dec, kv and show at hand, as a task of the
 * isolate: its results as one text, or "kind: message". */
static inline const char *stage_run_in(struct stage *s, struct tn_isolate *iso,
                                       const struct tn_actor *actor, const char *text)
{
    const struct tn_task_call how = {.take = stage_take, .done = stage_done, .context = actor};
    char *chunk = NULL;
    int ref;
    assert_true(
        asprintf(&chunk,
                 "local store, event, json, dec, kv = require 'tenon.store', require "
                 "'tenon.event', require 'tenon.json', require 'tenon.decimal'.new, require "
                 "'tenon.kv' local show = json.encode return function() %s\nend",
                 text) > 0);
    s->flag = false;
    s->out[0] = '\0';
    if (!tn_isolate_load_text(iso, "scripts/test.lua", tn_str(chunk), &ref, &s->err))
        fail_msg("%s:%d: %s", s->err.file, s->err.line, s->err.text);
    if (tn_task_start(iso, ref, &how, s, &s->err))
        rig_until(&s->rig, &s->flag);
    else
        snprintf(s->out, sizeof s->out, "%s: %s", tn_kind_name(s->err.kind), s->err.text);
    free(chunk);
    return s->out;
}

static inline const char *stage_run(struct stage *s, const char *text)
{
    return stage_run_in(s, s->iso, NULL, text);
}

#define stage_expect(s, text, wanted)                                                              \
    do {                                                                                           \
        const char *got_ = stage_run(s, text);                                                     \
        if (strcmp(got_, wanted) != 0) fail_msg("%s\n -> %s\nnot %s", text, got_, wanted);         \
    } while (0)
/* Says so among other things. */
#define stage_says(s, text, part)                                                                  \
    do {                                                                                           \
        const char *got_ = stage_run(s, text);                                                     \
        if (!strstr(got_, part)) fail_msg("%s\n -> %s\nwithout %s", text, got_, part);             \
    } while (0)

#endif
