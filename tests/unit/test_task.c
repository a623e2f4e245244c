/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "base/alloc.h"
#include "base/time.h"

/* A module function that waits until the test says so: hold() -> what the test gives. */
struct hold {
    struct tn_owned owned;
    struct tn_task *task;
    int value;
    bool dropped;
};
enum { HOLDS = 4096 };
static struct {
    struct hold *list[HOLDS];
    int n, dropped;
} holds;

static void drop_hold(struct tn_owned *owned)
{
    struct hold *hold = (struct hold *)owned;
    hold->dropped = true;
    holds.dropped++;
}

static int held(lua_State *L, int status, lua_KContext ctx)
{
    struct hold *hold = (struct hold *)ctx;
    assert_int_equal(status, LUA_YIELD);
    tn_task_disown(&hold->owned);
    lua_pushinteger(L, hold->value);
    return 1;
}

static int l_hold(lua_State *L)
{
    struct tn_task *task = tn_task_self(L);
    struct hold *hold = TN_NEW(struct hold);
    hold->task = task;
    hold->owned.drop = drop_hold;
    assert_true(holds.n < HOLDS);
    holds.list[holds.n++] = hold;
    tn_task_own(task, &hold->owned);
    return tn_task_park(L, held, hold);
}

/* A stretch that seems long goes on beside the loop: however many turns that takes. */
static void until_held(struct fixture *f, int n)
{
    for (int i = 0; i < 100000 && holds.n < n; i++) tn_loop_turn(f->loop, true);
    assert_int_equal(holds.n, n);
    for (int i = 0; i < 3; i++) tn_loop_turn(f->loop, false);
}

static void answer(int i, int value)
{
    holds.list[i]->value = value;
    tn_task_wake(holds.list[i]->task);
}

static int open_hold(lua_State *L)
{
    tn_lua_push_host(L, l_hold);
    return 1;
}

/* Uses 20 ms of CPU, however fast the machine is. */
static int l_burn(lua_State *L)
{
    (void)L;
    for (int64_t until = tn_cpu_us() + 20000; tn_cpu_us() < until;) continue;
    return 0;
}

static int open_burn(lua_State *L)
{
    tn_lua_push_pure(L, l_burn);
    return 1;
}
static const struct tn_module modules[] = {{"hold", open_hold}, {"burn", open_burn}, {NULL, NULL}};

static int open(void **state)
{
    memset(&holds, 0, sizeof holds);
    return fixture_open(state);
}

static int close(void **state)
{
    int result = fixture_close(state);
    for (int i = 0; i < holds.n; i++) tn_free(holds.list[i]);
    return result;
}

static struct tn_isolate *isolate(void **state)
{
    struct tn_isolate_options o = {.name = "tasks", .modules = modules, .call_ms = 50};
    return fixture_isolate(*state, &o);
}

static struct tn_task *start_after(struct tn_isolate *iso, const char *head, const char *body,
                                   struct fixture_end *end)
{
    struct tn_err err;
    char *text = NULL;
    assert_true(asprintf(&text, "%sreturn function(...)\n%s\nend", head, body) > 0);
    int ref = fixture_load(iso, text);
    struct tn_task *task = tn_task_start(iso, ref, &fixture_end_call, end, &err);
    assert_non_null(task);
    free(text);
    return task;
}

static struct tn_task *start(struct tn_isolate *iso, const char *body, struct fixture_end *end)
{
    return start_after(iso, "local hold = require 'hold'\n", body, end);
}

static struct tn_task *start_plain(struct tn_isolate *iso, const char *body,
                                   struct fixture_end *end)
{
    return start_after(iso, "", body, end);
}

static void turns(struct fixture *f, int n)
{
    while (n--) tn_loop_turn(f->loop, false);
}

/* ---- the ordinary life ---- */

static void a_task_ends_with_results(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    start(iso, "return 1, 'a'", &end);
    assert_int_equal(end.done, 0);
    fixture_turn(*state, &end.done);
    assert_string_equal(end.out.text, "1 a");
    assert_int_equal(end.err.kind, TN_E_none);
    tn_isolate_unref(iso);
}

static void a_task_parks_and_goes_on(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    start(iso, "local a = hold()\nlocal b = hold()\nreturn a + b", &end);
    until_held(*state, 1);
    assert_int_equal(holds.n, 1);
    answer(0, 40);
    answer(0, 40);
    assert_int_equal(holds.n, 1);
    until_held(*state, 2);
    assert_int_equal(holds.n, 2);
    assert_int_equal(end.done, 0);
    answer(1, 2);
    fixture_turn(*state, &end.done);
    assert_string_equal(end.out.text, "42");
    assert_int_equal(holds.dropped, 0);
    tn_isolate_unref(iso);
}

