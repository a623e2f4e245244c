/* SPDX-License-Identifier: MIT */
/* The way of a commit with something failing at each of its steps in turn: every call of the disk,
 * every growing buffer, every allocation of SQLite.  What was acknowledged is there, what was not
 * is there whole or not at all, and the next commit works.  Of opening and of doing a commit again
 * a sample is taken, ever thinner; TENON_FAULT_EVERY=N takes every Nth pass beyond the first forty,
 * so 1 takes each. */
#include <limits.h>

#include "store_rig.h"

static const struct tn_column columns[] = {{"part_number", TN_COLUMN_text, true}};
static const struct tn_table items = {"items", columns, 1, {"part_number"}, "item", true};
static struct tn_origin source = {.entity = {"item", 4}};

static const char *const places[] = {"store.vfs.read", "store.vfs.write",    "store.vfs.full",
                                     "store.vfs.sync", "store.vfs.truncate", "store.commit",
                                     "base.buf",       "store.sqlite.malloc"};
enum { PLACES = sizeof places / sizeof places[0] };

enum { PAGE = 25 }; /* more than the store process writes at once */

static void upsert(struct tn_commit *c, int number, int i, int part)
{
    struct tn_err err;
    char body[64], external[32];
    snprintf(external, sizeof external, "E%d-%d", number, i);
    snprintf(body, sizeof body, "{\"part_number\":\"%d-%d\"}", number, part);
    struct tn_upsert u = {.team = 1,
                          .table = "items",
                          .source = source,
                          .external_id = tn_str(external),
                          .hash = {(unsigned char)number},
                          .body = tn_str(body)};
    assert_true(tn_commit_upsert(c, &u, &err));
}

/* Of each kind one: a record, a page of linked records, a change
 * with its former version, a key, an entry, an event, an audit row. */
static struct tn_commit *everything(struct rig *r, const struct tn_id *counter, int number)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    char body[64], text[16];
    snprintf(text, sizeof text, "%d", number);
    snprintf(body, sizeof body, "{\"part_number\":\"%d-0\"}", number);
    assert_true(tn_commit_put(c, 1, "items", NULL, tn_str(body), TN_NEW_ONLY, &err));
    for (int i = 0; i < PAGE; i++) upsert(c, number, i, i + 1);
    snprintf(body, sizeof body, "{\"n\":%d}", number);
    assert_true(tn_commit_patch(c, 1, "items", counter, tn_str(body), TN_ANY, &err));
    assert_true(tn_commit_kv_set(c, 1, "all", tn_str(text), tn_str(text), TN_NEW_ONLY, 0, &err));
    assert_true(tn_commit_queue_put(
        c,
        &(struct tn_queue_put){
            .team = 1, .queue = "work", .key = tn_str(text), .due_ms = 1, .payload = tn_str(text)},
        &err));
    assert_true(tn_commit_event(c, 1, "item.seen", "items", counter, TN_STR("{}"), &err));
    assert_true(tn_commit_audit(
        c, 1, &(struct tn_audit){.actor = "a test", .action = "item.seen", .object = text}, &err));
    return c;
}

/* With an upsert whose key is taken: it is left out, and all is done again. */
static struct tn_commit *everything_twice(struct rig *r, const struct tn_id *counter, int number)
{
    struct tn_commit *c = everything(r, counter, number);
    upsert(c, number, PAGE, 1);
    return c;
}

static bool count_row(void *arg, const struct tn_row *row)
{
    (void)row;
    ++*(int *)arg;
    return true;
}

static int audited(struct tn_store *s, struct tn_str object)
{
    struct tn_err err;
    struct tn_page page;
    int there = 0;
    struct tn_filter f = {"object", TN_FILTER_eq, &object, 1};
    struct tn_query q = {.team = 1, .table = "audit", .filters = &f, .filter_count = 1};
    tn_page_init(&page);
    if (!tn_store_query(s, &q, count_row, &there, &page, &err)) fail_msg("%s", err.text);
    tn_page_clear(&page);
    return there;
}

