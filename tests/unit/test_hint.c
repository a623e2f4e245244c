/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hint.h"

static void the_nearest_name_is_offered(void **state)
{
    static const char *const names[] = {"timeout", "retries", "base_url", NULL};
    (void)state;
    assert_string_equal(tn_did_you_mean(TN_STR("tiemout"), names).text,
                        "; did you mean 'timeout'?");
    assert_string_equal(tn_did_you_mean(TN_STR("baseUrl"), names).text,
                        "; did you mean 'base_url'?");
    assert_string_equal(tn_did_you_mean(TN_STR("colour"), names).text, "");
    assert_string_equal(
        tn_did_you_mean(TN_STR("a name that is far longer than any that one could mean here"),
                        names)
            .text,
        "");
}

static void the_longest_name_fits_whole(void **state)
{
    static const char *const names[] = {"a123456789b123456789c123456789d123456789e1234567", NULL};
    (void)state;
    assert_string_equal(tn_did_you_mean(tn_str(names[0]), names).text,
                        "; did you mean 'a123456789b123456789c123456789d123456789e1234567'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_offered),
        cmocka_unit_test(the_longest_name_fits_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
