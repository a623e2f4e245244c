/* SPDX-License-Identifier: MIT */
#include "sync/runner.h"

#include <stdio.h>

#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/read.h"
#include "store/work.h"
#include "sync/retry.h"
#include "sync/run.h"
#include "sync/sink.h"

enum {
    ACTIVE_MAX = 4,
    RETRY_MS = 100,
    RETRY_MAX = 8,
    CRASHES_MAX = 3,
    CONFLICTS_MAX = 8,
    DRY_MAX = 8,
    DRY_KEPT = 16,
    AGAIN_MS = 1000,
    LATE_MS = 60000,
    PATIENCE = 20, /* times retry_ms */
    DRAIN_LOOKS = 10,
};

/* A run that is worked on here, from its claim on. */
struct job {
    struct job *next, **link;
    struct tn_runner *r;
    struct tn_run_view view;  /* as it was claimed */
    struct tn_run *run;       /* NULL: its row is being marked as ours, or it loads */
    struct tn_call *reading;  /* of its row */
    struct tn_call *marking;  /* its row as ours */
    struct tn_ticket *ticket; /* NULL: a dry run */
    bool touched;             /* the row may have changed since */
    struct tn_loading *loading;
    struct tn_err why; /* it cannot be loaded */
    bool dry;
    struct tn_id id;
    int64_t team, version;
    int64_t seen;       /* records of it that are in the statistics */
    int64_t decided_us; /* when its end was known; 0: not yet */
    int conflicts;
};

/* A question to the store, or an answer that is to be given in a later turn. */
struct call {
    struct call *next, **link;
    struct tn_runner *r;
    bool deferred;
    int tries;
    struct tn_call *asking; /* what the store is to answer */
    union {
        tn_runner_start_fn started;
        tn_runner_cancel_fn cancelled;
        tn_runner_read_fn read;
    } done;
    void (*answer)(struct call *c);
    bool (*also)(void *arg, struct tn_commit *commit, const char *run_id, struct tn_err *err);
    void *arg;
    struct tn_run_view view;
    struct tn_err err;
};

struct tn_runner_wait {
    struct tn_runner_wait *next, **link;
    struct tn_runner *r;
    int64_t team;
    struct tn_id id;
    char run[TN_ID_LEN + 1];
    bool look; /* its row may have changed */
    struct tn_call *reading;
    tn_runner_wait_fn done;
    void *arg;
};

struct tn_runner {
    struct tn_runner_options o;
    struct tn_counters own; /* where the options name none */
    struct job *jobs;
    struct call *calls;
    struct tn_runner_wait *waits;
    struct tn_work *work;
    struct tn_timer *check, *patience, *drain;
    bool closing;
    unsigned dry;
    struct tn_run_view kept[DRY_KEPT]; /* dry runs that ended, newest over oldest */
    unsigned kept_at;
    void (*closed)(void *arg);
    void *closed_arg;
};

#define ENTER(list, x)                                                                             \
    do {                                                                                           \
        (x)->next = (list);                                                                        \
        (x)->link = &(list);                                                                       \
        if ((list)) (list)->link = &(x)->next;                                                     \
        (list) = (x);                                                                              \
    } while (0)
#define LEAVE(x)                                                                                   \
    do {                                                                                           \
        *(x)->link = (x)->next;                                                                    \
        if ((x)->next) (x)->next->link = (x)->link;                                                \
    } while (0)

/* ------------------------------------------------------------------ calls and jobs */

static struct call *call_new(struct tn_runner *r)
{
    struct call *c = TN_NEW(struct call);
    c->r = r;
    tn_run_view_init(&c->view);
    ENTER(r->calls, c);
    return c;
}

static void call_free(struct call *c)
{
    LEAVE(c);
    if (c->r->closing) tn_timer_set(c->r->check, 0);
    tn_run_view_clear(&c->view);
    tn_free(c);
}

/* The answer is known already, but no caller is called back inside its own call. */
static void call_defer(struct call *c)
{
    c->deferred = true;
    tn_timer_set(c->r->check, 0);
}

static struct job *job_new(struct tn_runner *r, const struct tn_run_view *v)
{
    struct job *j = TN_NEW(struct job);
    j->r = r;
    tn_run_view_init(&j->view);
    tn_run_view_copy(&j->view, v);
    (void)tn_id_parse(tn_str(j->view.id), &j->id);
    j->team = v->team;
    j->dry = v->dry_run;
    ENTER(r->jobs, j);
    if (j->dry)
        r->dry++;
    else
        tn_count(&r->o.counters->runs_active, 1);
    return j;
}

