/* SPDX-License-Identifier: MIT */
#include "sync/run.h"

#include <inttypes.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "sync/batch.h"
#include "sync/sink.h"

enum {
    SLICE_US = 1000,
    REPEATS = 64,
    ROW_EVERY_MS = 200,
    ERRORS_BYTES = 4 * 1024 * 1024,
    DIFFS_BYTES = 8 * 1024 * 1024,
    LEG_BYTES = 8 * 1024 * 1024,
    LEG_ROWS = 20000,
    COMMIT_ROWS = 2000
};

/* Pages between the source and their commit. */
struct leg {
    struct tn_batch batch;
    int64_t pages;
    struct tn_str cursor; /* ours; absent: nowhere */
    int64_t total;
    struct tn_source_page *held; /* whose texts its items are of, until they are stored */
    size_t held_count, held_room, held_bytes;
};

/* A page as the source gave it. */
struct arrived {
    struct tn_source_page page;
    char *rows, *cursor; /* ours; cursor NULL: nowhere */
    bool held, repeats;  /* it is to be released; its text came before */
};

enum goal { GO_ON, GO_CANCEL, GO_STOP };

/* Faults as a JSON array, and how far it was before a page. */
struct mark {
    size_t n, count;
};
struct list {
    struct tn_buf json;
    size_t count, max;
};

struct tn_run {
    struct tn_run_options o;
    struct tn_source source; /* ops NULL: none, or closed */
    struct tn_run_view view; /* its texts belong to the run, not to the view's memory */
    struct list errors, warned;
    struct tn_buf diffs;
    struct tn_sink *sink;
    struct tn_mapper *mapper;
    struct tn_timer *turn;
    char *filters, *cursor;
    enum goal goal;
    struct tn_err failure; /* kind none: none */
    const char *failure_code;
    bool halt; /* what is not being written is dropped */

    bool fetching, exhausted;      /* next is under way; there are no more pages */
    struct arrived ahead, current; /* waits; is being mapped */
    size_t rows_before;            /* of the batch, without the page that is being mapped */
    uint64_t repeats[REPEATS], repeat_seed;
    unsigned repeat_at;

    struct leg legs[2];
    struct leg *mapping, *ready, *writing;
    bool given;                /* writing is with the sink */
    struct leg *comparing;     /* ready or writing, while the store is asked about it */
    struct tn_run_view before; /* the view as it was, while a page is being committed */
    struct mark errors_before, warned_before;
    int64_t row_written, pending, committed;
    bool ending;
    unsigned diffs_left;
};

static void step(void *arg);

static void wake(struct tn_run *run)
{
    if (!tn_timer_armed(run->turn)) tn_timer_set(run->turn, 0);
}

static void mapper_wakes(void *arg)
{
    wake(arg);
}

/* ------------------------------------------------------------------ errors[] */

static void refresh_texts(struct tn_run *run)
{
    run->view.errors = tn_buf_str(&run->errors.json);
    run->view.warned = tn_buf_str(&run->warned.json);
    if (run->view.dry_run) run->view.diffs = tn_buf_str(&run->diffs);
    run->view.cursor = tn_str(run->cursor);
    run->view.filters = tn_str(run->filters);
}

static void list_open(struct list *l, size_t max, struct tn_str kept)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    *l = (struct list){.max = max};
    tn_buf_init(&l->json, ERRORS_BYTES);
    if (kept.n) tn_buf_addstr(&l->json, kept);
    if (kept.n && tn_json_parse(json, kept, &err)) l->count = tn_jcount(tn_json_root(json));
    tn_json_free(json);
}

/* Beyond max they are only counted, elsewhere. */
static void list_add(struct list *l, const struct tn_run_fault *f)
{
    if (l->count >= l->max) return;
    size_t before = l->json.n;
    l->count++;
    tn_run_fault_add(&l->json, f);
    if (l->json.failed) tn_run_list_cut(&l->json, before);
}

