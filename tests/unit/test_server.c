/* SPDX-License-Identifier: MIT */
/* The store process against the world: crashes, lost power, full and broken disks, damaged and
 * foreign files, a second process. */
#include "store_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"

static const struct tn_column columns[] = {{"part_number", TN_COLUMN_text, true}};
static const struct tn_table items = {"items", columns, 1, {"part_number"}, "item", true};

/* ------------------------------------------------------------------ the same process */

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    rig_open(r);
    assert_true(rig_define(r, &items));
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    tn_fault_arm(NULL);
    rig_close(*state);
    free(*state);
    return 0;
}

/* Two records and a key: whole or not at all. */
static struct tn_commit *pair(struct tn_store *s, int number)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(s);
    char body[64], text[16];
    for (int half = 0; half < 2; half++) {
        struct tn_id id = tn_id_new();
        snprintf(body, sizeof body, "{\"part_number\":\"%d-%d\"}", number, half);
        assert_true(tn_commit_put(c, 1, "items", &id, tn_str(body), TN_NEW_ONLY, &err));
    }
    snprintf(text, sizeof text, "%d", number);
    assert_true(tn_commit_kv_set(c, 1, "pairs", tn_str(text), tn_str(text), TN_NEW_ONLY, 0, &err));
    return c;
}

/* 1: the pair is there, 0: it is not; anything half fails. */
static int look_for(struct tn_store *s, int number)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    char key[32];
    int there = 0;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (int half = 0; half < 2; half++) {
        snprintf(key, sizeof key, "%d-%d", number, half);
        struct tn_str k = tn_str(key);
        there += tn_store_get_by_key(s, 1, "items", &k, 1, &row, &hold, &err);
    }
    snprintf(key, sizeof key, "%d", number);
    there += tn_store_kv_get(s, 1, "pairs", tn_str(key), &hold, NULL, &err);
    tn_buf_clear(&hold);
    if (there != 0 && there != 3) fail_msg("pair %d is there by %d of 3", number, there);
    return there / 3;
}

static bool count_row(void *arg, const struct tn_row *row)
{
    (void)row;
    (*(int64_t *)arg)++;
    return true;
}
static bool count_event(void *arg, const struct tn_event *e)
{
    int64_t *last = arg;
    assert_int_equal(e->seq, *last + 1);
    *last = e->seq;
    return true;
}

/* What is counted, what is there and what was logged are one. */
static void expect_consistent(struct tn_store *s, int64_t pairs)
{
    struct tn_err err;
    struct tn_page page;
    struct tn_tail tail;
    struct tn_buf cursor;
    int64_t rows = 0, counted, last = 0, before;
    struct tn_query q = {.team = 1, .table = "items"};
    tn_page_init(&page);
    tn_buf_init(&cursor, 1000);
    do {
        assert_true(tn_store_query(s, &q, count_row, &rows, &page, &err));
        tn_buf_reset(&cursor);
        tn_buf_addstr(&cursor, tn_buf_str(&page.next));
        q.cursor = tn_buf_str(&cursor);
    } while (page.more);
    tn_page_clear(&page);
    tn_buf_clear(&cursor);
    assert_int_equal(rows, pairs * 2);
    assert_true(tn_store_count(s, 1, "items", &counted, &err));
    assert_int_equal(counted, rows);
    do {
        before = last;
        assert_true(tn_store_tail(s, 1, last, 0, count_event, &last, &tail, &err));
    } while (last > before);
    assert_int_equal(last, rows);
    assert_int_equal(tail.head, rows);
}

static void a_store_process_that_is_replaced_is_found_again(void **state)
{
    struct rig *r = *state;
    int before = r->answers;
    assert_true(rig_commit(r, pair(r->store, 1)));
    tn_store_server_close(r->server);
    tn_store_commit(r->store, pair(r->store, 2), rig_committed, r);
    tn_store_commit(r->store, pair(r->store, 3), rig_committed, r);
    for (int i = 0; i < 5; i++) tn_loop_turn(r->loop, false);
    rig_serve(r);
    rig_wait(r, before + 3);
    assert_true(r->ok);
    expect_consistent(r->store, 3);
}

/* A commit whose server ends after some turns, and is followed by another. */
static void lose_the_answer(struct rig *r, int i, int before)
{
    tn_store_commit(r->store, pair(r->store, i), rig_committed, r);
    for (int turn = 0; turn < i % 7 && r->answers == before; turn++) tn_loop_turn(r->loop, false);
    tn_store_server_close(r->server);
    rig_serve(r);
}

/* The answer is lost after the commit: sent again, it is answered from the record. */
static void a_commit_is_never_done_twice(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 20; i++) {
        int before = r->answers;
        lose_the_answer(r, i, before);
        rig_wait(r, before + 1);
        assert_true(r->ok);
        assert_int_equal(r->count, 3);
        assert_int_equal(r->ops[1].kind, TN_DONE_created);
        assert_int_equal(rig_head(r), 2 * i + 2);
    }
    expect_consistent(r->store, 20);
}

/* A new store process that cannot read its record at first does not take it for empty. */
static void what_was_done_is_answered_so_once_the_record_can_be_read(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 14; i++) {
        int before = r->answers;
        lose_the_answer(r, i, before);
        tn_fault_arm("store.vfs.read=fail:1+");
        for (int turn = 0; turn < 20; turn++) tn_loop_turn(r->loop, false);
        tn_fault_arm(NULL);
        rig_wait(r, before + 1);
        if (!r->ok) fail_msg("commit %d: %s", i, r->err.text);
    }
    expect_consistent(r->store, 14);
}

