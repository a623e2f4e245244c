/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/str.h"

static void parts_are_split_off(void **state)
{
    struct tn_str s = TN_STR("a,,b"), part;
    (void)state;
    assert_true(tn_str_split(&s, ',', &part) && tn_str_is(part, "a"));
    assert_true(tn_str_split(&s, ',', &part) && tn_str_is(part, ""));
    assert_true(tn_str_split(&s, ',', &part) && tn_str_is(part, "b"));
    assert_false(tn_str_split(&s, ',', &part));
    s = TN_STR("");
    assert_true(tn_str_split(&s, ',', &part) && part.n == 0);
    assert_false(tn_str_split(&s, ',', &part));
    s = tn_str(NULL);
    assert_false(tn_str_split(&s, ',', &part));
}

static void small_questions(void **state)
{
    (void)state;
    assert_true(tn_str_starts(TN_STR("abc"), "ab"));
    assert_false(tn_str_starts(TN_STR("a"), "ab"));
    assert_true(tn_str_ends(TN_STR("abc"), "bc"));
    assert_false(tn_str_ends(TN_STR("c"), "bc"));
    assert_true(tn_str_eq_nocase(TN_STR("AbZ["), TN_STR("aBz[")));
    assert_false(tn_str_eq_nocase(TN_STR("["), TN_STR("{")));
    assert_false(tn_str_eq_nocase(TN_STR("\xC3\x84"), TN_STR("\xC3\xA4")));
    assert_true(tn_str_is(tn_str_trim(TN_STR(" \t a b\t ")), "a b"));
    assert_int_equal(tn_str_trim(TN_STR("  ")).n, 0);
    assert_true(tn_str_eq(tn_str(NULL), TN_STR("")));
}

static void numbers_are_digits_alone(void **state)
{
    uint64_t v = 5;
    (void)state;
    assert_true(tn_str_u64(TN_STR("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_true(tn_str_u64(TN_STR("000"), &v) && v == 0);
    assert_false(tn_str_u64(TN_STR("18446744073709551616"), &v));
    assert_false(tn_str_u64(TN_STR("99999999999999999999"), &v));
    assert_false(tn_str_u64(TN_STR(""), &v));
    assert_false(tn_str_u64(TN_STR("+1"), &v));
    assert_false(tn_str_u64(TN_STR("1 "), &v));
    assert_int_equal(v, 0);
}

static void hex_goes_both_ways(void **state)
{
    unsigned char b[3];
    char text[7];
    (void)state;
    assert_true(tn_str_unhex(TN_STR("00fFa5"), b, 3));
    tn_hex(b, 3, text);
    assert_string_equal(text, "00ffa5");
    assert_false(tn_str_unhex(TN_STR("00ff"), b, 3));
    assert_false(tn_str_unhex(TN_STR("00fg00"), b, 3));
}

/* Every sequence of up to three bytes, against a decoder written the slow way. */
static bool slow_valid(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t c = s[i], least;
        size_t more;
        if (c < 0x80) {
            i++;
            continue;
        }
        if ((c & 0xE0) == 0xC0) {
            more = 1;
            c &= 0x1F;
            least = 0x80;
        } else if ((c & 0xF0) == 0xE0) {
            more = 2;
            c &= 0x0F;
            least = 0x800;
        } else if ((c & 0xF8) == 0xF0) {
            more = 3;
            c &= 0x07;
            least = 0x10000;
        } else
            return false;
        if (i + more >= n) return false;
        for (size_t k = 1; k <= more; k++) {
            if ((s[i + k] & 0xC0) != 0x80) return false;
            c = c << 6 | (s[i + k] & 0x3F);
        }
        if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return false;
        i += more + 1;
    }
    return true;
}

static void utf8_is_judged_right(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 1 << 24; v += 7) {
        unsigned char s[4] = {0xF1, (unsigned char)(v >> 16), (unsigned char)(v >> 8),
                              (unsigned char)v};
        s[0] = (unsigned char)(0xEF + v % 7);
        if (tn_utf8_valid((char *)s, 4) != slow_valid(s, 4)) fail_msg("%08x", v);
        if (tn_utf8_valid((char *)s + 1, 3) != slow_valid(s + 1, 3)) fail_msg("%06x", v);
        if (tn_utf8_valid((char *)s + 2, 2) != slow_valid(s + 2, 2)) fail_msg("%04x", v);
    }
    assert_true(tn_utf8_valid("", 0));
    assert_int_equal(tn_utf8_step("\xF0\x9F\x98\x80", 4), 4);
    assert_int_equal(tn_utf8_step("\xF0\x9F\x98\x80", 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_split_off),      cmocka_unit_test(small_questions),
        cmocka_unit_test(numbers_are_digits_alone), cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(utf8_is_judged_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