/* 1: all of it is there, 0: nothing; anything half fails. */
static int look_for(struct tn_store *s, int number)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    char text[32];
    int there = 0;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (int i = 0; i <= PAGE; i++) {
        snprintf(text, sizeof text, "%d-%d", number, i);
        struct tn_str k = tn_str(text);
        there += tn_store_get_by_key(s, 1, "items", &k, 1, &row, &hold, &err);
    }
    for (int i = 0; i < PAGE; i++) {
        snprintf(text, sizeof text, "E%d-%d", number, i);
        there += tn_store_get_by_link(s, 1, "items", &source, tn_str(text), &row, &hold, &err);
    }
    snprintf(text, sizeof text, "%d", number);
    there += tn_store_kv_get(s, 1, "all", tn_str(text), &hold, NULL, &err);
    there += audited(s, tn_str(text));
    tn_buf_clear(&hold);
    int all = 2 * PAGE + 3;
    if (there != 0 && there != all) fail_msg("commit %d is there by %d of %d", number, there, all);
    return there / all;
}

static void expect_counts(struct rig *r, const struct tn_id *counter, int64_t commits)
{
    struct tn_err err;
    struct tn_buf hold;
    struct tn_row row;
    struct tn_tail tail;
    int64_t rows;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    if (!tn_store_count(r->store, 1, "items", &rows, &err)) fail_msg("%s", err.text);
    assert_int_equal(rows, 1 + (1 + PAGE) * commits);
    assert_true(tn_store_get(r->store, 1, "items", counter, &row, &hold, &err));
    assert_int_equal(row.version, 1 + commits);
    assert_true(tn_store_tail(r->store, 1, INT64_MAX - 1, 1, NULL, NULL, &tail, &err));
    assert_int_equal(tail.head, 1 + (3 + PAGE) * commits);
    tn_buf_clear(&hold);
}

static void begin(struct rig *r, struct tn_id *counter)
{
    struct tn_err err;
    rig_open(r);
    assert_true(rig_define(r, &items));
    *counter = tn_id_new();
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, 1, "items", counter, TN_STR("{\"part_number\":\"counter\"}"),
                              TN_NEW_ONLY, &err));
    assert_true(rig_commit(r, c));
}

static void arm(const char *place, long at)
{
    char spec[80];
    snprintf(spec, sizeof spec, "%s=fail:%ld", place, at);
    tn_fault_arm(spec);
}

typedef struct tn_commit *(*build_fn)(struct rig *r, const struct tn_id *counter, int number);

/* A commit with a failure at one pass; then one without.  False: there are not so many passes. */
static bool fail_at(struct rig *r, const struct tn_id *counter, build_fn build, const char *place,
                    long at, int *number, int64_t *commits)
{
    struct tn_commit *c = build(r, counter, ++*number);
    arm(place, at);
    bool ok = rig_commit(r, c);
    long passes = tn_fault_passes(place);
    tn_fault_arm(NULL);
    while (!tn_store_ready(r->store)) tn_loop_turn(r->loop, true);
    int there = look_for(r->store, *number);
    if (ok != there)
        fail_msg("%s %ld: answered %d (%s), but it is there: %d", place, at, ok, r->err.text,
                 there);
    *commits += there;
    if (!rig_commit(r, everything(r, counter, ++*number)))
        fail_msg("after %s %ld: %s", place, at, r->err.text);
    (*commits)++;
    return passes >= at;
}

/* The next pass to fail at.  thinner: by how much the sample grows thinner; 0: each pass. */
static long next_pass(long at, long thinner)
{
    const char *every = getenv("TENON_FAULT_EVERY");
    if (at < 40 || !thinner) return at + 1;
    return at + (every ? strtol(every, NULL, 10) : at / thinner);
}

static void fail_at_each(build_fn build, long thinner)
{
    for (size_t i = 0; i < PLACES; i++) {
        struct rig r;
        struct tn_id counter;
        int number = 0;
        int64_t commits = 0;
        long at = 1, tried = 0;
        begin(&r, &counter);
        for (; fail_at(&r, &counter, build, places[i], at, &number, &commits); tried++)
            at = next_pass(at, thinner);
        expect_counts(&r, &counter, commits);
        print_message("%-20s failed in %ld of up to %ld passes\n", places[i], tried, at - 1);
        rig_close(&r);
    }
}

static void a_commit_survives_a_failure_at_each_of_its_steps(void **state)
{
    (void)state;
    fail_at_each(everything, 0);
}

