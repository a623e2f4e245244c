/* SPDX-License-Identifier: MIT */
/* What the store costs, beside a bare SQLite loop in C that inserts the same records.
 * bench_store [--long] [folder]: both load in turns, a slice each, so that whatever else the
 * machine does meets both; ratios are medians over the slices. First load, unchanged and 1 %
 * changed at 10 k, 100 k, 1 M (and 10 M with --long) records; cost per record at the end of each
 * against 10 k records into an empty folder; durable commits at 1, 8 and 64 in flight, with their
 * pages and their p99, also while checkpoints run; point reads, alone and while writing; a query
 * page. The store process is a process of its own, as in life. */
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/at_once.h"
#include "base/limits.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/server.h"

enum { PAGE = 500, WINDOW = 6 };

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
struct bare {
    sqlite3 *db;
    sqlite3_stmt *st;
    char path[200];
};

static void bare_open(struct bare *b, const char *dir)
{
    snprintf(b->path, sizeof b->path, "%s/bare-%d.db", dir, (int)getpid());
    if (sqlite3_open(b->path, &b->db) != SQLITE_OK) die("bare.db");
    sql(b->db, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
               "cache_size=-32000;"
               "CREATE TABLE item (id INTEGER PRIMARY KEY, team INT, external_id TEXT, part_number "
               "TEXT, hash BLOB,"
               " body TEXT, created INT, updated INT, UNIQUE (team, external_id))");
    sqlite3_prepare_v2(
        b->db,
        "INSERT INTO item (team, external_id, part_number, hash, body, created, updated)"
        " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?5)",
        -1, &b->st, NULL);
}

static void bare_close(struct bare *b)
{
    sqlite3_finalize(b->st);
    sqlite3_close(b->db);
    unlink(b->path);
}

