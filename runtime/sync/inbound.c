/* SPDX-License-Identifier: MIT */
#include "sync/inbound.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/backoff.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "store/commit.h"
#include "store/read.h"
#include "store/work.h"
#include "sync/retry.h"
#include "sync/runner.h"

static const char table[] = "inbound", same_space[] = "inbound", trigger[] = "WEBHOOK";
enum {
    AT_ONCE = 256, /* most of them wait for a run and do nothing */
    BUSY_MS = 500, /* before another look at an operation that is running; then ever longer */
    BUSY_MOST_MS = 30000,
    OVERLAP_MS = 600000, /* a run reads so much before the last good one: clocks differ */
    RUNS_READ = 50
};

struct tn_inbound {
    struct tn_store *store;
    struct tn_runner *runner;
    struct tn_log *log;
    struct tn_work *work;
    struct tn_json *json; /* for one parse at a time */
};

/* A ticket that is worked on. */
struct event {
    struct tn_inbound *in;
    struct tn_ticket *t;
    struct tn_call *call;        /* reading, or starting */
    struct tn_runner_wait *wait; /* for the run */
    struct starting *starting;   /* the runner answers later */
    struct tn_id id;
    char integration[TN_ID_LEN + 1], operation[64], since[64], same[600], run[TN_ID_LEN + 1];
    int64_t received_ms, failed, busy;
    bool rowless; /* retention has removed its row: it was sent again later */
    struct tn_backoff retry;
    struct tn_err why;     /* it is given up */
    struct tn_buf filters; /* JSON object; empty: none */
};

/* ---- storing ---- */

static void write_row(struct tn_buf *out, const struct tn_inbound_event *e)
{
    struct tn_jw w;
    char integration[TN_ID_LEN + 1], now[TN_TIME_LEN + 1];
    tn_id_text(&e->integration, integration);
    tn_time_text(tn_now_ms(), now);
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "integration", integration);
    tn_jw_kstr(&w, "delivery", e->delivery);
    tn_jw_kz(&w, "status", e->operation ? TN_INBOUND_accepted : TN_INBOUND_ignored);
    tn_jw_kz(&w, "received_at", now);
    if (e->type.p) tn_jw_kstr(&w, "type", e->type);
    tn_jw_kstr(&w, "payload", e->payload);
    tn_jw_end(&w);
}

/* What a ticket holds. */
struct ticket {
    const char *integration, *operation, *since; /* since "": none */
    struct tn_str filters, same;                 /* absent or empty: none */
    const struct tn_backoff *retry;
    int64_t received_ms, failed, busy;
};

static void write_ticket(struct tn_buf *out, const struct ticket *t)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "integration", t->integration);
    tn_jw_kz(&w, "operation", t->operation);
    tn_jw_kint(&w, "received", t->received_ms);
    tn_jw_kint(&w, "failed", t->failed);
    tn_jw_kint(&w, "busy", t->busy);
    if (t->since[0]) tn_jw_kz(&w, "since", t->since);
    if (t->same.n) tn_jw_kstr(&w, "same", t->same);
    if (t->filters.n) tn_jw_kraw(&w, "filters", t->filters);
    tn_jw_key(&w, TN_STR("retry"));
    tn_jw_array(&w);
    for (size_t i = 0; i < t->retry->count; i++) tn_jw_int(&w, t->retry->pause_ms[i]);
    tn_jw_end(&w);
    tn_jw_end(&w);
}

static bool put_ticket(struct tn_commit *commit, const struct tn_inbound_event *e,
                       struct tn_err *err)
{
    struct tn_buf payload;
    char key[TN_ID_LEN + 1], integration[TN_ID_LEN + 1];
    tn_id_text(&e->id, key);
    tn_id_text(&e->integration, integration);
    tn_buf_init(&payload, TN_LIMIT_RECORD);
    write_ticket(&payload, &(struct ticket){.integration = integration,
                                            .operation = e->operation,
                                            .since = e->since ? e->since : "",
                                            .filters = e->filters,
                                            .same = e->same,
                                            .retry = e->retry ? e->retry : &tn_backoff_hours,
                                            .received_ms = tn_now_ms()});
    const struct tn_queue_put q = {.team = e->team,
                                   .queue = TN_INBOUND_QUEUE,
                                   .key = tn_str(key),
                                   .due_ms = tn_now_ms(),
                                   .payload = tn_buf_str(&payload)};
    bool ok =
        tn_buf_ok(&payload, "the event's ticket", err) && tn_commit_queue_put(commit, &q, err);
    tn_buf_clear(&payload);
    return ok;
}

