/* SPDX-License-Identifier: MIT */
/* Exact conversions: numbers digit by digit, times minute by minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/time.h"
#include "mapping/coerce.h"
#include "mapping/plan.h"

static void expect_text(bool ok, struct tn_str got, const char *want, const char *what)
{
    if (!ok && !want) return;
    if (!ok || !want || !tn_str_is(got, want))
        fail_msg("%s: wanted %s, got %.*s", what, want ? want : "a refusal", ok ? (int)got.n : 9,
                 ok ? got.p : "a refusal");
}

static void case_15_numbers_are_read_as_json_numbers_or_not_at_all(void **state)
{
    static const char *const rows[][2] = {
        {"100", "100"},       {" 7 ", "7"},
        {"+5", "5"},          {"007", "7"},
        {"-007.50", "-7.50"}, {"0.10", "0.10"},
        {"1e-7", "1e-7"},     {"-0", "-0"},
        {"0", "0"},           {"00", "0"},
        {"1E+2", "1E+2"},     {"00.5", "0.5"},
        {"", NULL},           {"-", NULL},
        {"+", NULL},          {"1.", NULL},
        {".5", "0.5"},        {"-.5", "-0.5"},
        {"+.50", "0.50"},     {".5e3", "0.5e3"},
        {"0000125", "125"},   {".", NULL},
        {"-.", NULL},         {"1e", NULL},
        {".e1", NULL},        {"0x10", NULL},
        {"1,5", NULL},        {"1 2", NULL},
        {"NaN", NULL},        {"inf", NULL},
        {"+-1", NULL},        {"--1", NULL},
        {"1e+", NULL},        {"9223372036854775808", "9223372036854775808"}};
    char room[TN_COERCE_MAX], large[2000];
    struct tn_str got;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_text(tn_coerce_number(tn_str(rows[i][0]), room, &got), got, rows[i][1], rows[i][0]);
    memset(large, '9', sizeof large);
    assert_false(tn_coerce_number((struct tn_str){large, sizeof large}, room, &got));
    assert_true(tn_coerce_number((struct tn_str){large, TN_LIMIT_DECIMAL}, room, &got));
    assert_false(tn_coerce_number((struct tn_str){large, TN_LIMIT_DECIMAL + 1}, room, &got));
    assert_true(tn_coerce_number(TN_STR("1e999999999"), room, &got));
    assert_false(tn_coerce_number(TN_STR("1e1000000000"), room, &got));
    assert_false(tn_coerce_number(TN_STR("1e-99999999999999999999"), room, &got));
    assert_false(tn_coerce_number((struct tn_str){"1\0", 2}, room, &got));
}

static void numbers_compare_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {{"1", "1.0", 0},
                {"1e2", "100", 0},
                {"0.1", "0.10", 0},
                {"-0", "0", 0},
                {"0e5", "0", 0},
                {"0.000", "-0.0", 0},
                {"9", "10", -1},
                {"-9", "-10", 1},
                {"0.3", "0.29999999999999999", 1},
                {"9007199254740993", "9007199254740992", 1},
                {"1e400", "1e399", 1},
                {"-1e400", "1", -1},
                {"123456789012345678901", "123456789012345678900", 1},
                {"1e-400", "0", 1},
                {"-1e-400", "0", -1},
                {"12.5", "12.49", 1},
                {"999999999999999999", "1000000000000000000", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int got = tn_coerce_compare(tn_str(rows[i].a), tn_str(rows[i].b));
        int back = tn_coerce_compare(tn_str(rows[i].b), tn_str(rows[i].a));
        if ((got > 0) - (got < 0) != rows[i].order || (back > 0) - (back < 0) != -rows[i].order)
            fail_msg("%s against %s: %d, back %d", rows[i].a, rows[i].b, got, back);
    }
}

static void whole_numbers_are_recognised_however_they_are_written(void **state)
{
    static const char *const rows[][2] = {
        {"7", "7"},
        {"7.0", "7"},
        {"7e2", "700"},
        {"-0", "0"},
        {"0.0", "0"},
        {"1.5e1", "15"},
        {"7.5", NULL},
        {"1e-1", NULL},
        {"-12.00", "-12"},
        {"1e2000", NULL},
        {"100e-2", "1"},
        {"0e9", "0"},
        {"300000047274444", "300000047274444"},
        {"123456789012345678901234567890", "123456789012345678901234567890"}};
    char room[TN_COERCE_MAX];
    struct tn_str got;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_text(tn_coerce_integer(tn_str(rows[i][0]), room, &got), got, rows[i][1], rows[i][0]);
}

static void decimals_round_as_told(void **state)
{
    static const struct {
        const char *in;
        int scale, rounding;
        const char *out;
    } rows[] = {{"12.5", 4, TN_ROUND_half_up, "12.5000"},
                {"3", 2, TN_ROUND_half_up, "3.00"},
                {"3.00", 2, TN_ROUND_half_up, "3.00"},
                {"1.005", 2, TN_ROUND_half_up, "1.01"},
                {"1.005", 2, TN_ROUND_half_even, "1.00"},
                {"1.015", 2, TN_ROUND_half_even, "1.02"},
                {"1.0051", 2, TN_ROUND_half_even, "1.01"},
                {"-1.005", 2, TN_ROUND_half_up, "-1.01"},
                {"1.009", 2, TN_ROUND_down, "1.00"},
                {"1.001", 2, TN_ROUND_up, "1.01"},
                {"9.999", 2, TN_ROUND_half_up, "10.00"},
                {"0.5", 0, TN_ROUND_half_up, "1"},
                {"0.5", 0, TN_ROUND_half_even, "0"},
                {"1.5", 0, TN_ROUND_half_even, "2"},
                {"0.4", 0, TN_ROUND_half_up, "0"},
                {"-0.001", 2, TN_ROUND_half_up, "0.00"},
                {"0.001", 2, TN_ROUND_up, "0.01"},
                {"0.0001", 2, TN_ROUND_up, "0.01"},
                {"0.05", 1, TN_ROUND_half_up, "0.1"},
                {"0.049", 1, TN_ROUND_half_up, "0.0"},
                {"1e3", 2, TN_ROUND_half_up, "1000.00"},
                {"1.25e-2", 4, TN_ROUND_half_up, "0.0125"},
                {"99.95", 1, TN_ROUND_half_up, "100.0"},
                {"1.001", 2, TN_ROUND_none, NULL},
                {"1.010", 2, TN_ROUND_none, "1.01"},
                {"-0", 2, TN_ROUND_half_up, "0.00"},
                {"0e10", 2, TN_ROUND_half_up, "0.00"},
                {"1e2000", 2, TN_ROUND_half_up, NULL},
                {"1e-2000", 2, TN_ROUND_half_up, "0.00"},
                {"1e-2000", 2, TN_ROUND_none, NULL},
                {"123456789012345678901234567890.12345", 2, TN_ROUND_half_up,
                 "123456789012345678901234567890.12"}};
    char room[TN_COERCE_MAX];
    struct tn_str got;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_text(
            tn_coerce_decimal(tn_str(rows[i].in), rows[i].scale, rows[i].rounding, room, &got), got,
            rows[i].out, rows[i].in);
}

static void ratios_are_exact_or_rounded_as_told(void **state)
{
    static const struct {
        const char *v, *factor, *divisor;
        int scale, rounding;
        const char *out;
    } rows[] = {
        {"6", "1", "3", -1, 0, "2"},
        {"1", "1", "4", -1, 0, "0.25"},
        {"1", "1", "3", -1, 0, NULL},
        {"1", "1", "3", 4, TN_ROUND_half_up, "0.3333"},
        {"2", "1", "3", 4, TN_ROUND_half_up, "0.6667"},
        {"1", "1", "1000000", -1, 0, "0.000001"},
        {"-7", "1", "2", 0, TN_ROUND_half_up, "-4"},
        {"0", "3", "7", 2, 0, "0.00"},
        {"100", "1", "25.4", 3, TN_ROUND_half_up, "3.937"},
        {"25.4", "1", "25.4", -1, 0, "1"},
        {"2.5", "453592.37", "1000", -1, 0, "1133.980925"},
        {"1", "1", "3", 2, TN_ROUND_none, NULL},
        {"3", "1", "4", 2, TN_ROUND_none, "0.75"},
        {"100", "10", "1", -1, 0, "1000"},
        {"123456789012345678901234567890", "10", "1", -1, 0, "1234567890123456789012345678900"}};
    char room[TN_COERCE_MAX];
    struct tn_str got;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_text(tn_coerce_ratio(tn_str(rows[i].v), tn_str(rows[i].factor),
                                    tn_str(rows[i].divisor), rows[i].scale, rows[i].rounding, room,
                                    &got),
                    got, rows[i].out, rows[i].v);
}

static void words_mean_yes_or_no(void **state)
{
    bool v = false;
    (void)state;
    assert_true(tn_coerce_word(TN_STR("YES"), &v) && v);
    assert_true(tn_coerce_word(TN_STR("n"), &v) && !v);
    assert_true(tn_coerce_word(TN_STR("1"), &v) && v);
    assert_true(tn_coerce_word(TN_STR("Off"), &v) && !v);
    assert_false(tn_coerce_word(TN_STR(""), &v));
    assert_false(tn_coerce_word(TN_STR("2"), &v));
    assert_false(tn_coerce_word(TN_STR("truee"), &v));
}

static void expect_time(const char *in, const char *format, const char *zone, const char *want)
{
    struct tn_moment m;
    struct tn_err err;
    char out[TN_MOMENT_LEN + 1] = "";
    struct tn_zone *z = zone ? tn_zone_new(tn_str(zone), &err) : NULL;
    if (zone && !z) fail_msg("%s", err.text);
    bool ok = tn_moment_read(tn_str(in), tn_str(format), &m) && tn_moment_utc(&m, z, out);
    expect_text(ok, tn_str(out), want, in);
    tn_zone_free(z);
}

static void times_become_utc(void **state)
{
    (void)state;
    expect_time("2024-03-05T16:34:12.220+02:00", NULL, NULL, "2024-03-05T14:34:12.220Z");
    expect_time("2024-03-05T16:34:12Z", NULL, NULL, "2024-03-05T16:34:12.000Z");
    expect_time("2024-03-05 16:34:12.1239+00:00", NULL, NULL, "2024-03-05T16:34:12.123Z");
    expect_time("2024-12-31T23:30:00-0100", NULL, NULL, "2025-01-01T00:30:00.000Z");
    expect_time("2024-03-05T16:34+05", NULL, NULL, "2024-03-05T11:34:00.000Z");
    expect_time("2024-03-05T16:34:12", NULL, NULL, NULL);
    expect_time("2024-03-05T16:34:12", NULL, "UTC", "2024-03-05T16:34:12.000Z");
    expect_time("2024-03-05T16:34:12", NULL, "+02:00", "2024-03-05T14:34:12.000Z");
    expect_time("2024-03-05T16:34:12+01:00", NULL, "+02:00", "2024-03-05T15:34:12.000Z");
    expect_time("2024-03-05", NULL, "UTC", "2024-03-05T00:00:00.000Z");
    expect_time("0001-01-01T00:00:00+01:00", NULL, NULL, NULL);
    expect_time("9999-12-31T23:59:59-01:00", NULL, NULL, NULL);
    static const char *const bad[] = {"",
                                      "2024",
                                      "2024-02-30",
                                      "2023-02-29",
                                      "2024-13-01",
                                      "2024-00-10",
                                      "2024-1-1",
                                      "24-01-01",
                                      "2024-01-01T",
                                      "2024-01-01T25:00Z",
                                      "2024-01-01T10:60Z",
                                      "2024-01-01T10:00:60Z",
                                      "2024-01-01T10:00Zx",
                                      "2024-01-01T10:00:00.Z",
                                      "2024-01-01T10:00+24:00",
                                      "2024-01-01T10:00+1",
                                      "x",
                                      " 2024-01-01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect_time(bad[i], NULL, "UTC", NULL);
}

static void formats_are_followed(void **state)
{
    (void)state;
    expect_time("05-MAR-2024", "%d-%b-%Y", "UTC", "2024-03-05T00:00:00.000Z");
    expect_time("03/05/24 04:34:12 PM", "%m/%d/%y %I:%M:%S %p", "UTC", "2024-03-05T16:34:12.000Z");
    expect_time("03/05/24 12:00:00 AM", "%m/%d/%y %I:%M:%S %p", "UTC", "2024-03-05T00:00:00.000Z");
    expect_time("03/05/24 00:00:00 AM", "%m/%d/%y %I:%M:%S %p", "UTC", NULL);
    expect_time("20240305163412.5 +0100", "%Y%m%d%H%M%S.%f %z", NULL, "2024-03-05T15:34:12.500Z");
    expect_time("5.3.2024 7:05", "%e.%m.%Y %H:%M", "UTC", "2024-03-05T07:05:00.000Z");
    expect_time("5.03.2024 07:05", "%e.%m.%Y %H:%M", "UTC", "2024-03-05T07:05:00.000Z");
    expect_time("1709656452", "epoch", NULL, "2024-03-05T16:34:12.000Z");
    expect_time("1709656452220", "epoch_ms", NULL, "2024-03-05T16:34:12.220Z");
    expect_time("-1", "epoch_ms", NULL, "1969-12-31T23:59:59.999Z");
    expect_time("253402300800", "epoch", NULL, NULL);
    expect_time("99999999999999999", "epoch", NULL, NULL);
    expect_time("12.5", "epoch", NULL, NULL);
    expect_time("05-MAR-2024x", "%d-%b-%Y", "UTC", NULL);
    expect_time("05-MRZ-2024", "%d-%b-%Y", "UTC", NULL);
    expect_time("100%2024", "100%%%Y", "UTC", "2024-01-01T00:00:00.000Z");
    assert_null(tn_moment_format_fault(TN_STR("%d-%b-%Y")));
    assert_non_null(tn_moment_format_fault(TN_STR("%d-%b")));
    assert_non_null(tn_moment_format_fault(TN_STR("%Q %Y")));
    assert_non_null(tn_moment_format_fault(TN_STR("%Y%")));
}

static void case_16_times_as_erp_systems_write_them(void **state)
{
    (void)state;
    expect_time("3/5/2024 4:34 PM", "%m/%d/%Y %I:%M %p", "UTC", "2024-03-05T16:34:00.000Z");
    expect_time("5.3.2024", "%d.%m.%Y", "UTC", "2024-03-05T00:00:00.000Z");
    expect_time("05.03.2024", "%d.%m.%Y", "UTC", "2024-03-05T00:00:00.000Z");
    expect_time("5.3.2024 7:05", "%d.%m.%Y %H:%M", "UTC", "2024-03-05T07:05:00.000Z");
    expect_time("2024112", "%Y%m%d", "UTC", NULL);
    expect_time("2024-3-5", "%Y-%-m-%-d", "UTC", "2024-03-05T00:00:00.000Z");
    expect_time("2024060", "%Y%j", "UTC", "2024-02-29T00:00:00.000Z");
    expect_time("2023-366", "%Y-%j", "UTC", NULL);
    expect_time("2023-000", "%Y-%j", "UTC", NULL);
    expect_time("/Date(1493596800000)/", "/Date()/", NULL, "2017-05-01T00:00:00.000Z");
    expect_time("/Date(1493596800000+0120)/", "/Date()/", NULL, "2017-05-01T00:00:00.000Z");
    expect_time("/Date(-1)/", "/Date()/", NULL, "1969-12-31T23:59:59.999Z");
    expect_time("/Date()/", "/Date()/", NULL, NULL);
    expect_time("/Date(-)/", "/Date()/", NULL, NULL);
    expect_time("/Date(1+)/", "/Date()/", NULL, NULL);
    expect_time("/Date(1)", "/Date()/", NULL, NULL);
    expect_time("1493596800000", "epoch_ms", NULL, "2017-05-01T00:00:00.000Z");
    expect_time("1493596800", "%s", NULL, "2017-05-01T00:00:00.000Z");
    expect_time("124060", "cyyddd", "UTC", "2024-02-29T00:00:00.000Z");
    expect_time("99365", "cyyddd", "UTC", "1999-12-31T00:00:00.000Z");
    expect_time("0", "cyyddd", "UTC", NULL);
    expect_time("123366", "cyyddd", "UTC", NULL);
    expect_time("2020-04-15T24:00:00Z", NULL, NULL, "2020-04-16T00:00:00.000Z");
    expect_time("2020-12-31T24:00:00", NULL, "UTC", "2021-01-01T00:00:00.000Z");
    expect_time("2020-04-15T24:00:01Z", NULL, NULL, NULL);
    expect_time("2020-04-31T24:00:00Z", NULL, NULL, NULL);
    expect_time("9999-12-31T24:00:00Z", NULL, NULL, NULL);
    expect_time("2024-07-15T12:00:00", NULL, "W. Europe Standard Time", "2024-07-15T10:00:00.000Z");
    expect_time("2024-07-15T12:00:00", NULL, "eastern standard time", "2024-07-15T16:00:00.000Z");
    assert_non_null(strstr(tn_moment_format_fault(TN_STR("%Q %Y")), "epoch_ms"));
}

static void case_16_times_are_written_as_they_are_read(void **state)
{
    static const char *const rows[][2] = {{"%-m/%-d/%Y %-I:%M %p", "3/5/2024 4:34 PM"},
                                          {"%Y%j", "2024065"},
                                          {"cyyddd", "124065"},
                                          {"/Date()/", "/Date(1709656440000)/"},
                                          {"%s", "1709656440"}};
    char room[TN_MOMENT_TEXT];
    struct tn_moment m;
    struct tn_str got;
    (void)state;
    assert_true(tn_moment_read(TN_STR("2024-03-05T16:34:00Z"), (struct tn_str){0}, &m));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_text(tn_moment_text(&m, tn_str(rows[i][0]), NULL, room, &got), got, rows[i][1],
                    rows[i][0]);
}

static void zones_follow_their_summer_time(void **state)
{
    (void)state;
    expect_time("2024-01-15T12:00:00", NULL, "Europe/Berlin", "2024-01-15T11:00:00.000Z");
    expect_time("2024-07-15T12:00:00", NULL, "Europe/Berlin", "2024-07-15T10:00:00.000Z");
    /* skipped: 02:00 to 03:00 on 2024-03-31 */
    expect_time("2024-03-31T02:30:00", NULL, "Europe/Berlin", "2024-03-31T01:30:00.000Z");
    expect_time("2024-03-31T01:59:59", NULL, "Europe/Berlin", "2024-03-31T00:59:59.000Z");
    expect_time("2024-03-31T03:00:00", NULL, "Europe/Berlin", "2024-03-31T01:00:00.000Z");
    /* twice: 02:00 to 03:00 on 2024-10-27; the earlier one */
    expect_time("2024-10-27T02:30:00", NULL, "Europe/Berlin", "2024-10-27T00:30:00.000Z");
    expect_time("2024-10-27T03:00:00", NULL, "Europe/Berlin", "2024-10-27T02:00:00.000Z");
    /* behind the last listed change: the rule */
    expect_time("2050-01-15T12:00:00", NULL, "Europe/Berlin", "2050-01-15T11:00:00.000Z");
    expect_time("2050-07-15T12:00:00", NULL, "Europe/Berlin", "2050-07-15T10:00:00.000Z");
    expect_time("2050-07-15T12:00:00", NULL, "America/New_York", "2050-07-15T16:00:00.000Z");
    expect_time("2051-01-15T12:00:00", NULL, "Australia/Sydney", "2051-01-15T01:00:00.000Z");
    expect_time("2024-07-15T12:00:00", NULL, "Asia/Kolkata", "2024-07-15T06:30:00.000Z");
    expect_time("1999-12-31T23:59:59.999", NULL, "America/New_York", "2000-01-01T04:59:59.999Z");
    static const char *const bad[] = {
        "",       "Nowhere/City", "../../etc/passwd", "/etc/localtime", "Europe", "zone.tab",
        "+25:00", "+2",           "+02:60",           "leapseconds"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tn_err err;
        struct tn_zone *z = tn_zone_new(tn_str(bad[i]), &err);
        if (z) fail_msg("%s is no zone", bad[i]);
        assert_int_equal(err.kind, TN_E_invalid);
    }
    tn_zone_free(NULL);
}

