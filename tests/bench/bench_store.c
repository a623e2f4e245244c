/* SPDX-License-Identifier: MIT */
/* What the store costs, beside a bare SQLite loop in C that inserts the same records in the same
 * run. bench_store [records [folder]]: first load, unchanged and 1 % changed upserts in pages of
 * 500; durable commits at 1, 8 and 64 in flight; point reads while writing; a query page. The store
 * process is a process of its own, as in life. */
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/server.h"

enum { PAGE = 500, WINDOW = 3 };

struct record {
    char external_id[32], part_number[32], body[600];
    unsigned char hash[TN_HASH_LEN];
    size_t n;
};

/* As a mapping of a 1.3 KB item of an ERP gives it. */
static void make_record(struct record *r, long i, int generation)
{
    uint64_t x = (uint64_t)i * 2654435761u + (uint64_t)generation * 97 + 1;
    snprintf(r->external_id, sizeof r->external_id, "%lld", 300000047272744ll + i * 7);
    snprintf(r->part_number, sizeof r->part_number, "ITEM-%08ld", i);
    r->n = (size_t)snprintf(
        r->body, sizeof r->body,
        "{\"external_id\":\"%s\",\"part_number\":\"%s\",\"name\":\"Bracket, left hand, zinc plated "
        "%ld\","
        "\"description\":\"Bracket for the %ld frame, drilled and deburred\",\"unit\":\"EA\","
        "\"status\":\"ACTIVE\",\"weight\":\"%ld.3400\",\"organization\":\"M1\","
        "\"source_updated\":\"2026-03-%02dT08:00:00.000Z\"}",
        r->external_id, r->part_number, i, i, i % 100, generation + 1);
    for (int k = 0; k < TN_HASH_LEN; k++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        r->hash[k] = (unsigned char)(x >> 56);
    }
}

static double seconds(int64_t from_us)
{
    return (double)(tn_mono_us() - from_us) / 1e6;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* ------------------------------------------------------------------ the bare loop */

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) die(sqlite3_errmsg(db));
}

/* One table with what a hand-written program would keep: unique external id, hash, body. */
static double bare_load(const char *dir, long records)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    char path[200];
    struct record r;
    snprintf(path, sizeof path, "%s/bare.db", dir);
    unlink(path);
    if (sqlite3_open(path, &db) != SQLITE_OK) die("bare.db");
    sql(db, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
            "cache_size=-32000;"
            "CREATE TABLE item (id INTEGER PRIMARY KEY, team INT, external_id TEXT, part_number "
            "TEXT, hash BLOB,"
            " body TEXT, created INT, updated INT, UNIQUE (team, external_id))");
    sqlite3_prepare_v2(
        db,
        "INSERT INTO item (team, external_id, part_number, hash, body, created, updated)"
        " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?5)",
        -1, &st, NULL);
    int64_t from = tn_mono_us();
    for (long i = 0; i < records; i++) {
        if (i % PAGE == 0) sql(db, "BEGIN IMMEDIATE");
        make_record(&r, i, 0);
        sqlite3_bind_text(st, 1, r.external_id, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 2, r.part_number, -1, SQLITE_STATIC);
        sqlite3_bind_blob(st, 3, r.hash, TN_HASH_LEN, SQLITE_STATIC);
        sqlite3_bind_text(st, 4, r.body, (int)r.n, SQLITE_STATIC);
        sqlite3_bind_int64(st, 5, 1780000000000 + i);
        if (sqlite3_step(st) != SQLITE_DONE) die(sqlite3_errmsg(db));
        sqlite3_reset(st);
        if (i % PAGE == PAGE - 1 || i == records - 1) sql(db, "COMMIT");
    }
    double took = seconds(from);
    sqlite3_finalize(st);
    sqlite3_close(db);
    unlink(path);
    return (double)records / took;
}

/* ------------------------------------------------------------------ ours */

struct bench {
    char dir[128], socket[160];
    struct tn_loop *loop;
    struct tn_store *store;
    pid_t pid;
    int fd;
    long waiting, answered, created, updated, failed;
};