bool tn_inbound_put(struct tn_commit *commit, const struct tn_inbound_event *e, struct tn_err *err)
{
    struct tn_buf row;
    tn_buf_init(&row, 4 * TN_MIB);
    write_row(&row, e);
    bool ok = tn_buf_ok(&row, "the event", err) &&
              tn_commit_put(commit, e->team, table, &e->id, tn_buf_str(&row), TN_NEW_ONLY, err) &&
              (!e->same.n || tn_commit_kv_set(commit, e->team, same_space, e->same, TN_STR("1"),
                                              TN_NEW_ONLY, tn_now_ms() + e->same_ms, err)) &&
              (!e->operation || put_ticket(commit, e, err));
    tn_buf_clear(&row);
    return ok;
}

bool tn_inbound_resend(struct tn_commit *commit, int64_t team, struct tn_str event_id,
                       struct tn_str ticket, struct tn_err *err)
{
    const struct tn_queue_put q = {.team = team,
                                   .queue = TN_INBOUND_QUEUE,
                                   .key = event_id,
                                   .due_ms = tn_now_ms(),
                                   .payload = ticket};
    return tn_commit_queue_put(commit, &q, err);
}

/* ---- life of an event here ---- */

/* The runner answers once, whether somebody still waits or not. */
struct starting {
    struct event *of; /* NULL: the event was dropped */
};

static void event_free(struct event *e)
{
    tn_call_cancel(e->call);
    if (e->wait) tn_runner_wait_cancel(e->wait);
    if (e->starting) e->starting->of = NULL;
    tn_buf_clear(&e->filters);
    tn_free(e);
}

static struct ticket ticket_of(const struct event *e)
{
    return (struct ticket){.integration = e->integration,
                           .operation = e->operation,
                           .since = e->since,
                           .filters = tn_buf_str(&e->filters),
                           .same = tn_str(e->same),
                           .retry = &e->retry,
                           .received_ms = e->received_ms,
                           .failed = e->failed,
                           .busy = e->busy};
}

/* Adds what becomes of the row.  reason NULL: nothing went wrong. */
static bool patch_row(const struct event *e, struct tn_commit *c, const char *status,
                      const char *reason, struct tn_err *err)
{
    struct tn_buf patch;
    struct tn_jw w;
    if (e->rowless) return true;
    tn_buf_init(&patch, 4 * TN_KIB);
    tn_jw_init(&w, &patch);
    tn_jw_object(&w);
    tn_jw_kz(&w, "status", status);
    tn_jw_kint(&w, "failed", e->failed);
    if (e->run[0]) tn_jw_kz(&w, "run", e->run);
    if (reason) tn_jw_kz(&w, "reason", reason);
    tn_jw_end(&w);
    bool ok = tn_buf_ok(&patch, "the row of an event", err) &&
              tn_commit_patch(c, e->t->team, table, &e->id, tn_buf_str(&patch), TN_ANY, err);
    tn_buf_clear(&patch);
    return ok;
}

static void put_off(struct event *e, int64_t in_ms, struct tn_commit *with_give)
{
    struct tn_buf payload;
    const struct ticket t = ticket_of(e);
    tn_buf_init(&payload, TN_LIMIT_RECORD);
    write_ticket(&payload, &t);
    struct tn_str text = payload.failed ? (struct tn_str){NULL, 0} : tn_buf_str(&payload);
    tn_ticket_later(e->t, in_ms, text, with_give);
    tn_buf_clear(&payload);
    event_free(e);
}

/* A commit that cannot be built is a fault of ours: the event stays, and comes again late. */
static void stumble(struct event *e, struct tn_commit *c_give, const struct tn_err *err)
{
    tn_log(e->in->log, TN_LOG_error, "webhook", "the end of event %s cannot be stored: %s",
           e->t->key.p, err->text);
    tn_commit_free(c_give);
    put_off(e, BUSY_MOST_MS, NULL);
}

static void done(struct event *e)
{
    struct tn_commit *c = tn_commit_new(e->in->store);
    struct tn_err err;
    if (!patch_row(e, c, TN_INBOUND_done, NULL, &err)) {
        stumble(e, c, &err);
        return;
    }
    tn_ticket_done(e->t, c);
    event_free(e);
}

/* Copies members that quarantine shows from the event's row.  payload is sealed for `delivery`. */
static void copy_shown(struct tn_json *json, const struct tn_row *row, struct tn_jw *w)
{
    static const char *const shown[] = {"type", "delivery", "payload"};
    struct tn_err none;
    if (!row || !tn_json_parse(json, row->body, &none)) return;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct tn_jval v = tn_jget_z(tn_json_root(json), shown[i]);
        if (!tn_jis(v, TN_JSON_absent)) tn_jw_kraw(w, shown[i], tn_jraw(v));
    }
    tn_jw_kbool(w, "sealed", true);
}

