/* SPDX-License-Identifier: MIT */
/* bench_run.c - bench_run [RECORDS]: the way of a record from a page in memory to the store,
 * without HTTP and without Lua: runner, mapping with nine fields, hash, compare, commits into a
 * store process of its own.  First load, unchanged, 1 % changed; records/s, CPU of the worker,
 * memory. Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "loop/loop.h"
#include "mapping/plan.h"
#include "store/server.h"
#include "store/store.h"
#include "sync/runner.h"

enum { PAGE = 500, TEAM = 1 };

struct source {
    struct tn_loop *loop;
    struct tn_plan *plan;
    struct tn_str *pages; /* made before the clock runs */
    size_t count, at;
    struct tn_timer *timer;
    tn_source_fn done;
    void *arg;
};

static void add_record(struct tn_buf *b, int i, bool newer)
{
    long long id = 300000047274444LL + i;
    tn_buf_addf(b,
                "{\"ItemId\":%lld,\"ItemNumber\":\"AS%07d\",\"ItemDescription\":\"Bracket, "
                "welded, left hand side %d%s\",\"ItemClass\":\"%s\",\"OrganizationCode\":\"M%d\","
                "\"ListPrice\":%d.%04d,\"LastUpdateDate\":\"2026-03-%02dT08:09:10.123+01:00\",",
                id, i, i, newer ? " rev B" : "", i % 3 ? "Purchased" : "Root", i % 7, i % 900,
                i % 10000, i % 28 + 1);
    if (i % 5) tn_buf_addf(b, "\"PlannerCode\":\"PL%d\",", i % 40);
    for (int k = 0; k < 20; k++)
        tn_buf_addf(b, "\"AttributeOfTheItem%02d\":\"value %d of %d\",", k, k, i % 1000);
    tn_buf_addf(b, "\"PrimaryUOMValue\":\"Ea\",\"ItemStatusValue\":\"Active\",\"links\":null}");
}

static void make_pages(struct source *s, int records, int newer_every)
{
    s->count = (size_t)(records + PAGE - 1) / PAGE;
    s->pages = tn_alloc(s->count * sizeof *s->pages);
    for (size_t p = 0; p < s->count; p++) {
        struct tn_buf b;
        tn_buf_init(&b, 64 << 20);
        tn_buf_adds(&b, "{\"items\":[");
        for (int i = (int)p * PAGE; i < records && i < (int)(p + 1) * PAGE; i++) {
            if (i % PAGE) tn_buf_addc(&b, ',');
            add_record(&b, i, newer_every && i % newer_every == 0);
        }
        tn_buf_addf(&b, "],\"count\":%d,\"hasMore\":true,\"limit\":%d,\"offset\":%zu}", PAGE, PAGE,
                    p * PAGE);
        s->pages[p].p = tn_buf_take(&b, &s->pages[p].n);
    }
}

static void free_pages(struct source *s)
{
    for (size_t p = 0; p < s->count; p++) tn_free((char *)s->pages[p].p);
    tn_free(s->pages);
}

static void produce(void *arg)
{
    struct source *s = arg;
    struct tn_err none = {0};
    char cursor[40];
    if (s->at == s->count) {
        s->done(s->arg, NULL, &none);
        return;
    }
    struct tn_source_page page = {.text = s->pages[s->at], .rows = TN_STR("items"), .total = -1};
    s->at++;
    snprintf(cursor, sizeof cursor, "{\"offset\":%zu}", s->at * PAGE);
    page.cursor = tn_str(cursor);
    s->done(s->arg, &page, &none);
}

static void src_next(void *self, tn_source_fn done, void *arg)
{
    struct source *s = self;
    s->done = done;
    s->arg = arg;
    tn_timer_set(s->timer, 0);
}

static void src_release(void *self, const struct tn_source_page *page)
{
    (void)self, (void)page;
}

static void src_close(void *self)
{
    tn_timer_cancel(((struct source *)self)->timer);
}

static const struct tn_source_ops ops = {
    .next = src_next, .release = src_release, .close = src_close};

static bool src_open(void *self, const struct tn_run_request *r, struct tn_source *out,
                     struct tn_err *err)
{
    struct source *s = self;
    (void)r, (void)err;
    s->at = 0;
    *out = (struct tn_source){.ops = &ops,
                              .self = s,
                              .plan = s->plan,
                              .table = "items",
                              .entity = "item",
                              .mapping = "bench.lua"};
    memset(out->generation, 'a', 64);
    return true;
}
static const struct tn_adapter_ops adapters = {.open = src_open};

#define ROW(k, v)                                                                                  \
    {                                                                                              \
        .key = TN_STR(k), .value = TN_STR(v)                                                       \
    }
static const struct tn_spec_row types[] = {ROW("Root", "\"ASSEMBLY\""),
                                           ROW("Purchased", "\"COMPONENT\"")};
static const struct tn_spec_op as_text[] = {{.op = TN_OP_text}};
static const struct tn_spec_op as_type[] = {
    {.op = TN_OP_lookup, .rows = types, .row_count = 2, .other = TN_STR("\"COMPONENT\"")}};
static const struct tn_spec_op as_price[] = {{.op = TN_OP_decimal, .i = 4, .j = 1}};
static const struct tn_spec_op as_time[] = {{.op = TN_OP_time}};

#define PATH(path, ...) (&(const struct tn_spec_value){.text = TN_STR(path), __VA_ARGS__})
#define OP(chain)       .ops = chain, .op_count = 1