static void a_full_or_broken_disk_loses_nothing(void **state)
{
    struct rig *r = *state;
    static const char *const faults[] = {"store.vfs.full", "store.vfs.write",    "store.vfs.sync",
                                         "store.vfs.read", "store.vfs.truncate", "store.commit"};
    int64_t pairs = 0;
    int number = 0;
    for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++) {
        for (int at = 1; at <= 24; at++) {
            char spec[64];
            snprintf(spec, sizeof spec, "%s=fail:%d", faults[f], at);
            tn_fault_arm(spec);
            for (int i = 0; i < 3; i++) {
                rig_commit(r, pair(r->store, ++number));
                enum tn_kind kind = r->err.kind;
                if (!r->ok && kind != TN_E_io && kind != TN_E_disk_full)
                    fail_msg("%s: %s", spec, r->err.text);
                tn_fault_arm(NULL);
                int there = look_for(r->store, number);
                if (there != r->ok)
                    fail_msg("%s: answered %d, but it is there: %d", spec, r->ok, there);
                pairs += there;
                tn_fault_arm(spec);
            }
            tn_fault_arm(NULL);
            if (!rig_commit(r, pair(r->store, ++number)))
                fail_msg("after %s: %s", spec, r->err.text);
            pairs++;
        }
    }
    expect_consistent(r->store, pairs);
}

static void a_disk_that_stays_full_is_said_so_and_recovers(void **state)
{
    struct rig *r = *state;
    tn_fault_arm("store.vfs.full=fail:1+");
    for (int i = 0; i < 5; i++) {
        assert_false(rig_commit(r, pair(r->store, i)));
        assert_int_equal(r->err.kind, TN_E_disk_full);
    }
    tn_fault_arm(NULL);
    for (int i = 0; i < 5; i++) assert_true(rig_commit(r, pair(r->store, i)));
    expect_consistent(r->store, 5);
}

static void figures(void *arg, const struct tn_store_stats *stats, const struct tn_err *err)
{
    assert_null(err);
    *(struct tn_store_stats *)arg = *stats;
}

static struct tn_store_stats stats_of(struct rig *r)
{
    struct tn_store_stats s = {.commits = -1};
    tn_store_stats(r->store, figures, &s);
    while (s.commits < 0) tn_loop_turn(r->loop, true);
    return s;
}

/* What a POST of an integration writes: each index and table that it touches is a page. */
static void a_small_commit_writes_few_pages(void **state)
{
    struct rig *r = *state;
    enum { COMMITS = 100 };
    struct tn_err err;
    char body[80];
    int64_t before = stats_of(r).pages;
    for (int i = 0; i < COMMITS; i++) {
        struct tn_commit *c = tn_commit_new(r->store);
        struct tn_id id = tn_id_new();
        snprintf(body, sizeof body, "{\"name\":\"line-%d\",\"adapter\":\"rest\"}", i);
        assert_true(tn_commit_put(c, 1, "integration", &id, tn_str(body), TN_NEW_ONLY, &err));
        assert_true(tn_commit_audit(
            c, 1,
            &(struct tn_audit){.actor = "an admin", .action = "integration.create", .object = body},
            &err));
        assert_true(rig_commit(r, c));
    }
    int64_t pages = stats_of(r).pages - before;
    print_message("%.1f pages a commit\n", (double)pages / COMMITS);
    assert_in_range(pages, COMMITS, 12 * COMMITS);
}

/* The figures of /metrics against the files themselves. */
static void sizes_and_free_space_are_those_of_the_files(void **state)
{
    struct rig *r = *state;
    struct stat st;
    char path[128];
    for (int i = 0; i < 50; i++) assert_true(rig_commit(r, pair(r->store, i)));
    struct tn_store_stats s = stats_of(r);
    snprintf(path, sizeof path, "%s/tenon.db-wal", r->dir);
    assert_int_equal(stat(path, &st), 0);
    /* the answer's own transaction may come on top */
    assert_in_range(s.wal_bytes, 1, st.st_size);
    assert_in_range(st.st_size - s.wal_bytes, 0, 8 * 9000);
    snprintf(path, sizeof path, "%s/tenon.db", r->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(s.db_bytes, st.st_size);
    assert_true(s.free_bytes > 0);
    assert_int_equal(s.commits, 50);
}

static bool any_event(void *arg, const struct tn_event *e)
{
    (void)arg, (void)e;
    return true;
}

static void what_is_old_goes_by_itself(void **state)
{
    struct rig *r = *state;
    static const struct tn_retention at_once = {
        .events = 1, .history = 1, .expired = 1, .answers = 1, .every = 1};
    struct tn_server_options o = {
        .dir = r->dir, .listen_fd = r->fd, .workers_live = true, .retention = &at_once};
    struct tn_err err;
    struct tn_id id = tn_id_new();
    struct tn_tail tail = {0};
    struct tn_buf hold;
    struct tn_row row;
    for (int i = 0; i < 3; i++) {
        char body[40];
        struct tn_commit *c = tn_commit_new(r->store);
        snprintf(body, sizeof body, "{\"part_number\":\"%d\"}", i);
        assert_true(tn_commit_put(c, 1, "items", &id, tn_str(body), TN_ANY, &err));
        assert_true(rig_commit(r, c));
    }
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    assert_true(tn_store_as_of(r->store, 1, "items", &id, 1, 0, &row, &hold, &err));
    tn_store_server_close(r->server);
    r->server = tn_store_server_open(r->loop, &o, &err);
    assert_non_null(r->server);
    while (!tail.gap || tn_store_as_of(r->store, 1, "items", &id, 1, 0, &row, &hold, &err)) {
        tn_loop_turn(r->loop, true);
        assert_true(tn_store_tail(r->store, 1, 0, 10, any_event, NULL, &tail, &err));
    }
    assert_int_equal(err.kind, TN_E_not_found);
    assert_true(tn_store_get(r->store, 1, "items", &id, &row, &hold, &err));
    assert_int_equal(row.version, 3);
    tn_buf_clear(&hold);
}

/* ------------------------------------------------------------------ rows of system tables */

static void put_row(struct rig *r, const char *table, const struct tn_id *id, const char *body)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, 1, table, id, tn_str(body), TN_ANY, &err));
    assert_true(rig_commit(r, c));
}