static void job_free(struct job *j)
{
    struct tn_runner *r = j->r;
    LEAVE(j);
    if (j->dry)
        r->dry--;
    else
        tn_count(&r->o.counters->runs_active, -1);
    if (j->loading) r->o.adapters->stop(j->loading);
    tn_call_cancel(j->reading);
    tn_call_cancel(j->marking);
    tn_run_free(j->run);
    tn_run_view_clear(&j->view);
    tn_free(j);
    if (r->closing) tn_timer_set(r->check, 0);
}

/* Its run has settled the ticket, or lost it. */
static void leave(struct job *j)
{
    struct tn_ticket *ticket = j->ticket;
    job_free(j);
    if (ticket) tn_ticket_left(ticket);
}

static struct job *job_of(const struct tn_runner *r, const struct tn_id *id)
{
    for (struct job *j = r->jobs; j; j = j->next)
        if (memcmp(&j->id, id, sizeof *id) == 0) return j;
    return NULL;
}

static struct tn_call *ask_row(struct tn_runner *r, int64_t team, const struct tn_id *id,
                               tn_read_fn done, void *arg)
{
    struct tn_read *read = tn_read_new(team);
    tn_read_get(read, "run", id);
    return tn_store_read(r->o.store, read, NULL, done, arg);
}

/* The row that was asked for; failed: the answer's, or NULL. */
static bool take_row(const struct tn_found *found, const struct tn_err *failed, int64_t team,
                     struct tn_run_view *v, int64_t *version, struct tn_err *err)
{
    if (!failed) failed = tn_found_err(found, 0);
    if (failed) {
        *err = *failed;
        return false;
    }
    const struct tn_row *row = tn_found_row(found, 0, 0);
    if (!row) return tn_fail(err, TN_E_not_found, "there is no such run");
    if (!tn_run_view_decode(row->body, v, err)) return false;
    v->team = team;
    tn_id_text(&row->id, v->id);
    *version = row->version;
    return true;
}

static bool put_row(struct tn_commit *c, const struct tn_run_view *v, int64_t based_on,
                    struct tn_err *err)
{
    struct tn_buf body;
    struct tn_id id;
    tn_buf_init(&body, TN_LIMIT_RECORD);
    tn_run_view_encode(v, &body);
    bool ok = tn_id_parse(tn_str(v->id), &id) && tn_buf_ok(&body, "the row of a run", err) &&
              tn_commit_put(c, v->team, "run", &id, tn_buf_str(&body), based_on, err);
    tn_buf_clear(&body);
    return ok;
}

/* ------------------------------------------------------------------ waits */

static void look_again(struct tn_runner *r, const struct tn_id *id)
{
    for (struct tn_runner_wait *w = r->waits; w; w = w->next) {
        if (id && memcmp(&w->id, id, sizeof *id) != 0) continue;
        w->look = true;
        tn_timer_set(r->check, 0);
    }
}

static const struct tn_run_view *kept_dry(const struct tn_runner *r, int64_t team, const char *run)
{
    for (unsigned i = 0; i < DRY_KEPT; i++)
        if (r->kept[i].team == team && strcmp(r->kept[i].id, run) == 0) return &r->kept[i];
    return NULL;
}

static void wait_answer(struct tn_runner_wait *w, const struct tn_run_view *v,
                        const struct tn_err *err)
{
    tn_runner_wait_fn done = w->done;
    void *arg = w->arg;
    LEAVE(w);
    tn_call_cancel(w->reading);
    tn_free(w);
    done(arg, v, err);
}

static int64_t patience_ms(const struct tn_runner *r)
{
    return (int64_t)r->o.retry_ms * PATIENCE;
}

static bool patience_over(const struct job *j)
{
    return j->decided_us && tn_mono_us() - j->decided_us >= patience_ms(j->r) * 1000;
}

static void on_wait_row(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct tn_runner_wait *w = arg;
    struct tn_run_view v;
    struct tn_err err;
    int64_t version = 0;
    w->reading = NULL;
    if (w->look) tn_timer_set(w->r->check, 0);
    tn_run_view_init(&v);
    if (!take_row(found, failed, w->team, &v, &version, &err))
        wait_answer(w, NULL, &err);
    else if (v.status != TN_RUN_running)
        wait_answer(w, &v, NULL);
    tn_run_view_clear(&v);
}

