/* SPDX-License-Identifier: MIT */
/* What computes for long goes on beside the loop.  The scripts here allocate, which is where the
 * thread sanitizer lets the watchdog's signal through. */
#include "script_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/alloc.h"
#include "base/time.h"
#include "script/errand.h"

/* ---- a module of the host's: shared.* touches what only one thread at a time may ---- */

static atomic_long ticks; /* of a timer on the loop; may be read anywhere */

static struct {
    int inside; /* no atomics: whoever is here is alone */
    long calls;
    long beside; /* of these, on another thread than the loop's */
    pthread_t loop;
    struct tn_task *waits;
    int dropped;
} shared;

static void touch(void)
{
    assert_int_equal(shared.inside++, 0);
    for (volatile int i = 0; i < 50; i++) continue;
    shared.calls++;
    if (!pthread_equal(pthread_self(), shared.loop)) shared.beside++;
    assert_int_equal(--shared.inside, 0);
}

static int l_touch(lua_State *L)
{
    touch();
    lua_pushinteger(L, shared.calls);
    return 1;
}

static int l_fail(lua_State *L)
{
    touch();
    return luaL_error(L, "the host says no");
}

static void touch_inside(lua_State *L, void *arg)
{
    (void)L, (void)arg;
    touch();
}

/* Back into the isolate that called. */
static int l_inward(lua_State *L)
{
    struct tn_err err;
    lua_pushboolean(L, tn_isolate_protect(tn_isolate_of(L), touch_inside, NULL, &err));
    return 1;
}

static int answered(lua_State *L, int status, lua_KContext ctx)
{
    (void)status, (void)ctx;
    touch();
    lua_pushinteger(L, 7);
    return 1;
}

static int l_wait(lua_State *L)
{
    shared.waits = tn_task_self(L);
    return tn_task_park(L, answered, NULL);
}

static int l_drop(lua_State *L)
{
    tn_lua_take_floor(L);
    touch();
    shared.dropped++;
    tn_lua_give_floor(L);
    return 0;
}

static int l_thing(lua_State *L)
{
    lua_newuserdatauv(L, 8, 0);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_drop);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return 1;
}

/* Calls a script, where it cannot be left. */
static int l_call(lua_State *L)
{
    touch();
    lua_call(L, 0, 0);
    touch();
    return 0;
}

/* These two touch nothing that is shared. */
static int l_away(lua_State *L)
{
    lua_pushboolean(L, !pthread_equal(pthread_self(), shared.loop));
    return 1;
}

static int l_ticks(lua_State *L)
{
    lua_pushinteger(L, atomic_load(&ticks));
    return 1;
}

static int open_shared(lua_State *L)
{
    static const luaL_Reg functions[] = {{"touch", l_touch}, {"fail", l_fail}, {"wait", l_wait},
                                         {"thing", l_thing}, {"call", l_call}, {"inward", l_inward},
                                         {NULL, NULL}};
    lua_newtable(L);
    for (const luaL_Reg *f = functions; f->name; f++) {
        tn_lua_push_host(L, f->func);
        lua_setfield(L, -2, f->name);
    }
    tn_lua_push_pure(L, l_away);
    lua_setfield(L, -2, "away");
    tn_lua_push_pure(L, l_ticks);
    lua_setfield(L, -2, "ticks");
    return 1;
}

static const struct tn_module modules[] = {{"shared", open_shared}, {NULL, NULL}};

/* ---- tools ---- */

/* work computes for some microseconds times n, and allocates; go_beside does until it is beside the
 * loop, however fast the machine is. */
#define WORK                                                                                       \
    "local shared = require 'shared'\n"                                                            \
    "local function work(n) local t = {} for i = 1, n * 50 do t[i %% 100] = {i} end return n "     \
    "end\n"                                                                                        \
    "local function go_beside() repeat work(10) until shared.away() end\n"

static struct tn_isolate *isolate(void **state, int call_ms)
{
    struct tn_isolate_options o = {.name = "beside", .modules = modules, .call_ms = call_ms};
    return fixture_isolate(*state, &o);
}

static struct tn_task *start(struct tn_isolate *iso, const char *body, struct fixture_end *end)
{
    struct tn_err err;
    char *text = NULL;
    assert_true(asprintf(&text, WORK "return function(...)\n%s\nend", body) > 0);
    struct tn_task *task =
        tn_task_start(iso, fixture_load(iso, text), &fixture_end_call, end, &err);
    assert_non_null(task);
    free(text);
    return task;
}