static int64_t rows_of(struct rig *r, const char *table)
{
    struct tn_err err;
    int64_t n = -1;
    if (!tn_store_count(r->store, 1, table, &n, &err)) fail_msg("%s", err.text);
    return n;
}

static enum tn_kind kind_of(struct rig *r, const char *table, const struct tn_id *id)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    bool there = tn_store_get(r->store, 1, table, id, &row, &hold, &err);
    tn_buf_clear(&hold);
    return there ? TN_E_none : err.kind;
}

/* Serves anew with a clock that stands at ms. */
static void serve_at(struct rig *r, struct tn_clock *clock, int64_t ms, int64_t keep_ms)
{
    struct tn_retention kept = {.runs = keep_ms,
                                .audit = keep_ms,
                                .inbound = keep_ms,
                                .plans = keep_ms,
                                .settled = keep_ms,
                                .every = 1};
    struct tn_server_options o = {.dir = r->dir,
                                  .listen_fd = r->fd,
                                  .workers_live = true,
                                  .clock = clock,
                                  .retention = &kept};
    struct tn_err err;
    *clock = (struct tn_clock){.stopped = true, .ms = ms};
    tn_store_server_close(r->server);
    r->server = tn_store_server_open(r->loop, &o, &err);
    assert_non_null(r->server);
}

static void rows_that_are_old_go_and_those_with_work_left_stay(void **state)
{
    enum { ROWS = 1200 }; /* more than a step takes */
    struct rig *r = *state;
    static const int64_t day = 86400000, start = 1700000000000;
    struct tn_clock clock;
    struct tn_err err;
    struct tn_id running = tn_id_new(), waits = tn_id_new(), young = tn_id_new(),
                 ended = tn_id_new(), arrived = tn_id_new(), open = tn_id_new(),
                 given_up = tn_id_new();
    char key[TN_ID_LEN + 1];
    serve_at(r, &clock, start, 0);
    put_row(r, "run", &running, "{\"status\":\"RUNNING\",\"integration\":\"a\"}");
    put_row(r, "run", &ended, "{\"status\":\"FAILURE\",\"integration\":\"a\"}");
    put_row(r, "inbound", &waits, "{\"integration\":\"a\",\"delivery\":\"1\"}");
    put_row(r, "inbound", &arrived, "{\"integration\":\"a\",\"delivery\":\"2\"}");
    put_row(r, "quarantine", &open, "{\"status\":\"open\",\"integration\":\"a\"}");
    put_row(r, "quarantine", &given_up, "{\"status\":\"discarded\",\"integration\":\"a\"}");
    for (int i = 0; i < ROWS;) {
        struct tn_commit *c = tn_commit_new(r->store);
        for (int in_one = 0; in_one < 400; in_one++, i++)
            assert_true(tn_commit_audit(
                c, 1, &(struct tn_audit){.actor = "me", .action = "test", .object = "thing"},
                &err));
        assert_true(rig_commit(r, c));
    }
    struct tn_commit *c = tn_commit_new(r->store);
    tn_id_text(&waits, key);
    assert_true(tn_commit_queue_put(c,
                                    &(struct tn_queue_put){.team = 1,
                                                           .queue = "inbound",
                                                           .key = tn_str(key),
                                                           .due_ms = start,
                                                           .payload = TN_STR("{}")},
                                    &err));
    assert_true(rig_commit(r, c));
    clock.ms = start + 30 * day;
    put_row(r, "run", &young, "{\"status\":\"SUCCESS\",\"integration\":\"a\"}");
    int64_t head = tn_store_head(r->store);

    serve_at(r, &clock, start + 89 * day, 90 * day);
    for (int turn = 0; turn < 20; turn++) tn_loop_turn(r->loop, true);
    assert_int_equal(rows_of(r, "audit"), ROWS);

    serve_at(r, &clock, start + 91 * day, 90 * day);
    while (rows_of(r, "audit") || rows_of(r, "inbound") > 1 || rows_of(r, "run") > 2 ||
           rows_of(r, "quarantine") > 1)
        tn_loop_turn(r->loop, true);
    assert_int_equal(kind_of(r, "run", &running), TN_E_none);
    assert_int_equal(kind_of(r, "run", &young), TN_E_none);
    assert_int_equal(kind_of(r, "run", &ended), TN_E_not_found);
    assert_int_equal(kind_of(r, "inbound", &waits), TN_E_none);
    assert_int_equal(kind_of(r, "quarantine", &open), TN_E_none);
    assert_int_equal(kind_of(r, "quarantine", &given_up), TN_E_not_found);
    assert_int_equal(tn_store_head(r->store), head);

    serve_at(r, &clock, start + 9000 * day, 0);
    for (int turn = 0; turn < 20; turn++) tn_loop_turn(r->loop, true);
    assert_int_equal(rows_of(r, "run"), 2);
}