/* Answers the wait if its run has ended. */
static void wait_look(struct tn_runner_wait *w)
{
    struct tn_runner *r = w->r;
    struct job *j = job_of(r, &w->id);
    const struct tn_run_view *dry = kept_dry(r, w->team, w->run);
    w->look = false;
    if (j && j->team == w->team) {
        if (patience_over(j)) wait_answer(w, tn_run_view(j->run), NULL);
    } else if (dry) {
        wait_answer(w, dry, NULL);
    } else {
        w->reading = ask_row(r, w->team, &w->id, on_wait_row, w);
    }
}

struct tn_runner_wait *tn_runner_wait(struct tn_runner *r, int64_t team, const char *run_id,
                                      tn_runner_wait_fn done, void *arg)
{
    struct tn_runner_wait *w = TN_NEW(struct tn_runner_wait);
    *w = (struct tn_runner_wait){.r = r, .team = team, .look = true, .done = done, .arg = arg};
    snprintf(w->run, sizeof w->run, "%s", run_id);
    (void)tn_id_parse(tn_str(run_id), &w->id);
    ENTER(r->waits, w);
    tn_timer_set(r->check, 0);
    return w;
}

void tn_runner_wait_cancel(struct tn_runner_wait *w)
{
    LEAVE(w);
    tn_call_cancel(w->reading);
    tn_free(w);
}

/* ------------------------------------------------------------------ working on a run */

static void keep_dry(struct tn_runner *r, const struct tn_run_view *v)
{
    struct tn_run_view *place = &r->kept[r->kept_at++ % DRY_KEPT];
    tn_run_view_copy(place, v);
}

static void count_end(struct tn_runner *r, enum tn_run_end end, enum tn_run_status status)
{
    struct tn_counters *n = r->o.counters;
    if (end == TN_RUN_END_lost) tn_count(&n->runs_lost, 1);
    if (end != TN_RUN_END_done) return;
    tn_count(&n->runs_succeeded, status == TN_RUN_success);
    tn_count(&n->runs_partial, status == TN_RUN_partial);
    tn_count(&n->runs_failed, status == TN_RUN_failure);
}

static void on_run_done(void *arg, enum tn_run_end end)
{
    struct job *j = arg;
    struct tn_runner *r = j->r;
    struct tn_id id = j->id;
    count_end(r, end, tn_run_view(j->run)->status);
    if (j->dry) keep_dry(r, tn_run_view(j->run));
    if (end == TN_RUN_END_lost)
        tn_log(r->o.log, TN_LOG_warn, "sync", "run %s is worked on elsewhere", j->view.id);
    leave(j);
    look_again(r, &id);
}

static void on_progress(void *arg, const struct tn_run_view *v)
{
    struct job *j = arg;
    if (v->status != TN_RUN_running) {
        j->decided_us = tn_mono_us();
        tn_timer_set(j->r->patience, patience_ms(j->r) + 1);
        return;
    }
    tn_count(&j->r->o.counters->pages, 1);
    tn_count(&j->r->o.counters->records, tn_run_committed(j->run) - j->seen);
    j->seen = tn_run_committed(j->run);
}

static struct tn_run_request request_of(const struct job *j)
{
    const struct tn_run_view *v = &j->view;
    return (struct tn_run_request){.team = v->team,
                                   .depth = (unsigned)v->depth,
                                   .integration = v->integration,
                                   .operation = v->operation,
                                   .filters = v->filters,
                                   .cursor = v->cursor,
                                   .retry = strcmp(v->trigger, TN_RETRY_TRIGGER) == 0};
}

/* May it begin at all? */
static bool may_begin(const struct job *j, struct tn_err *err)
{
    const struct tn_run_view *v = &j->view;
    struct tn_str at = v->cursor.n ? v->cursor : TN_STR("none");
    if (v->cancel) return tn_fail(err, TN_E_cancelled, "the run was cancelled");
    if (v->crashes < CRASHES_MAX) return true;
    return tn_fail(err, TN_E_internal,
                   "the worker process died %d times while it was at the "
                   "page after cursor %.*s: see the log",
                   v->crashes, TN_FMT(at));
}

