/* SPDX-License-Identifier: MIT */
#include "api/system.h"

#include <stddef.h>
#include <stdio.h>

#include "api/consumers.h"
#include "api/figures.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "loop/shared.h"
#include "scripts/refused.h"
#include "scripts/scripts.h"
#include "store/store.h"
#include "sync/runner.h"

static const char *const process_states[] = {"none", "starting", "ready", "stopping"};

void api_system_live(void *arg, struct tn_http_exchange *x)
{
    (void)arg;
    tn_http_reply(x, 200, "application/json", TN_STR("{\"status\":\"ok\"}"));
}

static const struct tn_shared_damage *first_damage(const struct tn_shared *shared)
{
    const struct tn_shared_damage *d = NULL;
    for (int i = 0; i < TN_DAMAGES_MAX && !d; i++) d = tn_shared_damage(shared, i);
    return d;
}

static void answer_damaged(struct tn_http_exchange *x, const struct tn_shared *shared)
{
    const struct tn_shared_damage *d = first_damage(shared);
    struct tn_answer a;
    char reason[TN_UNIT_NAME + 128];
    snprintf(reason, sizeof reason,
             "the database has a damaged page in the table %s: tenon doctor says what to do",
             d->table);
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "status", "not ready");
    tn_jw_kz(&a.w, "reason", reason);
    tn_jw_key(&a.w, TN_STR("damagedTables"));
    tn_jw_array(&a.w);
    for (int i = 0; i < TN_DAMAGES_MAX; i++)
        if ((d = tn_shared_damage(shared, i))) tn_jw_z(&a.w, d->table);
    tn_jw_end(&a.w);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 503);
}

void api_system_ready(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    if (!tn_store_ready(api->p.store))
        tn_http_reply(
            x, 503, "application/json",
            TN_STR("{\"status\":\"not ready\",\"reason\":\"the store does not answer\"}"));
    else if (first_damage(api->p.shared))
        answer_damaged(x, api->p.shared);
    else
        tn_http_reply(x, 200, "application/json", TN_STR("{\"status\":\"ready\"}"));
}

/* A question to the store process whose answer ends x. */
struct asking {
    struct tn_api *api;
    struct tn_http_exchange *x;
    struct api_figures figures;
    struct api_consumers consumers; /* of none when the store does not answer */
};

static struct asking *asking_new(struct tn_api *api, struct tn_http_exchange *x)
{
    struct asking *a = TN_NEW(struct asking);
    a->api = api;
    a->x = x;
    return a;
}

/* ---- metrics ---- */

static void gauge(struct tn_buf *out, const char *name, const char *type, const char *help,
                  int64_t value)
{
    tn_metric_head(out, name, type, help);
    tn_buf_addf(out, "%s %lld\n", name, (long long)value);
}

/* ---- what all workers have done ---- */

static uint64_t sum(const struct tn_shared *shared, size_t offset)
{
    uint64_t n = 0;
    for (int i = 0; i < shared->worker_count; i++)
        n += *(const tn_counter *)((const char *)&shared->workers[i].counters + offset);
    return n;
}

static void write_http(struct tn_buf *out, const struct tn_shared *shared)
{
    static const int64_t bounds[TN_HTTP_BOUNDS] = TN_HTTP_BOUNDS_US;
    uint64_t below = 0;
    tn_metric_head(out, "tenon_http_requests_total", "counter", "Answers by class of status.");
    for (size_t c = 1; c < 6; c++)
        tn_buf_addf(
            out, "tenon_http_requests_total{class=\"%zuxx\"} %llu\n", c,
            (unsigned long long)sum(shared, offsetof(struct tn_counters, http_by_class[c])));
    tn_metric_head(out, "tenon_http_request_seconds", "histogram",
                   "Time from the first byte of a request to its answer.");
    for (size_t i = 0; i <= TN_HTTP_BOUNDS; i++) {
        below += sum(shared, offsetof(struct tn_counters, http_by_time[i]));
        tn_buf_adds(out, "tenon_http_request_seconds_bucket{le=\"");
        if (i < TN_HTTP_BOUNDS)
            tn_buf_addf(out, "%g", (double)bounds[i] / 1e6);
        else
            tn_buf_adds(out, "+Inf");
        tn_buf_addf(out, "\"} %llu\n", (unsigned long long)below);
    }
    tn_buf_addf(out, "tenon_http_request_seconds_sum %.6f\ntenon_http_request_seconds_count %llu\n",
                (double)sum(shared, offsetof(struct tn_counters, http_us)) / 1e6,
                (unsigned long long)below);
}