static double bare_load(struct bare *b, long at, long records)
{
    struct record r;
    int64_t from = tn_mono_us();
    for (long i = 0; i < records; i++) {
        if (i % PAGE == 0) sql(b->db, "BEGIN IMMEDIATE");
        make_record(&r, at + i, 0);
        sqlite3_bind_text(b->st, 1, r.external_id, -1, SQLITE_STATIC);
        sqlite3_bind_text(b->st, 2, r.part_number, -1, SQLITE_STATIC);
        sqlite3_bind_blob(b->st, 3, r.hash, TN_HASH_LEN, SQLITE_STATIC);
        sqlite3_bind_text(b->st, 4, r.body, (int)r.n, SQLITE_STATIC);
        sqlite3_bind_int64(b->st, 5, 1780000000000 + i);
        if (sqlite3_step(b->st) != SQLITE_DONE) die(sqlite3_errmsg(b->db));
        sqlite3_reset(b->st);
        if (i % PAGE == PAGE - 1 || i == records - 1) sql(b->db, "COMMIT");
    }
    return seconds(from) / (double)records;
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

static void start(struct bench *b, const char *folder)
{
    struct tn_err err;
    *b = (struct bench){0};
    snprintf(b->dir, sizeof b->dir, "%s/tenon-bench-XXXXXX", folder);
    if (!mkdtemp(b->dir)) die("no folder");
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

static void stop(struct bench *b)
{
    tn_store_close(b->store);
    kill(b->pid, SIGKILL);
    waitpid(b->pid, NULL, 0);
    tn_loop_free(b->loop);
    close(b->fd);
    nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
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
    struct tn_str last = tn_str(page[count - 1].external_id);
    if (!tn_commit_kv_set(c, 1, "cursor", TN_STR("bench"), last, TN_ANY, 0, &err)) die(err.text);
    b->waiting++;
    tn_store_commit(b->store, c, on_committed, b);
    while (b->waiting >= WINDOW) tn_loop_turn(b->loop, true);
}

/* Changed records are those with i % 100 == 0 when generation says so. */
static double load(struct bench *b, long first, long records, bool check, int generation)
{
    static struct record page[PAGE];
    static unsigned char hashes[PAGE][TN_HASH_LEN];
    bool found[PAGE], skip[PAGE];
    struct tn_str ids[PAGE];
    struct tn_err err;
    int64_t from = tn_mono_us();
    for (long at = first; at < first + records; at += PAGE) {
        long count = first + records - at < PAGE ? first + records - at : PAGE;
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
    return seconds(from) / (double)records;
}

/* ------------------------------------------------------------------ commits of one request */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double at_share(double *list, size_t n, double share)
{
    qsort(list, n, sizeof *list, by_size);
    return n ? list[(size_t)((double)(n - 1) * share)] : 0;
}

enum { SAMPLES = 400000 };
struct flight {
    struct bench *b;
    int64_t sent_us;
};
static double took_ms[SAMPLES];
static size_t took_count;

static void on_landed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct flight *f = arg;
    if (took_count < SAMPLES) took_ms[took_count++] = (double)(tn_mono_us() - f->sent_us) / 1e3;
    on_committed(f->b, done, err);
    free(f);
}

/* What a POST of an item, or of an integration with its audit row, hands to the store. */
static struct tn_commit *request(struct bench *b, bool integration)
{
    static long next;
    char body[600];
    struct tn_err err;
    struct tn_id id = tn_id_new();
    struct tn_commit *c = tn_commit_new(b->store);
    long no = next++;
    int n = integration
                ? snprintf(body, sizeof body,
                           "{\"name\":\"line-%ld\",\"adapter\":\"rest\",\"status\":\"ACTIVE\","
                           "\"config\":\"%0300d\"}",
                           no, 0)
                : snprintf(body, sizeof body,
                           "{\"part_number\":\"NEW-%ld\",\"name\":\"made by a request\"}", no);
    if (!tn_commit_put(c, 1, integration ? "integration" : "items", &id,
                       (struct tn_str){body, (size_t)n}, TN_NEW_ONLY, &err))
        die(err.text);
    if (integration && !tn_commit_audit(c, 1,
                                        &(struct tn_audit){.actor = "an admin",
                                                           .action = "integration.create",
                                                           .object = "integration/line"},
                                        &err))
        die(err.text);
    return c;
}

static void send_one(struct bench *b, bool integration)
{
    struct flight *f = malloc(sizeof *f);
    *f = (struct flight){b, tn_mono_us()};
    b->waiting++;
    tn_store_commit(b->store, request(b, integration), on_landed, f);
}

static double commits(struct bench *b, long in_flight, bool integration, double for_s)
{
    long before = b->answered;
    int64_t from = tn_mono_us();
    took_count = 0;
    while (seconds(from) < for_s) {
        while (b->waiting < in_flight) send_one(b, integration);
        tn_loop_turn(b->loop, true);
    }
    while (b->waiting) tn_loop_turn(b->loop, true);
    return (double)(b->answered - before) / seconds(from);
}

static void on_stats(void *arg, const struct tn_store_stats *stats, const struct tn_err *err)
{
    if (err) die(err->text);
    *(struct tn_store_stats *)arg = *stats;
}

static struct tn_store_stats figures(struct bench *b)
{
    struct tn_store_stats s = {.commits = -1};
    tn_store_stats(b->store, on_stats, &s);
    while (s.commits < 0) tn_loop_turn(b->loop, true);
    return s;
}

static void commits_row(struct bench *b, const char *what, long in_flight, bool integration)
{
    struct tn_store_stats before = figures(b);
    double rate = commits(b, in_flight, integration, 2);
    struct tn_store_stats after = figures(b);
    printf("%-40s %9.0f /s   p99 %6.2f ms  %5.1f pages a commit, %lld checkpoints\n", what, rate,
           at_share(took_ms, took_count, 0.99),
           (double)(after.pages - before.pages) / (double)(after.commits - before.commits),
           (long long)(after.checkpoints - before.checkpoints));
}

/* Commits of one request while pages of 500 changed records fill the log beside them. */
static void commits_during_checkpoints(struct bench *b, long records)
{
    struct tn_store_stats before = figures(b);
    static struct record page[PAGE];
    int64_t from = tn_mono_us();
    took_count = 0;
    for (int generation = 2; seconds(from) < 5; generation++) {
        long at = (long)((uint64_t)generation * 7919 % (uint64_t)(records / PAGE)) * PAGE;
        for (long i = 0; i < PAGE; i++) make_record(&page[i], at + i, generation);
        send_page(b, page, NULL, PAGE);
        send_one(b, false);
        send_one(b, false);
        while (b->waiting) tn_loop_turn(b->loop, true);
    }
    struct tn_store_stats after = figures(b);
    printf("%-40s %9.2f ms p50, %.2f ms p99, %.2f ms at most; %lld checkpoints\n",
           "a commit beside pages of 500", at_share(took_ms, took_count, 0.5),
           at_share(took_ms, took_count, 0.99), at_share(took_ms, took_count, 1),
           (long long)(after.checkpoints - before.checkpoints));
}

/* ------------------------------------------------------------------ reads */

static bool no_row(void *arg, const struct tn_row *row)
{
    (*(size_t *)arg) += row->body.n;
    return true;
}

/* A point read for each turn of the loop, when something is written meanwhile. */
static double reads(struct bench *b, long records, bool writing, double for_s)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    char key[32];
    long n = 0;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    int64_t from = tn_mono_us();
    for (uint64_t x = 1; seconds(from) < for_s; n++) {
        while (writing && b->waiting < 16) send_one(b, false);
        if (writing) tn_loop_turn(b->loop, false);
        x = x * 6364136223846793005u + 1442695040888963407u;
        snprintf(key, sizeof key, "ITEM-%08ld", (long)((x >> 33) % (uint64_t)records));
        struct tn_str k = tn_str(key);
        if (!tn_store_get_by_key(b->store, 1, "items", &k, 1, &row, &hold, &err)) die(err.text);
    }
    double rate = (double)n / seconds(from);
    while (b->waiting) tn_loop_turn(b->loop, true);
    tn_buf_clear(&hold);
    return rate;
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

/* A walk from the first page on, each page behind the cursor of the one before. */
static double unsorted_ms(struct bench *b)
{
    enum { PAGES = 200 };
    struct tn_page page;
    struct tn_err err;
    struct tn_buf cursor;
    size_t bytes = 0;
    tn_page_init(&page);
    tn_buf_init(&cursor, 64 * TN_KIB);
    int64_t from = tn_mono_us();
    for (int i = 0; i < PAGES; i++) {
        struct tn_query q = {
            .team = 1, .table = "items", .limit = 50, .cursor = tn_buf_str(&cursor)};
        if (!tn_store_query(b->store, &q, no_row, &bytes, &page, &err)) die(err.text);
        tn_buf_reset(&cursor);
        tn_buf_adds(&cursor, page.next.p);
    }
    tn_buf_clear(&cursor);
    tn_page_clear(&page);
    return seconds(from) * 1000 / PAGES;
}

/* A filter without an index reads on until it has its page, or has read too much. */
static void created_row(struct bench *b)
{
    struct tn_page page;
    struct tn_err err;
    size_t bytes = 0;
    struct tn_str k = TN_STR("2100-01-01T00:00:00Z");
    struct tn_filter f = {"created", TN_FILTER_ge, &k, 1};
    struct tn_query q = {
        .team = 1, .table = "items", .filters = &f, .filter_count = 1, .limit = 50};
    tn_page_init(&page);
    int64_t from = tn_mono_us();
    bool ok = tn_store_query(b->store, &q, no_row, &bytes, &page, &err);
    printf("%-40s %9.1f ms, %s\n", "created in the future: no record is", seconds(from) * 1e3,
           ok ? "answered" : "refused");
    tn_page_clear(&page);
}

/* ------------------------------------------------------------------ rows */

enum { SLICE = 10000, SLICES_MAX = 25 };

static void load_rows(long records, double *bare, double *ours, double *ratio, size_t n)
{
    printf("\nstore, %ld records\n", records);
    printf("%-40s %9.0f /s\n", "bare SQLite loop in C", 1 / at_share(bare, n, 0.5));
    printf("%-40s %9.0f /s   %5.2f x the bare loop (goal 0.60)\n", "first load",
           1 / at_share(ours, n, 0.5), at_share(ratio, n, 0.5));
}

static double bare_s[SLICES_MAX], ours_s[SLICES_MAX], ratios[SLICES_MAX];

/* Both load so many records in turns; the rest of the run reads and changes ours. */
static void first_load(struct bench *b, const char *folder, long records)
{
    long slice = records / 20 > SLICE ? records / 20 : SLICE;
    struct bare bare;
    size_t n = 0;
    bare_open(&bare, folder);
    for (long at = 0; at < records; at += slice, n++) {
        bare_s[n] = bare_load(&bare, at, slice);
        ours_s[n] = load(b, at, slice, true, 0);
        ratios[n] = bare_s[n] / ours_s[n];
    }
    bare_close(&bare);
    if (b->created != records) die("not everything was created");
    struct tn_store_stats s = figures(b);
    load_rows(records, bare_s, ours_s, ratios, n);
    printf("%-40s %9.1f pages\n", "500 of them write", (double)s.pages * PAGE / (double)records);
}

/* One slice, again and again, each into empty folders. */
static void first_slice(const char *folder)
{
    enum { ROUNDS = 25 };
    for (int i = 0; i < ROUNDS; i++) {
        struct bare bare;
        struct bench b;
        bare_open(&bare, folder);
        bare_s[i] = bare_load(&bare, 0, SLICE);
        bare_close(&bare);
        start(&b, folder);
        ours_s[i] = load(&b, 0, SLICE, true, 0);
        stop(&b);
        ratios[i] = bare_s[i] / ours_s[i];
    }
    load_rows(SLICE, bare_s, ours_s, ratios, ROUNDS);
}

/* A slice more on top of what is there against one into an empty folder, in turns. */
static void flatness(struct bench *b, const char *folder, long records)
{
    enum { ROUNDS = 9 };
    double ratio[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        struct bench small;
        start(&small, folder);
        double alone = load(&small, 0, SLICE, true, 0);
        stop(&small);
        ratio[i] = load(b, records + (long)i * SLICE, SLICE, true, 0) / alone;
    }
    printf("%-40s %9.2f x that at 10,000 (goal 0.8 to 1.2)\n", "cost of a record",
           at_share(ratio, ROUNDS, 0.5));
}

static void resync(struct bench *b, long records)
{
    enum { ROUNDS = 5 };
    double unchanged[ROUNDS], changed[ROUNDS], slice[ROUNDS];
    long n = records < 200000 ? records : 200000;
    for (int i = 0; i < ROUNDS; i++) {
        unchanged[i] = load(b, 0, n, true, i);
        changed[i] = load(b, 0, n, true, i + 1);
        slice[i] = load(b, records + (long)(i + 9) * SLICE, SLICE, true, 0);
    }
    double first = at_share(slice, ROUNDS, 0.5);
    printf("%-40s %9.0f /s   %5.2f x first load (goal 3)\n", "unchanged",
           1 / at_share(unchanged, ROUNDS, 0.5), first / at_share(unchanged, ROUNDS, 0.5));
    printf("%-40s %9.0f /s   %5.2f x first load\n", "1 % changed",
           1 / at_share(changed, ROUNDS, 0.5), first / at_share(changed, ROUNDS, 0.5));
}

static void size(const char *folder, long records, bool all)
{
    struct bench b;
    start(&b, folder);
    first_load(&b, folder, records);
    flatness(&b, folder, records);
    resync(&b, records);
    printf("%-40s %9.3f ms (goal below 2)\n", "a page of 50 by index", page_ms(&b, records));
    printf("%-40s %9.3f ms\n", "a page of 50 without a sort", unsorted_ms(&b));
    created_row(&b);
    if (all) {
        printf("%-40s %9.0f /s\n", "point reads by key", reads(&b, records, false, 2));
        printf("%-40s %9.0f /s\n", "point reads by key while writing", reads(&b, records, true, 2));
        commits_row(&b, "durable creates, 1 in flight", 1, false);
        commits_row(&b, "durable creates, 8 in flight", 8, false);
        commits_row(&b, "durable creates, 64 in flight", 64, false);
        commits_row(&b, "an integration and its audit row, 1", 1, true);
        commits_row(&b, "an integration and its audit row, 64", 64, true);
        commits_during_checkpoints(&b, records);
    }
    stop(&b);
}

int main(int argc, char **argv)
{
    bool longer = argc > 1 && strcmp(argv[1], "--long") == 0;
    const char *folder = argc > 1 + longer ? argv[1 + longer] : "/tmp";
    setvbuf(stdout, NULL, _IOLBF, 0);
    first_slice(folder);
    size(folder, 100000, false);
    size(folder, 1000000, true);
    if (longer) size(folder, 10000000, false);
    return 0;
}
