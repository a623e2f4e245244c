/* SPDX-License-Identifier: MIT */
/* What reading by read value costs beside the reads that answer at once: point reads and pages of a
 * sync. bench_read [folder]: both ways in turns, a slice each; ratios are medians over the slices.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/at_once.h"
#include "base/limits.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/read.h"
#include "store/server.h"

enum { RECORDS = 20000, PAGE = 500, SLICES = 15, POINTS = 20000, PAGES = 40 };

struct bench {
    char dir[128], socket[160];
    struct tn_loop *loop;
    struct tn_store_server *server;
    struct tn_store *store;
    int fd;
    long waiting;
    struct tn_id ids[RECORDS];
    size_t made, seen;
};

static struct tn_origin source = {.entity = {"item", 4}};

static void die(const char *what)
{
    fprintf(stderr, "bench_read: %s\n", what);
    exit(1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* ------------------------------------------------------------------ what there is */

static void external_id(char out[24], long i)
{
    snprintf(out, 24, "%lld", 300000047272744ll + i * 7);
}

static void part_number(char out[24], long i)
{
    snprintf(out, 24, "ITEM-%08ld", i);
}

static void on_done(void *arg, const struct tn_err *err)
{
    if (err) die(err->text);
    ((struct bench *)arg)->waiting--;
}

static void on_committed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct bench *b = arg;
    if (err) die(err->text);
    for (size_t i = 0; i < done->count; i++) b->ids[b->made++] = done->ops[i].id;
    b->waiting--;
}

static void wait_for(struct bench *b)
{
    while (b->waiting) tn_loop_turn(b->loop, true);
}

static void commit_page(struct bench *b, long from)
{
    struct tn_commit *c = tn_commit_new(b->store);
    struct tn_err err;
    for (long i = from; i < from + PAGE; i++) {
        char external[24], part[24], body[480];
        external_id(external, i);
        part_number(part, i);
        int n = snprintf(body, sizeof body,
                         "{\"part_number\":\"%s\",\"name\":\"Bracket, left hand, zinc plated\","
                         "\"description\":\"%0260ld\",\"unit\":\"EA\",\"status\":\"ACTIVE\"}",
                         part, i);
        struct tn_upsert u = {.team = 1,
                              .table = "items",
                              .source = source,
                              .external_id = tn_str(external),
                              .hash = {1},
                              .body = {body, (size_t)n}};
        if (!tn_commit_upsert(c, &u, &err)) die(err.text);
    }
    b->waiting++;
    tn_store_commit(b->store, c, on_committed, b);
    wait_for(b);
}

static void start(struct bench *b, const char *folder)
{
    static const struct tn_column columns[] = {{"part_number", TN_COLUMN_text, true}};
    static const struct tn_table items = {"items", columns, 1, {"part_number"}, NULL, false};
    struct tn_err err;
    snprintf(b->dir, sizeof b->dir, "%s/tenon-bench-XXXXXX", folder);
    if (!mkdtemp(b->dir)) die("no folder");
    snprintf(b->socket, sizeof b->socket, "%s/store.sock", b->dir);
    if ((b->fd = tn_store_listen(b->socket, &err)) < 0) die(err.text);
    if (!(b->loop = tn_loop_new(&err))) die(err.text);
    struct tn_server_options serve = {.dir = b->dir, .listen_fd = b->fd};
    if (!(b->server = tn_store_server_open(b->loop, &serve, &err))) die(err.text);
    struct tn_store_options o = {.dir = b->dir, .socket = b->socket, .holder = tn_id_new()};
    if (!(b->store = tn_store_open(b->loop, &o, &err))) die(err.text);
    while (!tn_store_ready(b->store)) tn_loop_turn(b->loop, true);
    b->waiting++;
    tn_store_define(b->store, &items, on_done, b);
    wait_for(b);
    for (long at = 0; at < RECORDS; at += PAGE) commit_page(b, at);
}

static void stop(struct bench *b)
{
    tn_store_close(b->store);
    tn_store_server_close(b->server);
    tn_loop_free(b->loop);
    close(b->fd);
    nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ------------------------------------------------------------------ point reads */

static const struct tn_id *some_id(struct bench *b)
{
    static uint64_t x = 1;
    x = x * 6364136223846793005u + 1442695040888963407u;
    return &b->ids[(x >> 33) % RECORDS];
}

static void points_at_once(struct bench *b, long a_read, long in_flight)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    (void)a_read, (void)in_flight;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (long i = 0; i < POINTS; i++) {
        if (!tn_store_get(b->store, 1, "items", some_id(b), &row, &hold, &err)) die(err.text);
        b->seen += row.body.n;
    }
    tn_buf_clear(&hold);
}

static void on_points(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct bench *b = arg;
    if (err) die(err->text);
    const struct tn_row *row = tn_found_row(found, 0, 0);
    if (!row) die("a record is not there");
    b->seen += row->body.n;
    b->waiting--;
}

static void points_by_value(struct bench *b, long a_read, long in_flight)
{
    for (long left = POINTS; left || b->waiting; tn_loop_turn(b->loop, true))
        while (left && b->waiting < in_flight) {
            struct tn_read *read = tn_read_new(1);
            for (long i = 0; i < a_read; i++) tn_read_get(read, "items", some_id(b));
            left -= a_read;
            b->waiting++;
            tn_store_read(b->store, read, NULL, on_points, b);
        }
}

