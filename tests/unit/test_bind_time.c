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
    {"local p = t.parts(1769846950123, 'Europe/Berlin') return p.year, p.month, p.day, p.hour, "
     "p.minute, p.second, p.ms, p.weekday, p.yearday, p.offset",
     "2026 1 31 9 9 10 123 6 31 60"},
    {"local p = t.parts(-1) return p.year, p.hour, p.weekday, p.offset", "1969 23 3 0"},
    {"return t.from{year=2026, month=7, day=1, hour=9, zone='Europe/Berlin'}", "1782889200000"},
    {"return t.from(t.parts(1769846950123))", "1769846950123"},
    {"local v, e = t.from{year=2026, month=2, day=30} return v, e.kind", "nil invalid"},
    {"local v, e = t.from{month=2} return v, e.kind", "nil invalid"},
    {"local v, e = t.parts(0, 'Europe/Nowhere') return v, e.kind", "nil invalid"},
    {"local ok, e = pcall(t.parts, 0, 'Europe/Berlin\\0x') return ok, tostring(e):match 'zero "
     "byte'",
     "false zero byte"},
    {"local ok, e = pcall(t.from, {year = 2026, zone = 'UTC\\0'}) return ok, tostring(e):match "
     "'zero "
     "byte'",
     "false zero byte"},
    {"local v, e = t.parts(0, '') return v, e.kind", "nil invalid"},
    {"return t.iso(1769846950123, 'Europe/Berlin'), t.iso(0, 'UTC'), t.iso(0, '-03:30')",
     "2026-01-31T09:09:10.123+01:00 1970-01-01T00:00:00.000Z 1969-12-31T20:30:00.000-03:30"},
    {"return t.iso(t.parse('2026-07-01T09:00:00', 'Europe/Berlin'))", "2026-07-01T07:00:00.000Z"},
    {"return t.iso(t.parse('2026-07-01T09:00:00+05:00', 'Europe/Berlin'))",
     "2026-07-01T04:00:00.000Z"},
    {"return t.iso(t.parse('2026-07-01', 'America/New_York'))", "2026-07-01T04:00:00.000Z"},
    {"local v, e = t.parse('2026-07-01T09:00:00') return v, e.kind", "nil invalid"},
    {"return t.format(1769846950123, '%F %T %z %u %y', 'America/St_Johns')",
     "2026-01-31 04:39:10 -03:30 6 26"},
    {"return t.duration 'PT15M', t.duration 'P1DT1S', t.duration '-PT1S'", "900000 86401000 -1000"},
    {"local v, e = t.duration 'P1M' return v, e.message", "nil 'P1M' has no fixed length: months "
                                                          "and years are for time.add"},
    {"return t.duration_text(900000), t.duration_text(0)", "PT15M PT0S"},
    {"return t.iso(t.add(t.date(2026, 1, 31), {months = 1}))", "2026-02-28T00:00:00.000Z"},
    {"return t.iso(t.add(t.date(2024, 2, 29), 'P1Y'))", "2025-02-28T00:00:00.000Z"},
    {"return t.iso(t.add(t.date(2026, 1, 31), {months = -2, days = 1, hours = 2}))",
     "2025-12-01T02:00:00.000Z"},
    /* the day on which Berlin's clocks go forward has 23 hours */
    {"local a = t.from{year=2026, month=3, day=28, hour=12, zone='Europe/Berlin'} "
     "return t.add(a, {days = 1}, 'Europe/Berlin') - a, t.add(a, 'P1D') - a, "
     "t.add(a, 'PT24H', 'Europe/Berlin') - a",
     "82800000 86400000 86400000"},
    {"local v, e = t.add(0, {years = 9000}) return v, e.kind", "nil invalid"},
    {"local v, e = t.add(0, 'soon') return v, e.kind", "nil invalid"},
    {"return t.iso(t.cron_next('30 6 * * mon-fri', t.date(2026, 1, 30), 'Europe/Berlin'))",
     "2026-01-30T05:30:00.000Z"},
    {"return t.iso(t.cron_next('@hourly', t.date(2026, 1, 30)))", "2026-01-30T01:00:00.000Z"},
    {"local v, e = t.cron_next '61 * * * *' return v, e.kind", "nil invalid"},
    {"local v, e = t.cron_next('@daily', 0, 'Mars') return v, e.kind", "nil invalid"},
    {"for i = 0, 200 do t.iso(0, ('+%02d:%02d'):format(i // 60, i % 60)) end return t.iso(0, "
     "'Asia/Tokyo')",
     "1970-01-01T09:00:00.000+09:00"},
    {"t.add(0, {day = 1})", NULL},
    {"t.add(0, {days = 1.5})", NULL},
    {"t.from{years = 2026}", NULL},
    {"t.parts(0, 5)", NULL},
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
        char text[1024];
        snprintf(text, sizeof text, "local t = require 'tenon.time' %s", cases[i].body);
        fixture_run(iso, &out, text);
        if (cases[i].result ? strcmp(out.text, cases[i].result) != 0
                            : !tn_str_starts(tn_str(out.text), "script: "))
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