static bool open_source(const struct job *j, struct tn_source *source, struct tn_err *err)
{
    const struct tn_runner_options *o = &j->r->o;
    const struct tn_run_request q = request_of(j);
    if (!may_begin(j, err)) return false;
    *err = j->why;
    if (err->kind || !o->adapters->open(o->adapters_self, &q, source, err)) return false;
    if (!q.retry) return true;
    const struct tn_retry_options ro = {.store = o->store,
                                        .loop = o->loop,
                                        .view = &j->view,
                                        .unseal = o->unseal,
                                        .unseal_arg = o->seal_arg};
    tn_retry_wrap(source, &ro);
    return true;
}

static void begin(struct job *j)
{
    const struct tn_runner_options *o = &j->r->o;
    struct tn_run_options ro = {
        .loop = o->loop,
        .store = o->store,
        .log = o->log,
        .row_version = j->version,
        .entry = j->ticket ? j->ticket->id : (struct tn_id){{0}},
        .lease = j->ticket ? j->ticket->lease : 0,
        .retry_ms = o->retry_ms,
        .commit_rows = o->commit_rows,
        .retry_max = RETRY_MAX,
        .diff_max = TN_LIMIT_SYNC_DIFFS,
        .seal = o->seal,
        .unseal = o->unseal,
        .seal_arg = o->seal_arg,
        .sealer = o->sealer,
        .progress = on_progress,
        .done = on_run_done,
        .arg = j,
    };
    struct tn_source source;
    struct tn_err err;
    j->run = open_source(j, &source, &err) ? tn_run_start(&ro, &source, &j->view)
                                           : tn_run_refuse(&ro, &err, &j->view);
    if (j->r->closing) tn_run_stop(j->run);
}

static void on_loaded(void *arg, const struct tn_err *err)
{
    struct job *j = arg;
    j->loading = NULL;
    if (err) j->why = *err;
    begin(j);
}

static void launch(struct job *j)
{
    const struct tn_runner_options *o = &j->r->o;
    const struct tn_run_request q = request_of(j);
    struct tn_err none;
    if (o->adapters->load && may_begin(j, &none))
        j->loading = o->adapters->load(o->adapters_self, &q, on_loaded, j);
    if (!j->loading) begin(j);
}

/* ------------------------------------------------------------------ claiming */

static void hand_back(struct job *j, int64_t in_ms)
{
    tn_ticket_later(j->ticket, in_ms, (struct tn_str){NULL, 0}, NULL);
    job_free(j);
}

static void mark(struct job *j);

static void on_marked(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct job *j = arg;
    j->marking = NULL;
    if (!err) {
        j->version = done->ops[0].version;
        launch(j);
    } else if (err->kind == TN_E_conflict && ++j->conflicts < CONFLICTS_MAX) {
        mark(j);
    } else {
        hand_back(j, AGAIN_MS);
    }
}

/* Without a cursor it begins from the start, where everything is counted anew. */
static void begin_attempt(struct tn_run_view *v)
{
    v->attempt++;
    v->crashes = v->open ? v->crashes + 1 : v->crashes;
    v->open = true;
    if (!v->started_at) v->started_at = tn_now_ms();
    if (v->cursor.n) return;
    v->counts = (struct tn_run_counts){0};
    v->errors = v->warned = (struct tn_str){NULL, 0};
    v->warnings = 0;
}

static void put_mark(struct job *j, int64_t version)
{
    struct tn_runner *r = j->r;
    struct tn_commit *commit = tn_commit_new(r->o.store);
    struct tn_err err;
    begin_attempt(&j->view);
    if (!put_row(commit, &j->view, version, &err)) {
        tn_commit_free(commit);
        hand_back(j, LATE_MS);
        return;
    }
    if (j->view.attempt > 1) tn_count(&r->o.counters->runs_resumed, 1);
    j->marking = tn_store_commit(r->o.store, commit, on_marked, j);
}

static void on_mark_row(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct job *j = arg;
    struct tn_err err;
    int64_t version = 0;
    j->reading = NULL;
    bool read = take_row(found, failed, j->team, &j->view, &version, &err);
    if (!read && err.kind != TN_E_not_found) {
        tn_log(j->r->o.log, TN_LOG_error, "sync", "a queued run cannot be read: %s", err.text);
        hand_back(j, LATE_MS);
    } else if (!read || j->view.status != TN_RUN_running) {
        tn_ticket_done(j->ticket, NULL); /* nothing goes on */
        job_free(j);
    } else {
        put_mark(j, version);
    }
}