static void ends_well(void **state, struct fixture_end *end, const char *out)
{
    fixture_turn(*state, &end->done);
    if (end->err.kind) fail_msg("%s:%d: %s", end->err.file, end->err.line, end->err.text);
    assert_string_equal(end->out.text, out);
}

static int open(void **state)
{
    memset(&shared, 0, sizeof shared);
    atomic_store(&ticks, 0);
    shared.loop = pthread_self();
    return fixture_open(state);
}

/* ---- stories ---- */

static void tick(void *arg)
{
    touch();
    atomic_fetch_add(&ticks, 1);
    tn_timer_set(*(struct tn_timer **)arg, 1);
}

static void the_loops_thread_has_next_to_nothing_to_do_meanwhile(void **state)
{
    static const char *const hogs[] = {
        "while true do work(1) end",
        "coroutine.wrap(function() while true do pcall(work, 100) end end)()",
        "table.sort({ 1, 2 }, function() while true do work(1) end end)",
        "return (('a'):gsub('a', function() while true do work(1) end end))",
        "return tostring(setmetatable({}, { __tostring = function() while work(1) do end end }))",
        "local t = {} while true do t[#t + 1] = {} end",
    };
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++) {
        struct tn_isolate *iso = isolate(state, 300);
        struct fixture_end end = {0};
        start(iso, hogs[i], &end);
        int64_t began = tn_cpu_us();
        fixture_turn(*state, &end.done);
        assert_int_equal(end.err.kind, TN_E_budget);
        if (tn_cpu_us() - began > 100000)
            fail_msg("%s: %lld us", hogs[i], (long long)(tn_cpu_us() - began));
        tn_isolate_unref(iso);
    }
}

static void what_took_long_begins_beside_the_loop_the_next_time(void **state)
{
    struct tn_isolate *iso = isolate(state, 20000);
    for (int i = 0; i < 2; i++) {
        struct fixture_end end = {0};
        start(iso, "local at_once = shared.away() go_beside() return at_once", &end);
        ends_well(state, &end, i == 0 ? "false" : "true");
    }
    tn_isolate_unref(iso);
}

/* Long before their budget: otherwise the loop would wait for them. */
static void a_script_that_the_host_calls_is_held_to_the_time_of_what_cannot_be_left(void **state)
{
    static const char *const hogs[] = {
        "shared.call(function() while true do work(1) end end)",
        "shared.call(function() while true do pcall(shared.call, function() work(1) end) end end)",
#ifndef __SANITIZE_THREAD__ /* the search allocates nothing */
        "shared.call(function() return (('a'):rep(100000):find('.-.-.-.-.-b')) end)",
#endif
        "go_beside() load(function() shared.call(function() while true do work(1) end end) end)",
        "go_beside() load(function() shared.call(function()\n"
        "  work(50) pcall(error) pcall(coroutine.wrap(error)) while true do work(1) end\n"
        "end) end)",
        "go_beside() load(function() pcall(function()\n"
        "  local stuck <close> = setmetatable({}, { __close = function() while true do work(1) end "
        "end })\n"
        "  shared.fail()\n"
        "end) end)",
    };
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++) {
        struct tn_isolate *iso = isolate(state, 20000);
        struct fixture_end end = {0};
        start(iso, hogs[i], &end);
        fixture_turn(*state, &end.done);
        if (end.err.kind != TN_E_budget ||
            !strstr(end.err.text, "5 ms of CPU time inside one call of a library function"))
            fail_msg("%s: %s", hogs[i], end.err.text);
        tn_isolate_unref(iso);
    }
}

/* Each journey is shorter than what the watchdog notices. */
static void what_goes_home_again_and_again_uses_up_its_budget(void **state)
{
    static const char *const hogs[] = {
        "local s = ('x'):rep(10000000) while true do shared.touch() local t = {} end",
        "while true do shared.touch() local t = {} end",
    };
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++) {
        struct tn_isolate *iso = isolate(state, 100);
        struct fixture_end end = {0};
        clock_t began = clock();
        start(iso, hogs[i], &end);
        fixture_turn(*state, &end.done);
        assert_int_equal(end.err.kind, TN_E_budget);
        double took = (double)(clock() - began) / CLOCKS_PER_SEC;
        if (took > 1) fail_msg("%s: %.1f s", hogs[i], took);
        tn_isolate_unref(iso);
    }
}

