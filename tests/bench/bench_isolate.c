/* SPDX-License-Identifier: MIT */
/* What the script host costs: isolates, calls into them, tasks that wait, the matcher. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "loop/loop.h"
#include "script/isolate.h"
#include "script/task.h"

enum { ISOLATES = 200, CALLS = 2000000, TASKS = 100000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool ok, const struct tn_err *err)
{
    if (ok) return;
    fprintf(stderr, "%s:%d: %s\n", err->file, err->line, err->text);
    exit(1);
}

static void isolates(struct tn_host *host)
{
    struct tn_isolate *list[ISOLATES];
    struct tn_isolate_options o = {.name = "bench"};
    struct tn_isolate_stats stats;
    struct tn_err err;
    double begin = now();
    for (int i = 0; i < ISOLATES; i++) {
        list[i] = tn_isolate_new(host, &o, &err);
        must(list[i], &err);
    }
    double took = now() - begin;
    tn_isolate_stats(list[0], &stats);
    printf("isolate, empty           %8.1f us   %zu bytes\n", took / ISOLATES * 1e6, stats.bytes);
    for (int i = 0; i < ISOLATES; i++) tn_isolate_unref(list[i]);
}

static int push_number(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushinteger(L, 20);
    return 1;
}

static void take_number(lua_State *L, int n, void *arg)
{
    (void)n;
    *(lua_Integer *)arg += lua_tointeger(L, 1);
}

static void calls(struct tn_isolate *iso)
{
    struct tn_err err;
    lua_Integer sum = 0;
    int ref;
    must(tn_isolate_load_text(iso, "b.lua", TN_STR("return function(n) return n + 1 end"), &ref,
                              &err),
         &err);
    double begin = now();
    for (int i = 0; i < CALLS; i++)
        must(tn_isolate_call(iso, ref, push_number, take_number, &sum, &err), &err);
    printf("call C -> Lua -> C       %8.1f ns\n", (now() - begin) / CALLS * 1e9);
}

static void bare_calls(void)
{
    lua_State *L = luaL_newstate();
    if (luaL_dostring(L, "return function(n) return n + 1 end") != LUA_OK) exit(1);
    double begin = now();
    for (int i = 0; i < CALLS; i++) {
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 20);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK) exit(1);
        lua_pop(L, 1);
    }
    printf("  the same, bare lua_pcall %6.1f ns\n", (now() - begin) / CALLS * 1e9);
    lua_close(L);
}

static int ended;
static void done(void *arg, const struct tn_err *err)
{
    (void)arg;
    must(!err, err);
    ended++;
}

static int woken(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status, (void)ctx;
    return 0;
}

static int l_wait(lua_State *L)
{
    tn_task_wake(tn_task_self(L));
    return tn_task_park(L, woken, NULL);
}

static int open_wait(lua_State *L)
{
    tn_lua_push_host(L, l_wait);
    return 1;
}

static void tasks(struct tn_host *host, struct tn_loop *loop)
{
    static const struct tn_module modules[] = {{"wait", open_wait}, {NULL, NULL}};
    struct tn_isolate_options o = {.name = "tasks", .modules = modules};
    struct tn_task_call call = {.done = done};
    struct tn_err err;
    int ref, started = 0;
    struct tn_isolate *iso = tn_isolate_new(host, &o, &err);
    must(iso && tn_isolate_load_text(iso, "b.lua", TN_STR("return require 'wait'"), &ref, &err),
         &err);
    double begin = now();
    while (ended < TASKS) {
        for (; started - ended < 1000 && started < TASKS; started++)
            must(tn_task_start(iso, ref, &call, NULL, &err), &err);
        tn_loop_turn(loop, true);
    }
    printf("task, start park wake end %7.1f ns\n", (now() - begin) / TASKS * 1e9);
    tn_isolate_unref(iso);
}

static void library(struct tn_isolate *iso)
{
    static const char *const rows[][2] = {
        {"match, date", "for i = 1, 1e6 do ('2026-01-31'):match('^(%d+)-(%d+)-(%d+)$') end"},
        {"gsub, trim", "for i = 1, 1e6 do ('  some text  '):gsub('^%s*(.-)%s*$', '%1') end"},
        {"find, plain", "for i = 1, 1e6 do ('the quick brown fox'):find('fox', 1, true) end"},
        {"sort, 1000 numbers x 1000",
         "for i = 1, 1000 do local t = {} for j = 1, 1000 do t[j] = (j * 7919) % 1000 end "
         "table.sort(t) end"},
        {"sort, order function",
         "for i = 1, 1000 do local t = {} for j = 1, 1000 do t[j] = (j * 7919) % 1000 end "
         "table.sort(t, function(a, b) return a < b end) end"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        struct tn_err err;
        int ref;
        snprintf(text, sizeof text, "return function() %s end", rows[i][1]);
        must(tn_isolate_load_text(iso, "b.lua", tn_str(text), &ref, &err), &err);
        double begin = now();
        must(tn_isolate_call(iso, ref, NULL, NULL, NULL, &err), &err);
        double ours = now() - begin;
        lua_State *L = luaL_newstate();
        luaL_openlibs(L);
        begin = now();
        if (luaL_loadstring(L, rows[i][1]) != LUA_OK || lua_pcall(L, 0, 0, 0) != LUA_OK) exit(1);
        printf("%-24s %9.1f ns   Lua's own %.1f ns\n", rows[i][0], ours * 1e3,
               (now() - begin) * 1e3);
        lua_close(L);
    }
}

int main(void)
{
    struct tn_err err;
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_host *host = tn_host_new(loop, NULL, &err);
    struct tn_isolate_options o = {.name = "bench", .call_ms = 60000};
    must(host, &err);
    isolates(host);
    struct tn_isolate *iso = tn_isolate_new(host, &o, &err);
    must(iso, &err);
    calls(iso);
    bare_calls();
    tasks(host, loop);
    library(iso);
    tn_isolate_unref(iso);
    tn_host_free(host);
    tn_loop_free(loop);
    return 0;
}
