/* SPDX-License-Identifier: MIT */
/* A sink that is faked in C, and a consumer over a real store. */
#include "store_rig.h"

#include "base/alloc.h"
#include "base/time.h"
#include "events/consumer.h"
#include "events/event.h"
#include "store/read.h"
#include "store/tables.h"

enum { RUNS = 512 };

/* What a rule was started for; done NULL: it is over. */
struct run {
    struct fake *of;
    int64_t seq;
    struct tn_id record;
    char rule[32];
    tn_delivered_fn done;
    void *arg;
};
struct fake {
    struct rig rig;
    struct tn_consumer *d;
    bool none, shut; /* no rules; in quarantine */
    bool hold;       /* runs end only by finish() */
    int failures;    /* of the next runs */
    enum tn_kind kind;
    int64_t pause_ms; /* before another try; 0: 1 */
    struct tn_backoff backoff;
    unsigned (*workers)(void *arg);
    struct tn_sink sink;
    int64_t limit_ms;
    const char *names[2]; /* of the rules, NULL: only one */
    size_t more;          /* rules besides */
    struct run runs[RUNS];
    size_t n, cancelled;
    struct tn_timer *turn;
};

static bool any(void *self)
{
    return !((struct fake *)self)->none;
}

static bool ready(void *self)
{
    return !((struct fake *)self)->shut;
}

static void concerned(void *self, const struct tn_event *e, tn_target_fn fn, void *arg)
{
    struct fake *f = self;
    char name[32];
    if (f->none || !tn_event_matches("test.*", e->type)) return;
    for (size_t i = 0; i < 2; i++)
        if (f->names[i]) fn(arg, f->names[i]);
    for (size_t i = 0; i < f->more; i++) {
        snprintf(name, sizeof name, "more_%zu", i);
        fn(arg, name);
    }
}

/* The id is the event's data; a '~' in it stands for the character that ends texts in C. */
static bool once(void *self, const struct tn_delivery *d, struct tn_buf *out)
{
    const struct tn_event *e = d->event;
    (void)self;
    if (!e->data.n) return false;
    for (size_t i = 0; i < e->data.n; i++)
        tn_buf_addc(out, (e->data.p[i] == '~' ? '\0' : e->data.p[i]));
    return true;
}

static void finish(struct run *r, const struct tn_err *err)
{
    tn_delivered_fn done = r->done;
    r->done = NULL;
    enum tn_delivery_end failed =
        err && err->kind == TN_E_budget ? TN_DELIVERY_refused : TN_DELIVERY_failed;
    if (done) done(r->arg, err ? failed : TN_DELIVERY_done, 0, err);
}

static void finish_all(void *arg)
{
    struct fake *f = arg;
    for (size_t i = 0; i < f->n && !f->hold; i++) {
        struct tn_err err;
        if (!f->runs[i].done) continue;
        tn_fail(&err, f->kind, "it failed");
        tn_fail_at(&err, "scripts/rules/x.lua", 3);
        bool fails = f->failures > 0 && f->failures--;
        finish(&f->runs[i], fails ? &err : NULL);
    }
}

static void *start(void *self, const struct tn_delivery *d, tn_delivered_fn done, void *arg,
                   enum tn_delivery_end *end, struct tn_err *err)
{
    struct fake *f = self;
    const struct tn_event *e = d->event;
    (void)end, (void)err;
    assert_true(f->n < RUNS);
    struct run *r = &f->runs[f->n++];
    *r = (struct run){.of = f, .seq = e->seq, .record = e->record, .done = done, .arg = arg};
    snprintf(r->rule, sizeof r->rule, "%s", d->target);
    tn_timer_set(f->turn, 0);
    return r;
}

static void cancel(void *run)
{
    struct run *r = run;
    r->done = NULL;
    r->of->cancelled++;
}

static const struct tn_backoff *backoff(void *self, const char *target)
{
    struct fake *f = self;
    int64_t pause = f->pause_ms ? f->pause_ms : 1;
    (void)target;
    f->backoff = (struct tn_backoff){.pause_ms = {pause, pause, pause}, .count = 3};
    return &f->backoff;
}

