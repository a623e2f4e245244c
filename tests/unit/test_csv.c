/* SPDX-License-Identifier: MIT */
#include "rows_rig.h"

#include <stdio.h>

#include "base/csv.h"

static struct tn_csv_options plain;

/* text in one piece and byte by byte; want: rows, and "?message" at the end when it fails. */
static void expect(const struct tn_csv_options *o, const char *text, const char *want)
{
    for (size_t step = 1; step < 1000; step *= 999) {
        struct tn_buf out;
        struct tn_err err;
        tn_buf_init(&out, TN_MIB);
        struct tn_csv *csv = tn_csv_new(o, rig_row, &out);
        bool ok = true;
        for (size_t i = 0, n = strlen(text); i < n && ok; i += step)
            ok = tn_csv_feed(csv, text + i, n - i < step ? n - i : step, &err);
        if (ok) ok = tn_csv_end(csv, &err);
        if (!ok) tn_buf_addf(&out, "?%s\n", err.text);
        if (!tn_str_is(tn_buf_str(&out), want))
            fail_msg("%s\n wanted %s\n got    %s", text, want, out.p ? out.p : "");
        tn_csv_free(csv);
        tn_buf_clear(&out);
    }
}

static void cells_are_read_as_the_standard_says(void **state)
{
    (void)state;
    expect(&plain, "a,b\r\n1,2\r\n", "{\"a\":\"1\",\"b\":\"2\"}\n");
    expect(&plain, "a,b\n1,2", "{\"a\":\"1\",\"b\":\"2\"}\n");
    expect(&plain, "a,b\r1,2\r", "{\"a\":\"1\",\"b\":\"2\"}\n");
    expect(&plain,
           "\xEF\xBB\xBF"
           "a\n1\n",
           "{\"a\":\"1\"}\n");
    expect(&plain, "\"a b\",\" c \"\n\"x\"\"y\",\"1,\r\n2\"\n",
           "{\"a b\":\"x\\\"y\",\"c\":\"1,\\r\\n2\"}\n");
    expect(&plain, "a,b\n,\"\"\n", "{\"a\":null,\"b\":\"\"}\n");
    expect(&plain, "a\n\n1\n\n\n2\n", "{\"a\":\"1\"}\n{\"a\":\"2\"}\n");
    expect(&plain, "a\n 1 \n", "{\"a\":\" 1 \"}\n");
    expect(&plain, "a\n", "");
    expect(&plain, "", "");
    const struct tn_csv_options semi = {.delimiter = ';'};
    expect(&semi, "a;b\n1,5;x\n", "{\"a\":\"1,5\",\"b\":\"x\"}\n");
}

static void a_wrong_row_is_lost_alone(void **state)
{
    (void)state;
    expect(&plain, "a,b\n1\n2,3,4\n5,6\n",
           "!2: 1 cells, but the header has 2\n!3: 3 cells, but the header has 2\n"
           "{\"a\":\"5\",\"b\":\"6\"}\n");
    expect(&plain, "a\nx\"y\n\"x\"y\nz\n",
           "!2: column 1: a quote inside of a cell without quotes\n"
           "!3: column 1: text behind the closing quote\n{\"a\":\"z\"}\n");
    expect(&plain, "a\n\"1\n2\"\n\"3\n",
           "{\"a\":\"1\\n2\"}\n!4: column 1: the closing quote is missing\n");
    expect(&plain, "a\n\xff\n1\n",
           "!2: column 1 is no UTF-8: is it Windows-1252?\n{\"a\":\"1\"}\n");
}

static void a_wrong_header_ends_it(void **state)
{
    (void)state;
    expect(&plain, ",\n1,2\n", "?line 1, the header: no column has a name\n");
    expect(&plain, "\n\xff,a\n1,2\n",
           "?line 2, the header: column 1 is no UTF-8: is it Windows-1252?\n");
}

