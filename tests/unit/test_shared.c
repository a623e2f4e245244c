/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loop/shared.h"

static void overruns_hold_until_their_unit_changes(void **state)
{
    struct tn_shared *s = tn_shared_new();
    (void)state;
    assert_true(tn_shared_overran(s, "integrations:a", "erp"));
    assert_false(tn_shared_overran(s, "integrations:a", "erp")); /* it is known */
    assert_true(tn_shared_overran(s, "integrations:b", "plm"));
    assert_true(tn_shared_quarantined(s, "integrations:a"));
    tn_shared_pardon(s, "plm");
    assert_true(tn_shared_quarantined(s, "integrations:a"));
    assert_false(tn_shared_quarantined(s, "integrations:b"));
    tn_shared_pardon(s, "core");
    assert_false(tn_shared_quarantined(s, "integrations:a"));
    tn_shared_free(s);
}

static void deaths_hold_until_anything_changes(void **state)
{
    struct tn_shared *s = tn_shared_new();
    (void)state;
    tn_shared_blame(s, "integrations:a");
    assert_false(tn_shared_quarantined(s, "integrations:a"));
    tn_shared_blame(s, "integrations:a");
    assert_true(tn_shared_quarantined(s, "integrations:a"));
    tn_shared_pardon(s, "other");
    assert_false(tn_shared_quarantined(s, "integrations:a"));
    tn_shared_free(s);
}

static void one_can_be_released_by_hand(void **state)
{
    struct tn_shared *s = tn_shared_new();
    (void)state;
    assert_true(tn_shared_overran(s, "integrations:a", "erp"));
    assert_true(tn_shared_release(s, "integrations:a"));
    assert_false(tn_shared_release(s, "integrations:a"));
    assert_false(tn_shared_release(s, ""));
    assert_false(tn_shared_quarantined(s, "integrations:a"));
    assert_true(tn_shared_overran(s, "integrations:a", "erp"));
    tn_shared_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overruns_hold_until_their_unit_changes),
        cmocka_unit_test(deaths_hold_until_anything_changes),
        cmocka_unit_test(one_can_be_released_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
