/* SPDX-License-Identifier: MIT */
#include "scripts/quarantine.h"

#include <stdio.h>
#include <string.h>

#include "access/integration.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "loop/shared.h"
#include "scripts/rules.h"
#include "store/commit.h"
#include "store/store.h"

struct tn_quarantine {
    const struct bind_env *env;
    struct tn_shared *shared;
    int worker;
    struct tn_map unnoted; /* isolates for which the shared page has no room */
};

static const char of_integration[] = "integrations:"; /* and its name (connections.c) */

/* ---- who ---- */

/* Holds back an isolate in this worker alone while the shared page has no room for it. */
bool tn_quarantine_holds(const struct tn_quarantine *q, const char *isolate)
{
    return tn_shared_quarantined(q->shared, isolate) ||
           (tn_map_get(&q->unnoted, tn_str(isolate)) && tn_shared_full(q->shared));
}

bool tn_quarantine_may_run(const struct tn_quarantine *q, const char *isolate, const char *what,
                           struct tn_str name, struct tn_err *err)
{
    if (!tn_quarantine_holds(q, isolate)) return true;
    return tn_fail(err, TN_E_budget,
                   "%s '%.*s' is in quarantine: its scripts overran their "
                   "budget three times in a row, or ran when a worker died, twice; "
                   "change them and reload, or release it",
                   what, TN_FMT(name));
}

bool tn_quarantine_integration_may_run(const struct tn_quarantine *q,
                                       const struct tn_integration *i, struct tn_err *err)
{
    char isolate[TN_UNIT_NAME];
    snprintf(isolate, sizeof isolate, "%s%.*s", of_integration, TN_FMT(i->name));
    return tn_quarantine_may_run(q, isolate, "integration", i->name, err);
}

/* ---- that it is said ---- */

/* One quarantine whose events are being committed; it may outlive the struct tn_quarantine. */
struct telling {
    const struct bind_env *env;
    struct tn_shared *shared;
    int worker, place;
    struct tn_commit *commit;
    const char *name;
    struct tn_buf data;
    struct tn_err err;
    bool failed;
};

static void told(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct telling *t = arg;
    (void)done;
    tn_shared_told(t->shared, t->place, t->worker, !err);
    if (err)
        tn_log(t->env->log, TN_LOG_warn, "scripts", "the event of a quarantine is not written: %s",
               err->text);
    tn_free(t);
}

static void write_data(struct telling *t, const struct tn_shared_suspect *suspect)
{
    struct tn_jw w;
    tn_jw_init(&w, &t->data);
    tn_jw_object(&w);
    tn_jw_kz(&w, "name", t->name);
    tn_jw_kz(&w, "reason",
             suspect->by_deaths ? "its scripts were running when a worker died, twice"
                                : "its scripts overran their budget three times in a row");
    tn_jw_end(&w);
}

static bool add_integration(void *arg, const struct tn_row *row)
{
    struct telling *t = arg;
    t->failed = !tn_commit_event(t->commit, row->team, "integration.quarantined", "integration",
                                 &row->id, tn_buf_str(&t->data), &t->err);
    return !t->failed;
}

/* The name of the isolate tells the integration, but not its team. */
static bool add_integrations(struct telling *t)
{
    struct tn_str name = tn_str(t->name);
    struct tn_filter named = {"name", TN_FILTER_eq, &name, 1};
    struct tn_query q = {
        .team = TN_TEAM_ALL, .table = "integration", .filters = &named, .filter_count = 1};
    struct tn_page page;
    tn_page_init(&page);
    bool ok = tn_store_query(t->env->store, &q, add_integration, t, &page, &t->err) && !t->failed;
    tn_page_clear(&page);
    return ok;
}