static void a_commit_that_is_done_again_survives_a_failure(void **state)
{
    (void)state;
    fail_at_each(everything_twice, 8);
}

/* The store process opens an old folder and does its first commit, statements and all. */
static bool open_and_fail_at(const char *place, long at)
{
    struct rig r;
    struct tn_id counter;
    struct tn_err err;
    begin(&r, &counter);
    tn_store_server_close(r.server);
    struct tn_server_options o = {.dir = r.dir, .listen_fd = r.fd, .workers_live = true};
    struct tn_commit *c = everything(&r, &counter, 1);
    arm(place, at);
    r.server = tn_store_server_open(r.loop, &o, &err);
    tn_store_commit(r.store, c, rig_committed, &r);
    if (r.server) rig_wait(&r, r.answers + 1);
    long passes = tn_fault_passes(place);
    tn_fault_arm(NULL);
    if (!r.server) {
        assert_int_not_equal(err.kind, TN_E_none);
        assert_int_not_equal(err.kind, TN_E_corrupt);
        int before = r.answers;
        rig_serve(&r);
        rig_wait(&r, before + 1);
        assert_true(r.ok);
    }
    while (!tn_store_ready(r.store)) tn_loop_turn(r.loop, true);
    bool ok = r.ok;
    assert_int_equal(look_for(r.store, 1), ok);
    assert_true(rig_commit(&r, everything(&r, &counter, 2)));
    expect_counts(&r, &counter, 1 + ok);
    rig_close(&r);
    return passes >= at;
}

static void a_folder_opens_again_after_a_failure_at_any_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        long at = 1, tried = 0;
        for (; open_and_fail_at(places[i], at); tried++) at = next_pass(at, 3);
        print_message("%-20s failed in %ld of up to %ld passes\n", places[i], tried, at - 1);
    }
}

enum { LARGE = 200 * 1024 };

/* A record with a large text; its other member tells the versions apart. */
static struct tn_str large(struct tn_buf *b, int i)
{
    tn_buf_reset(b);
    tn_buf_addf(b, "{\"part_number\":\"large\",\"n\":%d,\"text\":\"", i);
    for (int k = 0; k < LARGE; k++) tn_buf_addc(b, 'x');
    tn_buf_adds(b, "\"}");
    return tn_buf_str(b);
}

static struct tn_commit *large_upsert(struct rig *r, struct tn_buf *b, unsigned char i)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_upsert u = {.team = 1,
                          .table = "items",
                          .source = source,
                          .external_id = TN_STR("L"),
                          .hash = {i},
                          .body = large(b, i)};
    assert_true(tn_commit_upsert(c, &u, &err));
    return c;
}

static long writes_of(struct rig *r, struct tn_commit *c)
{
    arm("store.vfs.write", LONG_MAX);
    assert_true(rig_commit(r, c));
    long writes = tn_fault_passes("store.vfs.write");
    tn_fault_arm(NULL);
    return writes;
}

/* SQLite writes only those pages of a row that change, so a small change of a large record costs
 * few, unless the state before it is kept. */
static void a_source_that_changes_its_record_keeps_no_state_before(void **state)
{
    struct rig r;
    struct tn_id counter, id;
    struct tn_err err;
    struct tn_buf b;
    (void)state;
    begin(&r, &counter);
    tn_buf_init(&b, 2 * LARGE);
    for (unsigned char i = 1; i <= 3; i++) assert_true(rig_commit(&r, large_upsert(&r, &b, i)));
    id = r.ops[0].id;
    long by_source = writes_of(&r, large_upsert(&r, &b, 4));
    struct tn_commit *c = tn_commit_new(r.store);
    assert_true(tn_commit_put(c, 1, "items", &id, large(&b, 5), 4, &err));
    long by_another = writes_of(&r, c); /* it keeps the state on which the source agreed */
    if (by_source * 4 > by_another)
        fail_msg("writes: %ld by the source, %ld by another", by_source, by_another);
    tn_buf_clear(&b);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_survives_a_failure_at_each_of_its_steps),
        cmocka_unit_test(a_commit_that_is_done_again_survives_a_failure),
        cmocka_unit_test(a_folder_opens_again_after_a_failure_at_any_step),
        cmocka_unit_test(a_source_that_changes_its_record_keeps_no_state_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