static void units_convert_exactly(void **state)
{
    static const char *const rows[][4] = {{"2.5", "kg", "g", "2500"},    {"1", "in", "mm", "25.4"},
                                          {"1", "lb", "g", "453.59237"}, {"3", "dozen", "ea", "36"},
                                          {"90", "min", "h", "1.5"},     {"1", "ft", "in", "12"}};
    char room[TN_COERCE_MAX];
    struct tn_str factor, divisor, got;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(tn_coerce_unit(tn_str(rows[i][1]), tn_str(rows[i][2]), &factor, &divisor));
        expect_text(tn_coerce_ratio(tn_str(rows[i][0]), factor, divisor, -1, 0, room, &got), got,
                    rows[i][3], rows[i][1]);
    }
    assert_false(tn_coerce_unit(TN_STR("kg"), TN_STR("m"), &factor, &divisor));
    assert_false(tn_coerce_unit(TN_STR("kg"), TN_STR("stone"), &factor, &divisor));
}

static uint64_t seed = 1;
static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* An exponent of zero says nothing, but keeps the short way from being taken. */
static void short_decimals_are_those_of_the_long_way(void **state)
{
    static const char *const digits[] = {"0",  "5",    "9",     "49",    "50",
                                         "99", "4999", "99995", "123456"};
    enum { N = sizeof digits / sizeof *digits };
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char room[TN_COERCE_MAX], other[TN_COERCE_MAX], text[64], longer[72];
        struct tn_str a, b;
        int64_t scale = pick(8);
        int rounding = (int)pick(TN_ROUND_none + 1);
        const char *whole = digits[pick(N)], *part = digits[pick(N)], *more = digits[pick(N)];
        bool point = pick(4);
        snprintf(text, sizeof text, "%s%s%s%s%s", pick(8) ? "" : "-", whole, point ? "." : "",
                 point ? part : "", point && pick(2) ? more : "");
        snprintf(longer, sizeof longer, "%se0", text);
        bool ok = tn_coerce_decimal(tn_str(text), scale, rounding, room, &a);
        assert_int_equal(ok, tn_coerce_decimal(tn_str(longer), scale, rounding, other, &b));
        if (ok && !tn_str_eq(a, b))
            fail_msg("%s to %d digits, rounding %d: %.*s, the long way %.*s", text, (int)scale,
                     rounding, TN_FMT(a), TN_FMT(b));
    }
}

