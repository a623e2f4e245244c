/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "bind/bind.h"

static const struct tn_module modules[] = {{"tenon.time", luaopen_tenon_time}, {NULL, NULL}};

static const struct {
    const char *body, *result;
} cases[] = {
    {"return t.parse '2026-01-31T08:09:10.123Z'", "1769846950123"},
    {"return t.iso(1769846950123)", "2026-01-31T08:09:10.123Z"},
    {"return t.iso(t.parse '2026-01-31T10:09:10+02:00')", "2026-01-31T08:09:10.000Z"},
    {"return t.http(0)", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"return t.parse 'Thu, 01 Jan 1970 00:00:00 GMT'", "0"},
    {"return t.format(1769846950123, '%Y%m%d-%H:%M:%S.%L %j %s %%')",
     "20260131-08:09:10.123 031 1769846950 %"},
    {"return t.format(-1, '%Y-%m-%d %s %j')", "1969-12-31 -1 365"},
    {"return t.iso(t.date(2024, 2, 29))", "2024-02-29T00:00:00.000Z"},
    {"return t.duration '90s', t.duration '15m', t.duration '2h', t.duration '1d', t.duration "
     "'250ms'",
     "90000 900000 7200000 86400000 250"},
    {"return t.now() > 1700000000000, math.type(t.now())", "true integer"},
    {"local v, e = t.parse 'yesterday' return v, e.kind", "nil invalid"},
    {"local v, e = t.duration 'soon' return v, e.kind", "nil invalid"},
    {"local v, e = t.duration '5 m' return v, e.kind", "nil invalid"},
    {"return t.date(2023, 2, 29)", NULL},
    {"return t.format(0, '%q')", NULL},
    {"return t.format(0, '%')", NULL},
    {"return t.iso(math.maxinteger)", NULL},
    {"return t.iso('x')", NULL},
    {"t.sleep(1)", NULL},
    {"t.sleep(-1)", NULL},
};

static void cases_come_out(void **state)
{
    struct tn_isolate_options o = {.name = "time", .modules = modules};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture_text out;
        char text[512];
        snprintf(text, sizeof text, "local t = require 'tenon.time' %s", cases[i].body);
        fixture_run(iso, &out, text);
        if (cases[i].result ? strcmp(out.text, cases[i].result) != 0 : !strstr(out.text, ": "))
            fail_msg("%s\n -> %s", cases[i].body, out.text);
    }
    tn_isolate_unref(iso);
}

static void done(void *arg, const struct tn_err *err)
{
    assert_true(!err || err->kind == TN_E_cancelled);
    ++*(int *)arg;
}

static void sleepers_wake_up_or_are_cancelled(void **state)
{
    struct tn_isolate_options o = {.name = "time", .modules = modules};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct tn_task_call call = {.done = done};
    struct tn_err err;
    int woke = 0, cancelled = 0;
    int ref = fixture_load(
        iso, "local t = require 'tenon.time' return function() t.sleep(0.001) t.sleep(0) end");
    int longer =
        fixture_load(iso, "local t = require 'tenon.time' return function() t.sleep(60) end");
    assert_non_null(tn_task_start(iso, ref, &call, &woke, &err));
    struct tn_task *task = tn_task_start(iso, longer, &call, &cancelled, &err);
    assert_non_null(task);
    fixture_turn(*state, &woke);
    assert_int_equal(cancelled, 0);
    tn_task_cancel(task);
    fixture_turn(*state, &cancelled);
    tn_isolate_unref(iso);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {T(cases_come_out), T(sleepers_wake_up_or_are_cancelled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