static void case_13_separators_at_the_end_of_lines_are_passed_over(void **state)
{
    static const char row[] = "{\"no\":\"007\",\"price\":\"1\"}\n";
    (void)state;
    expect(&plain, "no,price,\n007,1,\n", row);
    expect(&plain, "no,price\n007,1,\n", row);
    expect(&plain, "no,price\n007,1,,,\n", row);
    expect(&plain, "no,price,,\n007,1\n", row);
    expect(&plain, "no,,price\n007,,1\n", row);
    expect(&plain, ",no,price\n,007,1\n", row);
    expect(&plain, "no,,price\n1,x,2\n007,,1\n",
           "!2: column 2 has a value, but no name in the header\n"
           "{\"no\":\"007\",\"price\":\"1\"}\n");
    expect(&plain, "no,price,\n007,1,x,\n",
           "!2: column 3 has a value, but no name in the header\n");
    expect(&plain, "no,price\n007,1,,x\n007\n",
           "!2: 4 cells, but the header has 2\n!3: 1 cells, but the header has 2\n");
}

static void case_13_lines_before_the_header_and_behind_the_rows_are_passed_over(void **state)
{
    const struct tn_csv_options o = {.skip_lines = 2, .skip_footer = 2, .comment = '#'};
    static const struct tn_str names[] = {TN_STR("a"), TN_STR("b")};
    const struct tn_csv_options named = {.skip_lines = 1, .names = names, .name_count = 2};
    static const char row[] = "{\"a\":\"1\",\"b\":\"2\"}\n";
    (void)state;
    expect(&o, "Report \"2026\n,,,\na,b\n1,2\nTotals:,\n#x\nEnd\n\n", row);
    expect(&o, "\xEF\xBB\xBFReport\r\n\r\na,b\r\n#1,\"\r\n1,2\r\n#\r\nx\r\n\"y", row);
    expect(&o, "x\ry\ra,b\r1,2\r#\rx\r#y\ry\r", row);
    expect(&o, "\xEF\xBB\n\na,b\n1\n1,2\n3,4\n5,6\n",
           "!4: 1 cells, but the header has 2\n{\"a\":\"1\",\"b\":\"2\"}\n");
    expect(&o, "x\ny\na,b\n1,2\n", "");
    expect(&o, "x", "");
    expect(&o, "", "");
    expect(&named, "a,b,c\n1,2\n", row);
}

static void case_13_a_first_line_names_the_delimiter(void **state)
{
    const struct tn_csv_options skip = {.skip_lines = 2};
    static const char row[] = "{\"no\":\"1\",\"p\":\"2\"}\n";
    (void)state;
    expect(&plain, "sep=;\nno;p\n1;2\n", row);
    expect(&plain, "\xEF\xBB\xBFsep=\t\r\nno\tp\r\n1\t2\r\n", row);
    expect(&skip, "sep=;\rReport\rno;p\r1;2\r", row);
    expect(&plain, "sep=,p\n1,2\n", "{\"sep=\":\"1\",\"p\":\"2\"}\n");
    expect(&plain, "sep=\n1\n", "{\"sep=\":\"1\"}\n");
    expect(&plain, "se\n1\nsep=;\n", "{\"se\":\"1\"}\n{\"se\":\"sep=;\"}\n");
    expect(&plain, "sep", "");
}

static void case_13_columns_of_one_name_are_a_list(void **state)
{
    (void)state;
    expect(&plain, "n,no,n,n\na,1,,c\n", "{\"n\":[\"a\",null,\"c\"],\"no\":\"1\"}\n");
    expect(&plain, "no,n,n\n1,a,\xff\n2,b,c\n",
           "!2: column 3 is no UTF-8: is it Windows-1252?\n"
           "{\"no\":\"2\",\"n\":[\"b\",\"c\"]}\n");
}

