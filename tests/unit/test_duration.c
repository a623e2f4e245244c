/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/duration.h"

static void texts_are_read(void **state)
{
    static const struct {
        const char *text;
        struct tn_duration is;
    } good[] = {
        {"PT15M", {0, 0, 900000}},
        {"P1Y2M3DT4H5M6.5S", {14, 3, 14706500}},
        {"P2W", {0, 14, 0}},
        {"PT0S", {0, 0, 0}},
        {"-P1DT1H", {0, -1, -3600000}},
        {"PT0,25S", {0, 0, 250}},
        {"PT1.5H", {0, 0, 5400000}},
        {"PT36H", {0, 0, 129600000}},
        {"PT0.0019S", {0, 0, 1}},
        {"P0D", {0, 0, 0}},
        {"90s", {0, 0, 90000}},
        {"250ms", {0, 0, 250}},
        {"1d", {0, 0, 86400000}},
        {"1000000d", {0, 0, 86400000000000}},
    };
    static const char *const bad[] = {"",
                                      "P",
                                      "PT",
                                      "15",
                                      "PT15",
                                      "P15M ",
                                      "PT5M4H",
                                      "P1D2Y",
                                      "PT1.5H3M",
                                      "-90s",
                                      "1.5s",
                                      "pt1s",
                                      "P1.5D",
                                      "PT.5S",
                                      "PT1.S",
                                      "P1S",
                                      "PT1D",
                                      "P1YT",
                                      "5 m",
                                      "T15M",
                                      "--P1D",
                                      "P-1D",
                                      "PTT1S",
                                      "PT1S1S",
                                      "P9999999D",
                                      "PT9999999999999S",
                                      "P999999999999Y",
                                      "9999999999s",
                                      "soon",
                                      "33331331d",
                                      "P1000000DT1S"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct tn_duration d;
        if (!tn_duration_read(tn_str(good[i].text), &d) || memcmp(&d, &good[i].is, sizeof d) != 0)
            fail_msg("%s: %lld %lld %lld", good[i].text, (long long)d.months, (long long)d.days,
                     (long long)d.ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tn_duration d;
        if (tn_duration_read(tn_str(bad[i]), &d)) fail_msg("%s is read", bad[i]);
    }
}

static void what_is_written_reads_back(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{900000, "PT15M"}, {0, "PT0S"},       {250, "PT0.25S"},
                 {-1000, "-PT1S"},  {86400000, "P1D"}, {93784005, "P1DT2H3M4.005S"},
                 {3600000, "PT1H"}, {61000, "PT1M1S"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TN_DURATION_LEN];
        struct tn_duration d;
        tn_duration_text(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_true(tn_duration_read(tn_str(text), &d));
        assert_int_equal(d.days * 86400000 + d.ms, cases[i].ms);
    }
    char text[TN_DURATION_LEN];
    tn_duration_text(INT64_MIN, text);
    tn_duration_text(INT64_MAX, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_read),
                                       cmocka_unit_test(what_is_written_reads_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