static const char *generation(void *self)
{
    (void)self;
    return "abc";
}

static const struct tn_sink sink = {.name = "tests",
                                    .noun = "target",
                                    .order = TN_ORDER_record,
                                    .at_once = 16,
                                    .any = any,
                                    .ready = ready,
                                    .targets = concerned,
                                    .once = once,
                                    .backoff = backoff,
                                    .start = start,
                                    .cancel = cancel,
                                    .generation = generation};

static struct tn_consumer *consumer(struct fake *f, struct tn_store *store)
{
    f->sink = sink;
    f->sink.limit_ms = f->limit_ms;
    struct tn_consumer_options o = {.loop = f->rig.loop,
                                    .store = store,
                                    .sink = &f->sink,
                                    .self = f,
                                    .workers = f->workers,
                                    .save_ms = 1};
    return tn_consumer_open(&o);
}

static int open_fake(void **state)
{
    struct fake *f = TN_NEW(struct fake);
    rig_open(&f->rig);
    for (size_t i = 0; i < tn_system_table_count; i++)
        assert_true(rig_define(&f->rig, &tn_system_tables[i]));
    f->names[0] = "first";
    f->kind = TN_E_script;
    f->turn = tn_timer_new(f->rig.loop, finish_all, f);
    f->d = consumer(f, f->rig.store);
    *state = f;
    return 0;
}

static int close_fake(void **state)
{
    struct fake *f = *state;
    tn_consumer_close(f->d);
    tn_timer_free(f->turn);
    rig_close(&f->rig);
    tn_free(f);
    return 0;
}

static void turn_for(struct fake *f, int64_t ms)
{
    int64_t end = tn_mono_us() + ms * 1000;
    while (tn_mono_us() < end) tn_loop_turn(f->rig.loop, false);
}

#define until(f, condition)                                                                        \
    do {                                                                                           \
        int64_t end_ = tn_mono_us() + 20000000;                                                    \
        while (!(condition)) {                                                                     \
            if (tn_mono_us() > end_) fail_msg("waited too long for " #condition);                  \
            tn_loop_turn((f)->rig.loop, false);                                                    \
        }                                                                                          \
    } while (0)

static void tell(struct fake *f, const struct tn_id *record, const char *data, unsigned depth)
{
    struct tn_commit *c = tn_commit_new(f->rig.store);
    static const struct tn_id none;
    struct tn_err err;
    tn_commit_origin(c, &none, depth);
    assert_true(
        tn_commit_event(c, 1, "test.told", record ? "run" : NULL, record, tn_str(data), &err));
    assert_true(rig_commit(&f->rig, c));
}

static int64_t dead(struct fake *f)
{
    int64_t n = 0;
    struct tn_err err;
    assert_true(tn_store_count(f->rig.store, 1, "quarantine", &n, &err));
    return n;
}

/* Every partition has stored that it is done with the events up to here. */
static int64_t cursor(struct fake *f)
{
    struct tn_buf value;
    struct tn_err err;
    int64_t least = INT64_MAX;
    tn_buf_init(&value, TN_MIB);
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        char key[32];
        int64_t seq = -1;
        snprintf(key, sizeof key, "tests/%u", i);
        tn_buf_reset(&value);
        if (tn_store_kv_get(f->rig.store, TN_TEAM_SYSTEM, "consumer", tn_str(key), &value, NULL,
                            &err))
            seq = strtoll(value.p + strlen("{\"seq\":"), NULL, 10);
        if (seq < least) least = seq;
    }
    tn_buf_clear(&value);
    return least;
}

/* How often a target was started for an event. */
static unsigned starts(const struct fake *f, int64_t seq, const char *target)
{
    unsigned n = 0;
    for (size_t i = 0; i < f->n; i++)
        n += f->runs[i].seq == seq && strcmp(f->runs[i].rule, target) == 0;
    return n;
}

/* The latest run for an event; NULL: there is none. */
static struct run *run_of(struct fake *f, int64_t seq)
{
    for (size_t i = f->n; i > 0; i--)
        if (f->runs[i - 1].seq == seq) return &f->runs[i - 1];
    return NULL;
}