static void long_names_that_differ_at_their_end_are_compared_fast(void **state)
{
    struct tn_buf text, out;
    struct tn_err err;
    char name[900];
    (void)state;
    memset(name, 'x', sizeof name);
    tn_buf_init(&text, TN_LIMIT_RECORD);
    tn_buf_init(&out, TN_MIB);
    for (int i = 0; i < 4096; i++) {
        tn_buf_add(&text, name, sizeof name);
        tn_buf_addf(&text, "%04d%c", i, i < 4095 ? ',' : '\n');
    }
    struct tn_buf commas;
    tn_buf_init(&commas, TN_MIB);
    for (int i = 0; i < 100000; i++) tn_buf_addf(&commas, "c%d,", i);
    struct tn_csv_options o = {.decimal_comma = tn_buf_str(&commas)};
    double from = cpu_seconds();
    struct tn_csv *csv = tn_csv_new(&o, rig_row, &out);
    assert_true(tn_csv_feed(csv, text.p, text.n, &err));
    assert_true(cpu_seconds() - from < 3);
    tn_csv_free(csv);
    tn_buf_clear(&text);
    tn_buf_clear(&commas);
    tn_buf_clear(&out);
}

static void decimal_commas_are_changed_where_told(void **state)
{
    const struct tn_csv_options o = {.delimiter = ';', .decimal_comma = TN_STR("p, q")};
    const struct tn_csv_options all = {.delimiter = ';', .decimal_comma = TN_STR("*")};
    (void)state;
    expect(&o, "p;q;r\n1.249,50;-0,5;1,5\n", "{\"p\":\"1249.50\",\"q\":\"-0.5\",\"r\":\"1,5\"}\n");
    expect(&o, "p;q;r\n12.34,5;x,5;1\n", "{\"p\":\"12.34,5\",\"q\":\"x,5\",\"r\":\"1\"}\n");
    expect(&all, "p\n1.000\n", "{\"p\":\"1000\"}\n");
    expect(&all, "p\n1,\n,5\n1,2,3\n\"+1.234.567,8\"\n",
           "{\"p\":\"1,\"}\n{\"p\":\",5\"}\n{\"p\":\"1,2,3\"}\n{\"p\":\"+1234567.8\"}\n");
}

static void case_15_a_point_in_a_column_with_a_decimal_comma_is_no_decimal_point(void **state)
{
    const struct tn_csv_options o = {.delimiter = ';', .decimal_comma = TN_STR("p")};
    (void)state;
    expect(
        &o, "p;q\n1.250;12.50\n12.50;x\n-1.250.000;1.5\n",
        "{\"p\":\"1250\",\"q\":\"12.50\"}\n"
        "!3: column 1: \"12.50\" has a point where no group of three digits begins, but the column "
        "has a decimal comma\n{\"p\":\"-1250000\",\"q\":\"1.5\"}\n");
    for (const char *const *at =
             (const char *const[]){".5", "5.", "1234.567", "+0.5", "1.2500", "0.500", NULL};
         *at; at++) {
        char text[80], want[200];
        snprintf(text, sizeof text, "p\n%s\n", *at);
        snprintf(want, sizeof want,
                 "!2: column 1: \"%s\" has a point where no group of three digits begins, but the "
                 "column has a decimal comma\n",
                 *at);
        expect(&o, text, want);
    }
    const struct tn_csv_options old = {.encoding = TN_ENCODING_cp1252,
                                       .decimal_comma = TN_STR("p")};
    expect(&old, "p\n1.250\n\"1.249,50\"\n", "{\"p\":\"1250\"}\n{\"p\":\"1249.50\"}\n");
    expect(&o, "p\n31.12.2026\n1.250,5\nv1.5\n.\n",
           "{\"p\":\"31.12.2026\"}\n{\"p\":\"1250.5\"}\n{\"p\":\"v1.5\"}\n{\"p\":\".\"}\n");
}

