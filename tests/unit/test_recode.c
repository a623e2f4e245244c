/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "base/recode.h"

/* Decodes in pieces of `step` bytes. */
static bool decode(struct tn_str name, enum tn_recode_how how, struct tn_str text, size_t step,
                   struct tn_buf *out, struct tn_err *err)
{
    struct tn_recode *r = tn_recode_new(name, how);
    char block[TN_RECODE_ROOM];
    size_t made, i = 0;
    bool ok = true, last;
    do {
        size_t n = text.n - i < step ? text.n - i : step;
        struct tn_str in = {text.p + i, n};
        i += n;
        last = !n;
        do {
            ok = tn_recode_step(r, &in, last, block, sizeof block, &made, err);
            assert_true(!ok || made || !in.n);
            if (ok) tn_buf_add(out, block, made);
        } while (ok && made);
    } while (ok && !last);
    tn_recode_free(r);
    return ok;
}

static void expect_how(const char *name, enum tn_recode_how how, const char *bytes, size_t n,
                       const char *want)
{
    for (size_t step = 1; step < 100; step += step < 5 ? 1 : 90) {
        struct tn_buf out;
        struct tn_err err;
        tn_buf_init(&out, TN_MIB);
        bool ok = decode(tn_str(name), how, (struct tn_str){bytes, n}, step, &out, &err);
        struct tn_str got = ok ? tn_buf_str(&out) : tn_str(err.text);
        if (!tn_str_is(got, want))
            fail_msg("%s, step %zu: \"%.*s\", not \"%s\"", name, step, TN_FMT(got), want);
        tn_buf_clear(&out);
    }
}

#define EXPECT(name, bytes, want) expect_how(name, TN_RECODE_told, bytes, sizeof bytes - 1, want)

static void case_14_a_mark_or_the_zero_bytes_tell_utf_16_and_utf_32(void **state)
{
    (void)state;
    EXPECT("", "\xFF\xFEn\0\xFC\0", "n\xC3\xBC");
    EXPECT("", "\xFE\xFF\0n\0\xFC", "n\xC3\xBC");
    EXPECT("", "\xFF\xFE\0\0n\0\0\0", "n");
    EXPECT("", "\0\0\xFE\xFF\0\0\0n", "n");
    EXPECT("", "n\0\xFC\0", "n\xC3\xBC");
    EXPECT("", "\0n\0\xFC", "n\xC3\xBC");
    EXPECT("", "n\0\0\0\xFC\0\0\0", "n\xC3\xBC");
    EXPECT("", "\0\0\0n", "n");
    EXPECT("utf-8", "\xFF\xFEn\0", "n");
    EXPECT("UTF-16", "\xFE\xFF\0n", "n");
    EXPECT("utf-16", "\0n", "n");
    EXPECT("utf-16le", "\xFF\xFEn\0", "n");
    EXPECT("utf-16be", "\x04\x13", "\xD0\x93");
    EXPECT("", "\xEF\xBB\xBFn\xC3\xBC", "n\xC3\xBC");
    EXPECT("", "n\xC3\xBC", "n\xC3\xBC");
    EXPECT("", "\xFC", "\xFC");
    EXPECT("", "", "");
    EXPECT("", "\xFF\xFE", "");
    EXPECT("", "\xFF\xFE=\xD8\0\xDE", "\xF0\x9F\x98\x80");
}

static void case_14_encodings_have_names(void **state)
{
    (void)state;
    EXPECT("ISO-8859-1", "\xFC", "\xC3\xBC");
    EXPECT("iso-8859-15", "\xA4", "\xE2\x82\xAC");
    EXPECT("windows-1250", "\xB9", "\xC4\x85");
    EXPECT("windows-1252", "\x80", "\xE2\x82\xAC");
    EXPECT("shift_jis", "a\x83\x65\x83\x58\x83\x67", "a\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88");
    EXPECT("iso-2022-jp", "\x1B$B%F\x1B(Ba",
           "\xE3\x83\x86"
           "a");
    EXPECT("gb18030", "\x81\x30\x81\x30", "\xC2\x80");
}

