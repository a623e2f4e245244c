/* SPDX-License-Identifier: MIT */
#include "rows_rig.h"

#include "base/fixed.h"

static void expect(const struct tn_fixed_options *o, const char *text, const char *want)
{
    for (size_t step = 1; step < 1000; step *= 999) {
        struct tn_buf out;
        struct tn_err err;
        tn_buf_init(&out, TN_MIB);
        struct tn_fixed *fixed = tn_fixed_new(o, rig_row, &out, &err);
        if (!fixed) fail_msg("%s", err.text);
        for (size_t i = 0, n = strlen(text); i < n; i += step)
            assert_true(tn_fixed_feed(fixed, text + i, n - i < step ? n - i : step, &err));
        assert_true(tn_fixed_end(fixed, &err));
        if (!tn_str_is(tn_buf_str(&out), want))
            fail_msg("%s\n wanted %s\n got    %s", text, want, out.p ? out.p : "");
        tn_fixed_free(fixed);
        tn_buf_clear(&out);
    }
}

static void fields_are_cut_at_their_positions(void **state)
{
    const struct tn_fixed_options o = {.columns = TN_STR("no:1-4, name:5-8, q:10-12")};
    (void)state;
    expect(&o, "0001Nut  5.5\n", "{\"no\":\"0001\",\"name\":\"Nut\",\"q\":\"5.5\"}\n");
    expect(&o, "1   \xc3\x84\xc3\x96\xc3\x9c  7\r\n\r\n2\n",
           "{\"no\":\"1\",\"name\":\"\xc3\x84\xc3\x96\xc3\x9c\",\"q\":\"7\"}\n"
           "{\"no\":\"2\",\"name\":null,\"q\":null}\n");
    expect(&o, "1 \xff\n2",
           "!1: the line is no UTF-8: is it Windows-1252?\n"
           "{\"no\":\"2\",\"name\":null,\"q\":null}\n");
    const struct tn_fixed_options bytes = {.columns = TN_STR("a:1-2,b:3-4"), .bytes = true};
    expect(&bytes, "\xc3\x84xy\n", "{\"a\":\"\xc3\x84\",\"b\":\"xy\"}\n");
    expect(&bytes, "x\xc3\x84y\n", "!1: a: a character is cut, or it is no UTF-8\n");
    const struct tn_fixed_options old = {.columns = TN_STR("a:1-2,b:3-4"),
                                         .encoding = TN_ENCODING_cp1252};
    expect(&old,
           "\xc4x\xdf"
           "y\n",
           "{\"a\":\"\xc3\x84x\",\"b\":\"\xc3\x9fy\"}\n");
}

static void case_17_lines_of_another_kind_are_passed_over(void **state)
{
    static const char text[] = "H20260305ACME\nD0001 Bolt      0000125\n\nE0002\nT0000002";
    const struct tn_str columns = TN_STR("kind:1-1,no:2-5,name:7-16,price:17-23");
    const struct tn_fixed_options one = {.columns = columns, .only = TN_STR("kind=D")};
    const struct tn_fixed_options two = {.columns = columns, .only = TN_STR("no = 0002 , 0001")};
    static const char bolt[] =
        "{\"kind\":\"D\",\"no\":\"0001\",\"name\":\"Bolt\",\"price\":\"0000125\"}\n";
    struct tn_buf out;
    struct tn_err err;
    (void)state;
    expect(&one, text, bolt);
    tn_buf_init(&out, TN_MIB);
    struct tn_fixed *fixed = tn_fixed_new(&one, rig_row, &out, &err);
    assert_true(tn_fixed_feed(fixed, text, strlen(text), &err) && tn_fixed_end(fixed, &err));
    assert_int_equal(tn_fixed_skipped(fixed), 3);
    tn_fixed_free(fixed);
    fixed = tn_fixed_new(&two, rig_row, &out, &err);
    assert_true(tn_fixed_feed(fixed, text, strlen(text), &err) && tn_fixed_end(fixed, &err));
    assert_int_equal(tn_fixed_skipped(fixed), 2);
    tn_fixed_free(fixed);
    tn_buf_clear(&out);
    expect(&one, "\xff\nD0001\n",
           "!1: the line is no UTF-8: is it Windows-1252?\n"
           "{\"kind\":\"D\",\"no\":\"0001\",\"name\":null,\"price\":null}\n");
    const struct tn_fixed_options missing = {.columns = columns, .only = TN_STR("typ=D")};
    assert_null(tn_fixed_new(&missing, rig_row, NULL, &err));
    assert_string_equal(err.text, "only: there is no column \"typ\"");
    const struct tn_fixed_options vague = {.columns = columns, .only = TN_STR("D")};
    assert_null(tn_fixed_new(&vague, rig_row, NULL, &err));
    assert_string_equal(err.text, "only is column=value, as in kind=D, not \"D\"");
}

static void refuse(const char *columns, const char *part)
{
    const struct tn_fixed_options o = {.columns = tn_str(columns)};
    struct tn_err err;
    assert_null(tn_fixed_new(&o, rig_row, NULL, &err));
    if (!strstr(err.text, part)) fail_msg("%s: %s", columns, err.text);
}

static void wrong_layouts_are_refused(void **state)
{
    (void)state;
    refuse("", "fixed width needs columns");
    refuse("a", "a column is name:first-last, from 1");
    refuse("a:0-4", "from 1");
    refuse("a:5-4", "from 1");
    refuse("a:5", "from 1");
    refuse(":1-2", "from 1");
    refuse("a:1-2,a:3-4", "two columns have the name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_cut_at_their_positions),
        cmocka_unit_test(case_17_lines_of_another_kind_are_passed_over),
        cmocka_unit_test(wrong_layouts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