static struct mark list_mark(const struct list *l)
{
    return (struct mark){l->json.n, l->count};
}

static void list_revert(struct list *l, struct mark to)
{
    tn_run_list_cut(&l->json, to.n);
    l->count = to.count;
}

static void list_fault(void *arg, const struct tn_run_fault *f)
{
    struct tn_run *run = arg;
    list_add(&run->errors, f);
    run->view.errors = tn_buf_str(&run->errors.json);
}

/* The failure of the run itself stands first. */
static void list_failure(struct tn_run *run)
{
    const struct tn_err *e = &run->failure;
    struct tn_buf list;
    struct tn_run_fault f = {.code = run->failure_code,
                             .message = tn_str(e->text),
                             .field = tn_str(e->field),
                             .file = tn_str(e->file),
                             .line = e->line};
    tn_buf_init(&list, ERRORS_BYTES);
    tn_run_fault_add(&list, &f);
    if (run->errors.json.n > 2) {
        list.n--;
        tn_buf_addc(&list, ',');
        tn_buf_add(&list, run->errors.json.p + 1, run->errors.json.n - 1);
    }
    if (list.failed) { /* the records' errors give way to it */
        tn_buf_reset(&list);
        tn_run_fault_add(&list, &f);
    }
    tn_buf_clear(&run->errors.json);
    run->errors.json = list;
    refresh_texts(run);
}

/* ------------------------------------------------------------------ life */

static struct tn_run *make(const struct tn_run_options *o, const struct tn_run_view *v)
{
    struct tn_run *run = TN_NEW(struct tn_run);
    run->o = *o;
    if (!run->o.slice_us) run->o.slice_us = SLICE_US;
    if (!run->o.commit_rows) run->o.commit_rows = COMMIT_ROWS;
    tn_run_view_init(&run->view);
    run->view = *v;
    tn_arena_init(&run->view.memory);
    run->filters = v->filters.p ? tn_strndup(v->filters.p, v->filters.n) : NULL;
    run->cursor = v->cursor.p ? tn_strndup(v->cursor.p, v->cursor.n) : NULL;
    list_open(&run->errors, TN_LIMIT_SYNC_ERRORS, v->errors);
    list_open(&run->warned, TN_LIMIT_SYNC_WARNED, v->warned);
    tn_buf_init(&run->diffs, DIFFS_BYTES);
    run->diffs_left = o->diff_max;
    tn_random(&run->repeat_seed, sizeof run->repeat_seed);
    tn_batch_init(&run->legs[0].batch);
    tn_batch_init(&run->legs[1].batch);
    run->turn = tn_timer_new(o->loop, step, run);
    run->row_written = tn_mono_us();
    refresh_texts(run);
    return run;
}

/* A run with filters (since a time, of one record) does not see all that the source has. */
static bool asks_for_all(const struct tn_run_view *v)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    bool all = !v->filters.n ||
               (tn_json_parse(json, v->filters, &err) && tn_jcount(tn_json_root(json)) == 0);
    tn_json_free(json);
    return all;
}

static struct tn_sink *make_sink(struct tn_run *run, const struct tn_source *source)
{
    const struct tn_run_options *o = &run->o;
    struct tn_sink_options so = {
        .loop = o->loop,
        .store = o->store,
        .log = o->log,
        .table = source ? source->table : NULL,
        .entity = source ? source->entity : NULL,
        .adopt = source && source->adopt,
        .full = source && !source->retry && asks_for_all(&run->view),
        .resource = source ? source->resource : NULL,
        .resources = source ? source->resources : NULL,
        .plan = source ? source->plan : NULL,
        .sealer = o->sealer,
        .retry = source ? source->retry : NULL,
        .generation = run->view.generation,
        .row_version = o->row_version,
        .entry = o->entry,
        .lease = o->lease,
        .retry_ms = o->retry_ms,
        .retry_max = o->retry_max,
        .seal = o->seal,
        .unseal = o->unseal,
        .seal_arg = o->seal_arg,
        .refused = list_fault,
        .arg = run,
    };
    return tn_sink_new(&so, &run->view);
}