static bool add_events(struct telling *t, const struct tn_shared_suspect *suspect)
{
    const char *isolate = suspect->unit;
    size_t n = strlen(of_integration);
    bool integration = strncmp(isolate, of_integration, n) == 0;
    t->name = integration ? isolate + n : isolate;
    write_data(t, suspect);
    if (integration) return add_integrations(t);
    return tn_commit_event(t->commit, TN_TEAM_SYSTEM,
                           strcmp(isolate, tn_rules_name) == 0 ? "rules.quarantined"
                                                               : "scripts.quarantined",
                           NULL, NULL, tn_buf_str(&t->data), &t->err);
}

static void tell(struct tn_quarantine *q, int place, const struct tn_shared_suspect *suspect)
{
    struct telling *t = TN_NEW(struct telling);
    *t = (struct telling){.env = q->env,
                          .shared = q->shared,
                          .worker = q->worker,
                          .place = place,
                          .commit = tn_commit_new(q->env->store)};
    tn_buf_init(&t->data, 4 * TN_KIB);
    bool ok = add_events(t, suspect);
    tn_buf_clear(&t->data);
    if (ok && tn_commit_count(t->commit)) {
        tn_store_commit(q->env->store, t->commit, told, t);
        return;
    }
    tn_commit_free(t->commit);
    told(t, NULL, ok ? NULL : &t->err);
}

static void tell_all(struct tn_quarantine *q)
{
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        const struct tn_shared_suspect *suspect = tn_shared_tell(q->shared, i, q->worker);
        if (suspect) tell(q, i, suspect);
    }
}

void tn_quarantine_tell(struct tn_quarantine *q)
{
    tn_shared_untell(q->shared, q->worker);
    tell_all(q);
}

/* ---- overruns ---- */

static void put_in(struct tn_quarantine *q, const char *isolate, const char *unit)
{
    static const char why[] =
        "its scripts overran their budget three times in a row; mend them and "
        "reload, or release it (docs/how-to/change-scripts-safely.md)";
    if (tn_shared_overran(q->shared, isolate, unit)) {
        tn_log(q->env->log, TN_LOG_error, "scripts", "%s is in quarantine: %s", isolate, why);
    } else if (!tn_shared_quarantined(q->shared, isolate)) {
        tn_map_put(&q->unnoted, tn_str(isolate), q);
        tn_log(q->env->log, TN_LOG_error, "scripts",
               "%s is in quarantine in this worker alone, as there is no room for more: %s",
               isolate, why);
    }
    tell_all(q);
}

/* Isolates of integrations and of the rules can be spent; the context of their modules names the
 * owner. */
static void on_spent(void *arg, struct tn_isolate *iso)
{
    struct tn_quarantine *q = arg;
    const struct bind_context *context = tn_isolate_context(iso);
    const struct bind_owner *owner = context->app;
    struct tn_integration i;
    struct tn_err err;
    char adapter[TN_UNIT_NAME] = "";
    if (!context->integration) {
        put_in(q, tn_isolate_name(iso), tn_rules_name);
        return;
    }
    tn_integration_init(&i);
    bool there = tn_integration_load(&i, q->env->store, q->env->secrets, owner->team,
                                     tn_str(owner->name), &err);
    if (there) snprintf(adapter, sizeof adapter, "%.*s", TN_FMT(i.adapter));
    if (there || err.kind != TN_E_not_found) put_in(q, tn_isolate_name(iso), adapter);
    tn_integration_clear(&i);
}

struct tn_quarantine *tn_quarantine_new(const struct bind_env *env, struct tn_shared *shared,
                                        int worker)
{
    struct tn_quarantine *q = TN_NEW(struct tn_quarantine);
    *q = (struct tn_quarantine){.env = env, .shared = shared, .worker = worker};
    tn_map_init(&q->unnoted);
    tn_host_on_spent(env->host, on_spent, q);
    return q;
}

void tn_quarantine_free(struct tn_quarantine *q)
{
    if (!q) return;
    tn_host_on_spent(q->env->host, NULL, NULL);
    tn_map_clear(&q->unnoted, NULL);
    tn_free(q);
}

void tn_quarantine_changed(struct tn_quarantine *q)
{
    tn_map_clear(&q->unnoted, NULL);
}