/* Where a call can be left it goes home for what is the host's; inside load it cannot. */
static void one_thread_at_a_time_touches_what_is_shared(void **state)
{
    struct fixture *f = *state;
    struct tn_isolate *isos[4];
    struct fixture_end ends[4] = {{0}};
    struct tn_timer *timer = tn_timer_new(f->loop, tick, &timer);
    tn_timer_set(timer, 0);
    for (int i = 0; i < 4; i++) {
        isos[i] = isolate(state, 20000);
        start(isos[i],
              "for i = 1, 20 do\n"
              "  go_beside() shared.touch() shared.touch() go_beside()\n"
              "  load(function() for i = 1, 5 do work(1) shared.touch() end shared.inward() end)\n"
              "  coroutine.wrap(function() work(10) shared.touch() end)()\n"
              "end return 'ok'",
              &ends[i]);
    }
    for (int i = 0; i < 4; i++) ends_well(state, &ends[i], "ok");
    assert_true(shared.calls >= 4 * 20 * 9);
    assert_true(shared.beside >= 4 * 20 * 6); /* those inside load */
    assert_true(shared.beside < shared.calls);
    tn_timer_free(timer);
    for (int i = 0; i < 4; i++) tn_isolate_unref(isos[i]);
}

static void an_error_of_the_host_gives_the_floor_back(void **state)
{
    struct tn_isolate *iso = isolate(state, 20000);
    struct fixture_end end = {0};
    struct tn_timer *timer = tn_timer_new(((struct fixture *)*state)->loop, tick, &timer);
    tn_timer_set(timer, 0);
    start(iso,
          "local failed = 0\n"
          "local function try() work(10) shared.fail() end\n"
          "go_beside() load(function()\n"
          "  for i = 1, 20 do\n"
          "    if not pcall(try) then failed = failed + 1 end\n"
          "    if not xpcall(try, function(e) work(1) return e end) then failed = failed + 1 end\n"
          "    if not coroutine.resume(coroutine.create(try)) then failed = failed + 1 end\n"
          "    if not pcall(coroutine.wrap(try)) then failed = failed + 1 end\n"
          "    work(10)\n"
          "  end\n"
          "  local before = shared.ticks() repeat work(1) until shared.ticks() > before\n"
          "  return nil\n"
          "end) return failed",
          &end);
    int64_t began = tn_cpu_us();
    ends_well(state, &end, "80");
    assert_true(shared.beside > 0);
    assert_true(tn_cpu_us() - began < 2000000); /* and did not stand still in between */
    tn_timer_free(timer);
    tn_isolate_unref(iso);
}

static void what_waits_goes_on_beside_the_loop(void **state)
{
    struct tn_isolate *iso = isolate(state, 20000);
    struct fixture_end end = {0};
    start(iso,
          "local n = 0 for i = 1, 30 do work(200)\n"
          "  n = n + shared.wait() work(20) n = n + select(2, pcall(shared.wait)) end return n",
          &end);
    while (!end.done) {
        struct tn_task *task = shared.waits;
        shared.waits = NULL;
        if (task) tn_task_wake(task);
        tn_loop_turn(((struct fixture *)*state)->loop, true);
    }
    ends_well(state, &end, "420");
    tn_isolate_unref(iso);
}

static void a_call_from_the_loop_is_let_in(void **state)
{
    struct fixture *f = *state;
    struct tn_isolate *iso = isolate(state, 20000);
    struct fixture_text out;
    struct fixture_end end = {0};
    start(iso,
          "local n, rounds = 0, 0\n"
          "while (shared.visits or 0) < 5 do n = n + work(20) rounds = rounds + 1 end\n"
          "return n == rounds * 20, shared.visits",
          &end);
    for (int i = 0; i < 5; i++) {
        for (int turn = 0; turn < 3; turn++) tn_loop_turn(f->loop, false);
        assert_int_equal(end.done, 0);
        assert_string_equal(
            fixture_run(iso, &out,
                        "local s = require 'shared' s.visits = (s.visits or 0) + 1 return 6 * 7"),
            "42");
    }
    ends_well(state, &end, "true 5");
    tn_isolate_unref(iso);
}