struct tn_run *tn_run_start(const struct tn_run_options *o, const struct tn_source *source,
                            const struct tn_run_view *v)
{
    struct tn_run *run = make(o, v);
    run->source = *source;
    memcpy(run->view.generation, source->generation, sizeof source->generation);
    run->sink = make_sink(run, source);
    run->mapper = tn_mapper_new(source->plan, mapper_wakes, run);
    wake(run);
    return run;
}

struct tn_run *tn_run_refuse(const struct tn_run_options *o, const struct tn_err *why,
                             const struct tn_run_view *v)
{
    struct tn_run *run = make(o, v);
    run->failure = *why;
    run->failure_code = tn_run_code(why->kind);
    run->sink = make_sink(run, NULL);
    run->exhausted = true;
    wake(run);
    return run;
}

static void release(struct tn_run *run, struct arrived *a)
{
    if (a->held && run->source.ops) run->source.ops->release(run->source.self, &a->page);
    tn_free(a->rows);
    tn_free(a->cursor);
    *a = (struct arrived){.held = false};
}

static void let_go(struct tn_run *run, struct leg *leg)
{
    for (size_t i = 0; i < leg->held_count && run->source.ops; i++)
        run->source.ops->release(run->source.self, &leg->held[i]);
    leg->held_count = leg->held_bytes = 0;
}

static void close_source(struct tn_run *run)
{
    tn_mapper_free(run->mapper); /* a function of it may be at work on the page at hand; its plan
                                  * goes with the source */
    run->mapper = NULL;
    release(run, &run->ahead);
    release(run, &run->current);
    for (int i = 0; i < 2; i++) let_go(run, &run->legs[i]);
    if (run->source.ops) run->source.ops->close(run->source.self);
    run->source.ops = NULL;
    run->fetching = false;
    run->exhausted = true;
}

void tn_run_free(struct tn_run *run)
{
    if (!run) return;
    close_source(run);
    tn_sink_free(run->sink);
    tn_timer_free(run->turn);
    for (int i = 0; i < 2; i++) {
        tn_batch_clear(&run->legs[i].batch);
        tn_free((char *)run->legs[i].cursor.p);
        tn_free(run->legs[i].held);
    }
    tn_buf_clear(&run->errors.json);
    tn_buf_clear(&run->warned.json);
    tn_buf_clear(&run->diffs);
    tn_free(run->filters);
    tn_free(run->cursor);
    tn_free(run);
}

const struct tn_run_view *tn_run_view(const struct tn_run *run)
{
    return &run->view;
}

bool tn_run_writing(const struct tn_run *run)
{
    return run->ending || (run->writing && run->given);
}

int64_t tn_run_replaced_us(const struct tn_run *run)
{
    return run->source.ops && run->source.replaced_us ? *run->source.replaced_us : 0;
}

int64_t tn_run_committed(const struct tn_run *run)
{
    return run->committed;
}

void tn_run_cancel(struct tn_run *run)
{
    run->goal = GO_CANCEL;
    run->view.cancel = true;
    wake(run);
}

void tn_run_stop(struct tn_run *run)
{
    if (run->view.dry_run) run->goal = GO_CANCEL; /* it could not be gone on with */
    if (run->goal == GO_ON) run->goal = GO_STOP;
    wake(run);
}

/* The first failure counts.  Pages that came before it are still stored. */
static void fail(struct tn_run *run, const struct tn_err *err, const char *code)
{
    run->exhausted = true;
    if (run->failure.kind) return;
    run->failure = *err;
    run->failure_code = code;
}

/* A page that cannot be mapped or stored ends the run before that page. */
static void halt(struct tn_run *run, const struct tn_err *err, const char *code)
{
    fail(run, err, code);
    run->halt = true;
    run->mapping = run->ready = NULL;
    release(run, &run->ahead);
}