static void write_runs(struct tn_buf *out, const struct tn_shared *shared)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"tenon_runs_active", "gauge", "Runs that workers work on.",
         offsetof(struct tn_counters, runs_active)},
        {"tenon_runs_started_total", "counter", "Runs that were begun.",
         offsetof(struct tn_counters, runs_started)},
        {"tenon_runs_resumed_total", "counter", "Runs that a worker took over from another.",
         offsetof(struct tn_counters, runs_resumed)},
        {"tenon_runs_succeeded_total", "counter", "Runs that ended as SUCCESS.",
         offsetof(struct tn_counters, runs_succeeded)},
        {"tenon_runs_partial_total", "counter", "Runs that ended as PARTIAL.",
         offsetof(struct tn_counters, runs_partial)},
        {"tenon_runs_failed_total", "counter", "Runs that ended as FAILURE.",
         offsetof(struct tn_counters, runs_failed)},
        {"tenon_sync_records_total", "counter", "Records that went through runs.",
         offsetof(struct tn_counters, records)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        gauge(out, rows[i].name, rows[i].type, rows[i].help, (int64_t)sum(shared, rows[i].offset));
}

static void write_processes(struct tn_buf *out, const struct tn_shared *shared)
{
    int64_t now = tn_mono_us();
    tn_metric_head(out, "tenon_process_restarts_total", "counter",
                   "How often a process was replaced.");
    tn_buf_addf(out, "tenon_process_restarts_total{process=\"store\"} %u\n",
                shared->store.restarts);
    for (int i = 0; i < shared->worker_count; i++)
        tn_buf_addf(out, "tenon_process_restarts_total{process=\"worker %d\"} %u\n", i + 1,
                    shared->workers[i].restarts);
    tn_metric_head(out, "tenon_worker_silence_seconds", "gauge",
                   "Since the loop of a worker last turned.");
    for (int i = 0; i < shared->worker_count; i++)
        tn_buf_addf(out, "tenon_worker_silence_seconds{worker=\"%d\"} %.3f\n", i + 1,
                    (double)(now - shared->workers[i].beat_us) / 1e6);
}

/* A metric of every isolate; a row a call. */
enum isolate_metric { CALLS, CPU, MEMORY, OVERRUNS, BESIDE, ISOLATE_METRICS };

struct isolate_rows {
    struct tn_buf *out;
    int worker;
    enum isolate_metric metric;
};

static const char *const isolate_metrics[][3] = {
    [CALLS] = {"tenon_isolate_calls_total", "counter", "Calls into scripts."},
    [CPU] = {"tenon_isolate_cpu_seconds_total", "counter",
             "CPU time of scripts, in steps of a millisecond."},
    [MEMORY] = {"tenon_isolate_bytes", "gauge", "Memory of scripts."},
    [OVERRUNS] = {"tenon_isolate_overruns_total", "counter", "Calls that overran their budget."},
    [BESIDE] = {"tenon_isolate_beside_loop_total", "counter",
                "Stretches of scripts that took long and so ran beside the loop."},
};

static uint64_t isolate_value(const struct tn_isolate_info *info, enum isolate_metric metric)
{
    switch (metric) {
    case CALLS: return info->used.calls;
    case MEMORY: return info->used.bytes;
    case OVERRUNS: return info->used.overruns;
    default: return info->used.beside;
    }
}

static void isolate_row(void *arg, const struct tn_isolate_info *info)
{
    const struct isolate_rows *r = arg;
    tn_buf_addf(r->out, "%s{worker=\"%d\",isolate=\"%s\"} ", isolate_metrics[r->metric][0],
                r->worker, info->name);
    if (r->metric == CPU)
        tn_buf_addf(r->out, "%.3f\n", (double)info->used.cpu_ms / 1e3);
    else
        tn_buf_addf(r->out, "%llu\n", (unsigned long long)isolate_value(info, r->metric));
}