static void bytes_that_are_no_character_are_bad_alone(void **state)
{
    (void)state;
    EXPECT("windows-1252",
           "a\x81"
           "b",
           "a" TN_RECODE_BAD "b");
    EXPECT("windows-1252", "a\x81", "a" TN_RECODE_BAD);
    EXPECT("utf-16le",
           "\0\xDC"
           "b\0",
           TN_RECODE_BAD "b");
    EXPECT("", "\xFF\xFEn\0n", "n" TN_RECODE_BAD);
    EXPECT("shift_jis", "a\x83", "a" TN_RECODE_BAD);
    assert_string_equal(tn_recode_why(TN_STR("a" TN_RECODE_BAD)),
                        "has bytes that are no character");
    assert_string_equal(tn_recode_why(TN_STR("a\xFC")), "is no UTF-8: is it Windows-1252?");
}

static void a_mark_that_contradicts_is_said(void **state)
{
    static const char text[] = "\xFF\xFEn\0";
    static const char fault[] =
        "the text begins with the byte order mark of UTF-16LE, but its encoding is said to be "
        "windows-1252";
    (void)state;
    EXPECT("windows-1252", "\xFF\xFEn\0", fault);
    expect_how("windows-1252", TN_RECODE_asis, text, 4, fault);
    expect_how("windows-1252", TN_RECODE_hint, text, 4, "n");
    expect_how("windows-1252", TN_RECODE_asis, "\x80\x81", 2, "\x80\x81");
    expect_how("no such", TN_RECODE_hint, "\x80", 1, "\x80");
}

static void names_are_checked(void **state)
{
    struct tn_err err;
    (void)state;
    assert_true(tn_recode_known(TN_STR("utf-8"), &err));
    assert_true(tn_recode_known(TN_STR("IBM273"), &err));
    assert_false(tn_recode_known(TN_STR(""), &err));
    assert_false(tn_recode_known(TN_STR("UTF-7"), &err));
    assert_false(tn_recode_known(TN_STR("latin"), &err));
    assert_non_null(strstr(err.text, "\"latin\""));
    assert_false(tn_recode_known(TN_STR("utf-8//IGNORE"), &err));
    assert_false(tn_recode_known(TN_STR("utf-8\0x"), &err));
    assert_true(tn_str_is(tn_recode_charset(TN_STR("text/csv; charset=\"ISO-8859-1\"; x=1")),
                          "ISO-8859-1"));
    assert_true(tn_str_is(tn_recode_charset(TN_STR("text/csv;Charset=utf-16")), "utf-16"));
    assert_int_equal(tn_recode_charset(TN_STR("text/csv; charset=")).n, 0);
    assert_int_equal(tn_recode_charset((struct tn_str){NULL, 0}).n, 0);
}

static void tables_are_of_one_byte_a_character(void **state)
{
    int table[256];
    (void)state;
    assert_true(tn_recode_table(TN_STR("windows-1250"), table));
    assert_int_equal(table['a'], 'a');
    assert_int_equal(table[0xB9], 0x105);
    assert_int_equal(table[0x81], -1);
    assert_true(tn_recode_table(TN_STR("iso-8859-15"), table));
    assert_int_equal(table[0xA4], 0x20AC);
    assert_false(tn_recode_table(TN_STR("shift_jis"), table));
    assert_false(tn_recode_table(TN_STR("utf-16"), table));
    assert_false(tn_recode_table(TN_STR("no such"), table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_14_a_mark_or_the_zero_bytes_tell_utf_16_and_utf_32),
        cmocka_unit_test(case_14_encodings_have_names),
        cmocka_unit_test(bytes_that_are_no_character_are_bad_alone),
        cmocka_unit_test(a_mark_that_contradicts_is_said),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(tables_are_of_one_byte_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
