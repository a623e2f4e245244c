/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sync/diff.h"

static void expect(const char *before, const char *after, unsigned max, const char *wanted)
{
    struct tn_buf out;
    struct tn_jw w;
    tn_buf_init(&out, 1 << 16);
    tn_jw_init(&w, &out);
    tn_diff_members(tn_str(before), tn_str(after), max, &w);
    assert_string_equal(out.p, wanted);
    tn_buf_clear(&out);
}

static void members_that_differ_are_listed(void **state)
{
    (void)state;
    expect("{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3,\"c\":[]}", 9,
           "{\"b\":{\"from\":2,\"to\":3},\"c\":{\"to\":[]}}");
    expect("", "{\"a\":1}", 9, "{\"a\":{\"to\":1}}");
    expect("{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"x\":1}}", 9, "{}");
    expect("{\"a\":null}", "{\"a\":0}", 9, "{\"a\":{\"from\":null,\"to\":0}}");
}

static void it_is_bounded_and_takes_anything(void **state)
{
    (void)state;
    expect("", "{\"a\":1,\"b\":2}", 1, "{\"a\":{\"to\":1}}");
    expect("", "[1]", 9, "{}");
    expect("{", "{\"a\":1}", 9, "{}");
    expect("[]", "{\"a\":1}", 9, "{\"a\":{\"to\":1}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_that_differ_are_listed),
        cmocka_unit_test(it_is_bounded_and_takes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
