/* SPDX-License-Identifier: MIT */
/* What of a record a mapping never looks at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "mapping/coverage.h"

static void note(void *arg, struct tn_str path, uint64_t count)
{
    tn_buf_addf(arg, "%.*s %llu\n", TN_FMT(path), (unsigned long long)count);
}

#define V(path, ...) (&(const struct tn_spec_value){.text = TN_STR(path), .line = 5, __VA_ARGS__})

static void expect(const struct tn_spec_value *v, const char *record, const char *want)
{
    const struct tn_spec_field f[] = {{.target = TN_STR("y"), .line = 5, .value = v}};
    const struct tn_spec spec = {.file = "m.lua", .fields = f, .field_count = 1};
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_err err;
    tn_buf_init(&out, TN_MIB);
    struct tn_plan *plan = tn_plan_new(&spec, &err);
    if (!plan) fail_msg("%s", err.text);
    struct tn_coverage *c = tn_coverage_new(plan);
    assert_true(tn_json_parse(json, tn_str(record), &err));
    tn_coverage_add(c, tn_json_root(json));
    tn_coverage_unread(c, note, &out);
    if (!tn_str_is(tn_buf_str(&out), want))
        fail_msg("%s\n wanted %s\n got %s", record, want, out.p ? out.p : "");
    tn_coverage_free(c);
    tn_plan_free(plan);
    tn_json_free(json);
    tn_buf_clear(&out);
}

static void fields_that_no_path_reaches_are_told(void **state)
{
    const struct tn_spec_field q[] = {{.target = TN_STR("q"), .line = 5, .value = V("q")}};
    (void)state;
    expect(V("a"), "{\"a\":{\"b\":1},\"c\":[1,2],\"d\":null,\"ab\":3}", "c 2\nab 1\n");
    expect(V("a[*].b"), "{\"a\":[{\"b\":1,\"c\":2},{\"c\":3}]}", "a.c 2\n");
    expect(V("a[0].b"), "{\"a\":[{\"b\":1}]}", "");
    expect(V("{a}-{b.c}", .from = TN_FROM_template), "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
           "b.d 1\n");
    expect(V("l", .from = TN_FROM_each, .fields = q, .field_count = 1),
           "{\"l\":[{\"q\":1,\"r\":2}],\"q\":3}", "l.r 1\nq 1\n");
    expect(V(""), "{\"a\":1}", "");
    expect(V("K[Q.c='1',R='2'].D"), "{\"K\":{\"Q\":{\"c\":\"1\"},\"R\":2,\"D\":3,\"E\":4}}",
           "K.E 1\n");
    expect(V("K[Q='1']", .from = TN_FROM_each, .fields = q, .field_count = 1),
           "{\"K\":{\"Q\":\"1\",\"q\":2}}", "");
    expect(V("a.#text"), "{\"a\":\"1\"}", "");
}

static void all_levels_of_a_tree_are_one(void **state)
{
    const struct tn_spec_field q[] = {{.target = TN_STR("q"), .line = 5, .value = V("q")}};
    (void)state;
    expect(
        V("top", .from = TN_FROM_tree, .children = TN_STR("c"), .id = TN_STR("n"), .fields = q,
          .field_count = 1),
        "{\"top\":{\"n\":1,\"c\":[{\"n\":2,\"q\":1,\"r\":1,\"c\":[{\"n\":3,\"q\":2,\"s\":1}]}]}}",
        "top.c.r 1\ntop.c.c.s 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_no_path_reaches_are_told),
        cmocka_unit_test(all_levels_of_a_tree_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