static void plans_and_discarded_records_go_and_open_ones_stay(void **state)
{
    struct rig *r = *state;
    static const int64_t day = 86400000, start = 1700000000000;
    struct tn_clock clock;
    struct tn_id done = tn_id_new(), under_way = tn_id_new(), run = tn_id_new(), open = tn_id_new(),
                 given_up = tn_id_new();
    char id[TN_ID_LEN + 1], body[200];
    serve_at(r, &clock, start, 0);
    tn_id_text(&under_way, id);
    snprintf(body, sizeof body, "{\"status\":\"RUNNING\",\"filters\":{\"plan\":\"%s\"}}", id);
    put_row(r, "run", &run, body);
    put_row(r, "plan", &under_way, "{\"state\":\"running\",\"action\":\"retry\"}");
    put_row(r, "plan", &done, "{\"state\":\"ready\",\"action\":\"retry\"}");
    put_row(r, "quarantine", &open, "{\"status\":\"open\",\"integration\":\"a\"}");
    put_row(r, "quarantine", &given_up, "{\"status\":\"discarded\",\"integration\":\"a\"}");

    serve_at(r, &clock, start + 29 * day, 30 * day);
    for (int turn = 0; turn < 20; turn++) tn_loop_turn(r->loop, true);
    assert_int_equal(rows_of(r, "plan"), 2);
    assert_int_equal(rows_of(r, "quarantine"), 2);

    serve_at(r, &clock, start + 9000 * day, 30 * day);
    while (rows_of(r, "plan") > 1 || rows_of(r, "quarantine") > 1) tn_loop_turn(r->loop, true);
    for (int turn = 0; turn < 20; turn++) tn_loop_turn(r->loop, true);
    assert_int_equal(kind_of(r, "plan", &under_way), TN_E_none);
    assert_int_equal(kind_of(r, "plan", &done), TN_E_not_found);
    assert_int_equal(kind_of(r, "quarantine", &open), TN_E_none);
    assert_int_equal(kind_of(r, "quarantine", &given_up), TN_E_not_found);
}

/* How often the file says this. */
static int times_in(const char *path, const char *wanted)
{
    char line[1024];
    int n = 0;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) n += strstr(line, wanted) != NULL;
    fclose(f);
    return n;
}

static void the_log_says_once_a_day_how_much_was_too_old(void **state)
{
    struct rig *r = *state;
    static const int64_t day = 86400000, start = 1700000000000;
    struct tn_clock clock = {.stopped = true, .ms = start};
    struct tn_retention kept = {.audit = day / 2, .every = 1};
    char path[128];
    struct tn_err err;
    snprintf(path, sizeof path, "%s/log", r->dir);
    struct tn_log *log = tn_log_open(&(struct tn_log_options){.file = path, .quiet = true}, &err);
    struct tn_server_options o = {.dir = r->dir,
                                  .listen_fd = r->fd,
                                  .workers_live = true,
                                  .log = log,
                                  .clock = &clock,
                                  .retention = &kept};
    tn_store_server_close(r->server);
    r->server = tn_store_server_open(r->loop, &o, &err);
    assert_non_null(r->server);
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 0; i < 3; i++)
        assert_true(tn_commit_audit(
            c, 1, &(struct tn_audit){.actor = "me", .action = "test", .object = "thing"}, &err));
    assert_true(rig_commit(r, c));
    clock.ms += day - 1;
    while (rows_of(r, "audit")) tn_loop_turn(r->loop, true);
    assert_int_equal(times_in(path, "retention removed"), 0);
    clock.ms += 1;
    while (!times_in(path, "0 runs, 3 audit, 0 inbound")) tn_loop_turn(r->loop, true);
    clock.ms += day - 1;
    for (int turn = 0; turn < 20; turn++) tn_loop_turn(r->loop, true);
    clock.ms -= 3 * day; /* set back */
    for (int turn = 0; turn < 20; turn++) tn_loop_turn(r->loop, true);
    assert_int_equal(times_in(path, "retention removed"), 1);
    tn_store_server_close(r->server);
    tn_log_close(log);
    rig_serve(r);
}

static void a_retention_that_is_asked_for_is_counted(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_store_stats s;
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 0; i < 3; i++)
        assert_true(tn_commit_audit(
            c, 1, &(struct tn_audit){.actor = "me", .action = "test", .object = "thing"}, &err));
    assert_true(rig_commit(r, c));
    tn_store_retain(r->store, TN_RETAIN_audit, INT64_MAX, rig_done, r);
    rig_wait(r, r->answers + 1);
    assert_true(r->ok);
    assert_int_equal(rows_of(r, "audit"), 0);
    s = stats_of(r);
    assert_int_equal(s.retained[TN_RETAIN_audit], 3);
    assert_int_equal(s.retained[TN_RETAIN_runs], 0);
}

static bool first_row(void *arg, const struct tn_row *row)
{
    assert_int_equal(row->team, 2);
    ++*(int *)arg;
    return true;
}

static int rows_of_team_2(struct rig *r)
{
    struct tn_query q = {.team = 2, .table = "items"};
    struct tn_page page;
    struct tn_err err;
    int n = 0;
    tn_page_init(&page);
    if (!tn_store_query(r->store, &q, first_row, &n, &page, &err)) fail_msg("%s", err.text);
    tn_page_clear(&page);
    return n;
}

/* The index that a second team needs is made beside the commits: the one that brings the team does
 * not wait for it, and the team's list can be read meanwhile. */
static void a_second_team_does_not_stop_the_commits(void **state)
{
    struct rig *r = *state;
    enum { PAGES = 21, PER_PAGE = 1000 };
    struct tn_err err;
    char body[60];
    for (int p = 0; p < PAGES; p++) {
        struct tn_commit *c = tn_commit_new(r->store);
        for (int i = 0; i < PER_PAGE; i++) {
            snprintf(body, sizeof body, "{\"part_number\":\"%d\"}", p * PER_PAGE + i);
            assert_true(tn_commit_put(c, 1, "items", NULL, tn_str(body), TN_NEW_ONLY, &err));
        }
        assert_true(rig_commit(r, c));
    }
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_id id = tn_id_new();
    assert_true(tn_commit_put(c, 2, "items", &id, TN_STR("{}"), TN_NEW_ONLY, &err));
    int64_t before = stats_of(r).pages;
    assert_true(rig_commit(r, c));
    assert_in_range(stats_of(r).pages - before, 1, 200);
    assert_int_equal(rows_of_team_2(r), 1);
    sqlite3 *db;
    sqlite3_stmt *st;
    char path[128];
    snprintf(path, sizeof path, "%s/tenon.db", r->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT 1 FROM sqlite_master WHERE type = 'index' AND "
                                        "tbl_name = 'data_items' AND sql LIKE '%(team)'",
                                        -1, &st, NULL),
                     SQLITE_OK);
    while (sqlite3_step(st) != SQLITE_ROW) {
        sqlite3_reset(st);
        tn_loop_turn(r->loop, true);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_int_equal(rows_of_team_2(r), 1);
}

