/* SPDX-License-Identifier: MIT */
/* What a script that computes for long costs others on the same loop, and what it costs itself.
 * A neighbour is due every millisecond and calls into an isolate of its own; each row sets hogs off
 * beside it and says by how much the neighbour came late.  tests/bench/without switches off the
 * mechanisms of runtime/script/ in turn and runs the rows that show it. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/time.h"
#include "loop/loop.h"
#include "script/errand.h"
#include "script/isolate.h"
#include "script/slice.h"
#include "script/task.h"

enum { ROUNDS = 3, EVERY_MS = 1, LATE_MAX = 1000000, HOGS_MAX = 32 };

static struct {
    struct tn_loop *loop;
    struct tn_host *host;
    struct tn_isolate *quiet;
    int answer;
    struct tn_timer *timer;
    int64_t due;
    bool measures;
    int n;
    float late_ms[LATE_MAX];
    int64_t cpu_us;  /* of the loop's thread, while hogs run */
    int64_t turn_us; /* of the loop's CPU, the longest turn */
    int running;
    long calls; /* of host functions */
    struct tn_err said;
} bench;

static void must(bool ok, const struct tn_err *err)
{
    if (ok) return;
    fprintf(stderr, "%s:%d: %s\n", err->file, err->line, err->text);
    exit(1);
}

static void turn(void)
{
    int64_t began = tn_cpu_us();
    tn_loop_turn(bench.loop, true);
    int64_t took = tn_cpu_us() - began;
    if (took > bench.turn_us) bench.turn_us = took;
}

/* ---- the neighbour ---- */

static void neighbour(void *arg)
{
    struct tn_err err;
    (void)arg;
    must(tn_isolate_call(bench.quiet, bench.answer, NULL, NULL, NULL, &err), &err);
    for (int64_t now = tn_mono_us(); bench.due <= now; bench.due += EVERY_MS * 1000)
        if (bench.measures && bench.n < LATE_MAX)
            bench.late_ms[bench.n++] = (float)(now - bench.due) / 1000;
    tn_timer_set(bench.timer, EVERY_MS);
}

/* ---- what hogs can call ---- */

static int l_host(lua_State *L)
{
    bench.calls++;
    (void)L;
    return 0;
}

static int l_ask(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    return 0;
}

static int open_host(lua_State *L)
{
    lua_newtable(L);
    tn_lua_push_host(L, l_host);
    lua_setfield(L, -2, "call");
    tn_lua_push_host(L, l_ask);
    lua_setfield(L, -2, "ask");
    return 1;
}

static const struct tn_module modules[] = {{"host", open_host}, {NULL, NULL}};

/* ---- hogs ---- */

enum how { NONE, TASK, REPEATED, SLICED, LOADED };

struct row {
    const char *name;
    enum how how;
    int hogs, times, ms; /* how many at once; repeated so often; budget */
    const char *code;    /* of the function; head stands before it in the file */
    const char *head;
};

struct hog {
    const struct row *row;
    struct tn_isolate *iso;
    struct tn_slice *slice;
    struct tn_timer *turn; /* of the loop, in which a slice begins */
    int ref, times;
    char *text;
    struct tn_err err;
};

static void go(struct hog *hog);

static void finish(struct hog *hog, const struct tn_err *err)
{
    if (err) bench.said = *err;
    if (--hog->times > 0) {
        go(hog);
        return;
    }
    tn_slice_free(hog->slice);
    tn_timer_free(hog->turn);
    tn_isolate_unref(hog->iso);
    free(hog->text);
    hog->slice = NULL;
    bench.running--;
}

static void task_done(void *arg, const struct tn_err *err)
{
    finish(arg, err);
}

static void slice_on(void *arg)
{
    struct hog *hog = arg;
    enum tn_ran ran =
        tn_slice_call(hog->slice, hog->row->ms, hog->ref, NULL, NULL, NULL, &hog->err);
    if (ran != TN_RAN_paused) finish(hog, ran == TN_RAN_failed ? &hog->err : NULL);
}

