/* SPDX-License-Identifier: MIT */
/* Where there is no config; test_connections has where there is one. */
#include "script_fixture.h"

#include "bind/bind.h"

static void expect(struct fixture *f, struct bind_context *context, const char *body,
                   const char *says)
{
    struct tn_isolate_options o = {.name = "config", .modules = bind_modules, .context = context};
    struct tn_isolate *iso = fixture_isolate(f, &o);
    struct fixture_text out;
    char text[256];
    snprintf(text, sizeof text, "local config = require 'tenon.config' %s", body);
    fixture_run(iso, &out, text);
    if (!strstr(out.text, says)) fail_msg("%s: %s", body, out.text);
    tn_isolate_unref(iso);
}

static void scripts_of_no_integration_have_none(void **state)
{
    struct bind_context context = {.area = "test"};
    expect(*state, &context, "config.get 'x'", "belongs to no integration");
    expect(*state, &context, "config.names()", "belongs to no integration");
    expect(*state, &context, "return config.integration()", "nil");
    context.integration = "plant_7";
    expect(*state, &context, "config.get 'x'", "while a file is loaded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        scripts_of_no_integration_have_none, fixture_open, fixture_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