static void too_much_that_waits_is_refused(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    char *large = malloc(TN_LIMIT_RECORD);
    int sent = 0, before = r->answers;
    memset(large, ' ', TN_LIMIT_RECORD);
    memcpy(large, "{}", 2);
    tn_store_server_close(r->server);
    r->server = NULL;
    while (tn_store_pending(r->store) + TN_LIMIT_RECORD < TN_LIMIT_COMMIT_QUEUE) {
        struct tn_commit *c = tn_commit_new(r->store);
        struct tn_id id = tn_id_new();
        assert_true(
            tn_commit_put(c, 1, "items", &id, (struct tn_str){large, TN_LIMIT_RECORD}, 0, &err));
        tn_store_commit(r->store, c, rig_committed, r);
        sent++;
    }
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_id id = tn_id_new();
    assert_true(
        tn_commit_put(c, 1, "items", &id, (struct tn_str){large, TN_LIMIT_RECORD}, 0, &err));
    tn_store_commit(r->store, c, rig_committed, r);
    assert_int_equal(r->answers, before); /* never inside the call */
    rig_wait(r, before + 1);
    assert_int_equal(r->err.kind, TN_E_overloaded);
    rig_serve(r);
    rig_wait(r, before + 1 + sent);
    assert_true(r->ok);
    assert_int_equal(tn_store_pending(r->store), 0);
    free(large);
}

/* ------------------------------------------------------------------ files */

static enum tn_kind serve_kind(struct rig *r, char *text, size_t size)
{
    struct tn_err err;
    struct tn_server_options o = {.dir = r->dir, .listen_fd = r->fd};
    struct tn_store_server *s = tn_store_server_open(r->loop, &o, &err);
    if (s)
        err.kind = TN_E_none;
    else if (text)
        snprintf(text, size, "%s", err.text);
    tn_store_server_close(s);
    return err.kind;
}

static void bare_close(struct rig *r)
{
    close(r->fd);
    tn_loop_free(r->loop);
    nftw(r->dir, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *path, const char *text, size_t n, long at)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, n, at), n);
    close(fd);
}

static void a_second_process_is_refused(void **state)
{
    struct rig *r = *state;
    char text[512];
    assert_int_equal(serve_kind(r, text, sizeof text), TN_E_busy);
    assert_non_null(strstr(text, r->dir));
}

static void bad_databases_are_refused_and_left_alone(void **state)
{
    (void)state;
    struct rig r;
    char path[128], text[512], rubbish[20000];
    sqlite3 *db;
    struct stat before, after;
    memset(rubbish, 'x', sizeof rubbish);

    rig_folder(&r);
    snprintf(path, sizeof path, "%s/tenon.db", r.dir);
    write_file(path, rubbish, sizeof rubbish, 0);
    assert_int_equal(serve_kind(&r, text, sizeof text), TN_E_corrupt);
    assert_non_null(strstr(text, path));
    assert_non_null(strstr(text, "restore"));
    stat(path, &after);
    assert_int_equal(after.st_size, sizeof rubbish);

    truncate(path, 0);
    assert_int_equal(serve_kind(&r, text, sizeof text), TN_E_corrupt);
    unlink(path);
    write_file(path, "SQLite format 3", 16, 0);
    assert_int_equal(serve_kind(&r, text, sizeof text), TN_E_corrupt);
    unlink(path);

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    stat(path, &before);
    assert_int_equal(serve_kind(&r, text, sizeof text), TN_E_invalid);
    assert_non_null(strstr(text, "another program"));
    stat(path, &after);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    unlink(path);

    assert_int_equal(serve_kind(&r, NULL, 0), TN_E_none);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 9999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(serve_kind(&r, text, sizeof text), TN_E_too_new);
    assert_non_null(strstr(text, "newer"));

    char wal[140];
    unlink(path);
    snprintf(wal, sizeof wal, "%s-wal", path);
    write_file(wal, rubbish, sizeof rubbish, 0);
    assert_int_equal(serve_kind(&r, text, sizeof text), TN_E_corrupt);
    assert_int_not_equal(access(path, F_OK), 0);
    bare_close(&r);
}