static void write_isolates(struct tn_buf *out, const struct tn_api *api)
{
    size_t alive = 0;
    for (int m = 0; m < ISOLATE_METRICS; m++) {
        struct isolate_rows rows = {out, api->p.worker, m};
        tn_metric_head(out, isolate_metrics[m][0], isolate_metrics[m][1], isolate_metrics[m][2]);
        alive = tn_scripts_isolates(api->p.scripts, isolate_row, &rows);
    }
    gauge(out, "tenon_isolates", "gauge", "Isolates in this worker, of older generations too.",
          (int64_t)alive);
}

/* No worker in the labels: what is in quarantine is so in all of them. */
static void write_quarantined(struct tn_buf *out, const struct tn_shared *shared)
{
    int64_t all = 0;
    tn_metric_head(out, "tenon_isolate_quarantined", "gauge",
                   "1: stopped until it is changed or released.");
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        const struct tn_shared_suspect *suspect = tn_shared_in_quarantine(shared, i);
        if (!suspect) continue;
        tn_buf_addf(out, "tenon_isolate_quarantined{isolate=\"%s\"} 1\n", suspect->unit);
        all++;
    }
    gauge(out, "tenon_isolates_quarantined", "gauge", "Isolates that are in quarantine.", all);
}

static void write_damages(struct tn_buf *out, const struct tn_shared *shared)
{
    tn_metric_head(out, "tenon_store_damaged_total", "counter",
                   "Statements that met a damaged page.");
    for (int i = 0; i < TN_DAMAGES_MAX; i++) {
        const struct tn_shared_damage *d = tn_shared_damage(shared, i);
        if (d)
            tn_buf_addf(out, "tenon_store_damaged_total{table=\"%s\"} %llu\n", d->table,
                        (unsigned long long)d->met);
    }
}

static void write_store(struct tn_buf *out, const struct tn_store_stats *s)
{
    gauge(out, "tenon_store_commits_total", "counter", "Commits since the store process started.",
          s->commits);
    gauge(out, "tenon_store_groups_total", "counter", "Transactions (one fsync each).", s->groups);
    gauge(out, "tenon_store_failed_total", "counter", "Commits that were refused.", s->failed);
    gauge(out, "tenon_store_queue_bytes", "gauge", "Commits that wait.", s->queue_bytes);
    gauge(out, "tenon_store_wal_bytes", "gauge", "Size of the write-ahead log.", s->wal_bytes);
    gauge(out, "tenon_store_database_bytes", "gauge", "Size of the database.", s->db_bytes);
    gauge(out, "tenon_store_free_bytes", "gauge", "Room left on its disk.", s->free_bytes);
    tn_metric_head(out, "tenon_retention_removed_total", "counter",
                   "Things that were kept long enough.");
    for (int i = 0; i < TN_RETAIN_KINDS; i++)
        tn_buf_addf(out, "tenon_retention_removed_total{what=\"%s\"} %lld\n",
                    tn_retain_name((enum tn_retain)i), (long long)s->retained[i]);
    gauge(out, "tenon_events_head", "counter", "Number of the newest event.", s->head);
}

static int64_t refused_units(const struct tn_api *api)
{
    const struct tn_units *units = tn_scripts_units(api->p.scripts);
    struct tn_refused r;
    size_t n = 0;
    while (units && tn_refused_at(tn_units_files(units), n, &r)) n++;
    return (int64_t)n;
}

/* ---- integrations ---- */

enum run_metric {
    RUNS_OK,
    RUNS_PARTIAL,
    RUNS_FAILED,
    RECORDS,
    RECORDS_FAILED,
    TOOK,
    LAST,
    RUN_METRICS
};

