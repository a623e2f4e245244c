/* SPDX-License-Identifier: MIT */
#include "bind/bind_sync.h"

#include <stdio.h>

#include "access/integration.h"
#include "base/alloc.h"
#include "bind/bind_record.h"
#include "sync/runner.h"

/* The runner answers once, whether anybody still waits or not. */
struct flight {
    struct syncing *of; /* NULL: the task is gone */
};

struct syncing {
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

/* By its name, or the only one that pulls this entity. */
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
        if (!o.pulls || strcmp(o.entity, name) != 0) continue;
        *out = o;
        n++;
    }
    return n == 1 || tn_fail(err, TN_E_not_found,
                             n ? "%s has several operations that pull '%s': name one of them"
                               : "%s has no operation '%s'",
                             adapter, name);
}

/* The operation that is meant, and its integration into s. */
static bool look_up(lua_State *L, const struct bind_desk *desk, struct syncing *s,
                    struct bind_operation *out, struct tn_err *err)
{
    const struct bind_env *env = desk->owner->env;
    char adapter[128];
    if (!tn_integration_load(&s->integration, desk->store, env->secrets, desk->actor.team,
                             bind_str(L, 1), err))
        return false;
    snprintf(adapter, sizeof adapter, "%.*s", TN_FMT(s->integration.adapter));
    if (!env->adapters->has(env->serving, adapter))
        return tn_fail(err, TN_E_unavailable, "the adapter '%s' is not installed", adapter);
    if (!s->integration.enabled)
        return tn_fail(err, TN_E_conflict, "integration '%s' is disabled", lua_tostring(L, 1));
    return operation_of(env, adapter, lua_tostring(L, 2), out, err);
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

int bind_sync(lua_State *L)
{
    struct bind_desk desk;
    struct tn_err err;
    char integration[TN_ID_LEN + 1];
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 3);
    struct tn_task *task = tn_task_self(L);
    if (!bind_desk_open(L, &desk, &err) || !bind_may_write(&desk, &err)) return bind_fail(L, &err);
    const struct bind_env *env = desk.owner->env;
    if (!env->runner || !env->serving) {
        tn_fail(&err, TN_E_unavailable, "no sync can be started here");
        return bind_fail(L, &err);
    }
    struct syncing *s = bind_new(L, sizeof *s, &syncing_class);
    s->task = task;
    bind_record_reader_init(&s->reader);
    tn_integration_init(&s->integration);
    struct bind_operation o = {0};
    if (!look_up(L, &desk, s, &o, &err)) return bind_fail(L, &err);
    tn_id_text(&s->integration.id, integration);
    struct tn_runner_request q = {.team = desk.actor.team,
                                  .integration = integration,
                                  .operation = o.name,
                                  .filters = filters_of(L, s, &o),
                                  .trigger = "SCRIPT"};
    s->flight = TN_NEW(struct flight);
    s->flight->of = s;
    tn_runner_start(env->runner, &q, started, s->flight);
    return tn_task_park(L, sync_done, s);
}