/* Waits inside pcall, xpcall, coroutines in coroutines, iterators, metamethods. */
static void waits_work_in_all_places(void **state)
{
    static const char *const bodies[] = {
        "return select(2, pcall(hold))",
        "return select(2, xpcall(function() return hold() end, print))",
        "return coroutine.wrap(function() return hold() end)()",
        "return select(2, coroutine.resume(coroutine.create(function() return hold() end)))",
        "return coroutine.wrap(function() return coroutine.wrap(function() return hold() end)() "
        "end)()",
        "for x in coroutine.wrap(function() coroutine.yield(hold()) end) do return x end",
        "return setmetatable({}, { __index = function() return hold() end }).x",
        "local v do local c <close> = setmetatable({}, { __close = function() v = hold() end }) "
        "end return v",
        "return (('x'):gsub('x', function() return hold() end))",
        "return (('x'):gsub('x', function() return coroutine.wrap(hold)() end))",
        "return (('x'):gsub('x', setmetatable({}, { __index = function() return hold() end })))",
        "return tostring(setmetatable({}, { __tostring = function() return tostring(hold()) end "
        "}))",
        "local t, n = { setmetatable({}, { __lt = function() return hold() end }), {} } "
        "table.sort(t, function() n = n or hold() return false end) return n",
        "local n local o = setmetatable({}, { __lt = function() n = n or hold() return false end "
        "}) "
        "pcall(table.sort, { 1, o }) return n",
        "local n local o = setmetatable({}, { __lt = function() n = n or hold() return false end "
        "}) "
        "table.sort { o, o } return n",
        "local co = coroutine.wrap(function(a) local b = coroutine.yield(a) return b + hold() end) "
        "co(1) return co(0)",
        "return select(2, pcall(pcall, coroutine.wrap(function() return select(2, pcall(hold)) "
        "end))) and 7",
    };
    struct tn_isolate *iso = isolate(state);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fixture_end end = {0};
        start(iso, bodies[i], &end);
        for (int n = 0; n < 100000 && holds.n <= (int)i && !end.done; n++)
            tn_loop_turn(((struct fixture *)*state)->loop, true);
        if (holds.n != (int)i + 1) fail_msg("%s: %s", bodies[i], end.err.text);
        answer((int)i, 7);
        fixture_turn(*state, &end.done);
        if (strcmp(end.out.text, "7") != 0)
            fail_msg("%s: %s %s", bodies[i], end.out.text, end.err.text);
    }
    tn_isolate_unref(iso);
}

/* Where nothing can wait, it says so and nothing is left waiting. */
static void waits_are_refused_elsewhere(void **state)
{
    static const char *const bodies[] = {
        "load(function() return hold() end)",
        "load(function() coroutine.wrap(hold)() end)",
        "table.concat(setmetatable({}, { __index = function() return hold() end }), '', 1, 3)",
        "table.concat(setmetatable({}, { __len = function() return hold() end }))",
        "string.format('%s', setmetatable({}, { __tostring = function() return hold() end }))",
    };
    struct tn_isolate *iso = isolate(state);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fixture_end end = {0};
        start(iso, bodies[i], &end);
        fixture_turn(*state, &end.done);
        if (!strstr(end.err.text, "waits for an answer"))
            fail_msg("%s: %s", bodies[i], end.err.text);
    }
    struct tn_err err;
    int ref = fixture_load(iso, "return require 'hold'");
    assert_false(tn_isolate_call(iso, ref, NULL, NULL, NULL, &err));
    assert_non_null(strstr(err.text, "waits for an answer"));
    assert_false(
        tn_isolate_load_text(iso, "a.lua", TN_STR("return require('hold')()"), &ref, &err));
    assert_non_null(strstr(err.text, "waits for an answer"));
    assert_int_equal(holds.n, 0);
    tn_isolate_unref(iso);
}