static const struct {
    const char *name, *label, *type, *help; /* help NULL: a further row of the metric before */
    bool seconds;
} run_metrics[RUN_METRICS] = {
    [RUNS_OK] = {"tenon_integration_runs_total", ",status=\"success\"", "counter",
                 "Runs of an integration by how they ended."},
    [RUNS_PARTIAL] = {"tenon_integration_runs_total", ",status=\"partial\"", NULL, NULL},
    [RUNS_FAILED] = {"tenon_integration_runs_total", ",status=\"failure\"", NULL, NULL},
    [RECORDS] = {"tenon_integration_records_total", "", "counter",
                 "Records that its runs went through."},
    [RECORDS_FAILED] = {"tenon_integration_failed_records_total", "", "counter",
                        "Records that its runs could not store."},
    [TOOK] = {"tenon_integration_run_seconds_total", "", "counter",
              "Time that its runs took, summed.", true},
    [LAST] = {"tenon_integration_last_success_seconds", "", "gauge",
              "When its last run that was a success ended, since 1970; 0: never.", true},
};

static int64_t run_value(const struct tn_run_totals *t, enum run_metric m)
{
    switch (m) {
    case RUNS_OK: return t->success;
    case RUNS_PARTIAL: return t->partial;
    case RUNS_FAILED: return t->failure;
    case RECORDS: return t->records;
    case RECORDS_FAILED: return t->failed_records;
    case TOOK: return t->took_ms;
    default: return t->success_ms;
    }
}

/* The names are letters, digits and _-. alone. */
static void write_run_metric(struct tn_buf *out, const struct api_figures *f, enum run_metric m)
{
    for (size_t i = 0; i < f->integration_count; i++) {
        const struct api_integration_figures *of = &f->integrations[i];
        int64_t v = run_value(&of->runs, m);
        tn_buf_addf(out, "%s{team=\"%lld\",integration=\"%s\"%s} ", run_metrics[m].name,
                    (long long)of->team, of->name, run_metrics[m].label);
        if (run_metrics[m].seconds)
            tn_buf_addf(out, "%.3f\n", (double)v / 1e3);
        else
            tn_buf_addf(out, "%lld\n", (long long)v);
    }
}

static void write_integrations(struct tn_buf *out, const struct api_figures *f)
{
    for (enum run_metric m = 0; m < RUN_METRICS; m++) {
        if (run_metrics[m].help)
            tn_metric_head(out, run_metrics[m].name, run_metrics[m].type, run_metrics[m].help);
        write_run_metric(out, f, m);
    }
    tn_metric_head(out, "tenon_quarantine_records", "gauge", "Records that wait in quarantine.");
    for (size_t i = 0; i < f->operation_count; i++) {
        const struct api_operation_figures *o = &f->operations[i];
        const struct api_integration_figures *of = &f->integrations[o->of];
        tn_buf_addf(
            out,
            "tenon_quarantine_records{team=\"%lld\",integration=\"%s\",operation=\"%s\"} %lld\n",
            (long long)of->team, of->name, o->operation, (long long)o->waiting);
    }
    gauge(out, "tenon_integrations_left_out", "gauge",
          "1: there are more integrations or operations than these metrics show.", f->capped);
}

static void metrics_known(void *arg, const struct tn_store_stats *stats, const struct tn_err *err)
{
    struct asking *a = arg;
    struct tn_shared *shared = a->api->p.shared;
    struct tn_buf out;
    tn_buf_init(&out, TN_MIB);
    gauge(&out, "tenon_up", "gauge", "1: this worker answers.", 1);
    gauge(&out, "tenon_store_up", "gauge", "1: the store process answers.", err ? 0 : 1);
    gauge(&out, "tenon_reloads_total", "counter", "Reloads of scripts that took effect.",
          (int64_t)shared->reloads);
    gauge(&out, "tenon_reload_failures_total", "counter", "Reloads that were refused.",
          (int64_t)shared->reload_failures);
    gauge(&out, "tenon_scripts_refused", "gauge", "Units that the last start refused.",
          refused_units(a->api));
    write_http(&out, shared);
    write_processes(&out, shared);
    write_runs(&out, shared);
    write_isolates(&out, a->api);
    write_quarantined(&out, shared);
    write_integrations(&out, &a->figures);
    if (a->consumers.count) api_consumers_metrics(&a->consumers, &out);
    write_damages(&out, shared);
    if (!err) write_store(&out, stats);
    tn_http_reply(a->x, 200, "text/plain; version=0.0.4; charset=utf-8", tn_buf_str(&out));
    tn_buf_clear(&out);
    tn_free(a);
}

