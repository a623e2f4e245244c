/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static void damage_is_told_once_a_table(void **state)
{
    struct tn_shared *s = tn_shared_new();
    char name[16];
    (void)state;
    assert_null(tn_shared_damage(s, 0));
    assert_true(tn_shared_damaged(s, "items"));
    assert_false(tn_shared_damaged(s, "items"));
    assert_true(tn_shared_damaged(s, "run"));
    assert_string_equal(tn_shared_damage(s, 0)->table, "items");
    assert_int_equal(tn_shared_damage(s, 0)->met, 2);
    assert_string_equal(tn_shared_damage(s, 1)->table, "run");
    assert_null(tn_shared_damage(s, 2));
    for (int i = 2; i < TN_DAMAGES_MAX; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_true(tn_shared_damaged(s, name));
    }
    assert_false(tn_shared_damaged(s, "one too many"));
    assert_false(tn_shared_damaged(s, "run"));
    assert_int_equal(tn_shared_damage(s, 1)->met, 2);
    tn_shared_free(s);
}

static void write_events(struct tn_shared *s)
{
    for (int i = 0; i < TN_SUSPECTS_MAX; i++)
        if (tn_shared_tell(s, i, 1)) tn_shared_told(s, i, 1, true);
}

/* As many as there are places, all in quarantine but the first `calm`, which died once. */
static void fill(struct tn_shared *s, int calm)
{
    char name[TN_UNIT_NAME];
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) {
        snprintf(name, sizeof name, "integrations:%d", i);
        if (i < calm)
            assert_int_equal(tn_shared_blame(s, name), 1);
        else
            assert_true(tn_shared_overran(s, name, "erp"));
        s->suspects[i].since_us = i;
    }
    write_events(s);
}

static int count(const struct tn_shared *s)
{
    int n = 0;
    for (int i = 0; i < TN_SUSPECTS_MAX; i++) n += tn_shared_in_quarantine(s, i) != NULL;
    return n;
}

static void names_that_begin_alike_are_told_apart(void **state)
{
    struct tn_shared *s = tn_shared_new();
    char one[TN_UNIT_NAME], two[TN_UNIT_NAME];
    (void)state;
    snprintf(one, sizeof one, "integrations:%0*d", 100, 1);
    snprintf(two, sizeof two, "integrations:%0*d", 100, 2);
    assert_true(tn_shared_overran(s, one, "erp"));
    assert_true(tn_shared_quarantined(s, one));
    assert_false(tn_shared_quarantined(s, two));
    assert_string_equal(tn_shared_in_quarantine(s, 0)->unit, one);
    assert_false(tn_shared_release(s, two));
    assert_true(tn_shared_release(s, one));
    tn_shared_free(s);
}

static void the_oldest_that_is_not_in_quarantine_gives_way(void **state)
{
    struct tn_shared *s = tn_shared_new();
    (void)state;
    fill(s, 2);
    assert_false(tn_shared_full(s));
    assert_true(tn_shared_overran(s, "integrations:new", "erp"));
    assert_true(tn_shared_quarantined(s, "integrations:new"));
    assert_int_equal(tn_shared_blame(s, "integrations:1"), 2); /* the younger one was kept */
    assert_int_equal(count(s), TN_SUSPECTS_MAX);
    tn_shared_free(s);
}

static void when_all_are_in_quarantine_it_is_said_that_one_is_not_noted(void **state)
{
    struct tn_shared *s = tn_shared_new();
    (void)state;
    fill(s, 0);
    assert_true(tn_shared_full(s));
    assert_false(tn_shared_overran(s, "integrations:new", "erp"));
    assert_false(tn_shared_quarantined(s, "integrations:new"));
    assert_int_equal(tn_shared_blame(s, "integrations:new"), 0);
    assert_int_equal(tn_shared_blame(s, "integrations:7"), 1); /* who is known still counts */
    assert_true(tn_shared_release(s, "integrations:5"));
    assert_true(tn_shared_overran(s, "integrations:new", "erp"));
    assert_int_equal(count(s), TN_SUSPECTS_MAX);
    tn_shared_free(s);
}

static void a_quarantine_owes_one_event(void **state)
{
    struct tn_shared *s = tn_shared_new();
    (void)state;
    tn_shared_blame(s, "integrations:a");
    assert_null(tn_shared_tell(s, 0, 1));
    tn_shared_blame(s, "integrations:a");
    assert_true(tn_shared_tell(s, 0, 1)->by_deaths);
    assert_null(tn_shared_tell(s, 0, 2)); /* the other is about it */
    tn_shared_told(s, 0, 1, false);
    assert_non_null(tn_shared_tell(s, 0, 2));
    tn_shared_untell(s, 2); /* it died */
    assert_non_null(tn_shared_tell(s, 0, 2));
    tn_shared_told(s, 0, 2, true);
    tn_shared_blame(s, "integrations:a");
    tn_shared_overran(s, "integrations:a", "erp");
    assert_null(tn_shared_tell(s, 0, 1)); /* it is the same quarantine */
    tn_shared_free(s);
}

static void a_quarantine_that_ended_before_it_was_told_still_owes_its_event(void **state)
{
    struct tn_shared *s = tn_shared_new();
    (void)state;
    assert_true(tn_shared_overran(s, "integrations:a", "erp"));
    tn_shared_pardon(s, "erp");
    assert_false(tn_shared_quarantined(s, "integrations:a"));
    assert_null(tn_shared_in_quarantine(s, 0));
    assert_string_equal(tn_shared_tell(s, 0, 1)->unit, "integrations:a");
    tn_shared_told(s, 0, 1, true);
    assert_int_equal(s->suspects[0].key, 0); /* and its place is free */
    tn_shared_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overruns_hold_until_their_unit_changes),
        cmocka_unit_test(deaths_hold_until_anything_changes),
        cmocka_unit_test(damage_is_told_once_a_table),
        cmocka_unit_test(one_can_be_released_by_hand),
        cmocka_unit_test(names_that_begin_alike_are_told_apart),
        cmocka_unit_test(a_quarantine_owes_one_event),
        cmocka_unit_test(a_quarantine_that_ended_before_it_was_told_still_owes_its_event),
        cmocka_unit_test(the_oldest_that_is_not_in_quarantine_gives_way),
        cmocka_unit_test(when_all_are_in_quarantine_it_is_said_that_one_is_not_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