/* Where tests let the worker die, or the run fail. */
static void test_point(struct tn_run *run, const char *name)
{
    struct tn_err err;
    if (!TN_FAULT(name)) return;
    tn_fail(&err, TN_E_internal, "fault %s", name);
    halt(run, &err, tn_run_code(err.kind));
}

/* ------------------------------------------------------------------ fetching */

/* Four lanes, so that it costs a tenth of the parsing. */
static uint64_t fingerprint(uint64_t seed, struct tn_str s)
{
    uint64_t lane[4] = {seed ^ s.n, seed + 1, seed + 2, seed + 3}, word[4] = {0};
    for (; s.n >= sizeof word; s.p += sizeof word, s.n -= sizeof word) {
        memcpy(word, s.p, sizeof word);
        for (int i = 0; i < 4; i++) {
            lane[i] = (lane[i] ^ word[i]) * 0x9E3779B97F4A7C15u;
            lane[i] ^= lane[i] >> 29;
        }
    }
    memset(word, 0, sizeof word);
    memcpy(word, s.p, s.n);
    for (int i = 0; i < 4; i++) {
        lane[i] = (lane[i] ^ word[i]) * 0xff51afd7ed558ccdu;
        lane[i] ^= lane[i] >> 32;
        if (i) lane[0] = (lane[0] ^ lane[i]) * 0x9E3779B97F4A7C15u;
    }
    return (lane[0] ^ lane[0] >> 32) | 1;
}

static bool seen_before(struct tn_run *run, struct tn_str text)
{
    uint64_t print = fingerprint(run->repeat_seed, text);
    for (unsigned i = 0; i < REPEATS; i++)
        if (run->repeats[i] == print) return true;
    run->repeats[run->repeat_at++ % REPEATS] = print;
    return false;
}

static void take_page(struct tn_run *run, const struct tn_source_page *page)
{
    int64_t pages = run->view.pages + run->legs[0].pages + run->legs[1].pages + 1;
    struct tn_err err;
    run->ahead = (struct arrived){
        .page = *page,
        .rows = tn_strndup(page->rows.p ? page->rows.p : "", page->rows.n),
        .cursor = page->cursor.p ? tn_strndup(page->cursor.p, page->cursor.n) : NULL,
        .held = true,
        .repeats = seen_before(run, page->text),
    };
    test_point(run, "sync.page.fetched");
    if (run->failure.kind) release(run, &run->ahead);
    if (pages <= TN_LIMIT_SYNC_PAGES) return;
    release(run, &run->ahead);
    tn_fail(&err, TN_E_bad_answer, "the run was stopped after %u pages", TN_LIMIT_SYNC_PAGES);
    fail(run, &err, tn_run_code(err.kind));
}

static void on_page(void *arg, const struct tn_source_page *page, const struct tn_err *err)
{
    struct tn_run *run = arg;
    run->fetching = false;
    if (page)
        take_page(run, page);
    else if (err && err->kind)
        fail(run, err, tn_run_code(err->kind));
    else
        run->exhausted = true;
    wake(run);
}

static void fetch(struct tn_run *run)
{
    if (run->fetching || run->exhausted || run->ahead.held) return;
    run->fetching = true;
    run->source.ops->next(run->source.self, on_page, run);
}

/* ------------------------------------------------------------------ mapping */

/* Pages that find the writer busy travel together, so that a slow disk costs few commits. */
static bool has_room(const struct tn_run *run, const struct leg *leg)
{
    const struct tn_batch *b = &leg->batch;
    return b->changes + (b->count - b->compared) + b->bad_count < run->o.commit_rows &&
           b->rows < LEG_ROWS && b->bodies.n < LEG_BYTES && leg->held_bytes < LEG_BYTES;
}

