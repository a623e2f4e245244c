/* SPDX-License-Identifier: MIT */
/* Finding the line of a key; declarations themselves are in test_bind_tenon.c. */
#include "script_fixture.h"

#include "scripts/decl.h"
#include "scripts/decl_line.h"

static const char text[] = "local tn = require \"tenon\"\n" /* 1 */
                           "-- title = of a comment\n"
                           "return tn.adapter {\n" /* 3 */
                           "  subtitle = \"x\", title2 = 1,\n"
                           "  kind == title,\n" /* 5 */
                           "  title = \"The title\",\n"
                           "  [\"odd key\"] = 1,\n" /* 7 */
                           "  tn.text \"name\" { required = true },\n"
                           "  tn.text(\"other\"), value = \"name\",\n" /* 9 */
                           "  name = 1,\n"
                           "}\n";

static void lines_of_keys_are_found(void **state)
{
    static const struct {
        int from;
        const char *key;
        int line;
    } cases[] = {
        {1, "title", 6},  {1, "odd key", 7},  {1, "name", 8},    {9, "name", 10},
        {1, "other", 9},  {1, "required", 8}, {3, "nothing", 3}, {1, "", 1},
        {1, "title2", 4}, {7, "title", 7},    {1, "value", 9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tn_decl_line_of(tn_str(text), cases[i].from, cases[i].key), cases[i].line);
    assert_int_equal(tn_decl_line_of((struct tn_str){NULL, 0}, 7, "x"), 7);
}

/* What is no declaration is refused without tn. */
static void other_values_are_refused(void **state)
{
    struct tn_isolate *iso = fixture_isolate(*state, NULL);
    struct tn_err err;
    int ref = fixture_load(iso, "return { adapter = true }");
    assert_null(tn_decl_read(iso, "scripts/test.lua", ref, TN_DECL_adapter, &err));
    assert_string_equal(err.file, "scripts/test.lua");
    assert_int_equal(err.line, 1);
    tn_decl_free(NULL);
    tn_isolate_unref(iso);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_keys_are_found),
        cmocka_unit_test_setup_teardown(other_values_are_refused, fixture_open, fixture_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
