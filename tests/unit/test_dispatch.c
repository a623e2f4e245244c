/* SPDX-License-Identifier: MIT */
/* Rules as the dispatcher sees them, faked in C, over a real store. */
#include "store_rig.h"

#include "base/alloc.h"
#include "base/time.h"
#include "events/dispatch.h"
#include "events/event.h"
#include "store/tables.h"

enum { RUNS = 512 };

/* What a rule was started for; done NULL: it is over. */
struct run {
    struct fake *of;
    int64_t seq;
    struct tn_id record;
    char rule[32];
    tn_rule_done_fn done;
    void *arg;
};
struct fake {
    struct rig rig;
    struct tn_dispatch *d;
    bool none, shut; /* no rules; in quarantine */
    bool hold;       /* runs end only by finish() */
    int failures;    /* of the next runs */
    enum tn_kind kind;
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

static void concerned(void *self, const struct tn_event *e, tn_rule_name_fn fn, void *arg)
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
static bool once(void *self, const char *rule, const struct tn_event *e, struct tn_buf *out)
{
    (void)self, (void)rule;
    if (!e->data.n) return false;
    for (size_t i = 0; i < e->data.n; i++)
        tn_buf_addc(out, (e->data.p[i] == '~' ? '\0' : e->data.p[i]));
    return true;
}

static void finish(struct run *r, const struct tn_err *err)
{
    tn_rule_done_fn done = r->done;
    r->done = NULL;
    if (done) done(r->arg, err, false);
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

static void *start(void *self, const char *rule, const struct tn_event *e, tn_rule_done_fn done,
                   void *arg, struct tn_err *err)
{
    struct fake *f = self;
    (void)err;
    assert_true(f->n < RUNS);
    struct run *r = &f->runs[f->n++];
    *r = (struct run){.of = f, .seq = e->seq, .record = e->record, .done = done, .arg = arg};
    snprintf(r->rule, sizeof r->rule, "%s", rule);
    tn_timer_set(f->turn, 0);
    return r;
}

static void cancel(void *run)
{
    struct run *r = run;
    r->done = NULL;
    r->of->cancelled++;
}

static void json(void *self, const struct tn_event *e, struct tn_buf *out)
{
    (void)self;
    tn_event_json(e, "thing", out);
}

static const char *generation(void *self)
{
    (void)self;
    return "abc";
}

static const struct tn_rule_ops ops = {.any = any,
                                       .ready = ready,
                                       .concerned = concerned,
                                       .once = once,
                                       .start = start,
                                       .cancel = cancel,
                                       .json = json,
                                       .generation = generation};

static struct tn_dispatch *dispatch(struct fake *f, struct tn_store *store)
{
    struct tn_dispatch_options o = {
        .loop = f->rig.loop, .store = store, .rules = &ops, .rules_self = f, .pause_ms = 1};
    return tn_dispatch_open(&o);
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
    f->d = dispatch(f, f->rig.store);
    *state = f;
    return 0;
}

static int close_fake(void **state)
{
    struct fake *f = *state;
    tn_dispatch_close(f->d);
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
    struct tn_id cause = tn_event_cause(depth);
    struct tn_err err;
    if (depth) tn_commit_origin(c, &cause);
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

/* The first event that is not done with is behind it. */
static int64_t cursor(struct fake *f)
{
    struct tn_buf value;
    struct tn_err err;
    int64_t seq = -1;
    tn_buf_init(&value, TN_MIB);
    if (tn_store_kv_get(f->rig.store, TN_TEAM_SYSTEM, "rules", TN_STR("cursor"), &value, NULL,
                        &err))
        seq = strtoll(value.p + strlen("{\"seq\":"), NULL, 10);
    tn_buf_clear(&value);
    return seq;
}

static void each_event_runs_each_rule(void **state)
{
    struct fake *f = *state;
    f->names[1] = "second";
    for (int i = 0; i < 40; i++) tell(f, NULL, "", 0);
    until(f, f->n == 80 && cursor(f) == 40);
    for (size_t i = 0; i < 80; i++) assert_int_equal(f->runs[i].seq, i / 2 + 1);
    assert_int_equal(dead(f), 0);
}

static void an_event_runs_as_many_rules_as_it_concerns(void **state)
{
    struct fake *f = *state;
    f->more = 90;
    tell(f, NULL, "", 0);
    until(f, f->n == 91 && cursor(f) == 1);
    assert_string_equal(f->runs[90].rule, "more_89");
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
    assert_int_equal(f->runs[1].seq, 3);
    finish(&f->runs[1], NULL);
    turn_for(f, 50);
    assert_int_equal(cursor(f), 0); /* the first is not done */
    finish(&f->runs[0], NULL);
    until(f, f->n == 3);
    assert_int_equal(f->runs[2].seq, 2);
    finish(&f->runs[2], NULL);
    until(f, cursor(f) == 3);
}

static void a_failure_is_tried_again_then_put_aside(void **state)
{
    struct fake *f = *state;
    struct tn_id a = tn_id_new();
    f->failures = 5; /* four of the first event, one of the second */
    tell(f, &a, "", 0);
    tell(f, &a, "", 0);
    until(f, cursor(f) == 2);
    assert_int_equal(f->n, 6);
    assert_int_equal(dead(f), 1);
    f->failures = 1;
    f->kind = TN_E_budget; /* not tried again */
    tell(f, &a, "", 0);
    until(f, dead(f) == 2 && cursor(f) == 3);
    assert_int_equal(f->n, 7);
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
    static const char *const parts[] = {"\"operation\":\"rule\"",
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
    f->hold = true;
    for (int i = 0; i < N; i++) {
        data[1] = (char)('a' + i); /* the data is the id */
        tell(f, NULL, data, 0);
    }
    until(f, f->n == N);
    f->hold = false;
    f->failures = N;
    f->kind = TN_E_budget;
    finish_all(f);
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

static void eight_steps_are_enough(void **state)
{
    struct fake *f = *state;
    tell(f, NULL, "", TN_LIMIT_RULE_DEPTH - 1);
    tell(f, NULL, "", TN_LIMIT_RULE_DEPTH);
    until(f, cursor(f) == 2);
    assert_int_equal(f->n, 1);
    assert_int_equal(dead(f), 1);
}

static void quarantine_waits_and_loses_nothing(void **state)
{
    struct fake *f = *state;
    f->shut = true;
    for (int i = 0; i < 3; i++) tell(f, NULL, "", 0);
    turn_for(f, 50);
    assert_int_equal(f->n, 0);
    f->shut = false;
    tn_dispatch_wake(f->d);
    until(f, f->n == 3);
}

static void rules_that_come_later_begin_with_the_next_event(void **state)
{
    struct fake *f = *state;
    until(f, cursor(f) == 0);
    f->none = true;
    tn_dispatch_wake(f->d);
    tell(f, NULL, "", 0);
    turn_for(f, 50);
    f->none = false;
    tn_dispatch_wake(f->d);
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
    finish(&f->runs[1], NULL);
    until(f, f->n == 3);
    turn_for(f, 50); /* that the second is done is stored */
    struct tn_dispatch *next = dispatch(f, f->rig.store);
    turn_for(f, 50);
    assert_int_equal(f->n, 3); /* it has not the lease */
    tn_dispatch_close(f->d);
    assert_int_equal(f->cancelled, 2);
    f->d = next;
    f->hold = false;
    until(f, cursor(f) == 3);
    assert_int_equal(f->n, 5);
    assert_int_equal(f->runs[3].seq, 1);
    assert_int_equal(f->runs[4].seq, 3);
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
                                       T(what_is_put_aside_says_why),
                                       T(many_large_ones_are_put_aside),
                                       T(an_id_runs_once),
                                       T(ids_have_any_length_and_any_characters),
                                       T(eight_steps_are_enough),
                                       T(quarantine_waits_and_loses_nothing),
                                       T(rules_that_come_later_begin_with_the_next_event),
                                       T(another_worker_goes_on),
                                       T(a_full_disk_is_waited_for),
                                       cmocka_unit_test(patterns_match)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