static void failures_say_where(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    start(iso, "hold()\nlocal x = nil\nreturn x.y", &end);
    until_held(*state, 1);
    answer(0, 1);
    fixture_turn(*state, &end.done);
    assert_int_equal(end.err.kind, TN_E_script);
    assert_string_equal(end.err.file, "scripts/test.lua");
    assert_int_equal(end.err.line, 5);
    end.done = 0;
    start(iso, "while true do end", &end);
    fixture_turn(*state, &end.done);
    assert_int_equal(end.err.kind, TN_E_budget);
    assert_int_equal(end.err.line, 3);
    end.done = 0;
    start(iso, "local t = {} while true do t[#t + 1] = {} end", &end);
    fixture_turn(*state, &end.done);
    assert_int_equal(end.err.kind, TN_E_budget);
    end.done = 0;
    start(iso, "coroutine.yield(1)", &end);
    fixture_turn(*state, &end.done);
    assert_string_equal(end.err.text, "attempt to yield from outside a coroutine");
    tn_isolate_unref(iso);
}

/* Each stretch between two waits has the whole budget. */
static void the_budget_is_per_stretch(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    start(iso, "local burn = require 'burn'\nfor i = 1, 6 do burn() hold() end\nreturn 'all'",
          &end);
    for (int i = 0; i < 6; i++) {
        until_held(*state, i + 1);
        answer(i, 0);
    }
    fixture_turn(*state, &end.done);
    assert_string_equal(end.out.text, "all"); /* 120 ms, with a budget of 50 */
    tn_isolate_unref(iso);
}

/* ---- cancelling ---- */

static void cancelling_drops_at_once(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    struct tn_task *task =
        start(iso,
              "local x <close> = setmetatable({}, { __close = function() while true do end "
              "end })\nhold()",
              &end);
    until_held(*state, 1);
    tn_task_cancel(task);
    assert_int_equal(holds.dropped, 1);
    assert_int_equal(end.done, 0);
    tn_task_wake(task);
    tn_task_cancel(task);
    fixture_turn(*state, &end.done);
    turns(*state, 5);
    assert_int_equal(end.done, 1);
    assert_int_equal(end.err.kind, TN_E_cancelled);
    tn_isolate_unref(iso);
}

static void a_task_can_be_cancelled_before_it_ran(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    tn_task_cancel(start(iso, "hold()", &end));
    fixture_turn(*state, &end.done);
    assert_int_equal(end.err.kind, TN_E_cancelled);
    assert_int_equal(holds.n, 0);
    tn_isolate_unref(iso);
}

static void tasks_have_a_limit_of_time(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    struct tn_task_call limited = {
        .take = fixture_end_take, .done = fixture_end_done, .limit_ms = 20};
    struct tn_err err;
    int ref = fixture_load(iso, "return require 'hold'");
    assert_non_null(tn_task_start(iso, ref, &limited, &end, &err));
    fixture_turn(*state, &end.done);
    assert_int_equal(end.err.kind, TN_E_timeout);
    assert_string_equal(end.err.text, "the task did not end within 20 ms");
    assert_int_equal(holds.dropped, 1);
    tn_isolate_unref(iso);
}

/* What a task owns is dropped when it ends, too. */
static int l_own(lua_State *L)
{
    struct hold *hold = TN_NEW(struct hold);
    hold->owned.drop = drop_hold;
    holds.list[holds.n++] = hold;
    tn_task_own(tn_task_self(L), &hold->owned);
    return 0;
}
static int open_own(lua_State *L)
{
    lua_pushcfunction(L, l_own);
    return 1;
}

static void the_end_drops_what_is_owned(void **state)
{
    static const struct tn_module own[] = {{"hold", open_own}, {NULL, NULL}};
    struct tn_isolate_options o = {.name = "own", .modules = own};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_end end = {0};
    start(iso, "hold() hold()", &end);
    fixture_turn(*state, &end.done);
    assert_int_equal(holds.dropped, 2);
    end.done = 0;
    start(iso, "hold() error('x')", &end);
    fixture_turn(*state, &end.done);
    assert_int_equal(holds.dropped, 3);
    tn_isolate_unref(iso);
}

/* ---- coroutines between tasks ---- */

