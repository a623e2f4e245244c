/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

static void a_failure_is_filled_and_false(void **state)
{
    struct tn_err err;
    (void)state;
    memset(&err, 'x', sizeof err);
    assert_false(tn_fail(&err, TN_E_timeout, "no answer in %d s", 5));
    assert_int_equal(err.kind, TN_E_timeout);
    assert_int_equal(err.line, 0);
    assert_string_equal(err.file, "");
    assert_string_equal(err.field, "");
    assert_false(tn_fail_at(&err, "a.lua", 7));
    assert_false(tn_fail_field(&err, "items[%d].id", 3));
    assert_string_equal(err.field, "items[3].id");
    assert_false(tn_fail_in(&err, "run %d", 9));
    assert_string_equal(err.text, "run 9: no answer in 5 s");
    assert_string_equal(err.file, "a.lua");
    assert_false(tn_fail_params(&err, "{\"version\":3}"));
    assert_string_equal(err.params, "{\"version\":3}");
    assert_false(tn_fail(&err, TN_E_io, "again: %s", err.text));
    assert_string_equal(err.params, "");
    assert_string_equal(err.text, "again: run 9: no answer in 5 s");
    tn_fail_at(&err, NULL, 0);
    tn_err_clear(&err);
    assert_int_equal(err.kind, TN_E_none);
    assert_string_equal(err.text, "");
}

static void long_texts_are_cut(void **state)
{
    struct tn_err err;
    char text[2000];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    tn_fail(&err, TN_E_io, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    tn_fail_in(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    tn_fail_at(&err, text, 1);
    tn_fail_field(&err, "%s", text);
    assert_int_equal(strlen(err.file), sizeof err.file - 1);
    assert_int_equal(strlen(err.field), sizeof err.field - 1);
}

static void a_text_that_is_cut_ends_with_a_whole_character(void **state)
{
    struct tn_err err;
    char text[1500];
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', sizeof text);
        for (size_t i = shift; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xe2\x82\xac", 3);
        text[sizeof text - 1] = '\0';
        tn_fail(&err, TN_E_io, "%s", text);
        tn_fail_field(&err, "%s", text);
        assert_true(tn_utf8_valid(err.text, strlen(err.text)));
        assert_true(tn_utf8_valid(err.field, strlen(err.field)));
        assert_true(strlen(err.text) > sizeof err.text - 4);
        tn_fail_in(&err, "%s", text);
        assert_true(tn_utf8_valid(err.text, strlen(err.text)));
    }
}

static void kinds_are_found_by_name(void **state)
{
    (void)state;
    for (int k = 0; k < TN_E_count; k++) {
        assert_int_equal(tn_kind_of(tn_kind_name((enum tn_kind)k)), k);
        assert_true(tn_kind_status((enum tn_kind)k) >= 200 && tn_kind_meaning((enum tn_kind)k)[0]);
    }
    assert_int_equal(tn_kind_of("nonsense"), TN_E_count);
    assert_true(tn_kind_retry(TN_E_timeout));
    assert_false(tn_kind_retry(TN_E_invalid));
}

static void errno_decides_the_kind(void **state)
{
    struct tn_err err;
    (void)state;
    tn_fail_errno(&err, ENOSPC, "data.db");
    assert_int_equal(err.kind, TN_E_disk_full);
    tn_fail_errno(&err, ENOMEM, "x");
    assert_int_equal(err.kind, TN_E_no_memory);
    tn_fail_errno(&err, EACCES, "x");
    assert_int_equal(err.kind, TN_E_io);
    assert_string_equal(err.text, "x: Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_filled_and_false),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_text_that_is_cut_ends_with_a_whole_character),
        cmocka_unit_test(kinds_are_found_by_name),
        cmocka_unit_test(errno_decides_the_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