static void windows_1252_becomes_utf_8(void **state)
{
    const struct tn_csv_options o = {.encoding = TN_ENCODING_cp1252};
    (void)state;
    expect(&o, "Ma\xdf\n\x80 5 \xe4\n", "{\"Ma\xc3\x9f\":\"\xe2\x82\xac 5 \xc3\xa4\"}\n");
    expect(&o, "a\n\x81\n", "!2: column 1 has a byte that Windows-1252 does not have\n");
}

static void a_row_without_an_end_does_not_fill_the_memory(void **state)
{
    struct tn_buf out;
    struct tn_err err;
    char block[4096];
    (void)state;
    memset(block, 'x', sizeof block);
    tn_buf_init(&out, TN_MIB);
    struct tn_csv *csv = tn_csv_new(&plain, rig_row, &out);
    assert_true(tn_csv_feed(csv, "a\n", 2, &err));
    for (size_t n = 0; n < TN_LIMIT_RECORD + 2 * sizeof block; n += sizeof block)
        assert_true(tn_csv_feed(csv, block, sizeof block, &err));
    assert_true(tn_csv_feed(csv, "\n1\n", 3, &err));
    assert_true(tn_csv_end(csv, &err));
    assert_string_equal(out.p, "!2: the row is larger than 4194304 bytes\n{\"a\":\"1\"}\n");
    tn_csv_free(csv);
    tn_buf_clear(&out);
}

static void written_cells_are_no_formulas(void **state)
{
    static const char *const rows[][2] = {{"x", "x"},
                                          {"", "\"\""},
                                          {"a,b", "\"a,b\""},
                                          {"a\"b", "\"a\"\"b\""},
                                          {"a\nb", "\"a\nb\""},
                                          {"=1+1", "\"'=1+1\""},
                                          {"@SUM(A1)", "\"'@SUM(A1)\""},
                                          {"-5", "-5"},
                                          {"-1.50", "-1.50"},
                                          {"+49 30", "\"'+49 30\""},
                                          {"-", "\"'-\""},
                                          {"\tx", "\"'\tx\""}};
    struct tn_buf out;
    struct tn_err err;
    (void)state;
    tn_buf_init(&out, TN_MIB);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tn_buf_reset(&out);
        tn_csv_cell(&out, tn_str(rows[i][0]), ',');
        assert_string_equal(out.p, rows[i][1]);
    }
    struct tn_json *json = tn_json_new();
    const struct tn_str names[] = {TN_STR("a"), TN_STR("b"), TN_STR("c"), TN_STR("d")};
    tn_buf_reset(&out);
    assert_true(
        tn_json_parse(json, TN_STR("{\"a\":0.10,\"c\":[1,2],\"b\":null,\"d\":true}"), &err));
    tn_csv_row(&out, tn_json_root(json), names, 4, ',');
    assert_string_equal(out.p, "0.10,,\"[1,2]\",true\r\n");
    tn_json_free(json);
    tn_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_read_as_the_standard_says),
        cmocka_unit_test(a_wrong_row_is_lost_alone),
        cmocka_unit_test(a_wrong_header_ends_it),
        cmocka_unit_test(case_13_separators_at_the_end_of_lines_are_passed_over),
        cmocka_unit_test(case_13_lines_before_the_header_and_behind_the_rows_are_passed_over),
        cmocka_unit_test(case_13_a_first_line_names_the_delimiter),
        cmocka_unit_test(case_13_columns_of_one_name_are_a_list),
        cmocka_unit_test(long_names_that_differ_at_their_end_are_compared_fast),
        cmocka_unit_test(decimal_commas_are_changed_where_told),
        cmocka_unit_test(case_15_a_point_in_a_column_with_a_decimal_comma_is_no_decimal_point),
        cmocka_unit_test(windows_1252_becomes_utf_8),
        cmocka_unit_test(a_row_without_an_end_does_not_fill_the_memory),
        cmocka_unit_test(written_cells_are_no_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
