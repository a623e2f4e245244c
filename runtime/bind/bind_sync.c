/* SPDX-License-Identifier: MIT */
#include "bind/bind_sync.h"

#include <stdio.h>

#include "access/integration.h"
#include "base/alloc.h"
#include "bind/bind_ask.h"
#include "bind/bind_record.h"
#include "sync/runner.h"

/* The start of a run on its way. The runner answers once, whether a task still waits or not. */
struct flight {
    struct syncing *of; /* NULL: the task has ended */
};

struct syncing {
    struct bind_ask ask; /* reads the integration */
    const struct bind_env *env;
    int64_t team;
    unsigned depth; /* of the actor */
    struct tn_task *task;
    struct flight *flight;
    struct bind_record_reader reader;
    struct tn_integration integration;
    char run[TN_ID_LEN + 1];
    struct tn_err err;
};

static void drop_syncing(void *object)
{
    struct syncing *s = object;
    if (s->flight) s->flight->of = NULL;
    bind_ask_drop(&s->ask);
    bind_record_reader_clear(&s->reader);
    tn_integration_clear(&s->integration);
}

static const struct bind_class syncing_class = {.name = "tenon.sync", .drop = drop_syncing};

static void started(void *arg, const char *run_id, const struct tn_err *err)
{
    struct flight *flight = arg;
    struct syncing *s = flight->of;
    tn_free(flight);
    if (!s) return;
    s->flight = NULL;
    tn_err_clear(&s->err);
    if (run_id)
        snprintf(s->run, sizeof s->run, "%s", run_id);
    else
        s->err = *err;
    tn_task_wake(s->task);
}

static int sync_done(lua_State *L, int status, lua_KContext ctx)
{
    const struct syncing *s = (const struct syncing *)ctx;
    (void)status;
    if (!s->run[0]) return bind_fail(L, &s->err);
    lua_pushstring(L, s->run);
    return 1;
}

/* Finds an operation by its name or, without a name, the only one that pulls the entity. */
static bool operation_of(const struct bind_env *env, const char *adapter, const char *name,
                         struct bind_operation *out, struct tn_err *err)
{
    struct bind_operation o = {0};
    size_t n = 0;
    for (size_t i = 0; env->adapters->operation(env->serving, adapter, i, &o); i++) {
        if (strcmp(o.name, name) == 0) {
            *out = o;
            return true;
        }
        if (strcmp(o.entity, name) != 0) continue;
        *out = o;
        n++;
    }
    return n == 1 || tn_fail(err, TN_E_not_found,
                             n ? "%s has several operations that pull '%s': name one of them"
                               : "%s has no operation '%s'",
                             adapter, name);
}

static bool may_start(const struct bind_env *env, struct tn_err *err)
{
    return (env->runner && env->serving) ||
           tn_fail(err, TN_E_unavailable, "no sync can be started here");
}

/* Checks that the integration can run this sync, and finds the operation. */
static bool look_at(lua_State *L, struct syncing *s, struct bind_operation *out, struct tn_err *err)
{
    char adapter[128];
    if (!bind_ask_answered(&s->ask, err)) return false;
    const struct tn_row *row = tn_found_row(s->ask.found, 0, 0);
    if (!row)
        return tn_fail(err, TN_E_not_found, "there is no integration '%s'", lua_tostring(L, 1));
    if (!may_start(s->env, err) ||
        !tn_integration_decode(&s->integration, row, s->env->secrets, err))
        return false;
    snprintf(adapter, sizeof adapter, "%.*s", TN_FMT(s->integration.adapter));
    if (!s->env->adapters->has(s->env->serving, adapter, err)) return false;
    if (!s->integration.enabled)
        return tn_fail(err, TN_E_conflict, "integration '%s' is disabled", lua_tostring(L, 1));
    return operation_of(s->env, adapter, lua_tostring(L, 2), out, err);
}

static struct tn_str filters_of(lua_State *L, struct syncing *s, const struct bind_operation *o)
{
    struct tn_err err;
    struct tn_str filters = TN_STR("{}");
    if (lua_isnoneornil(L, 3)) return filters;
    filters = bind_table(L, 3, &s->reader);
    if (!tn_field_check(o->filters, o->n_filters, tn_json_root(s->reader.json), "filters", 0, &err))
        bind_raise(L, &err);
    return filters;
}

static int start(lua_State *L, int status, lua_KContext ctx)
{
    struct syncing *s = (struct syncing *)ctx;
    struct bind_operation o = {.name = NULL};
    struct tn_err err;
    char integration[TN_ID_LEN + 1];
    (void)status;
    if (!look_at(L, s, &o, &err)) return bind_fail(L, &err);
    tn_id_text(&s->integration.id, integration);
    struct tn_runner_request q = {.team = s->team,
                                  .integration = integration,
                                  .operation = o.name,
                                  .filters = filters_of(L, s, &o),
                                  .trigger = "SCRIPT",
                                  .depth = s->depth};
    s->flight = TN_NEW(struct flight);
    s->flight->of = s;
    tn_runner_start(s->env->runner, &q, started, s->flight);
    return tn_task_park(L, sync_done, s);
}

/* Finds the integration by its id or, if there is none, by its name. */
static struct tn_read *ask_for(int64_t team, struct tn_str id_or_name)
{
    static const char table[] = "integration";
    struct tn_read *read = tn_read_new(team);
    struct tn_id id;
    if (tn_id_parse(id_or_name, &id))
        tn_read_get(read, table, &id);
    else
        tn_read_key(read, table, &id_or_name, 1);
    return read;
}

int bind_sync(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 3);
    struct tn_task *task = tn_task_self(L);
    if (!bind_desk_open(L, &desk, &err) ||
        !tn_actor_must_system(&desk.actor, "integration", "sync", &err) ||
        !may_start(desk.owner->env, &err))
        return bind_fail(L, &err);
    struct syncing *s = bind_new(L, sizeof *s, &syncing_class);
    s->task = task;
    s->env = desk.owner->env;
    s->team = desk.actor.team;
    s->depth = desk.actor.depth;
    bind_record_reader_init(&s->reader);
    tn_integration_init(&s->integration);
    return bind_ask_send(L, &s->ask, desk.store, ask_for(s->team, bind_str(L, 1)), start, s);
}