/* A coroutine that waits for one task cannot be resumed by another. */
static void a_waiting_coroutine_is_out_of_reach(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end a = {0}, b = {0}, c = {0};
    struct tn_err err;
    int ref = fixture_load(
        iso, "local hold = require 'hold'\nlocal shared, main\nreturn function()\n"
             "  if shared then return coroutine.status(shared), coroutine.resume(shared) end\n"
             "  main = coroutine.running()\n"
             "  shared = coroutine.create(function() return hold() end)\n"
             "  return coroutine.resume(shared)\nend");
    tn_isolate_release(iso, LUA_NOREF);
    assert_non_null(tn_task_start(iso, ref, &fixture_end_call, &a, &err));
    until_held(*state, 1);
    assert_non_null(tn_task_start(iso, ref, &fixture_end_call, &b, &err));
    fixture_turn(*state, &b.done);
    assert_string_equal(b.out.text, "normal false cannot resume non-suspended coroutine");
    answer(0, 5);
    fixture_turn(*state, &a.done);
    assert_string_equal(a.out.text, "true 5");
    assert_non_null(tn_task_start(iso, ref, &fixture_end_call, &c, &err));
    fixture_turn(*state, &c.done);
    assert_string_equal(c.out.text, "dead false cannot resume dead coroutine");
    tn_isolate_unref(iso);
}

static void the_tasks_own_coroutine_is_out_of_reach(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end a = {0}, b = {0};
    struct tn_err err;
    int ref = fixture_load(iso, "local hold = require 'hold'\nlocal main\nreturn function()\n"
                                "  if main then return coroutine.resume(main) end\n"
                                "  main = coroutine.running()\n  return hold()\nend");
    assert_non_null(tn_task_start(iso, ref, &fixture_end_call, &a, &err));
    until_held(*state, 1);
    assert_non_null(tn_task_start(iso, ref, &fixture_end_call, &b, &err));
    fixture_turn(*state, &b.done);
    assert_string_equal(b.out.text, "false cannot resume non-suspended coroutine");
    answer(0, 5);
    fixture_turn(*state, &a.done);
    assert_string_equal(a.out.text, "5");
    tn_isolate_unref(iso);
}

/* ---- many, and the end of isolates ---- */

static void thousands_are_in_flight(void **state)
{
    enum { N = 3000 };
    struct tn_isolate *iso = isolate(state);
    struct fixture_end *ends = tn_alloc(N * sizeof *ends);
    struct tn_err err;
    int ref =
        fixture_load(iso, "local hold = require 'hold'\nreturn function() return hold() + 1 end");
    for (int i = 0; i < N; i++)
        assert_non_null(tn_task_start(iso, ref, &fixture_end_call, &ends[i], &err));
    while (holds.n < N) tn_loop_turn(((struct fixture *)*state)->loop, true);
    for (int i = N - 1; i >= 0; i--) answer(i, i);
    bool seen[N + 1] = {false}; /* one that gave way before it waited comes later */
    for (int i = 0; i < N; i++) {
        fixture_turn(*state, &ends[i].done);
        int got = atoi(ends[i].out.text);
        assert_in_range(got, 1, N);
        assert_false(seen[got]);
        seen[got] = true;
    }
    struct tn_isolate_stats stats;
    tn_isolate_stats(iso, &stats);
    assert_int_equal(stats.tasks, 0);
    tn_isolate_unref(iso);
    tn_free(ends);
}

static void tasks_have_a_limit_of_number(void **state)
{
    struct tn_isolate_options o = {.name = "few", .modules = modules, .max_tasks = 2};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_end end = {0};
    struct tn_err err;
    int ref = fixture_load(iso, "return require 'hold'");
    struct tn_task *tasks[2];
    for (int i = 0; i < 2; i++)
        assert_non_null(tasks[i] = tn_task_start(iso, ref, &fixture_end_call, &end, &err));
    assert_null(tn_task_start(iso, ref, &fixture_end_call, &end, &err));
    assert_int_equal(err.kind, TN_E_overloaded);
    for (int i = 0; i < 2; i++) tn_task_cancel(tasks[i]);
    tn_isolate_unref(iso);
    while (end.done < 2) tn_loop_turn(((struct fixture *)*state)->loop, true);
    assert_int_equal(end.err.kind, TN_E_cancelled);
}

static void an_isolate_outlives_its_last_reference_by_its_tasks(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    start(iso, "return hold()", &end);
    until_held(*state, 1);
    tn_isolate_unref(iso);
    answer(0, 9);
    fixture_turn(*state, &end.done);
    assert_string_equal(end.out.text, "9");
}

static void the_host_takes_everything_with_it(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    start(iso, "hold()", &end);
    until_held(*state, 1);
    start(iso, "hold()", &end);
    tn_isolate_unref(iso);
    fixture_close(state);
    assert_int_equal(end.done, 2);
    assert_int_equal(holds.dropped, 1);
    fixture_open(state);
}