static void random_time(char text[64])
{
    static const char *const fractions[] = {"", ".5", ".123", ".123456789", ".", ",25"};
    static const char *const zones[] = {"Z",      "z",     "+00:00", "-00:00", "+02:00", "-11:30",
                                        "+23:59", "+0200", "+24:00", "",       "+02",    " Z"};
    int n = snprintf(text, 64, "%04u-%02u-%02u%c%02u:%02u:%02u%s%s", pick(8) ? 1996 + pick(40) : 0,
                     pick(14), pick(33), "TTTTTt "[pick(7)], pick(25), pick(61), pick(61),
                     fractions[pick(6)], zones[pick(12)]);
    if (!pick(4)) text[pick((unsigned)n)] = (char)(1 + pick(255));
}

static void quick_times_are_those_of_the_long_way(void **state)
{
    unsigned quick = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[64], fast[TN_MOMENT_LEN + 1] = "", slow[TN_MOMENT_LEN + 1] = "";
        struct tn_moment m;
        random_time(text);
        struct tn_str s = {text, strlen(text)};
        if (!tn_moment_quick(s, fast)) continue;
        quick++;
        assert_true(tn_moment_read(s, (struct tn_str){0}, &m) && tn_moment_utc(&m, NULL, slow));
        assert_string_equal(fast, slow);
    }
    assert_true(quick > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_15_numbers_are_read_as_json_numbers_or_not_at_all),
        cmocka_unit_test(numbers_compare_by_value),
        cmocka_unit_test(whole_numbers_are_recognised_however_they_are_written),
        cmocka_unit_test(decimals_round_as_told),
        cmocka_unit_test(ratios_are_exact_or_rounded_as_told),
        cmocka_unit_test(words_mean_yes_or_no),
        cmocka_unit_test(times_become_utc),
        cmocka_unit_test(formats_are_followed),
        cmocka_unit_test(case_16_times_as_erp_systems_write_them),
        cmocka_unit_test(case_16_times_are_written_as_they_are_read),
        cmocka_unit_test(zones_follow_their_summer_time),
        cmocka_unit_test(units_convert_exactly),
        cmocka_unit_test(short_decimals_are_those_of_the_long_way),
        cmocka_unit_test(quick_times_are_those_of_the_long_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