/* Writes into the row that a new attempt begins: from here on nobody else's commits succeed. */
static void mark(struct job *j)
{
    j->reading = ask_row(j->r, j->team, &j->id, on_mark_row, j);
}

static void take(void *self, struct tn_ticket *t)
{
    struct tn_runner *r = self;
    struct tn_run_view v;
    struct tn_id id;
    if (!tn_id_parse(t->key, &id) || job_of(r, &id)) {
        tn_ticket_done(t, NULL);
        return;
    }
    tn_run_view_init(&v);
    v.team = t->team;
    tn_id_text(&id, v.id);
    struct job *j = job_new(r, &v);
    j->ticket = t;
    t->mine = j;
    mark(j);
    tn_run_view_clear(&v);
}

static void drop(void *self, struct tn_ticket *t)
{
    (void)self;
    job_free(t->mine);
}

static const struct tn_work_ops work_ops = {.queue = TN_RUN_QUEUE, .start = take, .drop = drop};

/* ------------------------------------------------------------------ change notes */

static void cancel_job(struct job *j)
{
    if (j->run)
        tn_run_cancel(j->run);
    else
        j->view.cancel = true;
}

static void row_touched(struct job *j);

static void on_touched_row(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct job *j = arg;
    struct tn_run_view v;
    struct tn_err err;
    int64_t version = 0;
    j->reading = NULL;
    tn_run_view_init(&v);
    if (take_row(found, failed, j->team, &v, &version, &err) && v.cancel) cancel_job(j);
    tn_run_view_clear(&v);
    if (j->touched) row_touched(j);
}

/* Another process has written the row of a run of ours: it may only have asked for the run's end.
 */
static void row_touched(struct job *j)
{
    if (j->dry || (j->run ? tn_run_writing(j->run) : !j->loading)) return;
    j->touched = j->reading != NULL;
    if (!j->reading) j->reading = ask_row(j->r, j->team, &j->id, on_touched_row, j);
}

static void rows_changed(struct tn_runner *r, const struct tn_change *c)
{
    if (c->more) {
        look_again(r, NULL);
        for (struct job *j = r->jobs; j; j = j->next) row_touched(j);
    }
    for (size_t i = 0; i < c->count && !c->more; i++) {
        struct job *j = job_of(r, &c->ids[i]);
        look_again(r, &c->ids[i]);
        if (j) row_touched(j);
    }
}

static void on_change(void *arg, const struct tn_changes *changes)
{
    struct tn_runner *r = arg;
    if (changes->all) {
        look_again(r, NULL);
        for (struct job *j = r->jobs; j; j = j->next) row_touched(j);
    }
    for (size_t i = 0; i < changes->count; i++) {
        const struct tn_change *c = &changes->items[i];
        if (c->kind == TN_CHANGED_table && tn_str_is(c->name, "run")) rows_changed(r, c);
    }
}

/* ------------------------------------------------------------------ starting */

static void start_answer(struct call *c)
{
    c->done.started(c->arg, c->err.kind ? NULL : c->view.id, c->err.kind ? &c->err : NULL);
}

static size_t active_key(const struct tn_run_view *v, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/%s", v->integration, v->operation);
    return (size_t)n;
}

static void try_start(struct call *c);

static void start_done(struct call *c)
{
    start_answer(c);
    call_free(c);
}

/* Says which run has the place; one that ended in between is none. */
static void on_busy(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct call *c = arg;
    c->asking = NULL;
    if (!failed) failed = tn_found_err(found, 0);
    const struct tn_kv *kv = failed ? NULL : tn_found_kv(found, 0, 0);
    if (failed) {
        c->err = *failed;
    } else if (kv) {
        tn_fail(&c->err, TN_E_busy, "%s of this integration is running already", c->view.operation);
        tn_fail_field(&c->err, "%.*s", TN_FMT(kv->value));
    } else if (++c->tries < CONFLICTS_MAX) {
        try_start(c);
        return;
    } else {
        tn_fail(&c->err, TN_E_conflict, "runs of this operation began and ended too quickly");
    }
    start_done(c);
}