static struct tn_plan *make_plan(struct tn_err *err)
{
    const struct tn_spec_value planner = {.text = TN_STR("PlannerCode"),
                                          .fallback = TN_STR("\"NONE\"")};
    const struct tn_spec_value item_key = {.from = TN_FROM_template,
                                           .text = TN_STR("{OrganizationCode}-{ItemNumber}")};
    const struct tn_spec_field fields[] = {
        {.target = TN_STR("externalId"), .value = PATH("ItemId", OP(as_text))},
        {.target = TN_STR("partNumber"), .value = PATH("ItemNumber", .line = 0), .required = true},
        {.target = TN_STR("partName"), .value = PATH("ItemDescription", .line = 0)},
        {.target = TN_STR("partType"), .value = PATH("ItemClass", OP(as_type))},
        {.target = TN_STR("planner"), .value = &planner},
        {.target = TN_STR("organizationCode"), .value = PATH("OrganizationCode", .line = 0)},
        {.target = TN_STR("listPrice"), .value = PATH("ListPrice", OP(as_price))},
        {.target = TN_STR("lastUpdated"), .value = PATH("LastUpdateDate", OP(as_time))},
        {.target = TN_STR("itemKey"), .value = &item_key}};
    const struct tn_spec spec = {.file = "bench.lua",
                                 .key = TN_STR("externalId"),
                                 .fields = fields,
                                 .field_count = sizeof fields / sizeof *fields};
    return tn_plan_new(&spec, err);
}

static _Noreturn void die(const struct tn_err *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static pid_t start_store(const char *dir, int fd)
{
    pid_t pid = fork();
    if (pid != 0) return pid;
    struct tn_err err;
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_server_options o = {.dir = dir, .listen_fd = fd};
    struct tn_store_server *server = loop ? tn_store_server_open(loop, &o, &err) : NULL;
    if (!server) die(&err);
    tn_loop_run(loop);
    _exit(0);
}

struct bench {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_runner *runner;
    struct source source;
    bool done;
    struct tn_run_counts counts;
};

static void on_defined(void *arg, const struct tn_err *err)
{
    if (err) die(err);
    ((struct bench *)arg)->done = true;
}

static void on_waited(void *arg, const struct tn_run_view *v, const struct tn_err *err)
{
    struct bench *b = arg;
    if (err) die(err);
    b->counts = v->counts;
    b->done = true;
}

static void on_started(void *arg, const char *id, const struct tn_err *err)
{
    struct bench *b = arg;
    if (err) die(err);
    tn_runner_wait(b->runner, TEAM, id, on_waited, b);
}

static void turn(struct bench *b)
{
    for (b->done = false; !b->done;) tn_loop_turn(b->loop, true);
}

static double cpu(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void measure(struct bench *b, const char *name, int records, int newer_every)
{
    struct tn_runner_request q = {.team = TEAM,
                                  .operation = "sync_items",
                                  .integration = "0190a5b8-0000-7000-8000-0000000000aa"};
    make_pages(&b->source, records, newer_every);
    double used = cpu();
    int64_t began = tn_mono_us();
    tn_runner_start(b->runner, &q, on_started, b);
    turn(b);
    double s = (double)(tn_mono_us() - began) / 1e6;
    printf("\"%s\":{\"seconds\":%.3f,\"records_per_s\":%.0f,\"worker_cpu_s\":%.3f,"
           "\"created\":%lld,\"updated\":%lld,\"unchanged\":%lld}",
           name, s, records / s, cpu() - used, (long long)b->counts.created,
           (long long)b->counts.updated, (long long)b->counts.unchanged);
    free_pages(&b->source);
}

static void open_all(struct bench *b, const char *dir, const char *socket)
{
    static const struct tn_column columns[] = {{"partNumber", TN_COLUMN_text, true},
                                               {"externalId", TN_COLUMN_text, false}};
    static const struct tn_table items = {.name = "items",
                                          .columns = columns,
                                          .column_count = 2,
                                          .key = {"partNumber"},
                                          .event = "item"};
    struct tn_store_options so = {.dir = dir, .socket = socket, .holder = tn_id_new()};
    struct tn_err err;
    if (!(b->loop = tn_loop_new(&err))) die(&err);
    for (int i = 0; i < 500; i++) { /* the store process makes the database */
        b->store = tn_store_open(b->loop, &so, &err);
        if (b->store) break;
        usleep(10000);
    }
    if (!b->store) die(&err);
    while (!tn_store_ready(b->store)) tn_loop_turn(b->loop, true);
    tn_store_define(b->store, &items, on_defined, b);
    turn(b);
    b->source.loop = b->loop;
    b->source.timer = tn_timer_new(b->loop, produce, &b->source);
    if (!(b->source.plan = make_plan(&err))) die(&err);
    struct tn_runner_options ro = {
        .loop = b->loop, .store = b->store, .adapters = &adapters, .adapters_self = &b->source};
    b->runner = tn_runner_open(&ro);
}

int main(int argc, char **argv)
{
    int records = argc > 1 ? atoi(argv[1]) : 100000;
    char dir[] = "/tmp/tenon-bench-run-XXXXXX", socket[64], command[64];
    struct bench b = {0};
    struct tn_err err;
    if (!mkdtemp(dir)) return 1;
    snprintf(socket, sizeof socket, "%s/store.sock", dir);
    int fd = tn_store_listen(socket, &err);
    if (fd < 0) die(&err);
    pid_t store = start_store(dir, fd);
    open_all(&b, dir, socket);
    printf("{\"records\":%d,", records);
    measure(&b, "first", records, 0);
    putchar(',');
    measure(&b, "unchanged", records, 0);
    putchar(',');
    measure(&b, "changed_1_percent", records, 100);
    puts("}");
    tn_runner_free(b.runner);
    tn_plan_free(b.source.plan);
    tn_timer_free(b.source.timer);
    tn_store_close(b.store);
    tn_loop_free(b.loop);
    kill(store, SIGKILL);
    waitpid(store, NULL, 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) != 0;
}