static struct leg *leg_for_page(struct tn_run *run)
{
    struct leg *leg = run->ready;
    if (leg) return leg != run->comparing && has_room(run, leg) ? leg : NULL;
    leg = &run->legs[run->writing == &run->legs[0]];
    let_go(run, leg);
    tn_batch_reset(&leg->batch);
    leg->pages = 0;
    return leg;
}

static void page_failed(struct tn_run *run, const struct tn_err *err)
{
    fail(run, err, tn_run_code(err->kind));
    release(run, &run->ahead);
    release(run, &run->current);
    run->mapping = NULL;
}

static void begin_mapping(struct tn_run *run)
{
    struct leg *leg = run->ahead.held && !run->mapping ? leg_for_page(run) : NULL;
    struct tn_err err;
    if (!leg) return;
    run->current = run->ahead;
    run->ahead = (struct arrived){.held = false};
    run->rows_before = leg->batch.rows;
    const struct tn_source_page *page = &run->current.page;
    if (!tn_mapper_begin(run->mapper, &leg->batch, page->text, tn_str(run->current.rows), &err)) {
        page_failed(run, &err);
        return;
    }
    tn_mapper_unreadable(run->mapper, page->bad, page->bad_count);
    run->mapping = leg;
}

/* A server that does not page gives the same page for ever.  One that has nothing may say so twice,
 * as long as the cursor moves. */
static bool progresses(const struct tn_run *run, struct tn_err *err)
{
    if (!run->current.repeats) return true;
    if (run->mapping->batch.rows == run->rows_before && run->current.cursor) return true;
    return tn_fail(err, TN_E_bad_answer, "the peer answered the same page twice: no progress");
}

/* Whoever becomes a misfit is asked for as it came. */
static void hold(struct leg *leg, struct arrived *a)
{
    if (leg->held_count == leg->held_room) {
        leg->held_room = leg->held_room ? leg->held_room * 2 : 8;
        leg->held = tn_realloc(leg->held, leg->held_room * sizeof *leg->held);
    }
    leg->held[leg->held_count++] = a->page;
    leg->held_bytes += a->page.text.n;
    a->held = false;
}

static void page_mapped(struct tn_run *run)
{
    struct leg *leg = run->mapping;
    tn_free((char *)leg->cursor.p);
    leg->cursor = tn_str(run->current.cursor);
    run->current.cursor = NULL;
    leg->total = run->current.page.total;
    leg->pages++;
    hold(leg, &run->current);
    release(run, &run->current);
    run->mapping = NULL;
    run->ready = leg;
    test_point(run, "sync.page.mapped");
}

/* True: there is more to be done in the next turn. */
static bool map_on(struct tn_run *run)
{
    struct tn_err err;
    begin_mapping(run);
    if (!run->mapping) return false;
    enum tn_mapped how = tn_mapper_slice(run->mapper, run->o.slice_us, &err);
    if (how == TN_MAPPED_waits) return false;
    if (how == TN_MAPPED_more) return true;
    if (how == TN_MAPPED_all && progresses(run, &err)) {
        page_mapped(run);
        return true;
    }
    tn_mapper_undo(run->mapper);
    page_failed(run, &err);
    return true;
}

/* ------------------------------------------------------------------ writing */

/* The view as it is to be once this page is stored. */
static void advance(struct tn_run *run, struct leg *leg)
{
    struct tn_batch *b = &leg->batch;
    tn_run_counts_add(&run->view.counts, tn_sink_late(run->sink));
    run->before = run->view;
    run->errors_before = list_mark(&run->errors);
    run->warned_before = list_mark(&run->warned);
    run->pending = run->view.counts.processed;
    tn_batch_tally(b, &run->view.counts);
    run->pending = run->view.counts.processed - run->pending;
    run->view.warnings += b->warnings;
    run->view.pages += leg->pages;
    run->view.crashes = 0;
    if (leg->total >= 0) run->view.total = leg->total;
    for (size_t i = 0; i < b->bad_count; i++) list_fault(run, &b->bad[i].fault);
    for (size_t i = 0; i < b->misfit_count; i++) list_fault(run, &b->misfits[i].fault);
    for (size_t i = 0; i < b->warned_count; i++) list_add(&run->warned, &b->warned[i]);
    run->view.cursor = leg->cursor;
}

