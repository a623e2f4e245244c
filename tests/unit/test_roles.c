/* SPDX-License-Identifier: MIT */
#include "access/roles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const resources[] = {"item", "order", NULL};

static struct tn_actor actor_with(const char *grants)
{
    struct tn_actor a = {.team = 1, .name = "somebody"};
    snprintf(a.grants, sizeof a.grants, "%s", grants);
    return a;
}

static void assert_refused(const char *grant, const char *says)
{
    struct tn_err err = {0};
    assert_false(tn_grant_check(tn_str(grant), resources, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    if (!strstr(err.text, says)) fail_msg("%s: %s", grant, err.text);
}

static void grants_of_roles_that_ship_exist_and_fit(void **state)
{
    struct tn_err err;
    (void)state;
    for (const struct tn_role *r = tn_roles; r->name; r++) {
        struct tn_str rest = tn_str(r->grants), grant;
        assert_true(strlen(r->name) <= TN_ROLE_NAME_MAX);
        assert_true(strlen(r->grants) < TN_GRANTS_MAX);
        while (tn_str_split(&rest, ' ', &grant))
            if (!tn_str_is(grant, "*:*") && !tn_grant_check(grant, resources, &err))
                fail_msg("%s: %s", r->name, err.text);
    }
}

static void a_grant_names_what_there_is(void **state)
{
    struct tn_err err;
    (void)state;
    static const char *const good[] = {"item:read",        "order:*",          "*:read", "*:*",
                                       "integration:sync", "integration:test", "key:*"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(tn_grant_check(tn_str(good[i]), resources, &err));
    assert_refused("", "is no permission");
    assert_refused("item", "is no permission");
    assert_refused("item:read order:read", "is no permission");
    assert_refused("itme:read", "did you mean 'item'?");
    assert_refused("integraton:read", "did you mean 'integration'?");
    assert_refused("item:raed", "did you mean 'read'?");
    assert_refused("item:manage", "item has no verb 'manage'");
    assert_refused("*:manage", "* has no verb 'manage'");
    assert_refused("key:create", "key has no verb 'create'");
}

static void assert_held(const char *has, const char *gives, bool held)
{
    struct tn_actor a = actor_with(has);
    struct tn_err err = {0};
    if (tn_grants_held(&a, tn_str(gives), &err) != held) fail_msg("%s gives %s", has, gives);
    if (!held) assert_int_equal(err.kind, TN_E_forbidden);
}

static void nobody_gives_more_than_they_have(void **state)
{
    (void)state;
    assert_held("*:*", "*:* key:manage item:*", true);
    assert_held("*:read", "item:read *:read", true);
    assert_held("*:read", "item:*", false);
    assert_held("*:read", "key:read", false);
    assert_held("item:*", "item:read item:*", true);
    assert_held("item:*", "item:read order:read", false);
    assert_held("item:read", "*:read", false);
    assert_held("item:read item:create item:update item:delete item:purge", "item:*", false);
    assert_held("integration:*", "integration:sync", true);
    assert_held("*:read *:create key:manage", "*:*", false);
    assert_held("", "item:read", false);
    assert_held("", "", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_of_roles_that_ship_exist_and_fit),
        cmocka_unit_test(a_grant_names_what_there_is),
        cmocka_unit_test(nobody_gives_more_than_they_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