static void a_reader_refuses_what_is_not_a_store(void **state)
{
    (void)state;
    struct rig r;
    char path[128];
    struct tn_err err;
    rig_folder(&r);
    snprintf(path, sizeof path, "%s/tenon.db", r.dir);
    struct tn_store_options o = {.dir = r.dir};
    assert_null(tn_store_open(r.loop, &o, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    write_file(
        path,
        "not a database, but long enough to be looked at by anybody who wants to open one ........",
        90, 0);
    assert_null(tn_store_open(r.loop, &o, &err));
    assert_int_equal(err.kind, TN_E_corrupt);
    unlink(path);
    assert_int_equal(serve_kind(&r, NULL, 0), TN_E_none);
    struct tn_store *s = tn_store_open(r.loop, &o, &err);
    assert_non_null(s);
    assert_true(tn_store_ready(s));
    r.answers = 0;
    tn_store_commit(s, tn_commit_new(s), rig_committed, &r);
    rig_wait(&r, 1);
    assert_int_equal(r.err.kind, TN_E_unavailable);
    tn_store_close(s);
    bare_close(&r);
}

/* ------------------------------------------------------------------ a damaged page */

struct damage {
    char tables[4][TN_DAMAGED_NAME];
    int told;
};

static void damaged(void *arg, const char *table)
{
    struct damage *d = arg;
    snprintf(d->tables[d->told++ % 4], TN_DAMAGED_NAME, "%s", table);
}

/* Overwrites the root page of a table or an index; nobody serves the file. */
static void damage_root(const struct rig *r, const char *name)
{
    char path[128], sql[128], page[8192];
    sqlite3 *db;
    sqlite3_stmt *st;
    snprintf(path, sizeof path, "%s/tenon.db", r->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_master WHERE name LIKE '%s'", name);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    off_t at = (off_t)(sqlite3_column_int64(st, 0) - 1) * (off_t)sizeof page;
    sqlite3_finalize(st);
    sqlite3_close(db);
    memset(page, 0xff, sizeof page);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
    close(fd);
}

/* The store process and its worker begin anew over a file in which a page is damaged. */
static void open_damaged(struct rig *r, const char *name, struct damage *d)
{
    struct tn_err err;
    *d = (struct damage){.told = 0};
    tn_store_close(r->store);
    tn_store_server_close(r->server);
    damage_root(r, name);
    struct tn_server_options so = {
        .dir = r->dir, .listen_fd = r->fd, .damaged = damaged, .damaged_arg = d};
    struct tn_store_options o = {.dir = r->dir,
                                 .socket = r->socket,
                                 .holder = tn_id_new(),
                                 .damaged = damaged,
                                 .damaged_arg = d};
    r->server = tn_store_server_open(r->loop, &so, &err);
    if (!r->server) fail_msg("%s", err.text);
    r->store = tn_store_open(r->loop, &o, &err);
    assert_non_null(r->store);
    while (!tn_store_ready(r->store)) tn_loop_turn(r->loop, true);
}

static struct tn_commit *kv(struct rig *r, const char *key)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_kv_set(c, 1, "box", tn_str(key), TN_STR("x"), TN_NEW_ONLY, 0, &err));
    return c;
}

struct ends {
    int answers, kinds[8];
    char text[512];
};

static void note_end(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct ends *e = arg;
    e->kinds[e->answers++] = done ? TN_E_none : (int)err->kind;
    if (err) snprintf(e->text, sizeof e->text, "%s", err->text);
}

static void a_commit_that_meets_a_damaged_page_fails_alone(void **state)
{
    struct rig *r = *state;
    struct damage d;
    struct ends e = {.answers = 0};
    struct tn_buf hold;
    struct tn_err err;
    assert_true(rig_commit(r, pair(r->store, 1)));
    open_damaged(r, "data_items", &d);
    assert_int_equal(d.told, 0);
    tn_store_commit(r->store, kv(r, "a"), note_end, &e); /* of one group */
    tn_store_commit(r->store, pair(r->store, 2), note_end, &e);
    tn_store_commit(r->store, kv(r, "b"), note_end, &e);
    tn_store_commit(r->store, pair(r->store, 3), note_end, &e);
    while (e.answers < 4) tn_loop_turn(r->loop, true);
    assert_int_equal(e.kinds[0], TN_E_none);
    assert_int_equal(e.kinds[1], TN_E_corrupt);
    assert_int_equal(e.kinds[2], TN_E_none);
    assert_int_equal(e.kinds[3], TN_E_corrupt);
    assert_non_null(strstr(e.text, "the table items has a damaged page"));
    assert_true(d.told >= 2);
    for (int i = 0; i < 4 && i < d.told; i++) assert_string_equal(d.tables[i], "items");
    tn_buf_init(&hold, TN_KIB);
    assert_true(tn_store_kv_get(r->store, 1, "box", TN_STR("a"), &hold, NULL, &err));
    assert_true(tn_store_kv_get(r->store, 1, "box", TN_STR("b"), &hold, NULL, &err));
    assert_false(tn_store_kv_get(r->store, 1, "pairs", TN_STR("2"), &hold, NULL, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_buf_clear(&hold);
    char path[128];
    snprintf(path, sizeof path, "%s/tenon.db", r->dir);
    assert_false(tn_store_verify(path, &err));
    assert_int_equal(err.kind, TN_E_corrupt);
    assert_non_null(strstr(err.text, "damaged are the tables items ("));
}

static void a_read_names_the_table_that_is_damaged(void **state)
{
    struct rig *r = *state;
    struct damage d;
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    struct tn_str key = TN_STR("1-0");
    assert_true(rig_commit(r, pair(r->store, 1)));
    open_damaged(r, "items_key%", &d);
    tn_buf_init(&hold, TN_KIB);
    assert_false(tn_store_get_by_key(r->store, 1, "items", &key, 1, &row, &hold, &err));
    assert_int_equal(err.kind, TN_E_corrupt);
    assert_int_equal(d.told, 1);
    assert_string_equal(d.tables[0], "items"); /* its index is part of it */
    open_damaged(r, "tn_kv", &d);
    assert_false(tn_store_kv_get(r->store, 1, "pairs", TN_STR("1"), &hold, NULL, &err));
    assert_int_equal(err.kind, TN_E_corrupt);
    assert_int_equal(d.told, 1);
    assert_string_equal(d.tables[0], "tn_kv");
    tn_buf_clear(&hold);
}

static void a_migration_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct rig r;
    rig_folder(&r);
    tn_fault_arm("store.migrate=fail:1");
    assert_int_equal(serve_kind(&r, NULL, 0), TN_E_io);
    tn_fault_arm(NULL);
    char path[128];
    snprintf(path, sizeof path, "%s/tenon.db", r.dir);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(serve_kind(&r, NULL, 0), TN_E_none);
    assert_int_equal(serve_kind(&r, NULL, 0), TN_E_none);
    bare_close(&r);
}

/* ------------------------------------------------------------------ processes that die */

static int rounds(void)
{
    const char *text = getenv("TENON_CRASH_ROUNDS");
    return text ? atoi(text) : 50;
}

/* How the store process shall die: by itself at a random place, or killed. */
static void arm_a_crash(unsigned dice)
{
    static const char *const places[] = {"store.vfs.powercut=fail", "store.commit=crash",
                                         "store.committed=crash", "store.vfs.sync=crash",
                                         "store.vfs.write=crash"};
    char spec[64];
    unsigned place = dice % 6, range = place == 0 || place == 4 ? 200 : 12;
    if (place == 5) return;
    snprintf(spec, sizeof spec, "%s:%u", places[place], 1 + dice / 6 % range);
    tn_fault_arm(spec);
}

enum { A_REMAKE = 5000000 }; /* dice: die in the third step of a remake */

static pid_t fork_server(const struct rig *r, bool workers_live, unsigned dice)
{
    pid_t pid = fork();
    if (pid) return pid;
    struct tn_err err;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_server_options o = {.dir = r->dir, .listen_fd = r->fd, .workers_live = workers_live};
    struct tn_store_server *s = loop ? tn_store_server_open(loop, &o, &err) : NULL;
    if (!s) {
        fprintf(stderr, "the store did not open: %s\n", err.text);
        _exit(3);
    }
    if (dice == A_REMAKE)
        tn_fault_arm("store.remake=crash:3");
    else
        arm_a_crash(dice);
    tn_loop_run(loop);
    _exit(0);
}

static unsigned roll(void)
{
    unsigned dice;
    tn_random(&dice, sizeof dice);
    return dice;
}

struct flight {
    struct rig *r;
    int number;
    bool *acknowledged;
};
static void landed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct flight *f = arg;
    if (err) fail_msg("pair %d: %s", f->number, err->text);
    assert_int_equal(done->count, 3);
    f->acknowledged[f->number] = true;
    f->r->answers++;
    free(f);
}

static void reap(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status)) fail_msg("the store process ended by itself (%d)", status);
}