static void note_state(void *arg, struct tn_found *found, const struct tn_err *err)
{
    *(int64_t *)arg = err ? -1 : tn_found_queue(found, 0)->entries;
}

/* Deliveries that wait to be tried again. */
static int64_t tickets(struct fake *f)
{
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    int64_t n = -2;
    tn_read_queue(read, "tests", TN_STR(""), 1000);
    tn_store_read(f->rig.store, read, NULL, note_state, &n);
    until(f, n != -2);
    return n;
}

static void each_event_runs_each_rule(void **state)
{
    struct fake *f = *state;
    f->names[1] = "second";
    for (int i = 0; i < 40; i++) tell(f, NULL, "", 0);
    until(f, f->n == 80 && cursor(f) == 40);
    for (int i = 1; i <= 40; i++) {
        assert_int_equal(starts(f, i, "first"), 1);
        assert_int_equal(starts(f, i, "second"), 1);
    }
    assert_int_equal(dead(f), 0);
}

static void an_event_runs_as_many_rules_as_it_concerns(void **state)
{
    struct fake *f = *state;
    f->more = 90;
    tell(f, NULL, "", 0);
    until(f, f->n == 91 && cursor(f) == 1);
    assert_int_equal(starts(f, 1, "first"), 1);
    for (int i = 0; i < 90; i++) {
        char name[32];
        snprintf(name, sizeof name, "more_%d", i);
        assert_int_equal(starts(f, 1, name), 1);
    }
}

static void one_record_goes_in_order_and_others_beside_it(void **state)
{
    struct fake *f = *state;
    struct tn_id a = tn_id_new(), b = tn_id_new();
    f->hold = true;
    tell(f, &a, "", 0);
    tell(f, &a, "", 0);
    tell(f, &b, "", 0);
    until(f, f->n == 2);
    turn_for(f, 50);
    assert_int_equal(f->n, 2);
    assert_non_null(run_of(f, 3));
    finish(run_of(f, 3), NULL);
    turn_for(f, 50);
    assert_int_equal(cursor(f), 0); /* the first is not done */
    finish(run_of(f, 1), NULL);
    until(f, f->n == 3);
    finish(run_of(f, 2), NULL);
    until(f, cursor(f) == 3);
}

static void a_failure_is_tried_again_then_put_aside(void **state)
{
    struct fake *f = *state;
    struct tn_id a = tn_id_new();
    f->failures = 5; /* four of the first event, one of the second */
    tell(f, &a, "", 0);
    tell(f, &a, "", 0);
    until(f, dead(f) == 1 && f->n == 6);
    for (size_t i = 0; i < 6; i++) assert_int_equal(f->runs[i].seq, i < 4 ? 1 : 2);
    until(f, cursor(f) == 2);
    until(f, tickets(f) == 0);
    f->failures = 1;
    f->kind = TN_E_budget; /* not tried again */
    tell(f, &a, "", 0);
    until(f, dead(f) == 2 && cursor(f) == 3);
    assert_int_equal(f->n, 7);
}

/* One that fails holds back the later ones of its record, and nothing else. */
static void a_failing_record_waits_while_others_go_on(void **state)
{
    struct fake *f = *state;
    struct tn_id a = tn_id_new(), b = tn_id_new();
    f->pause_ms = 3600000;
    f->failures = 1;
    tell(f, &a, "", 0);
    until(f, tickets(f) == 1);
    tell(f, &a, "", 0);
    tell(f, &b, "", 0);
    until(f, cursor(f) == 3);
    assert_int_equal(tickets(f), 2);
    assert_int_equal(f->n, 2);
    assert_int_equal(f->runs[1].seq, 3);
}

static bool take_row(void *arg, const struct tn_row *row)
{
    snprintf(arg, 1024, "%.*s", TN_FMT(row->body));
    return true;
}