static const struct tn_column columns[] = {{"part_number", TN_COLUMN_text, true},
                                           {"name", TN_COLUMN_text, false}};
static const struct tn_table items = {"items", columns, 2, {"part_number"}, "item", false};
static struct tn_origin source = {.entity = {"item", 4}};

static void serve(struct bench *b)
{
    struct tn_err err;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_server_options o = {.dir = b->dir, .listen_fd = b->fd};
    if (!loop || !tn_store_server_open(loop, &o, &err)) die(err.text);
    tn_loop_run(loop);
    _exit(0);
}

static void on_defined(void *arg, const struct tn_err *err)
{
    if (err) die(err->text);
    ((struct bench *)arg)->answered++;
}

static void start(struct bench *b)
{
    struct tn_err err;
    snprintf(b->socket, sizeof b->socket, "%s/store.sock", b->dir);
    if ((b->fd = tn_store_listen(b->socket, &err)) < 0) die(err.text);
    if ((b->pid = fork()) == 0) serve(b);
    b->loop = tn_loop_new(&err);
    struct tn_store_options o = {.dir = b->dir, .socket = b->socket, .holder = tn_id_new()};
    b->store = tn_store_open(b->loop, &o, &err);
    while (!tn_store_ready(b->store)) tn_loop_turn(b->loop, true);
    tn_store_define(b->store, &items, on_defined, b);
    while (!b->answered) tn_loop_turn(b->loop, true);
}

static void on_committed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct bench *b = arg;
    b->waiting--;
    b->answered++;
    if (err) die(err->text);
    for (size_t i = 0; i < done->count; i++) {
        b->created += done->ops[i].kind == TN_DONE_created;
        b->updated += done->ops[i].kind == TN_DONE_updated;
    }
}

static void send_page(struct bench *b, struct record *page, const bool *skip, long count)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(b->store);
    for (long i = 0; i < count; i++) {
        if (skip && skip[i]) continue;
        struct tn_upsert u = {.team = 1,
                              .table = "items",
                              .source = source,
                              .external_id = tn_str(page[i].external_id),
                              .body = {page[i].body, page[i].n}};
        memcpy(u.hash, page[i].hash, TN_HASH_LEN);
        if (!tn_commit_upsert(c, &u, &err)) die(err.text);
    }
    if (!tn_commit_cursor(c, 1, TN_STR("bench"), tn_str(page[count - 1].external_id), TN_ANY, &err))
        die(err.text);
    b->waiting++;
    tn_store_commit(b->store, c, on_committed, b);
    while (b->waiting >= WINDOW) tn_loop_turn(b->loop, true);
}

/* Changed records are those with i % 100 == 0 when generation says so. */
static double load(struct bench *b, long records, bool check, int generation)
{
    static struct record page[PAGE];
    static unsigned char hashes[PAGE][TN_HASH_LEN];
    bool found[PAGE], skip[PAGE];
    struct tn_str ids[PAGE];
    struct tn_err err;
    int64_t from = tn_mono_us();
    for (long at = 0; at < records; at += PAGE) {
        long count = records - at < PAGE ? records - at : PAGE;
        bool any = false;
        for (long i = 0; i < count; i++) {
            make_record(&page[i], at + i, (at + i) % 100 ? 0 : generation);
            ids[i] = tn_str(page[i].external_id);
        }
        if (check &&
            !tn_store_link_hashes(b->store, 1, &source, ids, (size_t)count, hashes, found, &err))
            die(err.text);
        for (long i = 0; i < count; i++) {
            skip[i] = check && found[i] && memcmp(hashes[i], page[i].hash, TN_HASH_LEN) == 0;
            any |= !skip[i];
        }
        if (any) send_page(b, page, skip, count);
    }
    while (b->waiting) tn_loop_turn(b->loop, true);
    return (double)records / seconds(from);
}

