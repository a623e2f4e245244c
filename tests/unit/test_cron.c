/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cron.h"
#include "base/time.h"
#include "base/zone.h"

/* From after (RFC 3339) on the next ones, in UTC, seconds left out. */
static const struct {
    const char *cron, *zone, *after, *next[4];
} cases[] = {
    {"* * * * *", NULL, "2026-01-01T00:00:00Z", {"2026-01-01T00:01", "2026-01-01T00:02"}},
    {"* * * * *", NULL, "2026-01-01T00:00:59.999Z", {"2026-01-01T00:01"}},
    {"0 0 * * *", NULL, "2026-01-01T00:00:00Z", {"2026-01-02T00:00", "2026-01-03T00:00"}},
    {"*/15 * * * *", NULL, "2026-01-01T10:14:00Z", {"2026-01-01T10:15", "2026-01-01T10:30"}},
    {"10-40/10 8 * * *",
     NULL,
     "2026-01-01T00:00:00Z",
     {"2026-01-01T08:10", "2026-01-01T08:20", "2026-01-01T08:30", "2026-01-01T08:40"}},
    {"5/20 8 * * *",
     NULL,
     "2026-01-01T00:00:00Z",
     {"2026-01-01T08:05", "2026-01-01T08:25", "2026-01-01T08:45", "2026-01-02T08:05"}},
    {"0 6,18 * * *", NULL, "2026-01-01T06:00:00Z", {"2026-01-01T18:00", "2026-01-02T06:00"}},
    {"0 9 * * mon-FRI", NULL, "2026-01-02T09:00:00Z", {"2026-01-05T09:00", "2026-01-06T09:00"}},
    {"0 9 * * 7", NULL, "2026-01-01T00:00:00Z", {"2026-01-04T09:00", "2026-01-11T09:00"}},
    {"0 9 * * 0", NULL, "2026-01-01T00:00:00Z", {"2026-01-04T09:00"}},
    {"0 9 * * 5-7",
     NULL,
     "2026-01-01T00:00:00Z",
     {"2026-01-02T09:00", "2026-01-03T09:00", "2026-01-04T09:00", "2026-01-09T09:00"}},
    /* either day is enough when both are given */
    {"0 0 13 * 5",
     NULL,
     "2026-01-01T00:00:00Z",
     {"2026-01-02T00:00", "2026-01-09T00:00", "2026-01-13T00:00", "2026-01-16T00:00"}},
    /* a star is no day that is given, with a step or without */
    {"0 0 */10 * 4", NULL, "2026-01-01T00:00:00Z", {"2026-05-21T00:00"}},
    {"0 0 31 * *", NULL, "2026-01-31T00:00:00Z", {"2026-03-31T00:00", "2026-05-31T00:00"}},
    {"0 0 29 feb *", NULL, "2026-01-01T00:00:00Z", {"2028-02-29T00:00", "2032-02-29T00:00"}},
    {"0 0 29 2 *", NULL, "2096-03-01T00:00:00Z", {"2104-02-29T00:00"}},
    {"0 0 1 jan,jul *", NULL, "2026-01-01T00:00:00Z", {"2026-07-01T00:00", "2027-01-01T00:00"}},
    {"@daily", NULL, "2026-01-01T00:00:00Z", {"2026-01-02T00:00"}},
    {" @Hourly ", NULL, "2026-01-01T00:00:00Z", {"2026-01-01T01:00"}},
    {"@weekly", NULL, "2026-01-01T00:00:00Z", {"2026-01-04T00:00"}},
    {"0 0 1 1 *", NULL, "1969-12-31T00:00:00Z", {"1970-01-01T00:00"}},
    {"30 6 * * *", "Europe/Berlin", "2026-01-01T00:00:00Z", {"2026-01-01T05:30"}},
    {"30 6 * * *", "+05:30", "2026-01-01T00:00:00Z", {"2026-01-01T01:00"}},
    /* 02:30 is skipped on 29 March: once, at the jump (01:00 UTC) */
    {"30 2 * * *",
     "Europe/Berlin",
     "2026-03-28T00:00:00Z",
     {"2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"}},
    /* several skipped ones and the time of the jump itself: once */
    {"0,20,40 2,3 * * *",
     "Europe/Berlin",
     "2026-03-28T22:00:00Z",
     {"2026-03-29T01:00", "2026-03-29T01:20", "2026-03-29T01:40", "2026-03-30T00:00"}},
    /* 02:30 comes twice on 25 October: the first time */
    {"30 2 * * *",
     "Europe/Berlin",
     "2026-10-24T00:00:00Z",
     {"2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"}},
    {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", {"2026-10-26T01:30"}},
    /* every hour is every hour that passes */
    {"30 * * * *",
     "Europe/Berlin",
     "2026-03-29T00:00:00Z",
     {"2026-03-29T00:30", "2026-03-29T01:30", "2026-03-29T02:30"}},
    {"30 * * * *",
     "Europe/Berlin",
     "2026-10-25T00:00:00Z",
     {"2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"}},
    /* half an hour (Lord Howe), and a midnight that is skipped (Beirut) */
    {"15 2 * * *",
     "Australia/Lord_Howe",
     "2026-10-03T12:00:00Z",
     {"2026-10-03T15:30", "2026-10-04T15:15"}},
    {"0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", {"2026-03-28T22:00", "2026-03-29T21:00"}},
    {"*/30 * 29 3 *",
     "Asia/Beirut",
     "2026-03-28T12:00:00Z",
     {"2026-03-28T22:00", "2026-03-28T22:30"}},
};

static struct tn_zone *zone_of(const char *name)
{
    struct tn_err err;
    struct tn_zone *z = name ? tn_zone_new(tn_str(name), &err) : NULL;
    if (name && !z) fail_msg("%s", err.text);
    return z;
}

static void the_next_times_are_these(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_zone *zone = zone_of(cases[i].zone);
        struct tn_cron cron;
        struct tn_err err;
        int64_t at;
        assert_true(tn_time_parse(tn_str(cases[i].after), &at));
        if (!tn_cron_read(tn_str(cases[i].cron), &cron, &err))
            fail_msg("%s: %s", cases[i].cron, err.text);
        for (int k = 0; k < 4 && cases[i].next[k]; k++) {
            char text[TN_TIME_LEN + 1];
            assert_true(tn_cron_next(&cron, zone, at, &at));
            tn_time_text(at, text);
            if (strncmp(text, cases[i].next[k], 16) != 0 || strcmp(text + 16, ":00.000Z") != 0)
                fail_msg("%s in %s, number %d: %s, not %s", cases[i].cron, cases[i].zone, k, text,
                         cases[i].next[k]);
        }
        tn_zone_free(zone);
    }
}

