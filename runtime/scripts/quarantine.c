/* SPDX-License-Identifier: MIT */
/* quarantine.c - whose scripts do not run: isolates that overran their budget time after time, or
 * were running when workers died.  The page that all processes share knows them (loop/shared.h); of
 * each, one worker writes the event. */
#include "scripts/internal.h"

#include <stdio.h>
#include <string.h>

#include "access/integration.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "scripts/rules.h"
#include "loop/shared.h"
#include "store/commit.h"
#include "store/store.h"

static const char of_integration[] = "integrations:"; /* and its name (scripts/units.c) */

/* ---- who ---- */

/* What found no room on the page is held back here as long as there is none. */
bool tn_generations_quarantined(const struct tn_generations *g, const char *isolate)
{
    return tn_shared_quarantined(g->o.shared, isolate) ||
           (tn_map_get(&g->unnoted, tn_str(isolate)) && tn_shared_full(g->o.shared));
}

bool quarantine_may_run(const struct tn_generations *g, const char *isolate, const char *what,
                        struct tn_str name, struct tn_err *err)
{
    if (!tn_generations_quarantined(g, isolate)) return true;
    return tn_fail(err, TN_E_budget,
                   "%s '%.*s' is in quarantine: its scripts overran their "
                   "budget three times in a row, or ran when a worker died, twice; "
                   "change them and reload, or release it",
                   what, TN_FMT(name));
}

bool quarantine_integration_may_run(const struct tn_generations *g, const struct tn_integration *i,
                                    struct tn_err *err)
{
    char isolate[TN_UNIT_NAME];
    snprintf(isolate, sizeof isolate, "%s%.*s", of_integration, TN_FMT(i->name));
    return quarantine_may_run(g, isolate, "integration", i->name, err);
}

/* ---- that it is said ---- */

/* One quarantine whose events are on their way into the store; may outlive the generations. */
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

/* The name of its isolate tells which integration, but not of which team. */
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

static void tell(struct tn_generations *g, int place, const struct tn_shared_suspect *suspect)
{
    struct telling *t = TN_NEW(struct telling);
    *t = (struct telling){.env = g->o.env,
                          .shared = g->o.shared,
                          .worker = g->o.worker,
                          .place = place,
                          .commit = tn_commit_new(g->o.env->store)};
    tn_buf_init(&t->data, 4 * TN_KIB);
    bool ok = add_events(t, suspect);
    tn_buf_clear(&t->data);
    if (ok && tn_commit_count(t->commit)) {
        tn_store_commit(g->o.env->store, t->commit, told, t);
        return;
    }
    tn_commit_free(t->commit);
    told(t, NULL, ok ? NULL : &t->err);
}

void quarantine_tell(struct tn_generations *g)
{
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        const struct tn_shared_suspect *suspect = tn_shared_tell(g->o.shared, i, g->o.worker);
        if (suspect) tell(g, i, suspect);
    }
}

void tn_generations_tell_quarantines(struct tn_generations *g)
{
    tn_shared_untell(g->o.shared, g->o.worker);
    quarantine_tell(g);
}

/* ---- overruns ---- */

static void put_in(struct tn_generations *g, const char *isolate, const char *unit)
{
    static const char why[] =
        "its scripts overran their budget three times in a row; mend them and "
        "reload, or release it (docs/how-to/change-scripts-safely.md)";
    if (tn_shared_overran(g->o.shared, isolate, unit)) {
        tn_log(g->o.env->log, TN_LOG_error, "scripts", "%s is in quarantine: %s", isolate, why);
    } else if (!tn_shared_quarantined(g->o.shared, isolate)) {
        tn_map_put(&g->unnoted, tn_str(isolate), g);
        tn_log(g->o.env->log, TN_LOG_error, "scripts",
               "%s is in quarantine in this worker alone, as there is no room for more: %s",
               isolate, why);
    }
    quarantine_tell(g);
}

/* Integrations' isolates can be spent, and that of the rules; their modules' context says whose
 * they are. */
static void on_spent(void *arg, struct tn_isolate *iso)
{
    struct tn_generations *g = arg;
    const struct bind_context *context = tn_isolate_context(iso);
    const struct bind_owner *owner = context->app;
    struct tn_integration i;
    struct tn_err err;
    char adapter[UNIT_NAME] = "";
    if (!context->integration) {
        put_in(g, tn_isolate_name(iso), tn_rules_name);
        return;
    }
    tn_integration_init(&i);
    bool there = tn_integration_load(&i, g->o.env->store, g->o.secrets, owner->team,
                                     tn_str(owner->name), &err);
    if (there) snprintf(adapter, sizeof adapter, "%.*s", TN_FMT(i.adapter));
    if (there || err.kind != TN_E_not_found) put_in(g, tn_isolate_name(iso), adapter);
    tn_integration_clear(&i);
}

void quarantine_open(struct tn_generations *g)
{
    tn_map_init(&g->unnoted);
    tn_host_on_spent(g->o.env->host, on_spent, g);
}

void quarantine_changed(struct tn_generations *g)
{
    tn_map_clear(&g->unnoted, NULL);
}

void quarantine_close(struct tn_generations *g)
{
    tn_host_on_spent(g->o.env->host, NULL, NULL);
    tn_map_clear(&g->unnoted, NULL);
}