static void tasks_of_one_isolate_take_turns(void **state)
{
    struct tn_isolate *iso = isolate(state, 20000);
    struct fixture_end hogs[3] = {{0}}, quick = {0};
    for (int i = 0; i < 3; i++)
        start(iso,
              "local n, rounds = 0, 0\n"
              "while (shared.visits or 0) < 5 do n = n + work(30) rounds = rounds + 1 end\n"
              "return n == rounds * 30",
              &hogs[i]);
    for (int i = 0; i < 5; i++) {
        quick.done = 0;
        for (int j = 0; j < 3; j++) assert_int_equal(hogs[j].done, 0);
        start(iso, "shared.visits = (shared.visits or 0) + 1 return shared.touch() > 0", &quick);
        ends_well(state, &quick, "true");
    }
    for (int i = 0; i < 3; i++) ends_well(state, &hogs[i], "true");
    tn_isolate_unref(iso);
}

static void more_hogs_than_threads_all_come_to_their_end(void **state)
{
    enum { HOGS = 20 };
    struct tn_isolate *isos[HOGS];
    struct fixture_end ends[HOGS] = {{0}};
    for (int i = 0; i < HOGS; i++) {
        isos[i] = isolate(state, 30);
        start(isos[i], "while true do work(1) end", &ends[i]);
    }
    for (int i = 0; i < HOGS; i++) {
        fixture_turn(*state, &ends[i].done);
        assert_int_equal(ends[i].err.kind, TN_E_budget);
        tn_isolate_unref(isos[i]);
    }
}

static void an_isolate_ends_with_all_it_holds_wherever_that_is(void **state)
{
    struct fixture *f = *state;
    struct tn_isolate *iso = isolate(state, 20000);
    struct fixture_end end = {0};
    start(iso,
          "local keep = {} for i = 1, 100 do keep[i] = shared.thing() end\n"
          "for i = 1, 100000 do keep[#keep + 1] = {i, i} end\n"
          "error('with all that')",
          &end);
    fixture_turn(*state, &end.done);
    assert_int_equal(end.err.kind, TN_E_script);
    tn_isolate_unref(iso);
    while (tn_host_isolates(f->host)) tn_loop_turn(f->loop, true);
    assert_int_equal(shared.dropped, 100);
}

static void the_host_ends_with_hogs_under_way(void **state)
{
    struct fixture *f = *state;
    struct fixture_end ends[4] = {{0}};
    int64_t began = tn_mono_us();
    for (int i = 0; i < 4; i++) {
        struct tn_isolate *iso = isolate(state, 60000);
        start(iso, "shared.thing() while true do work(1) end", &ends[i]);
        tn_isolate_unref(iso);
    }
    for (int i = 0; i < 50; i++) tn_loop_turn(f->loop, false);
    tn_host_free(f->host);
    f->host = NULL;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ends[i].done, 1);
        assert_int_equal(ends[i].err.kind, TN_E_cancelled);
    }
    assert_true(tn_mono_us() - began < 20000000);
}

static void what_is_cancelled_is_stopped_where_it_is(void **state)
{
    struct fixture *f = *state;
    struct tn_isolate *iso = isolate(state, 60000);
    for (int i = 0; i < 20; i++) {
        struct fixture_end end = {0};
        struct tn_task *task = start(
            iso, "go_beside() while true do pcall(load, function() work(1) shared.touch() end) end",
            &end);
        for (int turn = 0; turn < i * 5; turn++) tn_loop_turn(f->loop, false);
        if (end.done) fail_msg("%s", end.err.text);
        tn_task_cancel(task);
        fixture_turn(f, &end.done);
        assert_int_equal(end.err.kind, TN_E_cancelled);
    }
    struct tn_isolate_stats stats;
    tn_isolate_stats(iso, &stats);
    assert_int_equal(stats.overruns, 0);
    tn_isolate_unref(iso);
}

/* ---- errands ---- */

struct errand {
    struct fixture *f;
    const char *text;
    int load_ms, loads, done;
    int begun; /* of the loads */
    bool ok;
    struct tn_err err;
};

