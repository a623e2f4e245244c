/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/decimal.h"
#include "base/limits.h"

static struct tn_decimal decimal(const char *text)
{
    struct tn_decimal d = {0};
    struct tn_err err;
    if (!tn_decimal_parse(&d, tn_str(text), &err)) fail_msg("%s: %s", text, err.text);
    return d;
}

static void is(const struct tn_decimal *d, const char *want)
{
    struct tn_buf out;
    tn_buf_init(&out, 8192);
    tn_decimal_text(d, &out);
    assert_string_equal(out.p, want);
    tn_buf_clear(&out);
}

static void texts_come_back_as_they_are(void **state)
{
    static const char *const same[] = {
        "0",
        "1",
        "-1",
        "0.10",
        "-0.05",
        "12345678901234567890.123456789012345678901234567890",
        "0.00",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "100000000000000000000000",
        "0.0000000000000000000000000000000000000000000000000000000001",
    };
    static const char *const others[][2] = {
        {"-0", "0"},
        {"1e2", "100"},
        {"1.50e1", "15.0"},
        {"1E-2", "0.01"},
        {"0e5", "0"},
        {"0e-999", "0"},
        {"1e999999999", "1e+999999999"},
        {"-12.5e-999999999", "-1.25e-999999998"},
        {"1e-03", "0.001"},
        {"1e0000000000000002", "100"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct tn_decimal d = decimal(same[i]);
        is(&d, same[i]);
        tn_decimal_clear(&d);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct tn_decimal d = decimal(others[i][0]);
        is(&d, others[i][1]);
        tn_decimal_clear(&d);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {"",   "-",  "+1",  "01",  "1.",  ".5",    "1e",  "1e+", "0x1",
                                      "1 ", " 1", "NaN", "1,5", "--1", "1e1.5", "-e1", "inf"};
    struct tn_decimal d = {0};
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (tn_decimal_parse(&d, tn_str(bad[i]), &err)) fail_msg("'%s' is accepted", bad[i]);
        assert_int_equal(err.kind, TN_E_invalid);
    }
    assert_false(tn_decimal_parse(&d, TN_STR("1e1000000000"), &err));
    assert_int_equal(err.kind, TN_E_too_large);
    assert_false(tn_decimal_parse(&d, TN_STR("1e-99999999999999999999"), &err));
    assert_int_equal(err.kind, TN_E_too_large);
    char digits[TN_LIMIT_DECIMAL + 1];
    memset(digits, '7', sizeof digits);
    assert_false(tn_decimal_parse(&d, (struct tn_str){digits, sizeof digits}, &err));
    assert_int_equal(err.kind, TN_E_too_large);
    assert_true(tn_decimal_parse(&d, (struct tn_str){digits, sizeof digits - 1}, &err));
    tn_decimal_clear(&d);
}

static void calculations_are_exact(void **state)
{
    static const struct {
        const char *a;
        char op;
        const char *b, *want;
    } cases[] = {
        {"0.1", '+', "0.2", "0.3"},
        {"0.10", '+', "0.2", "0.30"},
        {"1", '-', "1.00", "0.00"},
        {"9223372036854775807", '+', "1", "9223372036854775808"},
        {"-9223372036854775808", '-', "1", "-9223372036854775809"},
        {"9223372036854775808", '-', "1", "9223372036854775807"},
        {"9223372036854775807", '*', "-9223372036854775807",
         "-85070591730234615847396907784232501249"},
        {"1.5", '*', "2.0", "3.00"},
        {"-0.5", '*', "0.5", "-0.25"},
        {"1e20", '+', "1e-5", "100000000000000000000.00001"},
        {"123456789012345678901234567890", '+', "0.000000000000000000000000000001",
         "123456789012345678901234567890.000000000000000000000000000001"},
        {"1e400000000", '*', "1e500000000", "1e+900000000"},
        {"1e900000000", '-', "1e900000000", "0"},
        {"0", '*', "1e999999999", "0"},
        {"1e999999999", '*', "0e-5", "0"},
        {"0", '+', "1.10", "1.10"},
        {"0e900000000", '+', "1", "1"},
        {"-9223372036854775808", '*', "-1", "9223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_decimal a = decimal(cases[i].a), b = decimal(cases[i].b), c = {0};
        struct tn_err err;
        bool ok = cases[i].op == '+'   ? tn_decimal_add(&c, &a, &b, &err)
                  : cases[i].op == '-' ? tn_decimal_sub(&c, &a, &b, &err)
                                       : tn_decimal_mul(&c, &a, &b, &err);
        if (!ok) fail_msg("case %zu: %s", i, err.text);
        is(&c, cases[i].want);
        tn_decimal_clear(&a);
        tn_decimal_clear(&b);
        tn_decimal_clear(&c);
    }
}

static void a_quotient_is_rounded_as_asked(void **state)
{
    static const struct {
        const char *a, *b;
        int scale;
        const char *half_even, *half_up, *down, *up;
    } cases[] = {
        {"1", "3", 4, "0.3333", "0.3333", "0.3333", "0.3334"},
        {"2", "3", 4, "0.6667", "0.6667", "0.6666", "0.6667"},
        {"-2", "3", 2, "-0.67", "-0.67", "-0.66", "-0.67"},
        {"1.005", "1", 2, "1.00", "1.01", "1.00", "1.01"},
        {"1.015", "1", 2, "1.02", "1.02", "1.01", "1.02"},
        {"-1.005", "1", 2, "-1.00", "-1.01", "-1.00", "-1.01"},
        {"2.5", "1", 0, "2", "3", "2", "3"},
        {"3.5", "1", 0, "4", "4", "3", "4"},
        {"0.5", "1", 0, "0", "1", "0", "1"},
        {"-0.5", "1", 0, "0", "-1", "0", "-1"},
        {"1", "1", 2, "1.00", "1.00", "1.00", "1.00"},
        {"10", "-4", 1, "-2.5", "-2.5", "-2.5", "-2.5"},
        {"1", "1e30", 5, "0.00000", "0.00000", "0.00000", "0.00001"},
        {"-1e-999999999", "1", 2, "0.00", "0.00", "0.00", "-0.01"},
        {"12345678901234567890123456789.5", "1", 0, "12345678901234567890123456790",
         "12345678901234567890123456790", "12345678901234567890123456789",
         "12345678901234567890123456790"},
        {"12345678901234567890123456788.5", "1", 0, "12345678901234567890123456788",
         "12345678901234567890123456789", "12345678901234567890123456788",
         "12345678901234567890123456789"},
        {"0", "7", 3, "0.000", "0.000", "0.000", "0.000"},
        {"-9223372036854775808", "-1", 0, "9223372036854775808", "9223372036854775808",
         "9223372036854775808", "9223372036854775808"},
        {"5e-1", "1e0", 0, "0", "1", "0", "1"},
        {"1e900", "1e890", 0, "10000000000", "10000000000", "10000000000", "10000000000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *want[] = {cases[i].half_even, cases[i].half_up, cases[i].down, cases[i].up};
        struct tn_decimal a = decimal(cases[i].a), b = decimal(cases[i].b), c = {0};
        for (int mode = 0; mode < 4; mode++) {
            struct tn_err err;
            if (!tn_decimal_div(&c, &a, &b, cases[i].scale, (enum tn_round)mode, &err))
                fail_msg("%s", err.text);
            is(&c, want[mode]);
        }
        tn_decimal_clear(&a);
        tn_decimal_clear(&b);
        tn_decimal_clear(&c);
    }
}

static void what_would_blow_up_is_refused(void **state)
{
    struct tn_decimal huge = decimal("1e999999999"), one = decimal("1"), zero = {0},
                      out = decimal("7");
    struct tn_err err;
    (void)state;
    assert_false(tn_decimal_add(&out, &huge, &one, &err));
    assert_int_equal(err.kind, TN_E_too_large);
    assert_false(tn_decimal_sub(&out, &one, &huge, &err));
    assert_false(tn_decimal_round(&out, &huge, 2, TN_ROUND_down, &err));
    assert_int_equal(err.kind, TN_E_too_large);
    assert_false(tn_decimal_div(&out, &one, &zero, 2, TN_ROUND_down, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_false(tn_decimal_div(&out, &one, &one, -1, TN_ROUND_down, &err));
    assert_false(tn_decimal_div(&out, &one, &one, TN_DECIMAL_SCALE_MAX + 1, TN_ROUND_down, &err));
    is(&out, "7");
    assert_false(tn_decimal_mul(&huge, &huge, &huge, &err));
    assert_false(tn_decimal_add(&huge, &huge, &huge, &err));
    is(&huge, "1e+999999999");
    struct tn_decimal grow = decimal("12345678901234567890");
    int rounds = 0;
    while (tn_decimal_mul(&grow, &grow, &grow, &err)) rounds++;
    assert_int_equal(rounds, 5);
    tn_decimal_clear(&huge);
    tn_decimal_clear(&one);
    tn_decimal_clear(&out);
    tn_decimal_clear(&grow);
}

static void comparison_is_by_value(void **state)
{
    static const char *const rising[][2] = {
        {"-1e999999999", "-10e999999998"},
        {"-1e30", "-1000000000000000000000000000000"},
        {"-12.5", "-12.50"},
        {"-1e-999999999", "-0.1e-999999998"},
        {"0", "-0.000"},
        {"1e-999999999", "0.1e-999999998"},
        {"0.1", "0.10"},
        {"0.11", "11e-2"},
        {"9223372036854775807", "9223372036854775807.0"},
        {"9223372036854775808", "9223372036854775808.000"},
        {"1e30", "10e29"},
        {"1e999999999", "1.0e999999999"},
    };
    enum { N = sizeof rising / sizeof *rising };
    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            struct tn_decimal a = decimal(rising[i][0]), b = decimal(rising[j][1]);
            int want = (i > j) - (i < j);
            if (tn_decimal_cmp(&a, &b) != want) fail_msg("%s, %s", rising[i][0], rising[j][1]);
            tn_decimal_clear(&a);
            tn_decimal_clear(&b);
        }
    }
}

static void integers_are_exact(void **state)
{
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } cases[] = {{"7", 1, 7},
                 {"7.00", 1, 7},
                 {"7e2", 1, 700},
                 {"7.5", 0, 0},
                 {"9223372036854775807", 1, INT64_MAX},
                 {"-9223372036854775808", 1, INT64_MIN},
                 {"9223372036854775808", 0, 0},
                 {"-9223372036854775808.0", 1, INT64_MIN},
                 {"1e18", 1, 1000000000000000000},
                 {"1e19", 0, 0},
                 {"1e999999999", 0, 0},
                 {"1e-999999999", 0, 0},
                 {"0e5", 1, 0},
                 {"0.000", 1, 0},
                 {"123456789012345678900000e-5", 1, 1234567890123456789}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_decimal d = decimal(cases[i].text);
        int64_t got = -99;
        if (tn_decimal_int(&d, &got) != cases[i].fits) fail_msg("%s", cases[i].text);
        assert_int_equal(got, cases[i].fits ? cases[i].value : -99);
        tn_decimal_clear(&d);
    }
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct tn_decimal random_decimal(void)
{
    char text[128];
    size_t n = 0, digits = 1 + random_bits() % (random_bits() % 2 ? 18 : 45);
    if (random_bits() % 2) text[n++] = '-';
    text[n++] = (char)('1' + random_bits() % 9);
    while (--digits) text[n++] = (char)('0' + random_bits() % 10);
    snprintf(text + n, sizeof text - n, "e%d", (int)(random_bits() % 41) - 20);
    return decimal(text);
}

/* The laws of arithmetic, across the border between small and big. */
static void the_laws_of_arithmetic_hold(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct tn_decimal a = random_decimal(), b = random_decimal(), c = random_decimal();
        struct tn_decimal x = {0}, y = {0}, z = {0};
        struct tn_err err;
        assert_true(tn_decimal_add(&x, &a, &b, &err));
        assert_true(tn_decimal_sub(&y, &x, &b, &err));
        assert_int_equal(tn_decimal_cmp(&y, &a), 0);
        assert_int_equal(tn_decimal_cmp(&x, &a), tn_decimal_sign(&b));
        assert_true(tn_decimal_mul(&x, &x, &c, &err)); /* (a + b) c = ac + bc */
        assert_true(tn_decimal_mul(&y, &a, &c, &err));
        assert_true(tn_decimal_mul(&z, &b, &c, &err));
        assert_true(tn_decimal_add(&y, &y, &z, &err));
        assert_int_equal(tn_decimal_cmp(&x, &y), 0);
        assert_true(tn_decimal_mul(&x, &a, &b, &err)); /* ab / b = a */
        assert_true(tn_decimal_div(&y, &x, &b, 80, TN_ROUND_up, &err));
        assert_int_equal(tn_decimal_cmp(&y, &a), 0);
        assert_true(
            tn_decimal_div(&x, &a, &b, 30, TN_ROUND_down, &err)); /* |a/b cut| <= |a/b up| */
        assert_true(tn_decimal_div(&y, &a, &b, 30, TN_ROUND_up, &err));
        assert_true(tn_decimal_mul(&x, &x, &b, &err));
        assert_true(tn_decimal_mul(&y, &y, &b, &err));
        int sign = tn_decimal_sign(&a);
        assert_true(tn_decimal_cmp(&x, &a) * sign <= 0 && tn_decimal_cmp(&y, &a) * sign >= 0);
        tn_decimal_clear(&a);
        tn_decimal_clear(&b);
        tn_decimal_clear(&c);
        tn_decimal_clear(&x);
        tn_decimal_clear(&y);
        tn_decimal_clear(&z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back_as_they_are),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(calculations_are_exact),
        cmocka_unit_test(a_quotient_is_rounded_as_asked),
        cmocka_unit_test(what_would_blow_up_is_refused),
        cmocka_unit_test(comparison_is_by_value),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(the_laws_of_arithmetic_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