/* Creates, so many in flight, each its own commit. */
static double commits(struct bench *b, long in_flight, double for_s)
{
    static long next;
    struct tn_err err;
    long before = b->answered;
    int64_t from = tn_mono_us();
    while (seconds(from) < for_s) {
        while (b->waiting < in_flight) {
            char body[200];
            struct tn_id id = tn_id_new();
            int n =
                snprintf(body, sizeof body,
                         "{\"part_number\":\"NEW-%ld\",\"name\":\"made by a request\"}", next++);
            struct tn_commit *c = tn_commit_new(b->store);
            if (!tn_commit_put(c, 1, "items", &id, (struct tn_str){body, (size_t)n}, TN_NEW_ONLY,
                               &err))
                die(err.text);
            b->waiting++;
            tn_store_commit(b->store, c, on_committed, b);
        }
        tn_loop_turn(b->loop, true);
    }
    while (b->waiting) tn_loop_turn(b->loop, true);
    return (double)(b->answered - before) / seconds(from);
}

static bool no_row(void *arg, const struct tn_row *row)
{
    (*(size_t *)arg) += row->body.n;
    return true;
}

static double reads(struct bench *b, long records, double for_s)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    char key[32];
    long n = 0;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    int64_t from = tn_mono_us();
    for (uint64_t x = 1; seconds(from) < for_s; n++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        snprintf(key, sizeof key, "ITEM-%08ld", (long)((x >> 33) % (uint64_t)records));
        struct tn_str k = tn_str(key);
        if (!tn_store_get_by_key(b->store, 1, "items", &k, 1, &row, &hold, &err)) die(err.text);
    }
    tn_buf_clear(&hold);
    return (double)n / seconds(from);
}

static double page_ms(struct bench *b, long records)
{
    struct tn_page page;
    struct tn_err err;
    size_t bytes = 0;
    char key[32];
    tn_page_init(&page);
    int64_t from = tn_mono_us();
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "ITEM-%08ld", records / 100 * i);
        struct tn_str k = tn_str(key);
        struct tn_filter f = {"part_number", TN_FILTER_ge, &k, 1};
        struct tn_query q = {.team = 1,
                             .table = "items",
                             .filters = &f,
                             .filter_count = 1,
                             .sort = {{"part_number", false}},
                             .sort_count = 1,
                             .limit = 50};
        if (!tn_store_query(b->store, &q, no_row, &bytes, &page, &err)) die(err.text);
    }
    tn_page_clear(&page);
    return seconds(from) * 1000 / 100;
}

static void row(const char *what, double ours, double against, const char *name)
{
    printf("%-38s %10.0f /s   %5.2f x %s\n", what, ours, ours / against, name);
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    long records = argc > 1 ? atol(argv[1]) : 100000;
    snprintf(b.dir, sizeof b.dir, "%s/tenon-bench-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (!mkdtemp(b.dir)) die("no folder");
    double bare = bare_load(b.dir, records);
    start(&b);
    double first = load(&b, records, true, 0);
    if (b.created != records) die("not everything was created");
    double unchanged = load(&b, records, true, 0);
    double changed = load(&b, records, true, 1);
    double bare_again = bare_load(b.dir, records);
    bare = bare > bare_again ? bare : bare_again;
    printf("store, %ld records\n", records);
    printf("%-38s %10.0f /s\n", "bare SQLite loop in C", bare);
    row("first load", first, bare, "the bare loop (goal 0.60)");
    row("unchanged", unchanged, first, "first load (goal 3)");
    row("1 % changed", changed, first, "first load");
    printf("%-38s %10.3f ms (goal below 2)\n", "a page of 50 by index", page_ms(&b, records));
    printf("%-38s %10.0f /s\n", "point reads by key", reads(&b, records, 1));
    printf("%-38s %10.0f /s\n", "durable creates, 1 in flight", commits(&b, 1, 1));
    printf("%-38s %10.0f /s\n", "durable creates, 8 in flight", commits(&b, 8, 1));
    printf("%-38s %10.0f /s\n", "durable creates, 64 in flight", commits(&b, 64, 2));
    tn_store_close(b.store);
    kill(b.pid, SIGKILL);
    waitpid(b.pid, NULL, 0);
    tn_loop_free(b.loop);
    nftw(b.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