static void load_all(void *arg)
{
    struct errand *e = arg;
    e->ok = true;
    for (int i = 0; i < e->loads && e->ok; i++) {
        struct tn_isolate_options o = {.name = "errand", .modules = modules, .load_ms = e->load_ms};
        struct tn_isolate *iso = tn_isolate_new(e->f->host, &o, &e->err);
        int ref;
        e->begun = i + 1;
        touch();
        e->ok = iso && tn_isolate_load_text(iso, "scripts/e.lua", tn_str(e->text), &ref, &e->err);
        touch();
        tn_isolate_unref(iso);
    }
}

static void errand_done(void *arg)
{
    ((struct errand *)arg)->done++;
}

static void an_errand_is_written_as_if_it_ran_on_the_loop(void **state)
{
    struct errand e = {.f = *state,
                       .loads = 30,
                       .load_ms = 10000,
                       .text = "local shared = require 'shared'\n"
                               "local t, before = {}, shared.ticks()\n"
                               "repeat t = {t} until shared.ticks() > before\n"
                               "shared.touch() return {}"};
    struct tn_timer *timer = tn_timer_new(e.f->loop, tick, &timer);
    tn_timer_set(timer, 0);
    assert_non_null(tn_errand_start(e.f->host, load_all, errand_done, &e));
    fixture_turn(e.f, &e.done);
    if (!e.ok) fail_msg("%s", e.err.text);
    assert_int_equal(shared.beside, 90);
    assert_true(atomic_load(&ticks) >= 30);
    tn_timer_free(timer);
    assert_int_equal(tn_host_isolates(e.f->host), 0);
}

static void an_errand_that_takes_long_leaves_the_loop_its_time(void **state)
{
    struct errand e = {
        .f = *state, .loads = 1, .load_ms = 300, .text = "while true do local t = {} end"};
    int64_t began = tn_cpu_us();
    assert_non_null(tn_errand_start(e.f->host, load_all, errand_done, &e));
    fixture_turn(e.f, &e.done);
    assert_false(e.ok);
    assert_int_equal(e.err.kind, TN_E_budget);
    assert_true(tn_cpu_us() - began < 100000);
}

static void an_errand_can_be_stopped(void **state)
{
    for (int turns = 0; turns < 100; turns += 10) {
        struct errand e = {
            .f = *state, .loads = 3, .load_ms = 60000, .text = "while true do local t = {} end"};
        struct tn_errand *errand = tn_errand_start(e.f->host, load_all, errand_done, &e);
        for (int i = 0; i < turns; i++) tn_loop_turn(e.f->loop, false);
        tn_errand_stop(errand);
        assert_int_equal(e.done, 0);
        assert_int_equal(tn_host_isolates(e.f->host), 0);
    }
}

/* Each of its scripts takes less than a tick of the watchdog. */
static void an_errand_that_is_stopped_begins_no_other_script(void **state)
{
    struct errand e = {.f = *state, .loads = 2000, .load_ms = 60000, .text = "return {}"};
    struct tn_errand *errand = tn_errand_start(e.f->host, load_all, errand_done, &e);
    for (int i = 0; i < 20; i++) tn_loop_turn(e.f->loop, false);
    tn_errand_stop(errand);
    assert_false(e.ok);
    assert_true(e.begun < e.loads);
    assert_int_equal(tn_host_isolates(e.f->host), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open, fixture_close)
    const struct CMUnitTest tests[] = {
        T(the_loops_thread_has_next_to_nothing_to_do_meanwhile),
        T(what_took_long_begins_beside_the_loop_the_next_time),
        T(what_goes_home_again_and_again_uses_up_its_budget),
        T(a_script_that_the_host_calls_is_held_to_the_time_of_what_cannot_be_left),
        T(one_thread_at_a_time_touches_what_is_shared),
        T(an_error_of_the_host_gives_the_floor_back),
        T(what_waits_goes_on_beside_the_loop),
        T(a_call_from_the_loop_is_let_in),
        T(tasks_of_one_isolate_take_turns),
        T(more_hogs_than_threads_all_come_to_their_end),
        T(an_isolate_ends_with_all_it_holds_wherever_that_is),
        T(the_host_ends_with_hogs_under_way),
        T(what_is_cancelled_is_stopped_where_it_is),
        T(an_errand_is_written_as_if_it_ran_on_the_loop),
        T(an_errand_that_takes_long_leaves_the_loop_its_time),
        T(an_errand_can_be_stopped),
        T(an_errand_that_is_stopped_begins_no_other_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