/* Pushing the arguments may fail; done is then not called. */
static int push_badly(lua_State *L, void *arg)
{
    (void)arg;
    return luaL_error(L, "no arguments today");
}

static int push_two(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushinteger(L, 4);
    lua_pushliteral(L, "x");
    return 2;
}

static void take_badly(lua_State *L, int n, void *arg)
{
    (void)n, (void)arg;
    luaL_error(L, "that will not do");
}

static void arguments_go_in_and_results_come_out(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct fixture_end end = {0};
    struct tn_err err;
    int ref = fixture_load(iso, "return function(n, s) return s:rep(n) end");
    struct tn_task_call bad = {.push = push_badly, .done = fixture_end_done};
    assert_non_null(tn_task_start(iso, ref, &bad, &end, &err));
    fixture_turn(*state, &end.done);
    assert_string_equal(end.err.text, "no arguments today");
    end.done = 0;
    struct tn_task_call good = {
        .push = push_two, .take = fixture_end_take, .done = fixture_end_done};
    assert_non_null(tn_task_start(iso, ref, &good, &end, &err));
    fixture_turn(*state, &end.done);
    assert_string_equal(end.out.text, "xxxx");
    struct tn_task_call untaken = {.push = push_two, .take = take_badly, .done = fixture_end_done};
    end.done = 0;
    assert_non_null(tn_task_start(iso, ref, &untaken, &end, &err));
    fixture_turn(*state, &end.done);
    assert_string_equal(end.err.text, "that will not do");
    tn_isolate_unref(iso);
}

/* ---- giving way ---- */

static void count_tick(void *arg)
{
    ++*(int *)arg;
}

static void a_long_computation_gives_way_to_others(void **state)
{
    struct tn_isolate_options o = {.name = "long", .call_ms = 400};
    struct tn_isolate *busy = fixture_isolate(*state, &o), *iso = isolate(state);
    struct fixture_end endless = {0}, other = {0};
    struct fixture *f = *state;
    int turns_taken = 0, timers = 0;
    start_plain(busy, "while true do end", &endless);
    start(iso, "local n = 0 for i = 1, 20 do n = n + hold() end return n", &other);
    struct tn_timer *timer = tn_timer_new(f->loop, count_tick, &timers);
    for (; !endless.done; turns_taken++) {
        if (!tn_timer_armed(timer)) tn_timer_set(timer, 0);
        tn_loop_turn(f->loop, true);
        if (holds.n && !other.done) answer(holds.n - 1, 2);
    }
    assert_int_equal(endless.err.kind, TN_E_budget);
    assert_non_null(strstr(endless.err.text, "400 ms"));
    assert_true(turns_taken >= 20); /* 400 ms in slices of 5 to 10 */
    assert_true(timers >= 20);
    assert_int_equal(other.done, 1);
    assert_string_equal(other.out.text, "40");
    tn_timer_free(timer);
    struct tn_isolate_stats stats;
    tn_isolate_stats(busy, &stats);
    assert_int_equal(stats.overruns, 1);
    assert_int_equal(stats.calls, 3); /* loading, starting, the task */
    tn_isolate_unref(busy);
    tn_isolate_unref(iso);
}

/* Everything that Lua can be in the middle of, again and again, for several slices. */
static const char every_kind[] =
    "local sum, log = 0, {}\n"
    "local mt = {__index = function(t, k) local a = k .. '!' return a end,\n"
    "  __add = function(a, b) local s = 0 for i = 1, 3 do s = s + i end return s end,\n"
    "  __lt = function() local x = 1 return x == 1 end, __eq = function() return true end,\n"
    "  __concat = function() return 'cc' end, __len = function() return 5 end,\n"
    "  __call = function(_, ...) return select('#', ...), ... end}\n"
    "local function va(...) local a, b = ... return select('#', ...), b, a, ... end\n"
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local function tail(n) if n == 0 then return 7 end return tail(n - 1) end\n"
    "local function step(s, c) if c < s then return c + 1, c * c end end\n"
    "for round = 1, 3000 do\n"
    "  local o, p = setmetatable({}, mt), setmetatable({}, mt)\n"
    "  local t = {va(round, 6, 7), va(8, 9)}\n"
    "  sum = sum + #t + (o + 1) + #o + #(o .. 'x') + #o.foo + select('#', o(1, nil, 3))\n"
    "  if o < p and o == p then sum = sum + 1 end\n"
    "  for a, b in step, 9, 0 do sum = sum + a * b end\n"
    "  for i = 1.0, 2, 0.25 do sum = sum + i end\n"
    "  local ok, err = pcall(function() local x = fib(8) error({x}) end)\n"
    "  sum = sum + (ok and 0 or err[1]) + tail(20)\n"
    "  local co = coroutine.wrap(function(a)\n"
    "    for i = 1, 5 do a = a + coroutine.yield(a + fib(5)) end return a end)\n"
    "  sum = sum + co(1) for i = 1, 5 do sum = sum + co(i) end\n"
    "  do local c <close> = setmetatable({}, {__close = function() sum = sum + 1 end}) end\n"
    "  local list = {} for i = 1, 30 do list[i] = i * 37 % 23 end\n"
    "  table.sort(list, function(a, b) return a < b end)\n"
    "  table.sort(list, function(a, b) return fib(3) > 0 and a < b end)\n"
    "  local s = ('hello'):gsub('l', function(c) return c .. c end)\n"
    "  log[round % 100 + 1] = table.concat(list, ',') .. s\n"
    "  local i = 1 ::top:: if i < 5 then i = i + 1 goto top end\n"
    "end\n"
    "return math.tointeger(sum) or sum, #log, log[#log]";