static void load_it(void *arg)
{
    struct hog *hog = arg;
    struct tn_isolate_options o = {.name = "hog", .modules = modules, .load_ms = hog->row->ms};
    hog->iso = tn_isolate_new(bench.host, &o, &hog->err);
    if (hog->iso &&
        tn_isolate_load_text(hog->iso, "h.lua", tn_str(hog->text), &hog->ref, &hog->err))
        tn_err_clear(&hog->err);
}

static void loaded(void *arg)
{
    struct hog *hog = arg;
    finish(hog, hog->err.kind ? &hog->err : NULL);
}

static void go(struct hog *hog)
{
    static const struct tn_task_call call = {.done = task_done};
    struct tn_err err;
    switch (hog->row->how) {
    case NONE: break;
    case TASK:
    case REPEATED:
        if (!tn_task_start(hog->iso, hog->ref, &call, hog, &err)) finish(hog, &err);
        break;
    case SLICED: tn_timer_set(hog->turn, 0); break;
    case LOADED: tn_errand_start(bench.host, load_it, loaded, hog); break;
    }
}

static void prepare(struct hog *hog, const struct row *row)
{
    struct tn_isolate_options o = {.name = "hog", .modules = modules, .call_ms = row->ms};
    struct tn_err err;
    const char *head = row->head ? row->head : "";
    *hog = (struct hog){.row = row, .times = row->times ? row->times : 1};
    bool load = row->how == LOADED;
    must(asprintf(&hog->text, "%s\nlocal host = require 'host'\n%s%s%s", head,
                  load ? "" : "return function()\n", row->code, load ? "" : "\nend") > 0,
         &err);
    if (load) return;
    hog->iso = tn_isolate_new(bench.host, &o, &err);
    must(hog->iso, &err);
    must(tn_isolate_load_text(hog->iso, "h.lua", tn_str(hog->text), &hog->ref, &err), &err);
    if (row->how != SLICED) return;
    hog->slice = tn_slice_new(hog->iso, slice_on, hog);
    hog->turn = tn_timer_new(bench.loop, slice_on, hog);
}

/* ---- rows ---- */

#define FULL       "local keep = {} for i = 1, 300000 do keep[i] = {i} end"
#define HUGE_TABLE "local one, keep = {}, {} for i = 1, 2e6 do keep[i] = one end"
#define BESIDE     "local n = 0 for i = 1, 3e6 do n = n + i end "