static void explain_busy(struct call *c)
{
    char key[128];
    struct tn_str k = {key, active_key(&c->view, key, sizeof key)};
    struct tn_read *read = tn_read_new(c->view.team);
    tn_read_kv(read, TN_RUN_ACTIVE_SPACE, k);
    c->asking = tn_store_read(c->r->o.store, read, NULL, on_busy, c);
}

static void on_started(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct call *c = arg;
    (void)done;
    c->asking = NULL;
    tn_err_clear(&c->err);
    if (err) c->err = *err;
    if (err && err->kind == TN_E_conflict) {
        explain_busy(c);
        return;
    }
    tn_count(&c->r->o.counters->runs_started, !err);
    start_done(c);
}

static bool build_start(struct call *c, struct tn_commit *commit)
{
    const struct tn_run_view *v = &c->view;
    char key[128];
    struct tn_str k = {key, active_key(v, key, sizeof key)};
    const struct tn_queue_put entry = {.team = v->team,
                                       .queue = TN_RUN_QUEUE,
                                       .key = tn_str(v->id),
                                       .due_ms = tn_now_ms(),
                                       .payload = TN_STR("{}")};
    return put_row(commit, v, TN_NEW_ONLY, &c->err) &&
           tn_commit_kv_set(commit, v->team, TN_RUN_ACTIVE_SPACE, k, tn_str(v->id), TN_NEW_ONLY, 0,
                            &c->err) &&
           tn_commit_queue_put(commit, &entry, &c->err) &&
           (!c->also || c->also(c->arg, commit, v->id, &c->err));
}

static void try_start(struct call *c)
{
    struct tn_commit *commit = tn_commit_new(c->r->o.store);
    tn_err_clear(&c->err);
    if (build_start(c, commit)) {
        c->asking = tn_store_commit(c->r->o.store, commit, on_started, c);
        return;
    }
    tn_commit_free(commit);
    call_defer(c);
}

static void start_dry(struct call *c)
{
    struct tn_runner *r = c->r;
    if (r->dry >= DRY_MAX) {
        tn_fail(&c->err, TN_E_overloaded, "%d dry runs are under way", DRY_MAX);
    } else {
        struct job *j = job_new(r, &c->view);
        begin_attempt(&j->view);
        launch(j);
    }
    call_defer(c);
}

static bool fill_view(struct tn_run_view *v, const struct tn_runner_request *q, struct tn_err *err)
{
    struct tn_id id = tn_id_new(), integration;
    const char *trigger = q->trigger ? q->trigger : "API";
    tn_id_text(&id, v->id);
    v->team = q->team;
    v->dry_run = q->dry_run;
    v->depth = (int)q->depth;
    v->created_at = tn_now_ms();
    if (!tn_id_parse(tn_str(q->integration), &integration))
        return tn_fail(err, TN_E_invalid, "an integration's id is a UUID");
    if (!q->operation[0] || strlen(q->operation) >= sizeof v->operation)
        return tn_fail(err, TN_E_invalid, "an operation's name has 1 to %zu characters",
                       sizeof v->operation - 1);
    tn_id_text(&integration, v->integration);
    snprintf(v->operation, sizeof v->operation, "%s", q->operation);
    snprintf(v->trigger, sizeof v->trigger, "%s", trigger);
    struct tn_str filters = q->filters.n ? q->filters : TN_STR("{}");
    v->filters = (struct tn_str){tn_arena_strndup(&v->memory, filters.p, filters.n), filters.n};
    return true;
}

void tn_runner_start(struct tn_runner *r, const struct tn_runner_request *q,
                     tn_runner_start_fn done, void *arg)
{
    struct call *c = call_new(r);
    c->done.started = done;
    c->arg = arg;
    c->answer = start_answer;
    c->also = q->also;
    if (r->closing) tn_fail(&c->err, TN_E_unavailable, "the server is shutting down");
    if (c->err.kind || !fill_view(&c->view, q, &c->err))
        call_defer(c);
    else if (q->dry_run)
        start_dry(c);
    else
        try_start(c);
}

/* ------------------------------------------------------------------ cancelling */

static void cancel_answer(struct call *c)
{
    c->done.cancelled(c->arg, &c->err);
}

static void try_cancel(struct call *c);

static void on_cancelled(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct call *c = arg;
    (void)done;
    c->asking = NULL;
    tn_err_clear(&c->err);
    if (err) c->err = *err;
    if (err && err->kind == TN_E_conflict && ++c->tries < CONFLICTS_MAX) {
        try_cancel(c);
        return;
    }
    cancel_answer(c);
    call_free(c);
}