static void what_gave_way_ends_with_the_same_result(void **state)
{
    struct tn_isolate_options o = {.name = "same", .call_ms = 20000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_text plain;
    fixture_run(iso, &plain, every_kind);
    for (int round = 0; round < 3; round++) {
        struct fixture_end end = {0};
        int turns_taken = 0;
        start_plain(iso, every_kind, &end);
        for (; !end.done; turns_taken++) tn_loop_turn(((struct fixture *)*state)->loop, true);
        assert_int_equal(end.err.kind, TN_E_none);
        assert_string_equal(end.out.text, plain.text);
        assert_true(turns_taken > 2);
    }
    tn_isolate_unref(iso);
}

static void what_cannot_give_way_is_stopped_sooner(void **state)
{
    static const char *const bodies[] = {
        "return ('%s'):format(setmetatable({}, {__tostring = function() while true do end end}))",
        "return load(function() while true do end end)",
        "while true do pcall(load, function() while true do end end) end",
        "coroutine.wrap(function() load(function() while true do end end) end)()",
    };
    struct tn_isolate_options o = {.name = "held", .call_ms = 5000};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct tn_isolate *iso = fixture_isolate(*state, &o);
        struct fixture_end end = {0};
        start_plain(iso, bodies[i], &end);
        fixture_turn(*state, &end.done);
        assert_int_equal(end.err.kind, TN_E_budget);
        if (!strstr(end.err.text, "5 ms of CPU time inside one call"))
            fail_msg("%s: %s", bodies[i], end.err.text);
        assert_int_equal(end.err.line, 2);
        tn_isolate_unref(iso);
    }
}

static void a_task_can_be_cancelled_while_it_gives_way(void **state)
{
    struct tn_isolate_options o = {.name = "endless", .call_ms = 5000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_end end = {0};
    struct tn_task *task = start_plain(
        iso, "coroutine.wrap(function() pcall(function() while true do end end) end)()", &end);
    turns(*state, 4);
    assert_int_equal(end.done, 0);
    tn_task_cancel(task);
    fixture_turn(*state, &end.done);
    assert_int_equal(end.err.kind, TN_E_cancelled);
    tn_isolate_unref(iso);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open, close)
    const struct CMUnitTest tests[] = {
        T(a_task_ends_with_results),
        T(a_task_parks_and_goes_on),
        T(waits_work_in_all_places),
        T(waits_are_refused_elsewhere),
        T(failures_say_where),
        T(the_budget_is_per_stretch),
        T(cancelling_drops_at_once),
        T(a_task_can_be_cancelled_before_it_ran),
        T(tasks_have_a_limit_of_time),
        T(the_end_drops_what_is_owned),
        T(a_waiting_coroutine_is_out_of_reach),
        T(the_tasks_own_coroutine_is_out_of_reach),
        T(thousands_are_in_flight),
        T(tasks_have_a_limit_of_number),
        T(an_isolate_outlives_its_last_reference_by_its_tasks),
        T(the_host_takes_everything_with_it),
        T(arguments_go_in_and_results_come_out),
        T(a_long_computation_gives_way_to_others),
        T(what_gave_way_ends_with_the_same_result),
        T(what_cannot_give_way_is_stopped_sooner),
        T(a_task_can_be_cancelled_while_it_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