static void what_is_no_schedule_is_said(void **state)
{
    static const struct {
        const char *cron, *says;
    } bad[] = {
        {"", "0 fields"},
        {"* * * *", "4 fields"},
        {"* * * * * *", "more than the five"},
        {"60 * * * *", "minute"},
        {"* 24 * * *", "hour"},
        {"* * 0 * *", "day of the month"},
        {"* * 32 * *", "day of the month"},
        {"* * * 13 *", "month"},
        {"* * * foo *", "month"},
        {"* * * * 8", "day of the week"},
        {"* * * * monday", "day of the week"},
        {"mon * * * *", "minute"},
        {"5-1 * * * *", "minute"},
        {"1,,2 * * * *", "minute"},
        {",1 * * * *", "minute"},
        {"1, * * * *", "minute"},
        {"*/0 * * * *", "minute"},
        {"*/60 * * * *", "minute"},
        {"/5 * * * *", "minute"},
        {"1- * * * *", "minute"},
        {"-5 * * * *", "minute"},
        {"1-2-3 * * * *", "minute"},
        {"+1 * * * *", "minute"},
        {"1.5 * * * *", "minute"},
        {"0 0 30 2 *", "no such day"},
        {"0 0 31 4,6,9,11 *", "no such day"},
        {"@never", "minute"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tn_cron cron;
        struct tn_err err;
        if (tn_cron_read(tn_str(bad[i].cron), &cron, &err)) fail_msg("%s is read", bad[i].cron);
        if (err.kind != TN_E_invalid || !strstr(err.text, bad[i].says))
            fail_msg("%s: %s", bad[i].cron, err.text);
    }
}

/* Slow and plain: in a zone without changes every minute either fits or does not. */
static bool fits(const struct tn_cron *c, int64_t ms)
{
    int64_t minute = ms / 60000, day = minute / 1440, year;
    unsigned month, date;
    tn_civil(day, &year, &month, &date);
    bool by_date = c->days >> date & 1, by_week = c->weekdays >> ((day + 4) % 7) & 1;
    return c->minutes >> (minute % 60) & 1 && c->hours >> (minute / 60 % 24) & 1 &&
           c->months >> month & 1 &&
           (c->days_given && c->weekdays_given ? by_date || by_week : by_date && by_week);
}

static void no_minute_is_left_out(void **state)
{
    static const char *const texts[] = {"*/7 * * * *", "3 */5 * * *", "0 12 1-7 * 1",
                                        "59 23 28-31 * *", "*/9 9-17/2 * 2,3 tue"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tn_cron cron;
        struct tn_err err;
        int64_t next, at = (int64_t)tn_days(2027, 12, 20) * 86400000;
        assert_true(tn_cron_read(tn_str(texts[i]), &cron, &err));
        assert_true(tn_cron_next(&cron, NULL, at, &next));
        for (int64_t ms = at + 60000; ms < at + 80 * (int64_t)86400000; ms += 60000) {
            if (!fits(&cron, ms)) continue;
            assert_int_equal(next, ms);
            assert_true(tn_cron_next(&cron, NULL, ms, &next));
        }
    }
}

/* Whatever the clocks do: always later, and once a day for what names one time of the day. */
static void time_goes_on(void **state)
{
    static const char *const zones[] = {"Europe/Berlin",      "America/New_York", "Asia/Beirut",
                                        "America/Sao_Paulo",  "Africa/Cairo",     "Pacific/Apia",
                                        "Australia/Lord_Howe"};
    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        struct tn_zone *zone = zone_of(zones[i]);
        struct tn_cron cron;
        struct tn_err err;
        int64_t at = (int64_t)tn_days(2015, 1, 1) * 86400000, next;
        assert_true(tn_cron_read(TN_STR("20 2 * * *"), &cron, &err));
        assert_true(tn_cron_next(&cron, zone, at, &at));
        for (int day = 0; day < 4000; day++, at = next) {
            assert_true(tn_cron_next(&cron, zone, at, &next));
            int64_t hours = (next - at) / 3600000;
            if (hours < 22 || hours > 26) fail_msg("%s: %lld h", zones[i], (long long)hours);
        }
        tn_zone_free(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_times_are_these),
        cmocka_unit_test(what_is_no_schedule_is_said),
        cmocka_unit_test(no_minute_is_left_out),
        cmocka_unit_test(time_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
