/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "model/query.h"

static const struct tn_field fields[] = {{.name = "number", .type = TN_FIELD_text},
                                         {.name = "priority", .type = TN_FIELD_int},
                                         {.name = "notes", .type = TN_FIELD_text}};
static const char *const filter[] = {"number", "priority", NULL}, *const sort[] = {"priority",
                                                                                   NULL};
static const struct tn_entity order = {.name = "order",
                                       .plural = "orders",
                                       .fields = fields,
                                       .n_fields = 3,
                                       .filter = filter,
                                       .sort = sort,
                                       .page = 50,
                                       .page_max = 500};

static void a_list_takes_the_declared_fields_and_those_of_the_system(void **state)
{
    struct tn_list_query l;
    struct tn_err err;
    struct tn_str values[] = {TN_STR("A"), TN_STR("B")};
    (void)state;
    tn_list_query_init(&l, &order, 7, true);
    assert_true(tn_list_query_where(&l, TN_STR("number"), TN_FILTER_in, values, 2, &err));
    assert_true(tn_list_query_where(&l, TN_STR("createdAt"), TN_FILTER_gt, values, 1, &err));
    assert_true(tn_list_query_sort(&l, TN_STR("priority"), true, &err));
    assert_true(tn_list_query_sort(&l, TN_STR("updatedAt"), false, &err));
    assert_int_equal(l.q.team, 7);
    assert_string_equal(l.q.table, "orders");
    assert_int_equal(l.q.filter_count, 2);
    assert_string_equal(l.q.filters[0].column, "number");
    assert_int_equal(l.q.filters[0].count, 2);
    assert_true(tn_str_is(l.q.filters[0].values[1], "B"));
    assert_string_equal(l.q.filters[1].column, "created");
    assert_string_equal(l.q.sort[0].column, "priority");
    assert_true(l.q.sort[0].descending);
    assert_string_equal(l.q.sort[1].column, "updated");
    tn_list_query_clear(&l);
}

static void what_a_list_does_not_take_is_named_with_the_nearest(void **state)
{
    struct tn_list_query l;
    struct tn_err err;
    struct tn_str value = TN_STR("A");
    (void)state;
    tn_list_query_init(&l, &order, 1, true);
    assert_false(tn_list_query_where(&l, TN_STR("numbr"), TN_FILTER_eq, &value, 1, &err));
    assert_int_equal(err.kind, TN_E_syntax);
    assert_int_equal(err.code, TN_CODE_parameter);
    assert_string_equal(err.field, "numbr");
    assert_string_equal(err.text, "orders cannot be filtered by 'numbr'; did you mean 'number'?");
    assert_false(tn_list_query_where(&l, TN_STR("notes"), TN_FILTER_eq, &value, 1, &err));
    assert_false(tn_list_query_sort(&l, TN_STR("number"), false, &err));
    assert_string_equal(err.text, "orders cannot be sorted by 'number'");
    tn_list_query_clear(&l);
    tn_list_query_init(&l, &order, 1, false);
    assert_true(tn_list_query_where(&l, TN_STR("notes"), TN_FILTER_eq, &value, 1, &err));
    assert_false(tn_list_query_where(&l, TN_STR("note"), TN_FILTER_eq, &value, 1, &err));
    assert_string_equal(err.text, "orders cannot be filtered by 'note'; did you mean 'notes'?");
    for (int i = 1; i < TN_STORE_FILTERS_MAX; i++)
        assert_true(tn_list_query_where(&l, TN_STR("notes"), TN_FILTER_eq, &value, 1, &err));
    assert_false(tn_list_query_where(&l, TN_STR("notes"), TN_FILTER_eq, &value, 1, &err));
    tn_list_query_clear(&l);
}

static void a_page_is_as_large_as_asked_but_no_larger_than_may_be(void **state)
{
    struct tn_list_query l;
    struct tn_str none = {NULL, 0};
    (void)state;
    tn_list_query_init(&l, &order, 1, true);
    tn_list_query_page(&l, 0, 0, none, false);
    assert_int_equal(l.q.limit, 50);
    tn_list_query_page(&l, 501, 3, TN_STR("next"), true);
    assert_int_equal(l.q.limit, 500);
    assert_int_equal(l.q.offset, 3);
    assert_true(tn_str_is(l.q.cursor, "next"));
    assert_true(l.q.total);
    tn_list_query_clear(&l);
}

static void operators_have_words(void **state)
{
    enum tn_filter_op op;
    (void)state;
    assert_true(tn_filter_op_of(TN_STR("ge"), &op));
    assert_int_equal(op, TN_FILTER_ge);
    assert_true(tn_filter_op_of(TN_STR("contains"), &op));
    assert_int_equal(op, TN_FILTER_contains);
    assert_false(tn_filter_op_of(TN_STR("like"), &op));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_takes_the_declared_fields_and_those_of_the_system),
        cmocka_unit_test(what_a_list_does_not_take_is_named_with_the_nearest),
        cmocka_unit_test(a_page_is_as_large_as_asked_but_no_larger_than_may_be),
        cmocka_unit_test(operators_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