static bool put_wish(struct call *c, struct tn_commit *commit, const struct tn_found *found,
                     const struct tn_err *failed)
{
    struct tn_id id;
    int64_t version = 0;
    if (!take_row(found, failed, c->view.team, &c->view, &version, &c->err)) return false;
    if (c->view.status != TN_RUN_running)
        return tn_fail(&c->err, TN_E_conflict, "the run has ended");
    return tn_id_parse(tn_str(c->view.id), &id) &&
           tn_commit_patch(commit, c->view.team, "run", &id, TN_STR("{\"cancel\":true}"), version,
                           &c->err);
}

static void on_cancel_row(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct call *c = arg;
    struct tn_commit *commit = tn_commit_new(c->r->o.store);
    c->asking = NULL;
    tn_err_clear(&c->err);
    if (put_wish(c, commit, found, failed)) {
        c->asking = tn_store_commit(c->r->o.store, commit, on_cancelled, c);
        return;
    }
    tn_commit_free(commit);
    cancel_answer(c);
    call_free(c);
}

/* The wish goes into the row; the page that is being committed elsewhere may be quicker. */
static void try_cancel(struct call *c)
{
    struct tn_id id;
    if (tn_id_parse(tn_str(c->view.id), &id)) {
        c->asking = ask_row(c->r, c->view.team, &id, on_cancel_row, c);
        return;
    }
    tn_fail(&c->err, TN_E_not_found, "there is no such run");
    call_defer(c);
}

void tn_runner_cancel(struct tn_runner *r, int64_t team, const char *run_id,
                      tn_runner_cancel_fn done, void *arg)
{
    struct call *c = call_new(r);
    struct tn_id id;
    struct job *j = tn_id_parse(tn_str(run_id), &id) ? job_of(r, &id) : NULL;
    c->done.cancelled = done;
    c->arg = arg;
    c->answer = cancel_answer;
    c->view.team = team;
    snprintf(c->view.id, sizeof c->view.id, "%s", run_id);
    if (!j || !j->dry || j->team != team) {
        try_cancel(c);
        return;
    }
    cancel_job(j);
    call_defer(c);
}

/* ------------------------------------------------------------------ reading */

static void read_answer(struct call *c)
{
    c->done.read(c->arg, c->err.kind ? NULL : &c->view, c->err.kind ? &c->err : NULL);
}

static void on_read_row(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct call *c = arg;
    int64_t version = 0;
    c->asking = NULL;
    if (take_row(found, failed, c->view.team, &c->view, &version, &c->err)) tn_err_clear(&c->err);
    read_answer(c);
    call_free(c);
}

/* What this process knows of the run itself; NULL: nothing. */
static const struct tn_run_view *known_view(const struct tn_runner *r, int64_t team,
                                            const struct tn_id *id, const char *run_id)
{
    struct job *j = job_of(r, id);
    if (j && (j->run || j->dry) && j->team == team) return j->run ? tn_run_view(j->run) : &j->view;
    return kept_dry(r, team, run_id);
}

void tn_runner_read(struct tn_runner *r, int64_t team, const char *run_id, tn_runner_read_fn done,
                    void *arg)
{
    struct call *c = call_new(r);
    struct tn_id id;
    c->done.read = done;
    c->arg = arg;
    c->answer = read_answer;
    c->view.team = team;
    bool named = tn_id_parse(tn_str(run_id), &id);
    const struct tn_run_view *known = named ? known_view(r, team, &id, run_id) : NULL;
    if (named && !known) {
        c->asking = ask_row(r, team, &id, on_read_row, c);
        return;
    }
    if (known)
        tn_run_view_copy(&c->view, known);
    else
        tn_fail(&c->err, TN_E_not_found, "there is no such run");
    call_defer(c);
}

/* ------------------------------------------------------------------ life */

static bool answer_one(struct tn_runner *r)
{
    for (struct call *c = r->calls; c; c = c->next) {
        if (!c->deferred) continue;
        c->deferred = false;
        c->answer(c);
        call_free(c);
        return true;
    }
    return false;
}

static bool look_one(struct tn_runner *r)
{
    for (struct tn_runner_wait *w = r->waits; w; w = w->next) {
        if (!w->look || w->reading) continue;
        wait_look(w);
        return true;
    }
    return false;
}