static void write_dead(const struct event *e, const struct tn_row *shown, struct tn_buf *out)
{
    struct tn_buf ticket;
    struct tn_jw w;
    struct ticket t = ticket_of(e);
    t.failed = t.busy = 0;
    tn_buf_init(&ticket, TN_LIMIT_RECORD);
    write_ticket(&ticket, &t);
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "integration", e->integration);
    tn_jw_kz(&w, "operation", "webhook");
    tn_jw_kz(&w, "queue", TN_INBOUND_QUEUE);
    tn_jw_kz(&w, "entity", e->operation);
    tn_jw_kstr(&w, "external_id", e->t->key);
    tn_jw_kz(&w, "status", "open");
    tn_jw_kz(&w, "reason", e->why.text);
    tn_jw_kz(&w, "kind", tn_kind_name(e->why.kind));
    tn_jw_kint(&w, "attempts", e->failed);
    if (e->run[0]) tn_jw_kz(&w, "run", e->run);
    tn_jw_kraw(&w, "ticket", tn_buf_str(&ticket));
    copy_shown(e->in->json, shown, &w);
    tn_jw_end(&w);
    tn_buf_clear(&ticket);
}

/* What failed is no repetition when it is sent again. */
static bool add_dead(const struct event *e, struct tn_commit *c, const struct tn_row *shown,
                     struct tn_err *err)
{
    struct tn_buf row;
    tn_buf_init(&row, TN_LIMIT_RECORD);
    write_dead(e, shown, &row);
    if (row.failed) { /* its payload leaves no room: table "inbound" has it */
        tn_buf_reset(&row);
        write_dead(e, NULL, &row);
    }
    bool ok =
        patch_row(e, c, TN_INBOUND_failed, e->why.text, err) &&
        tn_buf_ok(&row, "a row of the quarantine", err) &&
        tn_commit_put(c, e->t->team, "quarantine", NULL, tn_buf_str(&row), TN_NEW_ONLY, err) &&
        (!e->same[0] ||
         tn_commit_kv_delete(c, e->t->team, same_space, tn_str(e->same), TN_ANY, err));
    tn_buf_clear(&row);
    return ok;
}

static void give_up(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct event *e = arg;
    struct tn_err err;
    e->call = NULL;
    if (failed) {
        e->failed--;
        put_off(e, BUSY_MS, NULL);
        return;
    }
    struct tn_commit *c = tn_commit_new(e->in->store);
    const struct tn_row *row = tn_found_row(found, 0, 0);
    e->rowless = !row;
    if (!add_dead(e, c, row, &err)) {
        stumble(e, c, &err);
        return;
    }
    tn_log(e->in->log, TN_LOG_error, "webhook",
           "event %s is given up after %lld tries of %s of integration %s: %s", e->t->key.p,
           (long long)e->failed, e->operation, e->integration, e->why.text);
    tn_ticket_done(e->t, c);
    event_free(e);
}

static void fail(struct event *e, const struct tn_err *why)
{
    int64_t pause = tn_backoff_pause(&e->retry, (int)++e->failed);
    if (pause < 0) {
        struct tn_read *read = tn_read_new(e->t->team);
        tn_read_get(read, table, &e->id);
        e->why = *why;
        e->call = tn_store_read(e->in->store, read, NULL, give_up, e);
        return;
    }
    struct tn_commit *c = tn_commit_new(e->in->store);
    struct tn_err err;
    if (!patch_row(e, c, TN_INBOUND_waiting, why->text, &err)) {
        stumble(e, c, &err);
        return;
    }
    tn_log(e->in->log, TN_LOG_warn, "webhook",
           "event %s: %s of integration %s failed, try %lld, again in %lld s: %s", e->t->key.p,
           e->operation, e->integration, (long long)e->failed, (long long)(pause / 1000),
           why->text);
    e->busy = 0;
    put_off(e, pause, c);
}

/* ---- the run ---- */

static void first_fault(struct tn_json *json, struct tn_str errors, struct tn_err *err)
{
    struct tn_arena arena;
    struct tn_err none;
    struct tn_str text = {0};
    tn_arena_init(&arena);
    if (errors.n && tn_json_parse(json, errors, &none)) {
        struct tn_jiter it = tn_jiter(tn_json_root(json));
        if (tn_jnext(&it)) (void)tn_jtext(tn_jget_z(it.value, "message"), &arena, &text);
    }
    tn_fail(err, TN_E_upstream, "the run failed: %.*s",
            TN_FMT(text.n ? text : TN_STR("it names no reason")));
    tn_arena_clear(&arena);
}

