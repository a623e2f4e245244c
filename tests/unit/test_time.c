/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "base/time.h"

static void texts_are_read_with_zone_and_fraction(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01", 0},
        {"2024-02-29T23:59:59.999Z", 1709251199999},
        {"2025-11-20T17:01:09.482+01:00", 1763654469482},
        {"2025-11-20 16:01:09.4829999Z", 1763654469482},
        {"2025-11-20t16:01:09z", 1763654469000},
        {"2025-11-20T10:31:09-0530", 1763654469000},
        {"1969-12-31T23:59:59.5Z", -500},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"2025-11-20T16:01Z", 1763654460000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 1;
        if (!tn_time_parse(tn_str(cases[i].text), &ms)) fail_msg("%s", cases[i].text);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void wrong_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2025",
        "2025-13-01",
        "2025-00-01",
        "2025-02-29",
        "2100-02-29",
        "2025-04-31",
        "0000-01-01",
        "2025-1-1",
        "2025-01-01T",
        "2025-01-01T10",
        "2025-01-01T10:00:00",
        "2025-01-01T24:00:00Z",
        "2025-01-01T10:60:00Z",
        "2025-01-01T10:00:60Z",
        "2025-01-01T10:00:00.Z",
        "2025-01-01T10:00:00Zx",
        "2025-01-01T10:00:00+25:00",
        "2025-01-01T10:00:00+1:00",
        "2025-01-01x10:00:00Z",
        "+025-01-01",
        " 2025-01-01",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = 42;
        if (tn_time_parse(tn_str(bad[i]), &ms)) fail_msg("%s", bad[i]);
        assert_int_equal(ms, 42);
    }
}

static void every_day_comes_back(void **state)
{
    char text[TN_TIME_LEN + 1];
    (void)state;
    for (int64_t day = tn_days(1, 1, 1); day <= tn_days(9999, 12, 31); day += 13) {
        int64_t ms = day * 86400000 + (day * 7919 % 86400000 + 86400000) % 86400000, back;
        tn_time_text(ms, text);
        assert_true(tn_time_parse(tn_str(text), &back));
        assert_int_equal(ms, back);
    }
    assert_int_equal(tn_days(1970, 1, 1), 0);
    assert_int_equal(tn_days(2000, 3, 1), 11017);
    tn_time_text(INT64_MIN, text);
    tn_time_text(INT64_MAX, text);
    assert_int_equal(strlen(text), TN_TIME_LEN);
}

static void http_dates_come_in_three_forms(void **state)
{
    static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                       "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    static const char *const bad[] = {"",
                                      "Sun, 06 Nov 1994 08:49:37 EST",
                                      "Sun, 06 Nov 1994 08:49:37 GMT+1",
                                      "Sun, 31 Feb 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 25:49:37 GMT",
                                      "Sun, 06 Nom 1994 08:49:37 GMT",
                                      "784111777",
                                      "Sun Nov  6 08:49:37 1994 x"};
    int64_t ms = 0;
    char text[30];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(tn_time_parse_http(tn_str(good[i]), &ms));
        assert_int_equal(ms, 784111777000);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tn_time_parse_http(tn_str(bad[i]), &ms)) fail_msg("%s", bad[i]);
    tn_time_http(784111777999, text);
    assert_string_equal(text, good[0]);
    tn_time_http(-1, text);
    assert_string_equal(text, "Wed, 31 Dec 1969 23:59:59 GMT");
}

static void clocks_run_forward(void **state)
{
    int64_t a = tn_mono_us(), b = tn_mono_us();
    (void)state;
    assert_true(b >= a);
    assert_true(tn_now_ms() / 1000 - (int64_t)time(NULL) <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_with_zone_and_fraction),
        cmocka_unit_test(wrong_texts_are_refused),
        cmocka_unit_test(every_day_comes_back),
        cmocka_unit_test(http_dates_come_in_three_forms),
        cmocka_unit_test(clocks_run_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