static void end_waits(struct tn_runner *r)
{
    struct tn_err err;
    tn_fail(&err, TN_E_cancelled, "the server is shutting down; the run goes on when it is back");
    while (r->waits) wait_answer(r->waits, NULL, &err);
}

/* An end that cannot be stored is not waited for for ever. */
static void lose_patience(void *arg)
{
    struct tn_runner *r = arg;
    for (struct job *j = r->jobs, *next; j; j = next) {
        next = j->next;
        if (!j->decided_us) continue;
        tn_timer_set(r->patience, patience_ms(r));
        if (!patience_over(j)) continue;
        look_again(r, &j->id);
        if (r->closing) leave(j);
    }
}

static void check(void *arg)
{
    struct tn_runner *r = arg;
    while (answer_one(r)) continue;
    while (look_one(r)) continue;
    if (!r->closing) return;
    end_waits(r);
    if (r->jobs || r->calls) return;
    void (*closed)(void *) = r->closed;
    r->closed = NULL;
    if (closed) closed(r->closed_arg);
}

/* What the store was asked to do is done all the same. */
static void call_drop(struct call *c)
{
    tn_call_cancel(c->asking);
    if (!c->err.kind) tn_fail(&c->err, TN_E_cancelled, "the server is shutting down");
    c->answer(c);
    call_free(c);
}

/* A run ends with the scripts that it began with, but not for ever: then it goes on from where it
 * is with those that serve. */
static void drain(void *arg)
{
    struct tn_runner *r = arg;
    for (struct job *j = r->jobs; j; j = j->next) {
        int64_t replaced = j->run ? tn_run_replaced_us(j->run) : 0;
        if (!replaced || tn_mono_us() - replaced < r->o.drain_ms * 1000) continue;
        tn_log(r->o.log, TN_LOG_warn, "sync",
               "run %s began with scripts that were replaced long ago; it goes on with those that "
               "serve now",
               j->view.id);
        tn_run_stop(j->run);
    }
    tn_timer_set(r->drain, r->o.drain_ms / DRAIN_LOOKS);
}

struct tn_runner *tn_runner_open(const struct tn_runner_options *o)
{
    struct tn_runner *r = TN_NEW(struct tn_runner);
    r->o = *o;
    if (!r->o.counters) r->o.counters = &r->own;
    if (!r->o.active_max) r->o.active_max = ACTIVE_MAX;
    if (!r->o.retry_ms) r->o.retry_ms = RETRY_MS;
    if (!r->o.drain_ms) r->o.drain_ms = TN_LIMIT_DRAIN_MS;
    for (unsigned i = 0; i < DRY_KEPT; i++) tn_run_view_init(&r->kept[i]);
    r->check = tn_timer_new(o->loop, check, r);
    r->patience = tn_timer_new(o->loop, lose_patience, r);
    r->drain = tn_timer_new(o->loop, drain, r);
    tn_timer_set(r->drain, r->o.drain_ms / DRAIN_LOOKS);
    tn_store_on_change(o->store, on_change, r);
    const struct tn_work_options w = {.loop = o->loop,
                                      .store = o->store,
                                      .log = o->log,
                                      .ops = &work_ops,
                                      .self = r,
                                      .at_once = r->o.active_max};
    r->work = tn_work_open(&w);
    return r;
}

void tn_runner_close(struct tn_runner *r, void (*closed)(void *arg), void *arg)
{
    r->closing = true;
    r->closed = closed;
    r->closed_arg = arg;
    tn_work_at_once(r->work, 0);
    for (struct job *j = r->jobs; j; j = j->next)
        if (j->run) tn_run_stop(j->run);
    tn_timer_set(r->check, 0);
    tn_timer_set(r->patience, patience_ms(r));
}

void tn_runner_free(struct tn_runner *r)
{
    if (!r) return;
    r->closing = true;
    tn_store_off_change(r->o.store, on_change, r);
    tn_work_close(r->work);
    while (r->jobs) job_free(r->jobs); /* dry runs */
    while (r->calls) call_drop(r->calls);
    end_waits(r);
    for (unsigned i = 0; i < DRY_KEPT; i++) tn_run_view_clear(&r->kept[i]);
    tn_timer_free(r->check);
    tn_timer_free(r->patience);
    tn_timer_free(r->drain);
    tn_free(r);
}