static void metrics_looked(void *arg, const struct api_consumers *c, const struct tn_err *err)
{
    struct asking *a = arg;
    if (!err) a->consumers = *c;
    tn_store_stats(a->api->p.store, metrics_known, a);
}

static void metrics_read(void *arg, const struct api_figures *figures)
{
    struct asking *a = arg;
    a->figures = *figures;
    api_consumers_look(a->api, metrics_looked, a);
}

void api_system_metrics(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    api_figures_read(api, TN_TEAM_ALL, metrics_read, asking_new(api, x));
}

/* ---- status ---- */

static void write_process(struct tn_jw *w, const char *name, const struct tn_shared_process *p)
{
    tn_jw_object(w);
    tn_jw_kz(w, "process", name);
    tn_jw_kint(w, "pid", p->pid);
    tn_jw_kz(w, "state", process_states[p->state & 3]);
    tn_jw_kint(w, "restarts", p->restarts);
    tn_jw_end(w);
}

static void write_quarantine(struct tn_jw *w, const struct tn_shared *shared)
{
    tn_jw_key(w, TN_STR("quarantine"));
    tn_jw_array(w);
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        const struct tn_shared_suspect *suspect = tn_shared_in_quarantine(shared, i);
        if (suspect) tn_jw_z(w, suspect->unit);
    }
    tn_jw_end(w);
}

/* Of the caller's team; operations of which none waits are left out. */
static void write_failed_records(struct tn_jw *w, const struct api_figures *f)
{
    tn_jw_key(w, TN_STR("quarantineRecords"));
    tn_jw_array(w);
    for (size_t i = 0; i < f->operation_count; i++) {
        if (!f->operations[i].waiting) continue;
        tn_jw_object(w);
        tn_jw_kz(w, "integration", f->integrations[f->operations[i].of].name);
        tn_jw_kz(w, "operation", f->operations[i].operation);
        tn_jw_kint(w, "records", f->operations[i].waiting);
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

static void status_known(void *arg, const struct tn_store_stats *stats, const struct tn_err *err)
{
    struct asking *s = arg;
    struct tn_shared *shared = s->api->p.shared;
    struct tn_answer a;
    char started[TN_TIME_LEN + 1], name[24];
    tn_time_text(shared->started_ms, started);
    tn_answer_begin(&a, s->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "version", s->api->p.version);
    tn_jw_kz(&a.w, "startedAt", started);
    tn_jw_key(&a.w, TN_STR("processes"));
    tn_jw_array(&a.w);
    write_process(&a.w, "store", &shared->store);
    for (int i = 0; i < shared->worker_count; i++) {
        snprintf(name, sizeof name, "worker %d", i + 1);
        write_process(&a.w, name, &shared->workers[i]);
    }
    tn_jw_end(&a.w);
    write_quarantine(&a.w, shared);
    write_failed_records(&a.w, &s->figures);
    tn_jw_key(&a.w, TN_STR("store"));
    tn_jw_object(&a.w);
    tn_jw_kbool(&a.w, "answers", !err);
    if (!err) {
        tn_jw_kint(&a.w, "commits", stats->commits);
        tn_jw_kint(&a.w, "groups", stats->groups);
        tn_jw_kint(&a.w, "walBytes", stats->wal_bytes);
        tn_jw_kint(&a.w, "databaseBytes", stats->db_bytes);
        tn_jw_kint(&a.w, "freeBytes", stats->free_bytes);
    }
    tn_jw_end(&a.w);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
    tn_free(s);
}

static void status_read(void *arg, const struct api_figures *figures)
{
    struct asking *a = arg;
    a->figures = *figures;
    tn_store_stats(a->api->p.store, status_known, a);
}

void api_system_status(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    api_figures_read(api, api_actor(x)->team, status_read, asking_new(api, x));
}