static void what_is_put_aside_says_why(void **state)
{
    struct fake *f = *state;
    struct tn_query q = {.team = 1, .table = "quarantine"};
    struct tn_page page;
    struct tn_err err;
    char row[1024] = "";
    f->failures = 1;
    f->kind = TN_E_budget;
    tell(f, NULL, "{\"a\":1}", 0);
    until(f, dead(f) == 1);
    tn_page_init(&page);
    assert_true(tn_store_query(f->rig.store, &q, take_row, row, &page, &err));
    tn_page_clear(&page);
    static const char *const parts[] = {"\"operation\":\"target\"",
                                        "\"entity\":\"first\"",
                                        "\"external_id\":\"1\"",
                                        "\"status\":\"open\"",
                                        "\"reason\":\"it failed\"",
                                        "\"file\":\"scripts/rules/x.lua\"",
                                        "\"line\":3",
                                        "\"generation\":\"abc\"",
                                        "\\\"data\\\":{\\\"a\\\":1}"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(row, parts[i])) fail_msg("%s lacks %s", row, parts[i]);
}

/* More than one commit may hold: they are put aside in several. */
static void many_large_ones_are_put_aside(void **state)
{
    enum { N = 12, SIZE = 1500000 };
    struct fake *f = *state;
    char *data = tn_alloc(SIZE + 3);
    memset(data, 'x', SIZE + 2);
    data[0] = data[SIZE + 1] = '"';
    f->failures = N;
    f->kind = TN_E_budget;
    for (int i = 0; i < N; i++) {
        data[1] = (char)('a' + i); /* the data is the id */
        tell(f, NULL, data, 0);
    }
    until(f, dead(f) == N && cursor(f) == N);
    tell(f, NULL, "", 0);
    until(f, cursor(f) == N + 1);
    assert_int_equal(f->n, N + 1);
    tn_free(data);
}

static void an_id_runs_once(void **state)
{
    struct fake *f = *state;
    tell(f, NULL, "\"x\"", 0);
    tell(f, NULL, "\"x\"", 0);
    tell(f, NULL, "\"y\"", 0);
    until(f, cursor(f) == 3);
    tell(f, NULL, "\"x\"", 0);
    until(f, cursor(f) == 4);
    assert_int_equal(f->n, 2);
}

static void ids_have_any_length_and_any_characters(void **state)
{
    struct fake *f = *state;
    char text[600];
    memset(text, 'i', sizeof text);
    for (int i = 0; i < 4; i++) { /* each twice */
        snprintf(text + 400, sizeof text - 400, "%d\"", i / 2);
        text[0] = '"';
        tell(f, NULL, text, 0);
        tell(f, NULL, i / 2 ? "\"a~b\"" : "\"a~c\"", 0);
    }
    until(f, cursor(f) == 8);
    assert_int_equal(f->n, 4);
}

static void quarantine_waits_and_loses_nothing(void **state)
{
    struct fake *f = *state;
    f->shut = true;
    for (int i = 0; i < 3; i++) tell(f, NULL, "", 0);
    turn_for(f, 50);
    assert_int_equal(f->n, 0);
    f->shut = false;
    tn_consumer_wake(f->d);
    until(f, f->n == 3);
}

static void rules_that_come_later_begin_with_the_next_event(void **state)
{
    struct fake *f = *state;
    until(f, cursor(f) == 0);
    f->none = true;
    tn_consumer_wake(f->d);
    tell(f, NULL, "", 0);
    turn_for(f, 50);
    f->none = false;
    tn_consumer_wake(f->d);
    tell(f, NULL, "", 0);
    until(f, cursor(f) == 2);
    assert_int_equal(f->n, 1);
    assert_int_equal(f->runs[0].seq, 2);
}

/* The worker that has the lease goes; another one repeats what was under way, and nothing else. */
static void another_worker_goes_on(void **state)
{
    struct fake *f = *state;
    struct tn_id a = tn_id_new(), b = tn_id_new();
    f->hold = true;
    tell(f, &a, "", 0);
    tell(f, &b, "", 0);
    tell(f, &b, "", 0);
    until(f, f->n == 2);
    finish(run_of(f, 2), NULL);
    until(f, f->n == 3);
    turn_for(f, 50); /* that the second is done is stored */
    struct tn_consumer *next = consumer(f, f->rig.store);
    turn_for(f, 50);
    assert_int_equal(f->n, 3); /* it has no lease */
    tn_consumer_close(f->d);
    assert_int_equal(f->cancelled, 2);
    f->d = next;
    f->hold = false;
    until(f, cursor(f) == 3);
    assert_int_equal(f->n, 5);
    assert_int_equal(starts(f, 1, "first"), 2);
    assert_int_equal(starts(f, 2, "first"), 1);
    assert_int_equal(starts(f, 3, "first"), 2);
}

