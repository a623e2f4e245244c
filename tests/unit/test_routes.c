/* SPDX-License-Identifier: MIT */
/* Nothing is open by omission, and each role that ships may call what the table below says. */
#include "api/handler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "access/roles.h"
#include "base/embed.h"

/* The handlers link what loads scripts; nothing here does. */
const struct tn_embedded tn_shipped_scripts[] = {{NULL, NULL, 0}};

/* Each permission that a route asks for, and the roles that have it. */
static const struct answer {
    const char *permission, *roles;
} answers[] = {
    {"*:read", " admin plant_manager operator viewer read_write read_only "},
    {"*:create", " admin plant_manager operator read_write "},
    {"*:update", " admin plant_manager operator read_write "},
    {"*:delete", " admin plant_manager read_write "},
    {"integration:read", " admin plant_manager operator viewer monitor read_write read_only "},
    {"integration:manage", " admin plant_manager "},
    {"integration:test", " admin plant_manager "},
    {"integration:sync", " admin plant_manager read_write "},
    {"quarantine:read", " admin plant_manager operator viewer read_write read_only "},
    {"quarantine:payload", " admin plant_manager "},
    {"quarantine:manage", " admin plant_manager "},
    {"script:read", " admin plant_manager "},
    {"script:manage", " admin "},
    {"key:read", " admin "},
    {"key:manage", " admin "},
    {"role:read", " admin "},
    {"role:manage", " admin "},
    {"audit:read", " admin "},
    {"consumer:read", " admin plant_manager monitor "},
    {"system:read", " admin plant_manager monitor "},
    {"system:backup", " admin "},
};
enum { ANSWERS = sizeof answers / sizeof *answers };

static bool open_by_declaration(const struct tn_route *r)
{
    static const char *const open[] = {"/healthz", "/readyz", "/api/v1/integrations/{id}/webhook"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (strcmp(r->pattern, open[i]) == 0) return true;
    return false;
}

/* fn for every row that there is. */
static void each(void (*fn)(const struct tn_route *r, void *arg), void *arg)
{
    for (size_t i = 0; i < api_route_count; i++) fn(&api_routes[i], arg);
    for (size_t i = 0; i < api_resource_route_count; i++) fn(&api_resource_routes[i], arg);
    fn(&api_surface_read, arg);
    fn(&api_surface_write, arg);
}

static const struct answer *answer_of(const struct tn_route *r)
{
    char permission[100];
    snprintf(permission, sizeof permission, "%s:%s", r->entity, r->verb);
    for (size_t i = 0; i < ANSWERS; i++)
        if (strcmp(answers[i].permission, permission) == 0) return &answers[i];
    fail_msg("the permission %s of %s is not in the table of this test", permission, r->pattern);
    return NULL;
}

static void check_declared(const struct tn_route *r, void *arg)
{
    static const char *const none[] = {NULL};
    char permission[100];
    struct tn_err err;
    (void)arg;
    if (r->flags & TN_ROUTE_open) {
        assert_true(open_by_declaration(r));
        assert_null(r->entity);
        return;
    }
    assert_non_null(r->entity);
    assert_non_null(r->verb);
    snprintf(permission, sizeof permission, "%s:%s", r->entity, r->verb);
    if (!tn_grant_check(tn_str(permission), none, &err)) fail_msg("%s", err.text);
    assert_int_equal(strcmp(r->entity, "*") == 0, (r->flags & TN_ROUTE_records) != 0);
}

static void every_route_is_open_by_declaration_or_names_a_permission(void **state)
{
    (void)state;
    each(check_declared, NULL);
}

static void check_role(const struct tn_route *r, void *arg)
{
    const struct tn_role *role = arg;
    struct tn_actor actor = {.team = 1, .name = "somebody"};
    struct tn_err err = {0};
    char word[64];
    snprintf(actor.grants, sizeof actor.grants, "%s", role->grants);
    bool may = api_may(&actor, r, &err);
    bool expected = true;
    if (!(r->flags & TN_ROUTE_open)) {
        snprintf(word, sizeof word, " %s ", role->name);
        expected = strstr(answer_of(r)->roles, word) != NULL;
    }
    if (may != expected)
        fail_msg("%s %s %s: %s", role->name, r->method ? r->method : "surface",
                 r->pattern ? r->pattern : "", may ? "may" : err.text);
    if (!may) assert_int_equal(err.kind, TN_E_forbidden);
}

static void each_role_may_call_its_routes_and_no_others(void **state)
{
    (void)state;
    for (const struct tn_role *role = tn_roles; role->name; role++)
        each(check_role, (void *)(uintptr_t)role);
}

static void check_without_grants(const struct tn_route *r, void *arg)
{
    struct tn_actor actor = {.team = 1, .name = "somebody"};
    struct tn_err err;
    (void)arg;
    assert_int_equal(api_may(&actor, r, &err), (r->flags & TN_ROUTE_open) != 0);
}

static void without_grants_only_open_routes_answer(void **state)
{
    (void)state;
    each(check_without_grants, NULL);
}

static void a_route_without_a_permission_is_for_nobody(void **state)
{
    struct tn_actor admin = {.team = 1, .name = "admin", .grants = "*:*"};
    static const struct tn_route forgotten = {.method = "GET", .pattern = "/forgotten"};
    static const struct tn_route half = {.method = "GET", .pattern = "/half", .entity = "key"};
    struct tn_err err;
    (void)state;
    assert_false(api_may(&admin, &forgotten, &err));
    assert_int_equal(err.kind, TN_E_forbidden);
    assert_false(api_may(&admin, &half, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_open_by_declaration_or_names_a_permission),
        cmocka_unit_test(each_role_may_call_its_routes_and_no_others),
        cmocka_unit_test(without_grants_only_open_routes_answer),
        cmocka_unit_test(a_route_without_a_permission_is_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