/* The page is part of the run now. */
static void settle(struct tn_run *run)
{
    struct leg *leg = run->writing;
    tn_free(run->cursor);
    run->cursor = (char *)leg->cursor.p;
    leg->cursor = (struct tn_str){NULL, 0};
    leg->pages = 0;
    let_go(run, leg);
    run->writing = NULL;
    run->committed += run->pending;
    refresh_texts(run);
    if (run->o.progress) run->o.progress(run->o.arg, &run->view);
    wake(run);
}

/* Nothing of the page was stored: nothing of it counts. */
static void revert(struct tn_run *run)
{
    run->view = run->before;
    list_revert(&run->errors, run->errors_before);
    list_revert(&run->warned, run->warned_before);
    run->writing = NULL;
    refresh_texts(run);
}

static void finish(struct tn_run *run, enum tn_run_end end)
{
    run->o.done(run->o.arg, end);
}

static void on_stored(void *arg, enum tn_sunk how, const struct tn_err *err)
{
    struct tn_run *run = arg;
    if (how == TN_SUNK_lost) {
        finish(run, TN_RUN_END_lost);
        return;
    }
    if (tn_sink_cancelled(run->sink)) tn_run_cancel(run);
    if (how == TN_SUNK_stored) {
        run->row_written = tn_mono_us();
        settle(run);
        test_point(run, "sync.page.committed");
        return;
    }
    revert(run);
    halt(run, err, "ERR_DATABASE");
    wake(run);
}

/* A page in which nothing changed needs no commit of its own: counts and cursor travel with the
 * next one, and after a crash before that the unchanged records are looked at once more. */
static bool can_wait(const struct tn_run *run, const struct leg *leg)
{
    const struct tn_batch *b = &leg->batch;
    if (b->changes || b->bad_count || b->misfit_count || b->cured_count || run->source.retry)
        return false;
    return tn_mono_us() - run->row_written < ROW_EVERY_MS * 1000;
}

static void write_compared(struct tn_run *run)
{
    struct leg *leg = run->writing;
    run->given = true;
    advance(run, leg);
    if (run->view.dry_run) {
        tn_sink_diff(&leg->batch, &run->diffs_left, &run->diffs);
        settle(run);
    } else if (can_wait(run, leg)) {
        tn_sink_seen(run->sink, &leg->batch);
        settle(run);
    } else {
        tn_sink_page(run->sink, &leg->batch, &run->view, on_stored, run);
    }
}

static void on_compared(void *arg, const struct tn_err *err)
{
    struct tn_run *run = arg;
    struct leg *leg = run->comparing;
    run->comparing = NULL;
    wake(run);
    if (!err) return;
    if (run->writing == leg && !run->given) run->writing = NULL;
    halt(run, err, "ERR_DATABASE");
}

/* Compares what is ready, also while the one before is being written. */
static void compare_on(struct tn_run *run)
{
    struct leg *leg = run->writing && !run->given ? run->writing : run->ready;
    if (run->comparing || !leg || leg == run->mapping || leg->batch.compared == leg->batch.count)
        return;
    run->comparing = leg;
    tn_sink_compare(run->sink, &leg->batch, on_compared, run);
}

static bool write_on(struct tn_run *run)
{
    bool more = false;
    compare_on(run);
    if (!run->writing && run->ready && run->ready != run->mapping) {
        run->writing = run->ready;
        run->ready = NULL;
        run->given = false;
        more = true;
    }
    if (!run->writing || run->given) return more;
    if (run->comparing == run->writing || run->writing->batch.compared < run->writing->batch.count)
        return more;
    write_compared(run);
    return true;
}