static void run_ended(void *arg, const struct tn_run_view *v, const struct tn_err *err)
{
    struct event *e = arg;
    struct tn_err why;
    e->wait = NULL;
    if (err && err->kind == TN_E_cancelled) {
        put_off(e, BUSY_MS, NULL); /* this process ends; the run goes on */
    } else if (err) {
        fail(e, err);
    } else if (v->status == TN_RUN_failure) {
        first_fault(e->in->json, v->errors, &why);
        fail(e, &why);
    } else {
        done(e);
    }
}

static void busy(struct event *e)
{
    int64_t in_ms = (int64_t)BUSY_MS << (e->busy > 6 ? 6 : e->busy);
    e->busy++;
    put_off(e, in_ms < BUSY_MOST_MS ? in_ms : BUSY_MOST_MS, NULL);
}

static void started(void *arg, const char *run_id, const struct tn_err *err)
{
    struct starting *s = arg;
    struct event *e = s->of;
    tn_free(s);
    if (!e) return;
    e->starting = NULL;
    if (run_id) {
        snprintf(e->run, sizeof e->run, "%s", run_id);
        tn_log(e->in->log, TN_LOG_info, "webhook", "event %s started %s of integration %s: run %s",
               e->t->key.p, e->operation, e->integration, run_id);
        e->wait = tn_runner_wait(e->in->runner, e->t->team, run_id, run_ended, e);
    } else if (err->kind == TN_E_busy) {
        busy(e);
    } else if (err->kind == TN_E_unavailable || err->kind == TN_E_cancelled) {
        put_off(e, BUSY_MS, NULL);
    } else {
        fail(e, err);
    }
}

/* The filters of the run: what the event names, or the time of the last good run. */
static void write_filters(const struct event *e, int64_t good_ms, struct tn_buf *out)
{
    struct tn_jw w;
    char since[TN_TIME_LEN + 1];
    if (e->filters.n) {
        tn_buf_addstr(out, tn_buf_str(&e->filters));
        return;
    }
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    if (e->since[0] && good_ms) {
        tn_time_text(good_ms - OVERLAP_MS, since);
        tn_jw_kz(&w, e->since, since);
    }
    tn_jw_end(&w);
}

static void start_run(struct event *e, int64_t good_ms)
{
    struct tn_buf filters;
    tn_buf_init(&filters, TN_LIMIT_RECORD);
    write_filters(e, good_ms, &filters);
    struct tn_runner_request q = {.team = e->t->team,
                                  .integration = e->integration,
                                  .operation = e->operation,
                                  .filters = tn_buf_str(&filters),
                                  .trigger = trigger};
    e->starting = TN_NEW(struct starting);
    e->starting->of = e;
    tn_runner_start(e->in->runner, &q, started, e->starting);
    tn_buf_clear(&filters);
}

/* ---- which run was the last good one ---- */

/* Did the run read all that may have changed?  Its only filter may be the `since` one, with a time
 * that was computed here: callers give any. */
static bool is_whole(struct tn_json *json, const struct event *e, const struct tn_run_view *v)
{
    struct tn_err none;
    bool ours = strcmp(v->trigger, trigger) == 0;
    if (!v->filters.n) return true;
    if (!tn_json_parse(json, v->filters, &none)) return false;
    for (struct tn_jiter it = tn_jiter(tn_json_root(json)); tn_jnext(&it);)
        if (!ours || !tn_str_is(it.key, e->since)) return false;
    return true;
}

static int64_t good_start(struct tn_json *json, const struct event *e, const struct tn_row *row)
{
    struct tn_run_view v;
    struct tn_err none;
    tn_run_view_init(&v);
    bool good = tn_run_view_decode(row->body, &v, &none) &&
                (v.status == TN_RUN_success || v.status == TN_RUN_partial) &&
                strcmp(v.trigger, TN_RETRY_TRIGGER) != 0 && is_whole(json, e, &v);
    int64_t at = good ? v.started_at : 0;
    tn_run_view_clear(&v);
    return at;
}

static void runs_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct event *e = arg;
    int64_t good_ms = 0;
    const struct tn_row *row;
    e->call = NULL;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        put_off(e, BUSY_MS, NULL);
        return;
    }
    e->rowless = !tn_found_row(found, 1, 0);
    for (size_t i = 0; !good_ms && (row = tn_found_row(found, 0, i)); i++)
        good_ms = good_start(e->in->json, e, row);
    if (!e->filters.n && good_ms >= e->received_ms)
        done(e); /* a run that began later has read what the event tells of */
    else
        start_run(e, good_ms);
}

