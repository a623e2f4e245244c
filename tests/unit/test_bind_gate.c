/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "bind/bind.h"

static struct bind_context context;

static struct tn_isolate *isolate(struct fixture *f)
{
    struct tn_isolate_options o = {.name = "test", .modules = bind_modules, .context = &context};
    return fixture_isolate(f, &o);
}

struct line {
    struct fixture *f;
    char order[64];
    int ended, failed;
};

static void on_end(void *arg, const struct tn_err *err)
{
    struct line *line = arg;
    line->ended++;
    if (err) line->failed++;
}

static void take_word(lua_State *L, int n, void *arg)
{
    struct line *line = arg;
    assert_int_equal(n, 1);
    strcat(line->order, luaL_checkstring(L, 1));
}

static int push_number(lua_State *L, void *arg)
{
    const struct line *line = arg;
    lua_pushinteger(L, line->ended);
    return 1;
}

static struct tn_task *start(struct tn_isolate *iso, int ref, struct line *line)
{
    static const struct tn_task_call call = {
        .push = push_number, .take = take_word, .done = on_end};
    struct tn_err err;
    struct tn_task *task = tn_task_start(iso, ref, &call, line, &err);
    if (!task) fail_msg("%s", err.text);
    return task;
}

static void until(struct line *line, int ended)
{
    while (line->ended < ended) tn_loop_turn(line->f->loop, true);
}

static void one_at_a_time_in_order(void **state)
{
    struct line line = {.f = *state};
    struct tn_isolate *iso = isolate(line.f);
    int ref = fixture_load(iso, "local gate, time = require 'tenon.gate', require 'tenon.time'\n"
                                "local inside, n = 0, 0\n"
                                "return function()\n"
                                "  local _ <close> = gate.enter('a')\n"
                                "  assert(inside == 0)\n"
                                "  inside, n = 1, n + 1\n"
                                "  local mine = n\n"
                                "  time.sleep(0.01)\n"
                                "  inside = 0\n"
                                "  return tostring(mine)\n"
                                "end\n");
    for (int i = 0; i < 5; i++) start(iso, ref, &line);
    until(&line, 5);
    assert_string_equal(line.order, "12345");
    assert_int_equal(line.failed, 0);
    tn_isolate_release(iso, ref);
    tn_isolate_unref(iso);
}

static void an_error_inside_lets_the_next_in(void **state)
{
    struct line line = {.f = *state};
    struct tn_isolate *iso = isolate(line.f);
    int ref = fixture_load(iso, "local gate, time = require 'tenon.gate', require 'tenon.time'\n"
                                "local n = 0\n"
                                "return function()\n"
                                "  local pass = gate.enter('a')\n"
                                "  n = n + 1\n"
                                "  time.sleep(0.01)\n"
                                "  if n == 1 then error('first') end\n"
                                "  if n == 2 then pass:leave() pass:leave() end\n"
                                "  return tostring(n)\n"
                                "end\n");
    for (int i = 0; i < 3; i++) start(iso, ref, &line);
    until(&line, 3);
    assert_int_equal(line.failed, 1);
    assert_string_equal(line.order, "23");
    tn_isolate_release(iso, ref);
    tn_isolate_unref(iso);
}

static void who_is_cancelled_leaves(void **state)
{
    struct line line = {.f = *state};
    struct tn_isolate *iso = isolate(line.f);
    int ref = fixture_load(iso, "local gate, time = require 'tenon.gate', require 'tenon.time'\n"
                                "return function()\n"
                                "  local _ <close> = gate.enter('a')\n"
                                "  time.sleep(0.2)\n"
                                "  return 'x'\n"
                                "end\n");
    struct tn_task *inside = start(iso, ref, &line), *waits = start(iso, ref, &line);
    start(iso, ref, &line);
    for (int i = 0; i < 5; i++) tn_loop_turn(line.f->loop, false);
    tn_task_cancel(waits);
    tn_task_cancel(inside);
    until(&line, 3);
    assert_int_equal(line.failed, 2);
    assert_string_equal(line.order, "x");
    tn_isolate_release(iso, ref);
    tn_isolate_unref(iso);
}

static void gates_of_other_names_are_open(void **state)
{
    struct fixture *f = *state;
    struct fixture_text out;
    struct tn_isolate *iso = isolate(f);
    int ref = fixture_load(iso, "local gate = require 'tenon.gate'\n"
                                "return function()\n"
                                "  local a <close> = gate.enter('a')\n"
                                "  local b <close> = gate.enter('b')\n"
                                "  do local c <close> = gate.enter('c') end\n"
                                "  local c <close> = gate.enter('c')\n"
                                "  return 'ok'\n"
                                "end\n");
    struct line line = {.f = f};
    start(iso, ref, &line);
    until(&line, 1);
    assert_string_equal(line.order, "ok");
    assert_non_null(
        strstr(fixture_run(iso, &out, "return require('tenon.gate').enter('a')"), "script"));
    assert_non_null(
        strstr(fixture_run(iso, &out, "return require('tenon.gate').enter('')"), "script"));
    tn_isolate_release(iso, ref);
    tn_isolate_unref(iso);
}

static void a_thousand_passes_are_enough(void **state)
{
    struct fixture *f = *state;
    struct tn_isolate *iso = isolate(f);
    int ref = fixture_load(iso, "local gate = require 'tenon.gate'\n"
                                "return function()\n"
                                "  local all = {}\n"
                                "  for i = 1, 1000 do all[i] = gate.enter('n' .. i) end\n"
                                "  local ok, err = pcall(gate.enter, 'more')\n"
                                "  assert(not ok and err.kind == 'overloaded', err)\n"
                                "  for i = 1, 1000 do all[i]:leave() end\n"
                                "  for i = 1, 100000 do gate.enter('a'):leave() end\n"
                                "  return 'ok'\n"
                                "end\n");
    struct line line = {.f = f};
    start(iso, ref, &line);
    until(&line, 1);
    assert_string_equal(line.order, "ok");
    tn_isolate_release(iso, ref);
    tn_isolate_unref(iso);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_at_a_time_in_order, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(an_error_inside_lets_the_next_in, fixture_open,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(who_is_cancelled_leaves, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_thousand_passes_are_enough, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(gates_of_other_names_are_open, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