/* ------------------------------------------------------------------ pages */

enum { SAME, CHANGED, NEW };
struct page {
    char external[PAGE][24], part[PAGE][24];
    struct tn_str ids[PAGE];
    struct tn_source_item items[PAGE];
};

static void make_page(struct page *p, long from, long what)
{
    memset(p->items, 0, sizeof p->items);
    for (long i = 0; i < PAGE; i++) {
        external_id(p->external[i], from + i + (what == NEW ? 10000000 : 0));
        part_number(p->part[i], from + i);
        p->ids[i] = p->items[i].external_id = tn_str(p->external[i]);
        p->items[i].key[0] = tn_str(p->part[i]);
        p->items[i].hash[0] = what == CHANGED ? 2 : 1;
    }
}

static bool first_link(void *arg, const struct tn_link *link)
{
    *(size_t *)arg += link->external_id.n;
    return false;
}

static void pages_at_once(struct bench *b, long what, long unused)
{
    static struct page p;
    static unsigned char hashes[PAGE][TN_HASH_LEN];
    bool found[PAGE];
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    (void)unused;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (long at = 0; at < PAGES * PAGE; at += PAGE) {
        make_page(&p, at, what);
        if (!tn_store_link_hashes(b->store, 1, &source, p.ids, PAGE, hashes, found, &err))
            die(err.text);
        for (size_t i = 0; i < PAGE; i++) {
            if (found[i] && memcmp(hashes[i], p.items[i].hash, TN_HASH_LEN) == 0) continue;
            bool ok = found[i] ? tn_store_get_by_link(b->store, 1, "items", &source, p.ids[i], &row,
                                                      &hold, &err)
                               : tn_store_get_by_key(b->store, 1, "items", p.items[i].key, 1, &row,
                                                     &hold, &err);
            if (ok && !found[i])
                ok = tn_store_links(b->store, 1, "items", &row.id, first_link, &b->seen, &err);
            if (!ok) die(err.text);
            b->seen += row.body.n;
        }
    }
    tn_buf_clear(&hold);
}

static void on_page(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct bench *b = arg;
    if (err) die(err->text);
    for (size_t i = 0; i < PAGE; i++) b->seen += tn_found_seen(found, 0, i)->body.n;
    b->waiting--;
}

/* The next page is asked for while this one is answered. */
static void pages_by_value(struct bench *b, long what, long in_flight)
{
    static struct page p;
    for (long at = 0; at < PAGES * PAGE || b->waiting; tn_loop_turn(b->loop, true))
        while (at < PAGES * PAGE && b->waiting < in_flight) {
            struct tn_read *read = tn_read_new(1);
            make_page(&p, at, what);
            tn_read_page(read, &(struct tn_page_of){.table = "items",
                                                    .source = source,
                                                    .items = p.items,
                                                    .count = PAGE,
                                                    .key_count = 1,
                                                    .bodies = true});
            at += PAGE;
            b->waiting++;
            tn_store_read(b->store, read, NULL, on_page, b);
        }
}

/* ------------------------------------------------------------------ rows */

typedef void (*way_fn)(struct bench *b, long a, long in_flight);

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double timed(struct bench *b, way_fn way, long a, long in_flight, long things)
{
    int64_t from = tn_mono_us();
    way(b, a, in_flight);
    return (double)(tn_mono_us() - from) / 1e6 / (double)things;
}

static void row(struct bench *b, const char *what, way_fn at_once, way_fn by_value, long a,
                long in_flight, long things)
{
    double once[SLICES], value[SLICES], ratio[SLICES];
    for (int i = 0; i < SLICES; i++) {
        once[i] = timed(b, at_once, a, in_flight, things);
        value[i] = timed(b, by_value, a, in_flight, things);
        ratio[i] = once[i] / value[i];
    }
    qsort(once, SLICES, sizeof *once, by_size);
    qsort(value, SLICES, sizeof *value, by_size);
    qsort(ratio, SLICES, sizeof *ratio, by_size);
    printf("%-44s %9.0f /s   %5.2f x at once (%.0f /s)\n", what, 1 / value[SLICES / 2],
           ratio[SLICES / 2], 1 / once[SLICES / 2]);
}

int main(int argc, char **argv)
{
    static struct bench b;
    setvbuf(stdout, NULL, _IOLBF, 0);
    start(&b, argc > 1 ? argv[1] : "/tmp");
    row(&b, "a record by id, 1 read in flight", points_at_once, points_by_value, 1, 1, POINTS);
    row(&b, "a record by id, 64 reads in flight", points_at_once, points_by_value, 1, 64, POINTS);
    row(&b, "10 records a read, 1 in flight", points_at_once, points_by_value, 10, 1, POINTS);
    row(&b, "10 records a read, 8 in flight", points_at_once, points_by_value, 10, 8, POINTS);
    long things = (long)PAGES * PAGE;
    row(&b, "of a page, unchanged", pages_at_once, pages_by_value, SAME, 2, things);
    row(&b, "of a page, changed", pages_at_once, pages_by_value, CHANGED, 2, things);
    row(&b, "of a page, new, with the holder of the key", pages_at_once, pages_by_value, NEW, 2,
        things);
    stop(&b);
    return 0;
}