static void look_for_runs(struct event *e)
{
    struct tn_read *read = tn_read_new(e->t->team);
    struct tn_str values[] = {tn_str(e->integration), tn_str(e->operation)};
    struct tn_str good[] = {TN_STR("SUCCESS"), TN_STR("PARTIAL")};
    const struct tn_filter filters[] = {{"integration", TN_FILTER_eq, &values[0], 1},
                                        {"operation", TN_FILTER_eq, &values[1], 1},
                                        {"status", TN_FILTER_in, good, 2}};
    tn_read_query(read, &(struct tn_query){.table = "run",
                                           .filters = filters,
                                           .filter_count = 3,
                                           .sort = {{"started_at", true}},
                                           .sort_count = 1,
                                           .limit = RUNS_READ});
    tn_read_get(read, table, &e->id);
    e->call = tn_store_read(e->in->store, read, NULL, runs_found, e);
}

/* ---- tickets ---- */

static void take_text(struct tn_jval object, const char *key, struct tn_arena *arena, char *out,
                      size_t size)
{
    struct tn_str text;
    if (tn_jtext(tn_jget_z(object, key), arena, &text)) snprintf(out, size, "%.*s", TN_FMT(text));
}

static void read_retry(struct tn_jval list, struct tn_backoff *out)
{
    if (!tn_jis(list, TN_JSON_array)) {
        *out = tn_backoff_hours;
        return;
    }
    for (struct tn_jiter it = tn_jiter(list); tn_jnext(&it) && out->count < TN_BACKOFF_MAX;)
        out->count += tn_jint(it.value, &out->pause_ms[out->count]);
}

/* A ticket of version 0.1.0 has only the integration and the operation. */
static bool read_ticket(struct event *e, struct tn_err *err)
{
    struct tn_arena arena;
    if (!tn_json_parse(e->in->json, e->t->payload, err)) return false;
    struct tn_jval root = tn_json_root(e->in->json), filters = tn_jget_z(root, "filters");
    tn_arena_init(&arena);
    take_text(root, "integration", &arena, e->integration, sizeof e->integration);
    take_text(root, "operation", &arena, e->operation, sizeof e->operation);
    take_text(root, "since", &arena, e->since, sizeof e->since);
    take_text(root, "same", &arena, e->same, sizeof e->same);
    if (!tn_jint(tn_jget_z(root, "received"), &e->received_ms)) e->received_ms = tn_now_ms();
    (void)tn_jint(tn_jget_z(root, "failed"), &e->failed);
    (void)tn_jint(tn_jget_z(root, "busy"), &e->busy);
    read_retry(tn_jget_z(root, "retry"), &e->retry);
    if (tn_jis(filters, TN_JSON_object)) tn_buf_addstr(&e->filters, tn_jraw(filters));
    tn_arena_clear(&arena);
    return (tn_id_parse(e->t->key, &e->id) && e->integration[0] && e->operation[0]) ||
           tn_fail(err, TN_E_invalid, "this is no ticket of an event");
}

static void start(void *self, struct tn_ticket *t)
{
    struct event *e = TN_NEW(struct event);
    struct tn_err err;
    e->in = self;
    e->t = t;
    tn_buf_init(&e->filters, TN_LIMIT_RECORD);
    if (read_ticket(e, &err)) {
        t->mine = e;
        look_for_runs(e);
        return;
    }
    tn_log(e->in->log, TN_LOG_error, "webhook", "the ticket of event %s was thrown away: %s",
           t->key.p, err.text);
    event_free(e);
    tn_ticket_done(t, NULL);
}

static void drop(void *self, struct tn_ticket *t)
{
    (void)self;
    event_free(t->mine);
}

static const struct tn_work_ops work_ops = {
    .queue = TN_INBOUND_QUEUE, .start = start, .drop = drop};

struct tn_inbound *tn_inbound_open(struct tn_loop *loop, struct tn_store *store,
                                   struct tn_runner *runner, struct tn_log *log)
{
    struct tn_inbound *in = TN_NEW(struct tn_inbound);
    *in = (struct tn_inbound){.store = store, .runner = runner, .log = log};
    in->json = tn_json_new();
    const struct tn_work_options w = {
        .loop = loop, .store = store, .log = log, .ops = &work_ops, .self = in, .at_once = AT_ONCE};
    in->work = tn_work_open(&w);
    return in;
}

void tn_inbound_close(struct tn_inbound *in)
{
    if (!in) return;
    tn_work_close(in->work);
    tn_json_free(in->json);
    tn_free(in);
}
