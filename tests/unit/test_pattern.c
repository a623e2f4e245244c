/* SPDX-License-Identifier: MIT */
/* The matcher alone; test_strings.c holds it beside Lua's own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/pattern.h"

enum { MANY = 1000000 };

static void patterns_are_found(void **state)
{
    static const struct {
        const char *s, *p;
        bool found;
    } cases[] = {
        {"hello", "l+", true},
        {"hello", "^h.*o$", true},
        {"hello", "^e", false},
        {"", "", true},
        {"", "x?", true},
        {"", "x", false},
        {"a.b", "%.", true},
        {"(a(b))", "%b()", true},
        {"THE fox", "%f[%l]%l+", true},
        {"abab", "(ab)%1", true},
        {"abac", "^(a)b%1c$", true},
        {"x", "[", false},
        {"x", "%", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tn_pattern_find(tn_str(cases[i].s), tn_str(cases[i].p), MANY),
                         cases[i].found);
    assert_true(tn_pattern_find((struct tn_str){NULL, 0}, TN_STR("^$"), MANY));
}

static void captures_are_kept(void **state)
{
    struct tn_pattern m;
    (void)state;
    tn_pattern_init(&m, TN_STR("key = value"), TN_STR("(%w+) = ()(%w+)"));
    const char *end = tn_pattern_match(&m, m.subject.p);
    assert_ptr_equal(end, m.subject.p + m.subject.n);
    assert_int_equal(m.level, 3);
    assert_int_equal(m.capture[0].n, 3);
    assert_int_equal(m.capture[1].n, TN_CAPTURE_position);
    assert_int_equal(m.capture[2].n, 5);
}

static void malformed_patterns_say_so(void **state)
{
    static const char *const cases[][2] = {
        {"%", "malformed pattern (ends with '%')"},
        {"[a", "malformed pattern (missing ']')"},
        {"%bx", "malformed pattern (missing arguments to '%b')"},
        {"%fx", "missing '[' after '%f' in pattern"},
        {"%1", "invalid capture index %1"},
        {"a)", "invalid pattern capture"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_pattern m;
        tn_pattern_init(&m, TN_STR("aaa"), tn_str(cases[i][0]));
        assert_null(tn_pattern_match(&m, m.subject.p));
        assert_string_equal(m.error, cases[i][1]);
    }
}

/* An exponential search ends at its limit of steps. */
static void runaways_are_stopped(void **state)
{
    char s[41], p[122];
    (void)state;
    memset(s, 'a', 40);
    s[40] = '\0';
    for (int i = 0; i < 40; i++) memcpy(p + 2 * i, "a?", 2);
    memset(p + 80, 'a', 40);
    p[120] = 'b';
    p[121] = '\0';
    assert_false(tn_pattern_find(tn_str(s), tn_str(p), MANY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_found), cmocka_unit_test(captures_are_kept),
        cmocka_unit_test(malformed_patterns_say_so), cmocka_unit_test(runaways_are_stopped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