static bool is_gone(pid_t *pid)
{
    int status;
    if (waitpid(*pid, &status, WNOHANG) != *pid) return false;
    if (!WIFSIGNALED(status)) fail_msg("the store process ended by itself (%d)", status);
    return true;
}

/* Only the store process dies: every commit of the worker is done, once. */
static void a_worker_outlives_its_store_process(void **state)
{
    (void)state;
    struct rig r;
    enum { PAIRS = 6000 };
    static bool acknowledged[PAIRS];
    int sent = 0, deaths = 0, wanted = rounds() / 2 + 1;
    rig_folder(&r);
    pid_t pid = fork_server(&r, false, 5);
    r.store = rig_connect(&r);
    assert_true(rig_define(&r, &items));
    r.answers = 0;
    memset(acknowledged, 0, sizeof acknowledged);
    while (deaths < wanted && sent < PAIRS) {
        int until = sent + 1 + (int)(roll() % 30);
        for (; sent < until && sent < PAIRS; sent++) {
            struct flight *f = malloc(sizeof *f);
            *f = (struct flight){&r, sent, acknowledged};
            tn_store_commit(r.store, pair(r.store, sent), landed, f);
        }
        for (unsigned turns = roll() % 8; turns; turns--) tn_loop_turn(r.loop, false);
        bool by_hand = roll() % 3 == 0;
        if (by_hand) {
            kill(pid, SIGKILL);
            reap(pid);
        }
        while (!by_hand && r.answers < sent && !is_gone(&pid)) {
            tn_loop_turn(r.loop, false);
            if (r.answers < sent) poll(NULL, 0, 1);
        }
        if (!by_hand && r.answers == sent) {
            if (!is_gone(&pid)) continue;
        }
        deaths++;
        pid = fork_server(&r, true, roll());
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    pid = fork_server(&r, true, 5);
    rig_wait(&r, sent);
    for (int i = 0; i < sent; i++) assert_true(acknowledged[i] && look_for(r.store, i));
    expect_consistent(r.store, sent);
    tn_store_close(r.store);
    kill(pid, SIGKILL);
    reap(pid);
    bare_close(&r);
}

/* A table that is being remade when the store process dies, twice, is remade all the same. */
static void a_remake_survives_a_crash(void **state)
{
    (void)state;
    struct rig r;
    struct tn_err err;
    enum { PAIRS = 3600 };
    static const struct tn_column more[] = {{"part_number", TN_COLUMN_text, true},
                                            {"colour", TN_COLUMN_text, true}};
    const struct tn_table next = {"items", more, 2, {"part_number"}, "item", true};
    rig_folder(&r);
    pid_t pid = fork_server(&r, false, A_REMAKE);
    r.store = rig_connect(&r);
    assert_true(rig_define(&r, &items));
    for (int i = 0; i < PAIRS; i++) tn_store_commit(r.store, pair(r.store, i), rig_committed, &r);
    rig_wait(&r, PAIRS + 1);
    tn_store_define(r.store, &next, rig_done, &r);
    for (int deaths = 0; deaths < 2; deaths++) {
        while (!is_gone(&pid)) {
            tn_loop_turn(r.loop, false);
            poll(NULL, 0, 1);
        }
        assert_int_equal(r.answers, PAIRS + 1);
        pid = fork_server(&r, true, deaths ? 5 : A_REMAKE);
    }
    rig_wait(&r, PAIRS + 2);
    assert_true(r.ok);
    expect_consistent(r.store, PAIRS);
    struct tn_filter f = {"colour", TN_FILTER_null, NULL, 0};
    struct tn_query q = {
        .team = 1, .table = "items", .filters = &f, .filter_count = 1, .total = true};
    struct tn_page page;
    int64_t rows = 0;
    tn_page_init(&page);
    assert_true(tn_store_query(r.store, &q, count_row, &rows, &page, &err));
    assert_int_equal(page.total, PAIRS * 2);
    tn_page_clear(&page);
    tn_store_close(r.store);
    kill(pid, SIGKILL);
    reap(pid);
    bare_close(&r);
}

static const struct tn_column coloured[] = {{"part_number", TN_COLUMN_text, true},
                                            {"colour", TN_COLUMN_text, true}};
static const struct tn_table coloured_items = {"items", coloured, 2, {"part_number"}, "item", true};
enum { REMADE_PAIRS = 800 };

static void fill(struct rig *r)
{
    for (int i = 0; i < REMADE_PAIRS; i++)
        tn_store_commit(r->store, pair(r->store, i), rig_committed, r);
    rig_wait(r, r->answers + REMADE_PAIRS);
}

static void a_table_is_remade_again_while_the_former_one_is_swept(void **state)
{
    struct rig *r = *state;
    fill(r);
    assert_true(rig_define(r, &coloured_items));
    assert_true(rig_define(r, &items));
    expect_consistent(r->store, REMADE_PAIRS);
}

/* A page that cannot be read is not the end of the table. */
static void a_remake_on_a_disk_that_fails_to_read_loses_no_record(void **state)
{
    struct rig *r = *state;
    fill(r);
    for (int at = 4; at < 60; at += 9) {
        char spec[32];
        tn_store_server_close(r->server); /* what it has read is forgotten */
        rig_serve(r);
        snprintf(spec, sizeof spec, "store.vfs.read=fail:%d", at);
        tn_fault_arm(spec);
        rig_define(r, at % 2 ? &coloured_items : &items);
        tn_fault_arm(NULL);
        expect_consistent(r->store, REMADE_PAIRS);
    }
}

static void say(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    int *number = arg;
    (void)err;
    if (done && write(9, number, sizeof *number) != sizeof *number) _exit(4);
    free(number);
}

/* A worker that tells, by a pipe, each number that was acknowledged. */
static pid_t fork_writer(const struct rig *r, int from, int out)
{
    pid_t pid = fork();
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, 9);
    struct rig mine = *r;
    struct tn_err err;
    mine.loop = tn_loop_new(&err);
    mine.store = rig_connect(&mine);
    for (;; from++) {
        int *number = malloc(sizeof *number);
        *number = from;
        tn_store_commit(mine.store, pair(mine.store, from), say, number);
        while (tn_store_pending(mine.store) > 2000) tn_loop_turn(mine.loop, true);
    }
}