/* What never answers is cancelled and tried again later; nothing else waits for it. */
static void a_target_that_never_answers_holds_up_no_other(void **state)
{
    struct fake *f = *state;
    struct tn_id a = tn_id_new(), b = tn_id_new();
    tn_consumer_close(f->d);
    f->limit_ms = 20;
    f->pause_ms = 3600000;
    f->d = consumer(f, f->rig.store);
    f->hold = true;
    tell(f, &a, "", 0);
    until(f, f->cancelled == 1 && tickets(f) == 1);
    f->hold = false;
    tell(f, &b, "", 0);
    until(f, cursor(f) == 2);
    assert_int_equal(starts(f, 2, "first"), 1);
    assert_int_equal(tickets(f), 1);
}

static unsigned two(void *arg)
{
    (void)arg;
    return 2;
}

/* Two share the partitions, so each runs a part of the events; no event runs twice. */
static void workers_share_the_partitions(void **state)
{
    struct fake *f = *state;
    struct fake *other = TN_NEW(struct fake);
    other->rig = f->rig;
    other->names[0] = "first";
    other->turn = tn_timer_new(f->rig.loop, finish_all, other);
    f->workers = other->workers = two;
    tn_consumer_close(f->d);
    f->d = consumer(f, f->rig.store);
    other->d = consumer(other, f->rig.store);
    for (int i = 0; i < 200; i++) tell(f, NULL, "", 0);
    until(f, f->n + other->n == 200 && cursor(f) == 200);
    assert_true(f->n > 40 && other->n > 40);
    for (int i = 1; i <= 200; i++)
        assert_int_equal(starts(f, i, "first") + starts(other, i, "first"), 1);
    tn_consumer_close(other->d);
    tn_timer_free(other->turn);
    tn_free(other);
}

static void a_full_disk_is_waited_for(void **state)
{
    struct fake *f = *state;
    f->hold = true;
    tell(f, NULL, "", 0);
    until(f, f->n == 1);
    tn_fault_arm("store.vfs.full=fail:1+");
    f->hold = false;
    finish(&f->runs[0], NULL);
    turn_for(f, 100);
    tn_fault_arm(NULL);
    until(f, cursor(f) == 1);
    assert_int_equal(f->n, 1);
}

static void patterns_match(void **state)
{
    static const struct {
        const char *pattern, *type;
        bool is;
    } cases[] = {{"a.b", "a.b", true},    {"a.b", "a.bc", false},  {"a.*", "a.b.c", true},
                 {"*", "a.b", true},      {"*.b", "a.b", true},    {"*.b", "a.bc", false},
                 {"a*c", "abcabc", true}, {"a*c", "abcab", false}, {"*.x.*", "a.x.b", true},
                 {"a.b", "", false},      {"", "a", false},        {"**", "a", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (tn_event_matches(cases[i].pattern, tn_str(cases[i].type)) != cases[i].is)
            fail_msg("%s %s", cases[i].pattern, cases[i].type);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_fake, close_fake)
    const struct CMUnitTest tests[] = {T(each_event_runs_each_rule),
                                       T(an_event_runs_as_many_rules_as_it_concerns),
                                       T(one_record_goes_in_order_and_others_beside_it),
                                       T(a_failure_is_tried_again_then_put_aside),
                                       T(a_failing_record_waits_while_others_go_on),
                                       T(what_is_put_aside_says_why),
                                       T(many_large_ones_are_put_aside),
                                       T(an_id_runs_once),
                                       T(ids_have_any_length_and_any_characters),
                                       T(quarantine_waits_and_loses_nothing),
                                       T(rules_that_come_later_begin_with_the_next_event),
                                       T(another_worker_goes_on),
                                       T(workers_share_the_partitions),
                                       T(a_target_that_never_answers_holds_up_no_other),
                                       T(a_full_disk_is_waited_for),
                                       cmocka_unit_test(patterns_match)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
