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
#include "store/read.h"

struct tn_quarantine {
    const struct bind_env *env;
    struct tn_shared *shared;
    int worker;
    struct tn_map unnoted; /* isolates that the full shared page cannot list */
};

static const char of_integration[] =
    "integrations:"; /* the integration's name follows (connections.c) */

/* ---- is it in quarantine? ---- */

/* True for an isolate that the shared page lists, and for one that only this worker holds back
 * because the page is full. */
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

/* ---- events ---- */

/* The events of one quarantine on their way to the store; may outlive the struct tn_quarantine. */
struct telling {
    const struct bind_env *env;
    struct tn_shared *shared;
    int worker, place;
    char isolate[TN_UNIT_NAME];
    const char *name; /* the integration's name, inside isolate */
    struct tn_buf data;
};

static void told(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct telling *t = arg;
    (void)done;
    tn_shared_told(t->shared, t->place, t->worker, !err);
    if (err)
        tn_log(t->env->log, TN_LOG_warn, "scripts", "the event of a quarantine is not written: %s",
               err->text);
    tn_buf_clear(&t->data);
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

static void write_events(struct telling *t, struct tn_commit *commit_give, bool ok,
                         const struct tn_err *err)
{
    if (ok && tn_commit_count(commit_give)) {
        tn_store_commit(t->env->store, commit_give, told, t);
        return;
    }
    tn_commit_free(commit_give);
    told(t, NULL, ok ? NULL : err);
}

/* Writes an event for each integration of this name. If none has the name any more, its
 * quarantine ends. */
static void named_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct telling *t = arg;
    struct tn_commit *commit;
    const struct tn_row *row;
    struct tn_err why;
    bool ok = true;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        told(t, NULL, err);
        return;
    }
    commit = tn_commit_new(t->env->store);
    for (size_t i = 0; ok && (row = tn_found_row(found, 0, i)); i++)
        ok = tn_commit_event(commit, row->team, "integration.quarantined", "integration", &row->id,
                             tn_buf_str(&t->data), &why);
    if (!tn_found_list(found, 0)->count) tn_shared_release(t->shared, t->isolate);
    write_events(t, commit, ok, &why);
}

/* Looks for the integration in all teams: the isolate's name holds the integration's name, but
 * not its team. */
static void tell_of_integration(struct telling *t)
{
    struct tn_str name = tn_str(t->name);
    struct tn_filter named = {"name", TN_FILTER_eq, &name, 1};
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    tn_read_query(read,
                  &(struct tn_query){.table = "integration", .filters = &named, .filter_count = 1});
    tn_store_read(t->env->store, read, NULL, named_found, t);
}

static void tell_of_unit(struct telling *t)
{
    struct tn_commit *commit = tn_commit_new(t->env->store);
    struct tn_err err;
    bool ok = tn_commit_event(commit, TN_TEAM_SYSTEM,
                              strcmp(t->isolate, tn_rules_name) == 0 ? "rules.quarantined"
                                                                     : "scripts.quarantined",
                              NULL, NULL, tn_buf_str(&t->data), &err);
    write_events(t, commit, ok, &err);
}

static void tell(struct tn_quarantine *q, int place, const struct tn_shared_suspect *suspect)
{
    struct telling *t = TN_NEW(struct telling);
    size_t n = sizeof of_integration - 1;
    *t = (struct telling){.env = q->env, .shared = q->shared, .worker = q->worker, .place = place};
    memcpy(t->isolate, suspect->unit, sizeof t->isolate);
    t->isolate[sizeof t->isolate - 1] = '\0';
    tn_buf_init(&t->data, 4 * TN_KIB);
    bool integration = strncmp(t->isolate, of_integration, n) == 0;
    t->name = integration ? t->isolate + n : t->isolate;
    write_data(t, suspect);
    if (integration)
        tell_of_integration(t);
    else
        tell_of_unit(t);
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
        "its scripts overran their budget three times in a row; correct them and "
        "reload, or release it (docs/how-to/change-scripts-safely.md)";
    if (tn_shared_overran(q->shared, isolate, unit)) {
        tn_log(q->env->log, TN_LOG_error, "scripts", "%s is in quarantine: %s", isolate, why);
    } else if (!tn_shared_quarantined(q->shared, isolate)) {
        tn_map_put(&q->unnoted, tn_str(isolate), q);
        tn_log(q->env->log, TN_LOG_error, "scripts",
               "%s is in quarantine in this worker alone, because the shared list is full: %s",
               isolate, why);
    }
    tell_all(q);
}

/* Called when an isolate of an integration or of the rules has overrun its budget several times
 * in a row; the context of its modules tells which. */
static void on_spent(void *arg, struct tn_isolate *iso)
{
    struct tn_quarantine *q = arg;
    const struct bind_context *context = tn_isolate_context(iso);
    const struct bind_owner *owner = context->app;
    if (context->integration)
        put_in(q, tn_isolate_name(iso), owner->unit ? owner->unit : "");
    else
        put_in(q, tn_isolate_name(iso), tn_rules_name);
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
