/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fault.h"

static void it_grows_and_stays_terminated(void **state)
{
    struct tn_buf b;
    (void)state;
    tn_buf_init(&b, 100000);
    assert_string_equal(tn_buf_str(&b).p, "");
    for (int i = 0; i < 5000; i++) tn_buf_addf(&b, "%d,", i % 10);
    tn_buf_addc(&b, 'x');
    tn_buf_addi(&b, INT64_MIN);
    tn_buf_addi(&b, 0);
    assert_int_equal(strlen(b.p), b.n);
    assert_string_equal(b.p + 10000, "x-92233720368547758080");
    tn_buf_reset(&b);
    assert_int_equal(b.n, 0);
    tn_buf_add(&b, NULL, 0);
    assert_string_equal(b.p, "");
    tn_buf_clear(&b);
}

static void past_the_maximum_it_keeps_what_is_there(void **state)
{
    struct tn_buf b;
    struct tn_err err;
    (void)state;
    tn_buf_init(&b, 10);
    tn_buf_adds(&b, "1234567890");
    assert_true(tn_buf_ok(&b, "it", &err));
    tn_buf_addc(&b, 'x');
    tn_buf_adds(&b, "");
    assert_string_equal(b.p, "1234567890");
    assert_false(tn_buf_ok(&b, "the reply", &err));
    assert_int_equal(err.kind, TN_E_too_large);
    assert_string_equal(err.text, "the reply is larger than 10 bytes");
    tn_buf_reset(&b);
    tn_buf_addf(&b, "%s", "12345678901");
    assert_null(tn_buf_reserve(&b, 1));
    assert_int_equal(b.n, 0);
    tn_buf_clear(&b);
    tn_buf_addc(&b, 'a');
    assert_true(tn_buf_ok(&b, "it", &err));
    assert_null(tn_buf_reserve(&b, SIZE_MAX));
    tn_buf_clear(&b);
}

static void the_bytes_can_be_taken(void **state)
{
    struct tn_buf b;
    size_t n;
    (void)state;
    tn_buf_init(&b, 10);
    char *p = tn_buf_take(&b, &n);
    assert_string_equal(p, "");
    assert_int_equal(n, 0);
    tn_free(p);
    tn_buf_adds(&b, "abc");
    p = tn_buf_take(&b, NULL);
    assert_string_equal(p, "abc");
    assert_int_equal(b.n, 0);
    tn_free(p);
}

static void no_memory_is_an_error_not_a_crash(void **state)
{
    struct tn_buf b;
    struct tn_err err;
    (void)state;
    tn_buf_init(&b, 1000);
    tn_fault_arm("base.buf=fail:2");
    tn_buf_adds(&b, "first");
    for (int i = 0; i < 100; i++) tn_buf_adds(&b, "more");
    tn_fault_arm(NULL);
    assert_false(tn_buf_ok(&b, "it", &err));
    assert_memory_equal(b.p, "firstmore", 9);
    tn_buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_and_stays_terminated),
        cmocka_unit_test(past_the_maximum_it_keeps_what_is_there),
        cmocka_unit_test(the_bytes_can_be_taken),
        cmocka_unit_test(no_memory_is_an_error_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