/* Everything dies at once, again and again: what was acknowledged is there, nothing is half there.
 */
static void everything_dies_and_nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    struct rig r;
    enum { STRIDE = 100000 };
    struct tn_err err;
    int64_t pairs = 0;
    char path[128];
    rig_folder(&r);
    snprintf(path, sizeof path, "%s/tenon.db", r.dir);
    pid_t server = fork_server(&r, false, 5);
    r.store = rig_connect(&r);
    assert_true(rig_define(&r, &items));
    tn_store_close(r.store);
    kill(server, SIGKILL);
    reap(server);
    for (int round = 0; round < rounds() / 2 + 1; round++) {
        int ends[2], number, last = round * STRIDE - 1;
        assert_int_equal(pipe(ends), 0);
        server = fork_server(&r, false, roll());
        pid_t writer = fork_writer(&r, round * STRIDE, ends[1]);
        close(ends[1]);
        /* let it work until some were acknowledged, or the store process is gone by itself */
        struct pollfd p = {ends[0], POLLIN, 0};
        for (unsigned some = roll() % 200; some; some--) {
            if (poll(&p, 1, 100) <= 0 && is_gone(&server)) {
                server = 0;
                break;
            }
            if (p.revents && read(ends[0], &number, sizeof number) == sizeof number) last = number;
        }
        if (server) kill(server, SIGKILL);
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        if (server) waitpid(server, NULL, 0);
        while (read(ends[0], &number, sizeof number) == sizeof number) last = number;
        close(ends[0]);
        server = fork_server(&r, false, 5);
        r.store = rig_connect(&r);
        for (int i = round * STRIDE; i <= last; i++)
            if (!look_for(r.store, i))
                fail_msg("round %d: pair %d was acknowledged and is lost", round, i);
        int extra = last + 1;
        for (int gap = 0; gap < 50; extra++) gap = look_for(r.store, extra) ? 0 : gap + 1;
        for (int i = round * STRIDE; i < extra; i++) pairs += look_for(r.store, i);
        expect_consistent(r.store, pairs);
        tn_store_close(r.store);
        kill(server, SIGKILL);
        reap(server);
    }
    assert_true(tn_store_verify(path, &err));
    bare_close(&r);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_store_process_that_is_replaced_is_found_again),
        T(a_commit_is_never_done_twice),
        T(what_was_done_is_answered_so_once_the_record_can_be_read),
        T(a_full_or_broken_disk_loses_nothing),
        T(a_disk_that_stays_full_is_said_so_and_recovers),
        T(a_small_commit_writes_few_pages),
        T(sizes_and_free_space_are_those_of_the_files),
        T(what_is_old_goes_by_itself),
        T(rows_that_are_old_go_and_those_with_work_left_stay),
        T(plans_and_discarded_records_go_and_open_ones_stay),
        T(the_log_says_once_a_day_how_much_was_too_old),
        T(a_retention_that_is_asked_for_is_counted),
        T(a_table_is_remade_again_while_the_former_one_is_swept),
        T(a_remake_on_a_disk_that_fails_to_read_loses_no_record),
        T(a_second_team_does_not_stop_the_commits),
        T(too_much_that_waits_is_refused),
        T(a_second_process_is_refused),
        T(a_commit_that_meets_a_damaged_page_fails_alone),
        T(a_read_names_the_table_that_is_damaged),
        cmocka_unit_test(bad_databases_are_refused_and_left_alone),
        cmocka_unit_test(a_reader_refuses_what_is_not_a_store),
        cmocka_unit_test(a_migration_that_fails_changes_nothing),
        cmocka_unit_test(a_worker_outlives_its_store_process),
        cmocka_unit_test(a_remake_survives_a_crash),
        cmocka_unit_test(everything_dies_and_nothing_acknowledged_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