static const struct row rows[] = {
    {"nobody", NONE, 0, 0, 300, "", NULL},
    {"loop", TASK, 1, 0, 300, "while true do end", NULL},
    {"loops", TASK, 20, 0, 20, "while true do end", NULL},
    {"pattern", TASK, 1, 0, 300, "(('a'):rep(40000)):match((('.-'):rep(30)) .. 'b')", NULL},
    {"flood", TASK, 1, 0, 3000, "local t = {} while true do t[#t + 1] = {} end", NULL},
    {"doubling", TASK, 1, 20, 3000, "local s = 'x' while true do s = s .. s end", NULL},
    {"large", REPEATED, 1, 300, 1000, "local t = {} for i = 1, 2000 do t[i] = {} end", FULL},
    {"huge", REPEATED, 1, 300, 1000, "local t = {} for i = 1, 2000 do t[i] = {} end", HUGE_TABLE},
    {"short", REPEATED, 1, 3000, 1000, "local t = {} for i = 1, 200 do t[i] = {} end", NULL},
    {"steady", REPEATED, 1, 100, 1000, "local n = 0 for i = 1, 1e6 do n = n + i end", NULL},
    {"mapping", SLICED, 1, 100, 1000, "local n = 0 for i = 1, 1e6 do n = n + i end", NULL},
    {"calls", TASK, 1, 0, 9000, BESIDE "for i = 1, 300000 do host.call() end", NULL},
    {"mixed", TASK, 1, 0, 9000,
     BESIDE "for i = 1, 3000 do host.call() for k = 1, 20000 do n = n + k end end", NULL},
    {"mixed_large", TASK, 1, 0, 9000,
     BESIDE "for i = 1, 3000 do host.call() for k = 1, 2000 do n = n + k end end", FULL},
    {"mixed_huge", TASK, 1, 0, 9000,
     BESIDE "for i = 1, 300 do host.call() local t = {} for k = 1, 2000 do t[k] = {} end end",
     HUGE_TABLE},
    {"inside_load", TASK, 1, 5, 100, "load(function() while true do end end)", NULL},
    {"asked", TASK, 1, 5, 100,
     "host.ask(setmetatable({}, {__tostring = function() while true do end end}))", NULL},
    {"asked_beside", TASK, 1, 5, 100,
     BESIDE "load(function() host.ask(setmetatable({}, {__tostring = function() while true do end "
            "end})) end)",
     NULL},
    {"deep", TASK, 1, 0, 300,
     "local function f(n) if n == 0 then while true do end end return 1 + f(n - 1) end f(190000)",
     NULL},
    {"elements", TASK, 1, 0, 9000, "table.sort(t)",
     "local t = {} for i = 1, 1e5 do t[i] = i * 7919 % 100003 end"},
    {"text", TASK, 1, 0, 9000, "for i = 1, 100 do local s = ('x'):rep(2e7) end", NULL},
    {"file_loop", LOADED, 1, 0, 300, "while true do end", NULL},
    {"file_loops", LOADED, 10, 0, 100, "while true do end", NULL},
    {"file_flood", LOADED, 1, 0, 3000, "local t = {} while true do t[#t + 1] = {} end", NULL},
};

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int64_t one_round(const struct row *row)
{
    struct hog hogs[HOGS_MAX];
    bench.running = row->hogs;
    for (int i = 0; i < row->hogs; i++) prepare(&hogs[i], row);
    int64_t cpu = tn_cpu_us();
    int64_t began = tn_mono_us(), until = began + (row->hogs ? 0 : row->ms * 1000);
    bench.due = began + EVERY_MS * 1000;
    bench.measures = true;
    for (int i = 0; i < row->hogs; i++) go(&hogs[i]);
    while (bench.running || tn_mono_us() < until) turn();
    int64_t took = tn_mono_us() - began;
    while (tn_host_isolates(bench.host) > 1 || bench.due < began + took) turn();
    bench.measures = false;
    bench.cpu_us += tn_cpu_us() - cpu;
    return took;
}

static void measure(const struct row *row)
{
    int64_t took = 0;
    bench.n = 0;
    bench.turn_us = bench.cpu_us = 0;
    tn_err_clear(&bench.said);
    for (int i = 0; i < ROUNDS; i++) took += one_round(row);
    qsort(bench.late_ms, (size_t)bench.n, sizeof *bench.late_ms, by_size);
    int last = bench.n - 1;
    printf(
        "%-14s neighbour late p50 %6.2f  p99 %7.2f ms; loop's CPU %6.1f ms, longest turn %6.2f ms; "
        "hog %7.1f ms  %.40s\n",
        row->name, (double)bench.late_ms[last / 2], (double)bench.late_ms[(int)(last * 0.99)],
        (double)bench.cpu_us / 1000 / ROUNDS, (double)bench.turn_us / 1000,
        (double)took / 1000 / ROUNDS, bench.said.text);
    fflush(stdout);
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    struct tn_err err;
    struct tn_isolate_options o = {.name = "quiet"};
    tn_alloc_steady();
    bench.loop = tn_loop_new(&err);
    must(bench.loop, &err);
    bench.host = tn_host_new(bench.loop, NULL, &err);
    must(bench.host, &err);
    bench.quiet = tn_isolate_new(bench.host, &o, &err);
    must(bench.quiet &&
             tn_isolate_load_text(bench.quiet, "q.lua", TN_STR("return function() return 1 end"),
                                  &bench.answer, &err),
         &err);
    bench.timer = tn_timer_new(bench.loop, neighbour, NULL);
    bench.due = tn_mono_us() + EVERY_MS * 1000;
    tn_timer_set(bench.timer, EVERY_MS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (wanted(rows[i].name, argc, argv)) measure(&rows[i]);
    tn_timer_free(bench.timer);
    tn_isolate_unref(bench.quiet);
    tn_host_free(bench.host);
    tn_loop_free(bench.loop);
    return 0;
}
