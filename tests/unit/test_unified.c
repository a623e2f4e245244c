/* SPDX-License-Identifier: MIT */
#include "api/unified.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/limits.h"

static void check(struct tn_str from, struct tn_str to, const char *want)
{
    struct tn_buf out;
    tn_buf_init(&out, 16 * TN_MIB);
    tn_unified("f.lua", from, to, &out);
    assert_string_equal(out.p ? out.p : "", want);
    tn_buf_clear(&out);
}

static void equal_texts_have_no_diff(void **state)
{
    (void)state;
    check(TN_STR("a\nb\n"), TN_STR("a\nb\n"), "");
}

static void a_changed_line_stands_in_its_context(void **state)
{
    (void)state;
    check(TN_STR("1\n2\n3\n4\n5\n6\n7\n8\n9\n"), TN_STR("1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
          "--- a/f.lua\n+++ b/f.lua\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

static void changes_far_apart_are_two_hunks(void **state)
{
    (void)state;
    check(TN_STR("a\n1\n2\n3\n4\n5\n6\n7\nb\n"), TN_STR("A\n1\n2\n3\n4\n5\n6\n7\nB\n"),
          "--- a/f.lua\n+++ b/f.lua\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n"
          "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

static void a_new_and_a_removed_file(void **state)
{
    (void)state;
    check((struct tn_str){0}, TN_STR("x\n"), "--- /dev/null\n+++ b/f.lua\n@@ -0,0 +1,1 @@\n+x\n");
    check(TN_STR("x\n"), (struct tn_str){0}, "--- a/f.lua\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n");
}

static void a_missing_newline_is_said(void **state)
{
    (void)state;
    check(TN_STR("x"), TN_STR("x\n"),
          "--- a/f.lua\n+++ b/f.lua\n@@ -1,1 +1,1 @@\n-x\n\\ No newline at end of file\n+x\n");
}

/* Applies a diff to from; what comes out has to be to. */
static void check_applies(struct tn_str from, struct tn_str to)
{
    struct tn_buf out, made;
    struct tn_str rest, line, source = from;
    size_t at = 0;
    tn_buf_init(&out, 16 * TN_MIB);
    tn_buf_init(&made, 16 * TN_MIB);
    tn_unified("f.lua", from, to, &out);
    rest = tn_buf_str(&out);
    while (rest.n && tn_str_split(&rest, '\n', &line)) {
        struct tn_str old;
        if (tn_str_starts(line, "---") || tn_str_starts(line, "+++") || !line.n) continue;
        if (line.p[0] == '@') {
            size_t begin = (size_t)strtoul(line.p + 4, NULL, 10);
            for (; at + 1 < begin; at++) {
                tn_str_split(&source, '\n', &old);
                tn_buf_addstr(&made, old);
                tn_buf_addc(&made, '\n');
            }
            continue;
        }
        if (line.p[0] != '+') {
            tn_str_split(&source, '\n', &old);
            assert_true(tn_str_eq(old, (struct tn_str){line.p + 1, line.n - 1}));
            at++;
        }
        if (line.p[0] != '-') {
            tn_buf_add(&made, line.p + 1, line.n - 1);
            tn_buf_addc(&made, '\n');
        }
    }
    tn_buf_addstr(&made, source);
    assert_true(tn_str_eq(tn_buf_str(&made), to));
    tn_buf_clear(&out);
    tn_buf_clear(&made);
}

static void random_texts_come_out_of_their_diff(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 2000; round++) {
        struct tn_buf a, b;
        tn_buf_init(&a, TN_MIB);
        tn_buf_init(&b, TN_MIB);
        for (int i = 0; i < 40; i++) {
            seed = seed * 1103515245u + 12345u;
            unsigned dice = seed >> 16 & 15, line = seed >> 20 & 7;
            if (dice != 1) tn_buf_addf(&a, "line %u\n", line);
            if (dice != 2) tn_buf_addf(&b, "line %u\n", dice == 3 ? line + 1 : line);
        }
        check_applies(tn_buf_str(&a), tn_buf_str(&b));
        tn_buf_clear(&a);
        tn_buf_clear(&b);
    }
}

static void large_texts_are_replaced_as_a_whole(void **state)
{
    (void)state;
    struct tn_buf a, b;
    tn_buf_init(&a, TN_MIB);
    tn_buf_init(&b, TN_MIB);
    for (int i = 0; i < 5000; i++) {
        tn_buf_addf(&a, "a %d\n", i);
        tn_buf_addf(&b, "b %d\n", i);
    }
    check_applies(tn_buf_str(&a), tn_buf_str(&b));
    tn_buf_clear(&a);
    tn_buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_have_no_diff),
        cmocka_unit_test(a_changed_line_stands_in_its_context),
        cmocka_unit_test(changes_far_apart_are_two_hunks),
        cmocka_unit_test(a_new_and_a_removed_file),
        cmocka_unit_test(a_missing_newline_is_said),
        cmocka_unit_test(random_texts_come_out_of_their_diff),
        cmocka_unit_test(large_texts_are_replaced_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
