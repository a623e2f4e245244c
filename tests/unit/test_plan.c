/* SPDX-License-Identifier: MIT */
/* What a plan refuses, and where it says the fault lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "mapping/plan.h"

#define V(path, ...) (&(const struct tn_spec_value){.text = TN_STR(path), .line = 7, __VA_ARGS__})
#define OP(...)      .ops = &(const struct tn_spec_op){__VA_ARGS__}, .op_count = 1

static void refuse_spec(const struct tn_spec *spec, int line, const char *field, const char *part)
{
    struct tn_err err;
    struct tn_plan *plan = tn_plan_new(spec, &err);
    if (plan) fail_msg("it compiled; wanted: %s", part);
    if (err.kind != TN_E_invalid || strcmp(err.file, "m.lua") != 0 || err.line != line ||
        strcmp(err.field, field) != 0 || !strstr(err.text, part))
        fail_msg("wanted line %d, %s: %s\n got %s:%d: %s: %s", line, field, part, err.file,
                 err.line, err.field, err.text);
}

static void refuse(const struct tn_spec_value *v, const char *part)
{
    const struct tn_spec_field f[] = {{.target = TN_STR("a"), .line = 6, .value = V("x")},
                                      {.target = TN_STR("y"), .line = 7, .value = v}};
    refuse_spec(&(struct tn_spec){.file = "m.lua", .line = 3, .fields = f, .field_count = 2}, 7,
                "y", part);
}

static void paths_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    refuse(V("a..b"), "the path \"a..b\": a name is missing");
    refuse(V(".a"), "a name is missing");
    refuse(V("a."), "a name is missing");
    refuse(V("a["), "[ without ]");
    refuse(V("a[]"), "[ ] takes a number from 0");
    refuse(V("a[-1]"), "[ ] takes a number from 0");
    refuse(V("a[99999999999]"), "[ ] takes a number from 0");
    refuse(V("a[1]b"), "] has to be followed by . or [");
    refuse(V("[\"a"), "[\" without \"]");
    refuse(V("a\xff"), "it has a text that is not UTF-8");
}

static void operators_are_checked_when_the_plan_is_made(void **state)
{
    static const struct tn_spec_row twice[] = {{.key = TN_STR("a"), .value = TN_STR("1")},
                                               {.key = TN_STR("a"), .value = TN_STR("2")}};
    static const struct tn_spec_row bad[] = {{.key = TN_STR("a"), .value = TN_STR("nope")}};
    static const struct tn_spec_row number[] = {{.key = TN_STR("a"), .value = TN_STR("1")}};
    (void)state;
    refuse(V("x", OP(.op = TN_OP_number, .a = TN_STR("ten"))),
           "min and max are numbers, not \"ten\"");
    refuse(V("x", OP(.op = TN_OP_decimal, .i = 101)), "scale is a number of digits from 0 to 100");
    refuse(V("x", OP(.op = TN_OP_decimal, .i = -2)), "scale is a number of digits");
    refuse(V("x", OP(.op = TN_OP_time, .a = TN_STR("%d/%m"))),
           "the format \"%d/%m\": it has no year");
    refuse(V("x", OP(.op = TN_OP_time, .b = TN_STR("Mars/Base"))), "no zone \"Mars/Base\"");
    refuse(V("x", OP(.op = TN_OP_lookup, .rows = twice, .row_count = 2)), "it has \"a\" twice");
    refuse(V("x", OP(.op = TN_OP_lookup, .rows = bad, .row_count = 1)), "a row: line 1, column 1");
    refuse(V("x", OP(.op = TN_OP_lookup, .rows = number, .row_count = 1, .other = TN_STR("["))),
           "default: line 1");
    refuse(V("x", OP(.op = TN_OP_boolean, .rows = number, .row_count = 1)),
           "boolean { word = true or false }");
    refuse(V("x", OP(.op = TN_OP_unit, .a = TN_STR("kg"), .b = TN_STR("h"))),
           "cannot convert the unit \"kg\" to \"h\"");
    refuse(V("x", OP(.op = TN_OP_replace, .a = TN_STR(""))), "the text to look for is empty");
    refuse(V("x", OP(.op = TN_OP_pad, .i = 0, .a = TN_STR(" "))),
           "pad takes a length of 1 to 1024");
    refuse(V("x", OP(.op = TN_OP_pad, .i = 5, .a = TN_STR("ab"))), "pad takes one ASCII character");
}

static void sources_are_checked_when_the_plan_is_made(void **state)
{
    const struct tn_spec_field inner[] = {{.target = TN_STR("z"), .line = 7, .value = V("q")}};
    const struct tn_spec_value *object =
        V("", .from = TN_FROM_object, .fields = inner, .field_count = 1);
    const struct tn_spec_value *items[] = {object, object, NULL};
    const struct tn_str text[] = {TN_STR("\"x\"")}, list[] = {TN_STR("[]")};
    const struct tn_spec_value *tested[] = {V("k"), V("a"), NULL}, *hole[] = {V("k"), NULL};
    (void)state;
    refuse(V("{nope", .from = TN_FROM_const), "const: line 1, column 2");
    refuse(V("x", .fallback = TN_STR("{")), "default: line 1");
    refuse(V("a}b", .from = TN_FROM_template), "a } without {");
    refuse(V("{}", .from = TN_FROM_template), "{} has to name a source field");
    refuse(V("{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}", .from = TN_FROM_template),
           "at most 16 parts");
    refuse(V("", .from = TN_FROM_first), "first needs at least one source");
    refuse(V("", .from = TN_FROM_first, .items = hole, .item_count = 2),
           "number 2 of it is missing");
    refuse(V("", .from = TN_FROM_when), "when needs a test and a value");
    refuse(V("", .from = TN_FROM_when, .items = items, .item_count = 3, .test = TN_TEST_present),
           "a test cannot look at an object");
    refuse(V("", .from = TN_FROM_when, .items = tested, .item_count = 3, .test = TN_TEST_is),
           "the test compares with nothing");
    refuse(V("", .from = TN_FROM_when, .items = tested, .item_count = 3, .test = TN_TEST_above,
             .args = text, .arg_count = 1),
           "above and below compare with a number");
    refuse(V("", .from = TN_FROM_when, .items = tested, .item_count = 3, .test = TN_TEST_is,
             .args = list, .arg_count = 1),
           "compares with a text, a number or a boolean");
    refuse(V("", .from = TN_FROM_object, .fields = inner, .field_count = 1, OP(.op = TN_OP_text)),
           "takes no operators");
    refuse(V("a[*]", .from = TN_FROM_each, .fields = inner, .field_count = 1),
           "each takes a path without [*]");
    refuse(V("", .from = TN_FROM_fn), "a function cannot be run here");
}

static void fields_are_checked_when_the_plan_is_made(void **state)
{
    static const char *const targets[] = {"partNumber", "partName", NULL};
    const struct tn_spec_field one[] = {
        {.target = TN_STR("partNumbr"), .line = 9, .value = V("x")}};
    const struct tn_spec_field two[] = {{.target = TN_STR("a"), .line = 8, .value = V("x")},
                                        {.target = TN_STR("a"), .line = 9, .value = V("y")}};
    const struct tn_spec_field deep[] = {
        {.target = TN_STR("o"),
         .line = 8,
         .value = V("", .from = TN_FROM_each,
                    .fields =
                        (const struct tn_spec_field[]){
                            {.target = TN_STR("p"), .line = 9, .value = V("a..b")}},
                    .field_count = 1)}};
    const struct tn_spec_field warns[] = {
        {.target = TN_STR("a"), .line = 8, .value = V("x"), .on_fault = TN_FAULT_warn}};
    const struct tn_spec_field defaults[] = {
        {.target = TN_STR("a"), .line = 8, .value = V("x"), .on_fault = TN_FAULT_default}};
    (void)state;
    refuse_spec(&(struct tn_spec){.file = "m.lua", .line = 3}, 3, "", "it sets no field");
    refuse_spec(
        &(struct tn_spec){.file = "m.lua", .fields = one, .field_count = 1, .targets = targets}, 9,
        "partNumbr", "; did you mean 'partNumber'?");
    refuse_spec(&(struct tn_spec){.file = "m.lua", .fields = two, .field_count = 2}, 9, "",
                "the target field \"a\" is set twice");
    refuse_spec(&(struct tn_spec){.file = "m.lua", .fields = deep, .field_count = 1}, 7, "o.p",
                "a name is missing");
    refuse_spec(
        &(struct tn_spec){
            .file = "m.lua", .line = 3, .fields = two, .field_count = 1, .key = TN_STR("id")},
        3, "", "key = \"id\", but no field of that name is set");
    refuse_spec(
        &(struct tn_spec){
            .file = "m.lua", .line = 3, .fields = two, .field_count = 1, .key = TN_STR("\xff")},
        3, "", "it has a text that is not UTF-8");
    refuse_spec(
        &(struct tn_spec){.file = "m.lua", .fields = warns, .field_count = 1, .key = TN_STR("a")},
        8, "a", "a fault of the key has to reject the record");
    refuse_spec(&(struct tn_spec){.file = "m.lua", .fields = defaults, .field_count = 1}, 8, "a",
                "needs a default");
}

static void nesting_has_an_end(void **state)
{
    struct tn_spec_value chain[40];
    struct tn_spec_field fields[40];
    (void)state;
    chain[39] = *V("x");
    for (size_t i = 39; i-- > 0;) {
        fields[i] =
            (struct tn_spec_field){.target = TN_STR("n"), .line = 7, .value = &chain[i + 1]};
        chain[i] = (struct tn_spec_value){
            .from = TN_FROM_object, .line = 7, .fields = &fields[i], .field_count = 1};
    }
    const struct tn_spec_field top = {.target = TN_STR("n"), .line = 7, .value = &chain[0]};
    struct tn_err err;
    struct tn_plan *plan =
        tn_plan_new(&(struct tn_spec){.file = "m.lua", .fields = &top, .field_count = 1}, &err);
    assert_null(plan);
    assert_non_null(strstr(err.text, "nested too deep"));
}

static void a_plan_explains_itself(void **state)
{
    const struct tn_spec_field inner[] = {{.target = TN_STR("q"), .line = 9, .value = V("n")}};
    const struct tn_spec_value *items[] = {V("b"), V("c.d")};
    const struct tn_spec_field f[] = {
        {.target = TN_STR("id"), .line = 4, .value = V("a", OP(.op = TN_OP_text))},
        {.target = TN_STR("y"),
         .line = 5,
         .value = V("", .from = TN_FROM_first, .items = items, .item_count = 2,
                    .fallback = TN_STR("0"))},
        {.target = TN_STR("l"),
         .line = 8,
         .value = V("lines", .from = TN_FROM_each, .fields = inner, .field_count = 1)}};
    const struct tn_spec spec = {
        .file = "m.lua", .key = TN_STR("id"), .fields = f, .field_count = 3};
    struct tn_err err;
    struct tn_buf out;
    (void)state;
    tn_buf_init(&out, TN_MIB);
    struct tn_plan *plan = tn_plan_new(&spec, &err);
    assert_non_null(plan);
    tn_plan_explain(plan, &out);
    assert_string_equal(out.p, "id\ta\ttext\tm.lua:4\n"
                               "y\tfirst b, c.d\tdefault 0\tm.lua:5\n"
                               "l\teach lines\t\tm.lua:8\n"
                               "l[*].q\tn\t\tm.lua:9\n");
    assert_string_equal(tn_plan_file(plan), "m.lua");
    assert_int_equal(tn_plan_functions(plan), 0);
    tn_buf_clear(&out);
    tn_plan_free(plan);
    tn_plan_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_lead_nowhere_are_refused),
        cmocka_unit_test(operators_are_checked_when_the_plan_is_made),
        cmocka_unit_test(sources_are_checked_when_the_plan_is_made),
        cmocka_unit_test(fields_are_checked_when_the_plan_is_made),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(a_plan_explains_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