/* ------------------------------------------------------------------ ending */

static void log_end(struct tn_run *run)
{
    const struct tn_run_view *v = &run->view;
    const struct tn_run_counts *c = &v->counts;
    tn_log(run->o.log, v->status == TN_RUN_failure ? TN_LOG_error : TN_LOG_info, "sync",
           "run %s %s of integration %s: %s, %" PRId64 " records (%" PRId64 " created, %" PRId64
           " updated, %" PRId64 " unchanged, %" PRId64 " failed) in %" PRId64 " ms%s%s",
           v->id, v->operation, v->integration, tn_run_status_name(v->status), c->processed,
           c->created, c->updated, c->unchanged, c->failed, tn_run_duration(v),
           run->failure.kind ? ": " : "", run->failure.text);
}

static void on_end_stored(void *arg, enum tn_sunk how, const struct tn_err *err)
{
    struct tn_run *run = arg;
    (void)err;
    finish(run, how == TN_SUNK_lost ? TN_RUN_END_lost : TN_RUN_END_done);
}

static void on_stop_stored(void *arg, enum tn_sunk how, const struct tn_err *err)
{
    struct tn_run *run = arg;
    (void)how, (void)err;
    finish(run, TN_RUN_END_stopped);
}

static void decide(struct tn_run *run)
{
    struct tn_run_view *v = &run->view;
    v->status = run->failure.kind ? TN_RUN_failure : tn_run_status_of(&v->counts);
    v->finished_at = tn_now_ms();
    v->open = false;
    if (run->failure.kind) list_failure(run);
    log_end(run);
    if (run->o.progress) run->o.progress(run->o.arg, v);
}

static void end_now(struct tn_run *run)
{
    struct tn_err cancelled;
    close_source(run);
    tn_run_counts_add(&run->view.counts, tn_sink_late(run->sink));
    if (run->goal == GO_CANCEL) {
        tn_fail(&cancelled, TN_E_cancelled, "the run was cancelled");
        fail(run, &cancelled, tn_run_code(TN_E_cancelled));
    }
    if (run->goal == GO_STOP && !run->failure.kind && !run->view.dry_run) {
        run->view.open = false;
        tn_sink_stop(run->sink, &run->view, on_stop_stored, run);
        return;
    }
    decide(run);
    if (run->view.dry_run)
        finish(run, TN_RUN_END_done);
    else
        tn_sink_end(run->sink, &run->view, on_end_stored, run);
}

static void on_asides(void *arg, enum tn_sunk how, const struct tn_err *err)
{
    struct tn_run *run = arg;
    if (how == TN_SUNK_lost) {
        finish(run, TN_RUN_END_lost);
        return;
    }
    if (how == TN_SUNK_failed) fail(run, err, "ERR_DATABASE");
    end_now(run);
}

static void end(struct tn_run *run)
{
    bool stops = run->goal == GO_STOP && !run->failure.kind;
    run->ending = true;
    if (!tn_sink_keeps_aside(run->sink) || stops)
        end_now(run);
    else
        tn_sink_asides(run->sink, &run->view, run->goal == GO_ON && !run->failure.kind, on_asides,
                       run);
}

/* Nothing more is to come, and what was to be stored is. */
static bool over(const struct tn_run *run)
{
    if (run->writing || run->comparing) return false;
    if (run->goal != GO_ON || run->halt) return true;
    return run->exhausted && !run->ahead.held && !run->mapping && !run->ready;
}

/* One turn: each part goes on by one slice. */
static void step(void *arg)
{
    struct tn_run *run = arg;
    bool wanted = run->goal == GO_ON && !run->halt, more;
    if (run->ending) return;
    more = write_on(run);
    if (wanted && !run->halt) more |= map_on(run);
    if (over(run)) {
        end(run);
        return;
    }
    if (wanted) fetch(run);
    if (more) wake(run);
}
