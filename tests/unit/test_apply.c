/* SPDX-License-Identifier: MIT */
/* Operators by table, policies, faults as a person reads them, hashes; and random plans over random
 * records against a slow interpreter that shares no code with the plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <openssl/sha.h>

#include "base/limits.h"
#include "mapping/apply.h"

#define V(path, ...) (&(const struct tn_spec_value){.text = TN_STR(path), .line = 5, __VA_ARGS__})
#define OPS(...)                                                                                   \
    .ops = (const struct tn_spec_op[]){__VA_ARGS__},                                               \
    .op_count = sizeof((const struct tn_spec_op[]){__VA_ARGS__}) / sizeof(struct tn_spec_op)
#define ITEMS(...)                                                                                 \
    .items = (const struct tn_spec_value *const[]){__VA_ARGS__},                                   \
    .item_count = sizeof((const struct tn_spec_value *const[]){__VA_ARGS__}) / sizeof(void *)
#define FIELDS(...)                                                                                \
    .fields = (const struct tn_spec_field[]){__VA_ARGS__},                                         \
    .field_count =                                                                                 \
        sizeof((const struct tn_spec_field[]){__VA_ARGS__}) / sizeof(struct tn_spec_field)
#define F(name, v, ...)                                                                            \
    {                                                                                              \
        .target = TN_STR(name), .line = 5, .value = v, __VA_ARGS__                                 \
    }

struct result {
    bool ok;
    struct tn_buf out, line; /* line: the first fault as people see it */
    struct tn_outcome outcome;
    char id[64];
    unsigned char hash[TN_APPLY_HASH];
};

static struct tn_plan *plan_of(const struct tn_spec *spec)
{
    struct tn_err err;
    struct tn_plan *plan = tn_plan_new(spec, &err);
    if (!plan) fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.text);
    return plan;
}

static void apply_with(struct tn_apply *a, const char *record, struct result *r)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    if (!tn_json_parse(json, tn_str(record), &err)) fail_msg("%s: %s", record, err.text);
    r->ok = tn_apply_record(a, tn_json_root(json), &r->out, &r->outcome);
    assert_int_equal(r->ok, r->outcome.ok);
    if (r->ok) tn_apply_hash(a, &r->out, r->hash);
    if (r->outcome.listed) tn_outcome_line(&r->outcome.faults[0], &r->line);
    snprintf(r->id, sizeof r->id, "%.*s", TN_FMT(r->outcome.external_id));
    tn_json_free(json);
}

static void run(const struct tn_spec *spec, const char *record, struct result *r)
{
    struct tn_plan *plan = plan_of(spec);
    struct tn_apply *a = tn_apply_new(plan);
    *r = (struct result){.ok = false};
    tn_buf_init(&r->out, TN_LIMIT_RECORD);
    tn_buf_init(&r->line, TN_LIMIT_RECORD);
    apply_with(a, record, r);
    tn_apply_free(a);
    tn_plan_free(plan);
}

static void clear(struct result *r)
{
    tn_buf_clear(&r->out);
    tn_buf_clear(&r->line);
}

/* want: the output; or, beginning with "!", what the first fault's line has in it. */
static void expect_spec(const struct tn_spec *spec, const char *record, const char *want)
{
    struct result r;
    run(spec, record, &r);
    if (want[0] == '!') {
        if (!r.outcome.listed || !strstr(r.line.p, want + 1))
            fail_msg("%s\n wanted the fault %s\n got %s", record, want + 1,
                     r.line.n ? r.line.p : r.out.p);
    } else if (!r.ok || !tn_str_is(tn_buf_str(&r.out), want)) {
        fail_msg("%s\n wanted %s\n got    %.*s %s", record, want, TN_FMT(tn_buf_str(&r.out)),
                 r.line.n ? r.line.p : "");
    }
    clear(&r);
}

static void expect(const struct tn_spec_value *v, const char *record, const char *want)
{
    const struct tn_spec_field f[] = {F("y", v)};
    const struct tn_spec spec = {.file = "m.lua", .fields = f, .field_count = 1};
    expect_spec(&spec, record, want);
}

static void untouched_values_keep_their_bytes(void **state)
{
    static const char *const rows[] = {"0.10",
                                       "1e-7",
                                       "1E+2",
                                       "-0",
                                       "300000047274444",
                                       "9223372036854775807",
                                       "123456789012345678901234567890",
                                       "0.1000000000000000055511151231257827",
                                       "\"\"",
                                       "\"a\\u0041\\/b\\n\"",
                                       "\"\xc3\xa4\"",
                                       "[]",
                                       "{}",
                                       "[ 1, 2 ]",
                                       "{ \"a\" : [] }",
                                       "true",
                                       "false",
                                       "null",
                                       "\"\\ud83d\\ude00\""};
    char record[256], want[256];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(record, sizeof record, "{\"x\":%s}", rows[i]);
        snprintf(want, sizeof want, "{\"y\":%s}", rows[i]);
        expect(V("x"), record, want);
    }
    expect(V("x"), "{}", "{}");
    expect(V("x"), "{\"x\":1,\"x\":2}", "{\"y\":2}");
    expect(V("x"), "{\"\\u0078\":1}", "{\"y\":1}");
    expect(V(""), "{\"x\":1}", "{\"y\":{\"x\":1}}");
}

static void paths_lead_through_objects_and_lists(void **state)
{
    const char *r =
        "{\"a\":{\"b\":{\"c\":1},\"l\":[{\"q\":1},{\"q\":2,\"n\":[7,8]},3,{}]},\"x.y\":5,"
        "\"one\":{\"q\":9},\"nil\":null}";
    (void)state;
    expect(V("a.b.c"), r, "{\"y\":1}");
    expect(V("a.l[1].q"), r, "{\"y\":2}");
    expect(V("a.l[1].n[0]"), r, "{\"y\":7}");
    expect(V("a.l[9].q"), r, "{}");
    expect(V("a.b.c.d"), r, "{}");
    expect(V("a.b[0].c"), r, "{\"y\":1}");
    expect(V("a[1]"), r, "{}");
    expect(V("[\"x.y\"]"), r, "{\"y\":5}");
    expect(V("a.l[*].q"), r, "{\"y\":[1,2]}");
    expect(V("a.l[*]"), r, "{\"y\":[{\"q\":1},{\"q\":2,\"n\":[7,8]},3,{}]}");
    expect(V("a.l[*].n[*]"), r, "{\"y\":[7,8]}");
    expect(V("one[*].q"), r, "{\"y\":[9]}");
    expect(V("none[*].q"), r, "{}");
    expect(V("nil[*].q"), r, "{\"y\":null}");
    expect(V("nil.q"), r, "{}");
    expect(V("a.b"), "{\"a\":{\"b\":1},\"a\":{}}", "{}");
}

static void operators_do_what_the_table_says(void **state)
{
    static const struct tn_spec_row rows[] = {{.key = TN_STR("1"), .value = TN_STR("\"X\"")},
                                              {.key = TN_STR("true"), .value = TN_STR("\"T\"")},
                                              {.key = TN_STR("a\"b"), .value = TN_STR("[1, 0.10]")},
                                              {.key = TN_STR("nil"), .value = TN_STR("null")}};
    static const struct tn_spec_row words[] = {{.key = TN_STR("Ja"), .value = TN_STR("true")}};
    static const struct {
        struct tn_spec_op op;
        const char *in, *out; /* out NULL: absent; "!": a fault that has the text */
    } table[] = {
        {{.op = TN_OP_text}, "300000047274444", "\"300000047274444\""},
        {{.op = TN_OP_text}, "0.10", "\"0.10\""},
        {{.op = TN_OP_text}, "true", "\"true\""},
        {{.op = TN_OP_text}, "\"a\\u0041\"", "\"aA\""},
        {{.op = TN_OP_text}, "null", "null"},
        {{.op = TN_OP_text},
         "[1]",
         "!m.lua:5: y: expected a text, a number or a boolean, got an array (x = [1])"},
        {{.op = TN_OP_trim}, "\" \\t a b \\n\"", "\"a b\""},
        {{.op = TN_OP_trim}, "\"   \"", "\"\""},
        {{.op = TN_OP_trim}, "7", "\"7\""},
        {{.op = TN_OP_upper}, "\"a\xc3\xa4z\"", "\"A\xc3\xa4Z\""},
        {{.op = TN_OP_lower}, "\"AbZ[\"", "\"abz[\""},
        {{.op = TN_OP_substring, .i = 2, .j = 3},
         "\"a\xc3\xa4"
         "bc\"",
         "\"\xc3\xa4"
         "b\""},
        {{.op = TN_OP_substring, .i = -2, .j = -1}, "\"abcd\"", "\"cd\""},
        {{.op = TN_OP_substring, .i = 3, .j = 99}, "\"ab\"", "\"\""},
        {{.op = TN_OP_substring, .i = -99, .j = 1}, "\"ab\"", "\"a\""},
        {{.op = TN_OP_substring, .i = 2, .j = 1}, "\"ab\"", "\"\""},
        {{.op = TN_OP_substring, .i = INT64_MIN, .j = INT64_MAX}, "\"ab\"", "\"ab\""},
        {{.op = TN_OP_replace, .a = TN_STR("aa"), .b = TN_STR("b\"")},
         "\"aaaa-a\"",
         "\"b\\\"b\\\"-a\""},
        {{.op = TN_OP_replace, .a = TN_STR("a"), .b = TN_STR("")}, "\"aaa\"", "\"\""},
        {{.op = TN_OP_pad, .i = 5, .a = TN_STR("0")}, "42", "\"00042\""},
        {{.op = TN_OP_pad, .i = 4, .a = TN_STR("."), .mode = 1}, "\"\xc3\xa4\"", "\"\xc3\xa4...\""},
        {{.op = TN_OP_pad, .i = 2, .a = TN_STR("0")}, "\"abc\"", "\"abc\""},
        {{.op = TN_OP_split, .a = TN_STR(",")}, "\"a,,b\"", "[\"a\",\"\",\"b\"]"},
        {{.op = TN_OP_split, .a = TN_STR(",")}, "\"\"", "[]"},
        {{.op = TN_OP_join, .a = TN_STR("-")},
         "[1,\"b\\n\",true,null,0.10]",
         "\"1-b\\n-true-0.10\""},
        {{.op = TN_OP_join, .a = TN_STR("-")}, "[]", "\"\""},
        {{.op = TN_OP_join, .a = TN_STR("-")}, "\"a\"", "!expected a list, got a string"},
        {{.op = TN_OP_join, .a = TN_STR("-")}, "[[1]]", "!expected a text, a number or a boolean"},
        {{.op = TN_OP_number}, "1.50", "1.50"},
        {{.op = TN_OP_number}, "\" 100 \"", "100"},
        {{.op = TN_OP_number}, "\"1e\\u0033\"", "1e3"},
        {{.op = TN_OP_number},
         "\"12,5\"",
         "!m.lua:5: y: expected a number, got a text that is not a number (x = \"12,5\")"},
        {{.op = TN_OP_number}, "\"\"", "!got a text that is not a number"},
        {{.op = TN_OP_number}, "true", "!expected a number, got true or false"},
        {{.op = TN_OP_number, .a = TN_STR("0")}, "-0.0", "-0.0"},
        {{.op = TN_OP_number, .a = TN_STR("0")}, "-1e-300", "!expected at least 0 (x = -1e-300)"},
        {{.op = TN_OP_number, .b = TN_STR("10")},
         "10.000000000000000000001",
         "!expected at most 10"},
        {{.op = TN_OP_integer}, "7.0", "7"},
        {{.op = TN_OP_integer}, "\"9223372036854775808\"", "9223372036854775808"},
        {{.op = TN_OP_integer}, "7.5", "!expected a whole number"},
        {{.op = TN_OP_decimal, .i = -1}, "\"0.10\"", "0.10"},
        {{.op = TN_OP_decimal, .i = 4}, "12.5", "12.5000"},
        {{.op = TN_OP_decimal, .i = 2, .j = 1, .mode = TN_ROUND_half_up}, "1.005", "\"1.01\""},
        {{.op = TN_OP_decimal, .i = 2, .mode = TN_ROUND_none},
         "1.005",
         "!2 digits after the point without rounding"},
        {{.op = TN_OP_boolean}, "true", "true"},
        {{.op = TN_OP_boolean}, "0", "false"},
        {{.op = TN_OP_boolean}, "\" YES \"", "true"},
        {{.op = TN_OP_boolean}, "\"maybe\"", "!expected true or false, yes or no, 1 or 0"},
        {{.op = TN_OP_boolean, .rows = words, .row_count = 1}, "\"ja\"", "true"},
        {{.op = TN_OP_time}, "\"2024-03-05T16:34:12.220+02:00\"", "\"2024-03-05T14:34:12.220Z\""},
        {{.op = TN_OP_time}, "\"2024-03-05T16:34:12\"", "!the time has no zone"},
        {{.op = TN_OP_time, .b = TN_STR("+01:00")},
         "\"2024-03-05T16:34:12\"",
         "\"2024-03-05T15:34:12.000Z\""},
        {{.op = TN_OP_time},
         "\"5 March\"",
         "!expected a time such as 2026-01-31T08:09:10+02:00 (x = \"5 March\")"},
        {{.op = TN_OP_time, .a = TN_STR("epoch")}, "0", "\"1970-01-01T00:00:00.000Z\""},
        {{.op = TN_OP_date}, "\"2024-03-05T23:34:12-05:00\"", "\"2024-03-05\""},
        {{.op = TN_OP_date, .a = TN_STR("%d.%m.%Y")}, "\"05.03.2024\"", "\"2024-03-05\""},
        {{.op = TN_OP_date, .a = TN_STR("%d.%m.%Y")},
         "\"5/3\"",
         "!a date of the form \"%d.%m.%Y\""},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4}, "1", "\"X\""},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4}, "1.0", "\"X\""},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4}, "\"1\"", "\"X\""},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4}, "true", "\"T\""},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4}, "\"a\\\"b\"", "[1,0.10]"},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4}, "\"nil\"", "null"},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4},
         "2",
         "!the look-up has no such value (x = 2)"},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4, .miss = TN_FAULT_warn},
         "2",
         "!warning: the look-up"},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4, .other = TN_STR("\"O\"")},
         "2",
         "\"O\""},
        {{.op = TN_OP_lookup, .rows = rows, .row_count = 4, .other = TN_STR("\"O\"")},
         "null",
         "\"O\""},
        {{.op = TN_OP_unit, .a = TN_STR("kg"), .b = TN_STR("g"), .i = -1}, "0.1", "100"},
        {{.op = TN_OP_unit, .a = TN_STR("mm"), .b = TN_STR("in"), .i = -1},
         "10",
         "!it has no exact value in the other unit: give a scale"},
        {{.op = TN_OP_unit, .a = TN_STR("mm"), .b = TN_STR("in"), .i = 3}, "\"10\"", "0.394"},
        {{.op = TN_OP_blank, .a = TN_STR("")}, "\"  \"", NULL},
        {{.op = TN_OP_blank, .a = TN_STR("N/A")}, "\"N/A\"", NULL},
        {{.op = TN_OP_blank, .a = TN_STR("")}, "\"x\"", "\"x\""},
    };
    char record[256], want[256];
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct tn_spec_value v = {
            .text = TN_STR("x"), .line = 5, .ops = &table[i].op, .op_count = 1};
        snprintf(record, sizeof record, "{\"x\":%s}", table[i].in);
        const char *out = table[i].out;
        if (out && out[0] == '!')
            snprintf(want, sizeof want, "%s", out);
        else if (out)
            snprintf(want, sizeof want, "{\"y\":%s}", out);
        else
            snprintf(want, sizeof want, "{}");
        /* arrays of constants keep their white space */
        if (out && strcmp(out, "[1,0.10]") == 0) snprintf(want, sizeof want, "{\"y\":[1, 0.10]}");
        expect(&v, record, want);
    }
}

static void operators_chain(void **state)
{
    (void)state;
    expect(V("x", OPS({.op = TN_OP_trim}, {.op = TN_OP_upper},
                      {.op = TN_OP_pad, .i = 4, .a = TN_STR("0")})),
           "{\"x\":\" a\\\"b \"}", "{\"y\":\"0A\\\"B\"}");
    expect(V("x", OPS({.op = TN_OP_split, .a = TN_STR(",")}, {.op = TN_OP_join, .a = TN_STR(";")})),
           "{\"x\":\"a,b\\\\\"}", "{\"y\":\"a;b\\\\\"}");
    expect(V("x", OPS({.op = TN_OP_blank, .a = TN_STR("")}, {.op = TN_OP_number}),
             .fallback = TN_STR("0")),
           "{\"x\":\" \"}", "{\"y\":0}");
    expect(V("l[*].q", OPS({.op = TN_OP_join, .a = TN_STR("+")})),
           "{\"l\":[{\"q\":1},{\"q\":\"b\"}]}", "{\"y\":\"1+b\"}");
    expect(
        V("l", OPS({.op = TN_OP_join, .a = TN_STR("")}, {.op = TN_OP_number, .b = TN_STR("12")})),
        "{\"l\":[1,2]}", "{\"y\":12}");
}

static void case_27_one_element_and_a_list_of_one_read_alike(void **state)
{
    static const char *const same[] = {"{\"l\":{\"n\":\"7\"}}", "{\"l\":[{\"n\":\"7\"}]}"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect(V("l.n"), same[i], "{\"y\":\"7\"}");
        expect(V("l[0].n"), same[i], "{\"y\":\"7\"}");
        expect(V("l[0]"), same[i], "{\"y\":{\"n\":\"7\"}}");
        expect(V("l[1].n"), same[i], "{}");
        expect(V("l[*].n"), same[i], "{\"y\":[\"7\"]}");
        expect(V("l[*].n[0]"), same[i], "{\"y\":[\"7\"]}");
        expect(V("l[n=\"7\"].n"), same[i], "{\"y\":\"7\"}");
        expect(V("l[n='8'].n"), same[i], "{}");
    }
    expect(V("l[0]"), "{\"l\":null}", "{}");
    expect(V("l[0]"), "{\"l\":\"a\"}", "{\"y\":\"a\"}");
    expect(V("l[0].n"), "{\"l\":[]}", "{}");
}

static void case_27_a_name_behind_a_list_of_several_is_told(void **state)
{
    (void)state;
    expect(V("l.n"), "{\"l\":[{\"n\":1},{\"n\":2}]}",
           "!m.lua:5: warning: a name behind a list reads nothing when the list has several "
           "elements, here 2: write [0], [*] or a selection such as [code=\"A1\"] behind the list "
           "(l.n)");
    expect(V("l[0].n"), "{\"l\":[{\"n\":1},{\"n\":2}]}", "{\"y\":1}");
}

static void elements_are_selected_by_their_members(void **state)
{
    const char *r =
        "{\"K\":[{\"Q\":\"002\",\"D\":\"20260301\"},{\"Q\":\"012\",\"D\":\"20260305\"},"
        "{\"Q\":\"012\",\"D\":\"20260309\",\"U\":\"x\"}],"
        "\"n\":[{\"t\":1.0,\"ok\":true,\"v\":1},{\"t\":{\"#text\":\"2]\",\"@a\":\"\"},"
        "\"v\":2},{\"t\":[{\"c\":\"a\\u0062\"}],\"v\":3},{\"t\":[\"p\",\"q\"],\"v\":4},5]}";
    (void)state;
    expect(V("K[Q=\"012\"].D"), r, "{\"y\":\"20260305\"}");
    expect(V("K[Q='012', U='x'].D"), r, "{\"y\":\"20260309\"}");
    expect(V("K[U='x',Q='002'].D"), r, "{}");
    expect(V("K[Q='12'].D"), r, "{}");
    expect(V("K[*][Q='012'].D"), r, "{\"y\":[\"20260305\",\"20260309\"]}");
    expect(V("K[Q='012'][0].D"), r, "{\"y\":\"20260305\"}");
    expect(V("n[t='1.0'].v"), r, "{\"y\":1}");
    expect(V("n[ok='true'].v"), r, "{\"y\":1}");
    expect(V("n[t='2]'].v"), r, "{\"y\":2}");
    expect(V("n[t.c='ab'].v"), r, "{\"y\":3}");
    expect(V("n[t='q'].v"), r, "{\"y\":4}");
    expect(V("{K[Q='002'].D}/{K[Q='012'].D}", .from = TN_FROM_template), r,
           "{\"y\":\"20260301/20260305\"}");
    expect(V("K[Q='002']", .from = TN_FROM_each, FIELDS(F("d", V("D")))), r,
           "{\"y\":[{\"d\":\"20260301\"}]}");
}

static void any_case_counts_behind_a_list_and_in_a_selection(void **state)
{
    const struct tn_spec_field f[] = {F("y", V("L[*].n")), F("z", V("l[Q.r='a'].N"))};
    const struct tn_spec spec = {.file = "m.lua", .fields = f, .field_count = 2, .any_case = true};
    (void)state;
    expect_spec(&spec, "{\"l\":[{\"q\":{\"R\":\"a\"},\"N\":1},{\"n\":2}]}",
                "{\"y\":[1,2],\"z\":1}");
}

static void case_27_a_text_reads_alike_with_and_without_attributes(void **state)
{
    static const char *const same[] = {"{\"a\":\" 5 \"}",
                                       "{\"a\":{\"@u\":\"kg\",\"#text\":\" 5 \"}}"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect(V("a"), same[i], "{\"y\":\" 5 \"}");
        expect(V("a.#text"), same[i], "{\"y\":\" 5 \"}");
        expect(V("a[*]"), same[i], "{\"y\":[\" 5 \"]}");
        expect(V("a[*].#text"), same[i], "{\"y\":[\" 5 \"]}");
        expect(V("a", OPS({.op = TN_OP_number})), same[i], "{\"y\":5}");
        expect(V("{a}", .from = TN_FROM_template), same[i], "{\"y\":\" 5 \"}");
        expect(V("a", .from = TN_FROM_each, FIELDS(F("t", V("#text")))), same[i],
               "{\"y\":[{\"t\":\" 5 \"}]}");
    }
    expect(V("a.@u"), same[1], "{\"y\":\"kg\"}");
    expect(V("a"), "{\"a\":{\"#text\":\"t\",\"b\":\"1\"}}",
           "{\"y\":{\"#text\":\"t\",\"b\":\"1\"}}");
    expect(V("a"), "{\"a\":{\"@id\":\"1\"}}", "{\"y\":{\"@id\":\"1\"}}");
    expect(V("a", .from = TN_FROM_each, FIELDS(F("t", V("#text")), F("u", V("@u")))),
           "{\"a\":[\"x\",{\"@u\":\"m\",\"#text\":\"y\"}]}",
           "{\"y\":[{\"t\":\"x\"},{\"t\":\"y\",\"u\":\"m\"}]}");
}

static void sources_other_than_paths(void **state)
{
    (void)state;
    expect(V("{\"a\": 0.10}", .from = TN_FROM_const), "{}", "{\"y\":{\"a\": 0.10}}");
    expect(V("\"\\u0041\"", .from = TN_FROM_const), "{}", "{\"y\":\"A\"}");
    expect(V("{a}-{b.c}{{x}}", .from = TN_FROM_template), "{\"a\":\"\\\"\",\"b\":{\"c\":0.10}}",
           "{\"y\":\"\\\"-0.10{x}\"}");
    expect(V("{a}-{b}", .from = TN_FROM_template), "{\"a\":1}", "{}");
    expect(V("{a}-{b}", .from = TN_FROM_template), "{\"a\":1,\"b\":null}", "{}");
    expect(V("{a}", .from = TN_FROM_template), "{\"a\":[1]}",
           "!expected a text, a number or a boolean, got an array (a = [1])");
    expect(V("", .from = TN_FROM_template), "{}", "{\"y\":\"\"}");
    const struct tn_spec_value *first =
        V("", .from = TN_FROM_first,
          ITEMS(V("a"), V("b", OPS({.op = TN_OP_text})), V("c", .fallback = TN_STR("9"))));
    expect(first, "{\"a\":null,\"b\":1}", "{\"y\":\"1\"}");
    expect(first, "{\"a\":false,\"b\":1}", "{\"y\":false}");
    expect(first, "{}", "{\"y\":9}");
    const struct tn_spec_value *when =
        V("", .from = TN_FROM_when, .test = TN_TEST_is,
          .args = (const struct tn_str[]){TN_STR("\"BUY\""), TN_STR("1")}, .arg_count = 2,
          ITEMS(V("k"), V("a"), V("b")));
    expect(when, "{\"k\":\"BUY\",\"a\":1,\"b\":2}", "{\"y\":1}");
    expect(when, "{\"k\":\"B\\u0055Y\",\"a\":1,\"b\":2}", "{\"y\":1}");
    expect(when, "{\"k\":1.0,\"a\":1,\"b\":2}", "{\"y\":1}");
    expect(when, "{\"k\":\"MAKE\",\"a\":1,\"b\":2}", "{\"y\":2}");
    expect(when, "{\"a\":1,\"b\":2}", "{\"y\":2}");
    const struct tn_spec_value *above = V("", .from = TN_FROM_when, .test = TN_TEST_above,
                                          .args = (const struct tn_str[]){TN_STR("0.1")},
                                          .arg_count = 1, ITEMS(V("k"), V("a"), NULL));
    expect(above, "{\"k\":0.10000000000000000001,\"a\":1}", "{\"y\":1}");
    expect(above, "{\"k\":\"0.10\",\"a\":1}", "{}");
    expect(above, "{\"k\":\"x\",\"a\":1}", "!expected a number to compare");
    const struct tn_spec_value *present =
        V("", .from = TN_FROM_when, .test = TN_TEST_present,
          ITEMS(V("k"), V("\"yes\"", .from = TN_FROM_const), V("\"no\"", .from = TN_FROM_const)));
    expect(present, "{\"k\":0}", "{\"y\":\"yes\"}");
    expect(present, "{\"k\":null}", "{\"y\":\"no\"}");
}

static void objects_and_lists_are_made(void **state)
{
    const struct tn_spec_value *object =
        V("", .from = TN_FROM_object, FIELDS(F("p", V("a")), F("q", V("b"))));
    const struct tn_spec_value *each =
        V("lines", .from = TN_FROM_each,
          FIELDS(F("n", V("no")), F("sub", V("parts", .from = TN_FROM_each,
                                             FIELDS(F("id", V("i"), .required = true))))));
    (void)state;
    expect(object, "{\"a\":1,\"b\":null}", "{\"y\":{\"p\":1,\"q\":null}}");
    expect(object, "{}", "{\"y\":{}}");
    expect(each, "{\"lines\":[{\"no\":1},{\"no\":2,\"parts\":[{\"i\":7},{\"i\":8}]},{}]}",
           "{\"y\":[{\"n\":1},{\"n\":2,\"sub\":[{\"id\":7},{\"id\":8}]},{}]}");
    expect(each, "{\"lines\":{\"no\":1}}", "{\"y\":[{\"n\":1}]}");
    expect(each, "{\"lines\":[]}", "{\"y\":[]}");
    expect(each, "{\"lines\":null}", "{\"y\":null}");
    expect(each, "{}", "{}");
    expect(each, "{\"lines\":7}", "!expected a list, got a number (lines = 7)");
    expect(each, "{\"lines\":[7]}", "!m.lua:5: y[0]: expected an object in the list, got a number");
    expect(each, "{\"lines\":[{},{\"parts\":[{\"i\":1},{}]}]}",
           "!m.lua:5: y[1].sub[1].id: it is required, and the record has no i");
    expect(V("", .from = TN_FROM_first,
             ITEMS(V("lines", .from = TN_FROM_each, FIELDS(F("n", V("no")))), V("a"))),
           "{\"a\":5}", "{\"y\":5}");
    expect(V("", .from = TN_FROM_when, .test = TN_TEST_present, ITEMS(V("a"), object, NULL)),
           "{\"a\":5}", "{\"y\":{\"p\":5}}");
}

static void faults_follow_the_policy_of_the_field(void **state)
{
    const struct tn_spec_value *number =
        V("x", OPS({.op = TN_OP_number}), .fallback = TN_STR("-1"));
    const struct tn_spec_field reject[] = {F("a", V("k")), F("y", number)};
    const struct tn_spec_field warn[] = {F("a", V("k")), F("y", number, .on_fault = TN_FAULT_warn),
                                         F("b", V("k"))};
    const struct tn_spec_field def[] = {F("a", V("k")),
                                        F("y", number, .on_fault = TN_FAULT_default)};
    struct result r;
    (void)state;
    run(&(struct tn_spec){.file = "m.lua", .fields = reject, .field_count = 2},
        "{\"k\":1,\"x\":\"q\"}", &r);
    assert_false(r.ok);
    assert_int_equal(r.out.n, 0);
    assert_int_equal(r.outcome.fault_count, 1);
    assert_true(r.outcome.faults[0].rejects);
    assert_int_equal(r.outcome.faults[0].kind, TN_E_mapping);
    assert_string_equal(r.outcome.faults[0].field, "y");
    assert_string_equal(r.outcome.faults[0].source, "x");
    assert_string_equal(r.outcome.faults[0].value, "\"q\"");
    assert_int_equal(r.outcome.faults[0].line, 5);
    clear(&r);
    run(&(struct tn_spec){.file = "m.lua", .fields = warn, .field_count = 3},
        "{\"k\":1,\"x\":\"q\"}", &r);
    assert_true(r.ok);
    assert_string_equal(r.out.p, "{\"a\":1,\"b\":1}");
    assert_int_equal(r.outcome.fault_count, 1);
    assert_false(r.outcome.faults[0].rejects);
    clear(&r);
    run(&(struct tn_spec){.file = "m.lua", .fields = def, .field_count = 2},
        "{\"k\":1,\"x\":\"q\"}", &r);
    assert_true(r.ok);
    assert_string_equal(r.out.p, "{\"a\":1,\"y\":-1}");
    clear(&r);
}

static void the_key_is_a_text_with_something_in_it(void **state)
{
    const struct tn_spec_field f[] = {F("id", V("k")), F("y", V("x"), .required = true)};
    const struct tn_spec spec = {
        .file = "m.lua", .key = TN_STR("id"), .fields = f, .field_count = 2};
    struct result r;
    (void)state;
    run(&spec, "{\"k\":\"a\\\"\\u00e4\",\"x\":1}", &r);
    assert_true(r.ok);
    assert_string_equal(r.id, "a\"\xc3\xa4");
    clear(&r);
    run(&spec, "{\"k\":\"A1\"}", &r);
    assert_false(r.ok);
    assert_string_equal(r.id, "A1");
    assert_string_equal(r.line.p, "m.lua:5: y: it is required, and the record has no x");
    clear(&r);
    expect_spec(&spec, "{\"x\":1}", "!m.lua:5: id: it is required, and the record has no k");
    expect_spec(&spec, "{\"k\":null,\"x\":1}", "!id: it is required, and k is null");
    expect_spec(&spec, "{\"k\":7,\"x\":1}",
                "!id: the key has to be a text, got a number: add :text() (k = 7)");
    expect_spec(&spec, "{\"k\":\"\",\"x\":1}", "!id: the key is empty");
    expect_spec(&spec, "[1]", "!m.lua:0: expected an object as record, got an array");
    expect_spec(&spec, "null", "!expected an object as record, got null");
}

static void the_key_can_be_a_value_of_its_own(void **state)
{
    const struct tn_spec_field f[] = {F("y", V("id", OPS({.op = TN_OP_text})))};
    const struct tn_spec_value *whole =
        V("{id}/{org}", .from = TN_FROM_template, .fallback = {NULL, 0});
    const struct tn_spec spec = {
        .file = "m.lua",
        .fields = f,
        .field_count = 1,
        .key_value = V("", .from = TN_FROM_first, ITEMS(whole, V("id", OPS({.op = TN_OP_text}))))};
    struct result r;
    (void)state;
    run(&spec, "{\"id\":7,\"org\":\"M1\"}", &r);
    assert_string_equal(r.out.p, "{\"y\":\"7\"}");
    assert_string_equal(r.id, "7/M1");
    clear(&r);
    run(&spec, "{\"id\":7}", &r);
    assert_string_equal(r.id, "7");
    clear(&r);
    expect_spec(&spec, "{\"org\":\"M1\"}", "!m.lua:5: key: it is required");
    expect_spec(&spec, "{\"id\":[]}", "!key: expected a text, a number or a boolean, got an array");
    const struct tn_spec bare = {
        .file = "m.lua", .fields = f, .field_count = 1, .key_value = V("id")};
    expect_spec(&bare, "{\"id\":7}", "!key: the key has to be a text, got a number");
    expect_spec(&bare, "{\"id\":\"\"}", "!key: the key is empty");
}

static void secrets_do_not_show(void **state)
{
    const struct tn_spec_field inner[] = {F("z", V("x", OPS({.op = TN_OP_number})))};
    const struct tn_spec_field f[] = {
        F("y", V("x", OPS({.op = TN_OP_number})), .secret = true),
        F("o", V("", .from = TN_FROM_object, .fields = inner, .field_count = 1), .secret = true)};
    const struct tn_spec spec = {.file = "m.lua", .fields = f, .field_count = 2};
    struct result r;
    (void)state;
    run(&spec, "{\"x\":\"hunter2\"}", &r);
    assert_int_equal(r.outcome.listed, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(r.outcome.faults[i].value, "(secret)");
        assert_null(strstr(r.outcome.faults[i].text, "hunter2"));
    }
    clear(&r);
}

static void note_trace(void *arg, const struct tn_trace *t)
{
    tn_buf_addf(arg, "%s=%.*s<%s=%.*s|%s|%s:%d\n", t->target, TN_FMT(t->value), t->source,
                TN_FMT(t->from), t->how, t->file, t->line);
}

static void a_trace_says_where_each_value_is_from(void **state)
{
    const struct tn_spec_field f[] = {
        F("l", V("lines", .from = TN_FROM_each,
                 FIELDS(F("q", V("q", OPS({.op = TN_OP_integer}, {.op = TN_OP_text})))))),
        F("s", V("pin"), .secret = true),
        F("f", V("", .from = TN_FROM_first, ITEMS(V("no"), V("b", OPS({.op = TN_OP_trim}))),
                 OPS({.op = TN_OP_upper}))),
        F("c", V("1", .from = TN_FROM_const))};
    const struct tn_spec spec = {.file = "m.lua", .fields = f, .field_count = 4};
    struct tn_plan *plan = plan_of(&spec);
    struct tn_apply *a = tn_apply_new(plan);
    struct result r = {.ok = false};
    struct tn_buf told;
    (void)state;
    tn_buf_init(&told, TN_MIB);
    tn_buf_init(&r.out, TN_MIB);
    tn_buf_init(&r.line, TN_MIB);
    tn_apply_trace(a, note_trace, &told);
    apply_with(a, "{\"lines\":[{\"q\":\"7\"}],\"pin\":1234,\"b\":\" x \"}", &r);
    assert_string_equal(told.p, "l[0].q=\"7\"<lines[0].q=\"7\"|integer text|m.lua:5\n"
                                "s=\"(secret)\"<pin=\"(secret)\"||m.lua:5\n"
                                "f=\"X\"<b=\" x \"|trim upper|m.lua:5\n"
                                "c=1<=|const|m.lua:5\n");
    tn_buf_clear(&told);
    clear(&r);
    tn_apply_free(a);
    tn_plan_free(plan);
}

static void long_values_and_many_faults_are_cut(void **state)
{
    struct tn_spec_field f[40];
    char names[40][32], record[2000] = "{\"x\":\"";
    const struct tn_spec_value *number = V("x", OPS({.op = TN_OP_number}));
    struct result r;
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        int n = snprintf(names[i], sizeof names[i], "y%zu", i);
        f[i] = (struct tn_spec_field){.target = {names[i], (size_t)n}, .line = 5, .value = number};
    }
    for (size_t i = 0; i < 500; i++) strcat(record, "\xc3\xa4");
    strcat(record, "\"}");
    run(&(struct tn_spec){.file = "m.lua", .fields = f, .field_count = 40}, record, &r);
    assert_int_equal(r.outcome.fault_count, 40);
    assert_int_equal(r.outcome.listed, TN_OUTCOME_FAULTS);
    struct tn_str value = tn_str(r.outcome.faults[15].value);
    assert_true(value.n <= TN_OUTCOME_VALUE + 3);
    assert_true(tn_str_ends(value, "..."));
    assert_true(tn_utf8_valid(value.p, value.n));
    clear(&r);
}

static void output_that_does_not_fit_rejects_the_record(void **state)
{
    const struct tn_spec_field f[] = {F("y", V("x"))};
    struct tn_plan *plan =
        plan_of(&(struct tn_spec){.file = "m.lua", .fields = f, .field_count = 1});
    struct tn_apply *a = tn_apply_new(plan);
    struct result r = {.ok = true};
    (void)state;
    tn_buf_init(&r.out, 10);
    tn_buf_init(&r.line, 1000);
    apply_with(a, "{\"x\":\"0123456789\"}", &r);
    assert_false(r.ok);
    assert_int_equal(r.outcome.faults[0].kind, TN_E_too_large);
    clear(&r);
    tn_apply_free(a);
    tn_plan_free(plan);
}

static void output_never_nests_deeper_than_the_reader_goes(void **state)
{
    const struct tn_spec_value *object = V("", .from = TN_FROM_object, FIELDS(F("p", V("x"))));
    char record[200] = "{\"x\":", want[200] = "{\"y\":";
    (void)state;
    size_t n = strlen(record);
    memset(record + n, '[', 62);
    memset(record + n + 62, ']', 62);
    strcpy(record + n + 124, "}");
    expect(object, record,
           "{\"y\":{\"p\":"
           "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
           "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}");
    memset(record + n, '[', 63);
    memset(record + n + 63, ']', 63);
    strcpy(record + n + 126, "}");
    expect(object, record, "!m.lua:5: y.p: nested more than 64 deep with what is around it (x)");
    snprintf(want, sizeof want, "{\"y\":%s", record + n);
    expect(V("x"), record, want);
}

static void records_of_any_order_are_read_the_same(void **state)
{
    const struct tn_spec_field f[] = {F("a", V("a")), F("b", V("b")), F("c", V("o.c"))};
    struct tn_plan *plan =
        plan_of(&(struct tn_spec){.file = "m.lua", .fields = f, .field_count = 3});
    struct tn_apply *a = tn_apply_new(plan);
    static const char *const rows[][2] = {
        {"{\"z\":0,\"a\":1,\"b\":2,\"o\":{\"c\":3}}", "{\"a\":1,\"b\":2,\"c\":3}"},
        {"{\"a\":1,\"b\":2,\"o\":{\"c\":3},\"z\":0}", "{\"a\":1,\"b\":2,\"c\":3}"},
        {"{\"z\":0,\"o\":{\"d\":1,\"c\":3},\"b\":2}", "{\"b\":2,\"c\":3}"},
        {"{\"z\":0,\"a\":1,\"b\":2,\"o\":{\"c\":3}}", "{\"a\":1,\"b\":2,\"c\":3}"},
        {"{\"z\":0,\"a\":1,\"b\":2,\"o\":7}", "{\"a\":1,\"b\":2}"},
        {"{\"z\":0,\"a\":1,\"b\":2,\"a\":5}", "{\"a\":5,\"b\":2}"},
        {"{}", "{}"},
        {"{\"aa\":1,\"ab\":2,\"\":0}", "{}"}};
    struct result r = {.ok = true};
    (void)state;
    tn_buf_init(&r.out, TN_LIMIT_RECORD);
    tn_buf_init(&r.line, TN_LIMIT_RECORD);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            tn_buf_reset(&r.out);
            apply_with(a, rows[i][0], &r);
            assert_string_equal(r.out.p, rows[i][1]);
        }
    clear(&r);
    tn_apply_free(a);
    tn_plan_free(plan);
}

static void names_match_in_any_case_when_told(void **state)
{
    const struct tn_spec_field f[] = {F("y", V("Order.Id"))};
    const struct tn_spec spec = {.file = "m.lua", .fields = f, .field_count = 1, .any_case = true};
    (void)state;
    expect_spec(&spec, "{\"ORDER\":{\"id\":7}}", "{\"y\":7}");
    expect(V("Order.Id"), "{\"ORDER\":{\"id\":7}}", "{}");
}

/* ---- functions ---- */

static enum tn_fn_end test_fn(void *arg, struct tn_fn_stream *stream, int fn, struct tn_jval record,
                              struct tn_jw *out, struct tn_err *err)
{
    int64_t n = 0;
    int *calls = arg;
    (void)stream;
    ++*calls;
    if (fn == 0) {
        tn_jint(tn_jget_z(record, "n"), &n);
        tn_jw_int(out, n * 2);
    }
    if (fn == 2) {
        tn_fail(err, TN_E_script, "attempt to call nil with hunter2");
        tn_fail_at(err, "m.lua", 17);
        return TN_FN_failed;
    }
    if (fn == 3) {
        tn_fail(err, TN_E_budget, "the time for this call is used up");
        return TN_FN_failed;
    }
    return TN_FN_done;
}

static void functions_are_called_with_the_record(void **state)
{
    int calls = 0;
    struct result r;
    const struct tn_spec_field f[] = {
        F("a", V("", .from = TN_FROM_fn, .fn = 0)), F("b", V("", .from = TN_FROM_fn, .fn = 1)),
        F("c", V("", .from = TN_FROM_fn, .fn = 0, OPS({.op = TN_OP_text})))};
    const struct tn_spec_field bad[] = {F("s", V("", .from = TN_FROM_fn, .fn = 2), .secret = true),
                                        F("a", V("", .from = TN_FROM_fn, .fn = 2)),
                                        F("b", V("", .from = TN_FROM_fn, .fn = 3)),
                                        F("c", V("", .from = TN_FROM_fn, .fn = 0))};
    struct tn_spec spec = {
        .file = "m.lua", .fields = f, .field_count = 3, .fn = test_fn, .fn_arg = &calls};
    (void)state;
    expect_spec(&spec, "{\"n\":21}", "{\"a\":42,\"c\":\"42\"}");
    assert_int_equal(calls, 3);
    spec.fields = bad;
    spec.field_count = 4;
    calls = 0;
    run(&spec, "{\"n\":21}", &r);
    assert_int_equal(calls, 3); /* nothing more after the budget is gone */
    assert_int_equal(r.outcome.listed, 3);
    assert_int_equal(r.outcome.faults[0].kind, TN_E_script);
    assert_int_equal(r.outcome.faults[0].line, 17);
    assert_null(strstr(r.outcome.faults[0].text, "hunter2"));
    assert_non_null(strstr(r.outcome.faults[1].text, "attempt to call nil"));
    assert_int_equal(r.outcome.faults[2].kind, TN_E_budget);
    clear(&r);
}

/* ---- the hash ---- */

static void the_hash_is_that_of_the_canonical_form(void **state)
{
    const struct tn_spec_field one[] = {F("z", V("z")), F("a", V("a")), F("m", V("m")),
                                        F("n", V("n"))};
    const struct tn_spec_field two[] = {F("n", V("n")), F("m", V("m")), F("a", V("a")),
                                        F("z", V("z"))};
    static const char *const same[] = {
        "{\"z\":\"A\\u00e4/\",\"a\":1.50,\"m\":{\"y\":[1.0],\"x\":null},\"n\":100}",
        "{\"z\":\"\\u0041\xc3\xa4\\/\",\"a\":1.5,\"m\":{ \"x\" : null, \"y\":[1] },\"n\":1e2}",
        "{\"n\":100.0,\"z\":\"A\xc3\xa4/\",\"a\":15e-1,\"m\":{\"x\":null,\"y\":[1]}}"};
    unsigned char want[32];
    const char *canonical =
        "{\"a\":1.5,\"m\":{\"x\":null,\"y\":[1]},\"n\":100,\"z\":\"A\xc3\xa4/\"}";
    (void)state;
    SHA256((const unsigned char *)canonical, strlen(canonical), want);
    for (size_t i = 0; i < 6; i++) {
        struct result r;
        run(&(struct tn_spec){.file = "m.lua", .fields = i % 2 ? one : two, .field_count = 4},
            same[i / 2], &r);
        assert_memory_equal(r.hash, want, 32);
        clear(&r);
    }
}

/* ---- random plans over random records ---- */

static uint64_t seed = 1;
static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void random_json(struct tn_buf *b, unsigned depth)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "7",
                                          "-0",
                                          "0.10",
                                          "1e3",
                                          "300000047274444",
                                          "-12.5",
                                          "\"\"",
                                          "\"a\"",
                                          "\" x \"",
                                          "\"12\"",
                                          "\"\\u0041b\\\"\"",
                                          "\"\xc3\xa4\\/\"",
                                          "\"yes\"",
                                          "\"a,b,a\"",
                                          "\"q,r\"",
                                          "\"2026-01-31T08:09:10.5+02:00\"",
                                          "\"2024-02-29\"",
                                          "2.0",
                                          "9223372036854775808"};
    unsigned kind = depth ? pick(5) : 0, n;
    if (kind < 3) {
        tn_buf_adds(b, scalars[pick(sizeof scalars / sizeof *scalars)]);
        return;
    }
    tn_buf_addc(b, kind == 3 ? '[' : '{');
    n = pick(5);
    for (unsigned i = 0; i < n; i++) {
        if (i) tn_buf_adds(b, pick(3) ? "," : " , ");
        if (kind == 4) tn_buf_addf(b, "\"%c\":", 'a' + (char)pick(5));
        random_json(b, depth - 1);
    }
    tn_buf_addc(b, kind == 3 ? ']' : '}');
}

static struct tn_str keep(struct tn_arena *a, const char *s)
{
    return tn_str(tn_arena_strdup(a, s));
}

static struct tn_str random_path(struct tn_arena *a)
{
    char path[64] = "";
    size_t n = 0;
    for (unsigned i = 0, steps = pick(2) ? 1 : 1 + pick(3); i < steps; i++) {
        if (i && pick(4) == 0)
            n += (size_t)snprintf(path + n, sizeof path - n, "[%u]", pick(3));
        else
            n += (size_t)snprintf(path + n, sizeof path - n, "%s%c", i ? "." : "",
                                  'a' + (char)pick(5));
    }
    return keep(a, path);
}

static const struct tn_spec_row test_rows[] = {{.key = TN_STR("7"), .value = TN_STR("\"seven\"")},
                                               {.key = TN_STR("a"), .value = TN_STR("1")}};
static const struct tn_spec_row word_rows[] = {{.key = TN_STR("a"), .value = TN_STR("true")},
                                               {.key = TN_STR("7"), .value = TN_STR("false")}};
static const struct tn_spec_op test_ops[] = {
    {.op = TN_OP_substring, .i = 2, .j = -1},
    {.op = TN_OP_split, .a = TN_STR(",")},
    {.op = TN_OP_join, .a = TN_STR("+")},
    {.op = TN_OP_integer},
    {.op = TN_OP_decimal, .i = 1, .mode = TN_ROUND_down},
    {.op = TN_OP_boolean, .rows = word_rows, .row_count = 2},
    {.op = TN_OP_time, .b = TN_STR("UTC")},
    {.op = TN_OP_date},
    {.op = TN_OP_time_out, .a = TN_STR("%d.%m.%Y %H:%M")},
    {.op = TN_OP_date_out, .a = TN_STR("%Y%m%d")},
    {.op = TN_OP_unit, .a = TN_STR("m"), .b = TN_STR("mm"), .i = -1},
    {.op = TN_OP_blank, .a = TN_STR("a")},
    {.op = TN_OP_unpick, .a = TN_STR("{x},{y}"), .i = 0},
    {.op = TN_OP_text},
    {.op = TN_OP_trim},
    {.op = TN_OP_upper},
    {.op = TN_OP_lower},
    {.op = TN_OP_replace, .a = TN_STR("a"), .b = TN_STR("bb")},
    {.op = TN_OP_pad, .i = 4, .a = TN_STR("0")},
    {.op = TN_OP_number},
    {.op = TN_OP_lookup, .rows = test_rows, .row_count = 2, .other = TN_STR("\"other\"")}};

static struct tn_spec_value *random_value(struct tn_arena *a, unsigned depth);

static struct tn_spec_field *random_fields(struct tn_arena *a, unsigned depth, size_t *count)
{
    *count = 1 + pick(4);
    struct tn_spec_field *f = tn_arena_alloc(a, *count * sizeof *f);
    for (size_t i = 0; i < *count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%c%zu", "tTzA"[pick(4)], i);
        f[i] = (struct tn_spec_field){.target = keep(a, name),
                                      .line = (int)i + 1,
                                      .required = pick(12) == 0,
                                      .value = random_value(a, depth)};
        if (pick(3) == 0)
            f[i].on_fault = TN_FAULT_warn;
        else if (pick(3) == 0 && f[i].value->fallback.p)
            f[i].on_fault = TN_FAULT_default;
    }
    return f;
}

static struct tn_spec_value *random_value(struct tn_arena *a, unsigned depth)
{
    struct tn_spec_value *v = tn_arena_alloc(a, sizeof *v);
    const struct tn_spec_value **items;
    *v = (struct tn_spec_value){.text = random_path(a)};
    switch (depth ? pick(11) : 0) {
    case 1:
        v->from = TN_FROM_const;
        v->text = keep(a, pick(2) ? "\"c\"" : "[1,null]");
        break;
    case 2: v->from = TN_FROM_fn; break;
    case 3: {
        struct tn_str *args = tn_arena_alloc(a, 2 * sizeof *args);
        v->from = TN_FROM_when;
        v->test = (enum tn_test)pick(TN_TEST_below + 1);
        args[0] = keep(a, v->test >= TN_TEST_above || pick(2) ? "7" : "\"a\"");
        args[1] = keep(a, "true");
        v->args = args;
        v->arg_count = v->test == TN_TEST_present ? 0 : v->test >= TN_TEST_above ? 1 : 2;
        v->item_count = 3;
        items = tn_arena_alloc(a, 3 * sizeof *items);
        items[0] = random_value(a, 0);
        items[1] = random_value(a, 0);
        items[2] = pick(2) ? random_value(a, 0) : NULL;
        v->items = items;
        return v;
    }
    case 4:
        v->from = TN_FROM_template;
        v->text = keep(a, pick(2) ? "{a}\"{b}" : pick(2) ? "{a}-{b}" : "<{c.d}>");
        break;
    case 5:
        v->from = TN_FROM_first;
        v->item_count = 2;
        items = tn_arena_alloc(a, 2 * sizeof *items);
        items[0] = random_value(a, 0);
        items[1] = random_value(a, depth - 1);
        v->items = items;
        return v;
    case 6:
        v->from = TN_FROM_object;
        v->fields = random_fields(a, depth - 1, &v->field_count);
        return v;
    case 7:
        v->from = TN_FROM_each;
        v->fields = random_fields(a, depth - 1, &v->field_count);
        return v;
    default: break;
    }
    v->op_count = pick(3);
    struct tn_spec_op *ops = tn_arena_alloc(a, 2 * sizeof *ops);
    for (size_t i = 0; i < v->op_count; i++)
        ops[i] = test_ops[pick(sizeof test_ops / sizeof *test_ops)];
    v->ops = ops;
    if (pick(4) == 0) v->fallback = keep(a, pick(2) ? "\"fb\"" : "0.50");
    return v;
}

/* The interpreter: values are JSON texts in buffers that the arena keeps. */
struct slow {
    struct tn_arena *a;
    bool rejected;
};

/* What the functions of random plans do: the member a of the record that they get, now or when they
 * are asked again. */
static void wakes(void *arg)
{
    (void)arg;
}

static enum tn_fn_end random_function(void *arg, struct tn_fn_stream *stream, int fn,
                                      struct tn_jval record, struct tn_jw *out, struct tn_err *err)
{
    static unsigned calls;
    struct tn_jval at = tn_jget_z(record, "a");
    (void)arg, (void)fn, (void)err;
    if (stream && (++calls * 2654435761u >> 8) % 50 == 0) {
        stream->wake(stream->arg);
        return TN_FN_paused;
    }
    if (!tn_jis(at, TN_JSON_absent)) tn_jw_raw(out, tn_jraw(at));
    return TN_FN_done;
}

static void random_end(void *arg, void *session)
{
    (void)arg, (void)session;
}
enum slow_kind { S_ABSENT, S_NULL, S_OK, S_BAD };

static struct tn_jval slow_path(struct tn_jval v, struct tn_str path)
{
    while (path.n) {
        size_t n = 0;
        if (path.p[0] == '[') {
            size_t index = (size_t)(path.p[1] - '0');
            if (tn_jis(v, TN_JSON_array))
                v = tn_jat(v, index);
            else if (index || tn_jis(v, TN_JSON_null))
                v.at = 0;
            path = (struct tn_str){path.p + 3, path.n - 3};
            continue;
        }
        if (path.p[0] == '.') path = (struct tn_str){path.p + 1, path.n - 1};
        while (n < path.n && path.p[n] != '.' && path.p[n] != '[') n++;
        if (tn_jis(v, TN_JSON_array) && tn_jcount(v) == 1) v = tn_jat(v, 0);
        v = tn_jget(v, (struct tn_str){path.p, n});
        path = (struct tn_str){path.p + n, path.n - n};
    }
    return v;
}

/* The text of a scalar in JSON; false for lists and objects. */
static bool slow_text(struct slow *s, struct tn_str json, char *out, size_t room)
{
    struct tn_json *r = tn_json_new();
    struct tn_err err;
    struct tn_str text = json;
    bool ok = tn_json_parse(r, json, &err);
    enum tn_json_type type = tn_jtype(tn_json_root(r));
    if (type == TN_JSON_string) ok = tn_jtext(tn_json_root(r), s->a, &text);
    if (type == TN_JSON_array || type == TN_JSON_object) ok = false;
    if (ok) snprintf(out, room, "%.*s", TN_FMT(text));
    tn_json_free(r);
    return ok;
}

static struct tn_str slow_quote(struct slow *s, const char *text)
{
    struct tn_buf b;
    tn_buf_init(&b, TN_MIB);
    tn_json_quote(&b, tn_str(text));
    struct tn_str out = keep(s->a, b.p);
    tn_buf_clear(&b);
    return out;
}

/* The lexeme of what is or holds a number; false otherwise. */
static bool slow_op(struct slow *s, const struct tn_spec_op *op, struct tn_str *json);
static bool slow_number(struct slow *s, struct tn_str *json)
{
    const struct tn_spec_op number = {.op = TN_OP_number};
    return slow_op(s, &number, json);
}

/* The digits of a lexeme without its exponent: sign, whole part, fraction.  Slow and plain. */
static void slow_digits(const char *lexeme, bool *neg, char *whole, char *part)
{
    char digits[2100] = "";
    long exponent = 0, point;
    size_t n = 0;
    *neg = *lexeme == '-';
    if (*neg) lexeme++;
    point = -1;
    for (; *lexeme; lexeme++) {
        if (*lexeme == 'e' || *lexeme == 'E') {
            exponent = strtol(lexeme + 1, NULL, 10);
            break;
        }
        if (*lexeme == '.')
            point = (long)n;
        else
            digits[n++] = *lexeme;
    }
    if (point < 0) point = (long)n;
    for (point += exponent; point > (long)n;) digits[n++] = '0';
    for (; point < 1; point++) {
        memmove(digits + 1, digits, ++n);
        digits[0] = '0';
    }
    digits[n] = '\0';
    memcpy(whole, digits, (size_t)point);
    whole[point] = '\0';
    while (whole[0] == '0' && whole[1]) memmove(whole, whole + 1, strlen(whole));
    strcpy(part, digits + point);
    for (n = strlen(part); n && part[n - 1] == '0';) part[--n] = '\0';
}

/* Operators that give a number of their own. */
static bool slow_arithmetic(struct slow *s, const struct tn_spec_op *op, struct tn_str *json)
{
    char whole[2100], part[2100], text[4300];
    bool neg;
    if (!slow_number(s, json)) return false;
    slow_digits(tn_arena_strndup(s->a, json->p, json->n), &neg, whole, part);
    if (op->op == TN_OP_integer) {
        if (*part) return false;
        neg &= strcmp(whole, "0") != 0;
        snprintf(text, sizeof text, "%s%s", neg ? "-" : "", whole);
    } else if (op->op == TN_OP_decimal) { /* one digit, the rest is cut off */
        char digit = *part ? *part : '0';
        neg &= strcmp(whole, "0") != 0 || digit != '0';
        snprintf(text, sizeof text, "%s%s.%c", neg ? "-" : "", whole, digit);
    } else { /* a thousand times as much */
        char lexeme[4300];
        neg &= strcmp(whole, "0") != 0 || *part;
        snprintf(lexeme, sizeof lexeme, "%s.%se3", whole, *part ? part : "0");
        slow_digits(lexeme, &(bool){false}, whole, part);
        snprintf(text, sizeof text, "%s%s%s%s", neg ? "-" : "", whole, *part ? "." : "", part);
    }
    *json = keep(s->a, text);
    return true;
}

static bool slow_join(struct slow *s, struct tn_str *json)
{
    struct tn_json *r = tn_json_new();
    struct tn_err err;
    char all[4096] = "", one[4096];
    bool ok = tn_json_parse(r, *json, &err) && tn_jis(tn_json_root(r), TN_JSON_array), some = false;
    for (size_t i = 0; ok && i < tn_jcount(tn_json_root(r)); i++) {
        struct tn_jval v = tn_jat(tn_json_root(r), i);
        if (tn_jis(v, TN_JSON_null)) continue;
        ok = slow_text(s, tn_jraw(v), one, sizeof one);
        if (!ok) break;
        if (some) strcat(all, "+");
        strcat(all, one);
        some = true;
    }
    tn_json_free(r);
    if (ok) *json = slow_quote(s, all);
    return ok;
}

/* The times that random_json has, and what other operators can make of them. */
static bool slow_time(struct slow *s, const struct tn_spec_op *op, const char *t,
                      struct tn_str *json)
{
    static const struct {
        const char *in, *time, *date, *time_out, *date_out;
    } known[] = {
        {"2026-01-31T08:09:10.5+02:00", "2026-01-31T06:09:10.500Z", "2026-01-31",
         "31.01.2026 06:09", "20260131"},
        {"2026-01-31T06:09:10.500Z", "2026-01-31T06:09:10.500Z", "2026-01-31", "31.01.2026 06:09",
         "20260131"},
        {"2024-02-29", "2024-02-29T00:00:00.000Z", "2024-02-29", "29.02.2024 00:00", "20240229"},
        {"2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z", "2024-02-29", "29.02.2024 00:00",
         "20240229"},
        {"2026-01-31", "2026-01-31T00:00:00.000Z", "2026-01-31", "31.01.2026 00:00", "20260131"},
        {"2026-01-31t08:09:10.5+02:00", "2026-01-31T06:09:10.500Z", "2026-01-31",
         "31.01.2026 06:09", "20260131"},
        {"2026-01-31t06:09:10.500z", "2026-01-31T06:09:10.500Z", "2026-01-31", "31.01.2026 06:09",
         "20260131"},
        {"2024-02-29t00:00:00.000z", "2024-02-29T00:00:00.000Z", "2024-02-29", "29.02.2024 00:00",
         "20240229"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].in, t) != 0) continue;
        *json = slow_quote(s, op->op == TN_OP_time       ? known[i].time
                              : op->op == TN_OP_date     ? known[i].date
                              : op->op == TN_OP_time_out ? known[i].time_out
                                                         : known[i].date_out);
        return true;
    }
    return false;
}

static bool slow_word(const char *t, struct tn_str *json)
{
    static const char *const yes[] = {"true", "yes", "y", "t", "on", "1"}, *const no[] = {
                                                                               "false", "no",  "n",
                                                                               "f",     "off", "0"};
    char word[4096];
    while (*t == ' ') t++;
    snprintf(word, sizeof word, "%s", t);
    for (size_t n = strlen(word); n && word[n - 1] == ' ';) word[--n] = '\0';
    if (strcasecmp(word, "a") == 0 || strcmp(word, "7") == 0) {
        *json = word[0] == '7' ? TN_STR("false") : TN_STR("true");
        return true;
    }
    for (size_t i = 0; i < 6; i++) {
        if (strcasecmp(word, yes[i]) && strcasecmp(word, no[i])) continue;
        *json = strcasecmp(word, yes[i]) ? TN_STR("false") : TN_STR("true");
        return true;
    }
    return false;
}

static void slow_split(struct slow *s, const char *t, struct tn_str *json)
{
    char list[8192] = "[", one[4096];
    bool some = false;
    while (*t || (some && t[-1] == ',')) {
        size_t n = strcspn(t, ",");
        snprintf(one, sizeof one, "%.*s", (int)n, t);
        if (some) strcat(list, ",");
        strcat(list, slow_quote(s, one).p);
        some = true;
        t += n;
        if (!*t) break;
        t++;
    }
    strcat(list, "]");
    *json = keep(s->a, list);
}

static bool slow_op(struct slow *s, const struct tn_spec_op *op, struct tn_str *json)
{
    char t[4096], u[4096];
    if (op->op == TN_OP_integer || op->op == TN_OP_decimal || op->op == TN_OP_unit)
        return slow_arithmetic(s, op, json);
    if (op->op == TN_OP_join) return slow_join(s, json);
    if (op->op == TN_OP_boolean && (json->p[0] == 't' || json->p[0] == 'f')) return true;
    if (op->op == TN_OP_number && json->p[0] != '"')
        return json->p[0] == '-' || (json->p[0] >= '0' && json->p[0] <= '9');
    if (!slow_text(s, *json, t, sizeof t)) return false;
    size_t n = strlen(t);
    switch (op->op) {
    case TN_OP_substring: {
        char *from = t + (n > 0);
        while (((unsigned char)*from & 0xC0) == 0x80) from++;
        memmove(t, from, strlen(from) + 1);
        break;
    }
    case TN_OP_split: slow_split(s, t, json); return true;
    case TN_OP_boolean: return slow_word(t, json);
    case TN_OP_time:
    case TN_OP_date:
    case TN_OP_time_out:
    case TN_OP_date_out: return slow_time(s, op, t, json);
    case TN_OP_blank: {
        char *from = t;
        while (*from == ' ') from++;
        for (n = strlen(from); n && from[n - 1] == ' ';) n--;
        if (n == 1 && *from == 'a') {
            *json = (struct tn_str){0};
            return true;
        }
        break;
    }
    case TN_OP_unpick: {
        char *comma = strchr(t, ',');
        if (!comma || comma != strrchr(t, ',')) return false;
        *comma = '\0';
        break;
    }
    case TN_OP_trim: {
        char *from = t;
        while (*from == ' ') from++;
        for (n = strlen(from); n && from[n - 1] == ' ';) from[--n] = '\0';
        memmove(t, from, n + 1);
        break;
    }
    case TN_OP_upper:
    case TN_OP_lower:
        for (size_t i = 0; i < n; i++) {
            if (op->op == TN_OP_upper && t[i] >= 'a' && t[i] <= 'z') t[i] -= 32;
            if (op->op == TN_OP_lower && t[i] >= 'A' && t[i] <= 'Z') t[i] += 32;
        }
        break;
    case TN_OP_replace: {
        size_t k = 0;
        for (size_t i = 0; i < n; i++) {
            if (t[i] == 'a') u[k++] = 'b';
            u[k++] = t[i] == 'a' ? 'b' : t[i];
        }
        u[k] = '\0';
        memcpy(t, u, k + 1);
        break;
    }
    case TN_OP_pad: {
        size_t chars = 0;
        for (size_t i = 0; i < n; i++) chars += ((unsigned char)t[i] & 0xC0) != 0x80;
        for (u[0] = '\0'; chars < 4; chars++) strcat(u, "0");
        strcat(u, t);
        memcpy(t, u, strlen(u) + 1);
        break;
    }
    case TN_OP_number:
        /* the texts of random_json that are numbers, and what the other operators make of them */
        {
            char *end = t;
            while (*end == ' ') end++;
            memmove(t, end, strlen(end) + 1);
            for (n = strlen(t); n && t[n - 1] == ' ';) t[--n] = '\0';
            strtod(t, &end);
            if (!n || *end || strchr("iInN", t[t[0] == '-']) || t[0] == '.' || strchr(t, 'E')) {
                if (!(n && !*end && strchr(t, 'E'))) return false;
            }
            size_t sign = t[0] == '-';
            while (t[sign] == '0' && t[sign + 1] >= '0' && t[sign + 1] <= '9')
                memmove(t + sign, t + sign + 1, strlen(t + sign));
            *json = keep(s->a, t);
            return true;
        }
    case TN_OP_lookup: {
        bool number = json->p[0] != '"' && json->p[0] != 't' && json->p[0] != 'f';
        bool seven = strcmp(t, "7") == 0 || (number && strcmp(t, "7.0") == 0);
        *json = seven                 ? TN_STR("\"seven\"")
                : strcmp(t, "a") == 0 ? TN_STR("1")
                                      : TN_STR("\"other\"");
        return true;
    }
    default: break;
    }
    *json = slow_quote(s, t);
    return true;
}

static void slow_fields(struct slow *s, const struct tn_spec_field *f, size_t n,
                        struct tn_jval record, struct tn_buf *out);

static enum slow_kind slow_value(struct slow *s, const struct tn_spec_value *v,
                                 struct tn_jval record, struct tn_str *out);

static bool is_json_number(struct tn_str json)
{
    return json.p[0] == '-' || (json.p[0] >= '0' && json.p[0] <= '9');
}

/* False: the values cannot be compared. */
static bool slow_test(struct slow *s, const struct tn_spec_value *v, struct tn_jval record,
                      bool *yes)
{
    struct tn_str subject = {0}, arg;
    char text[4096], want[64], *end;
    enum slow_kind kind = slow_value(s, v->items[0], record, &subject);
    bool there = kind == S_OK, compares = v->test >= TN_TEST_above;
    *yes = v->test == TN_TEST_present ? there : v->test == TN_TEST_is_not;
    if (kind == S_BAD) return false;
    if (v->test == TN_TEST_present || !there) return true;
    bool scalar = slow_text(s, subject, text, sizeof text);
    if (compares) {
        struct tn_str lexeme = subject;
        const struct tn_spec_op number = {.op = TN_OP_number};
        if (!scalar || subject.p[0] == 't' || subject.p[0] == 'f' || !slow_op(s, &number, &lexeme))
            return false;
        double x = strtod(lexeme.p, &end);
        *yes = v->test == TN_TEST_above ? x > 7 : x < 7;
        return true;
    }
    for (size_t i = 0; i < v->arg_count && scalar; i++) {
        arg = v->args[i];
        if (!slow_text(s, arg, want, sizeof want)) return false;
        bool numbers = is_json_number(subject) && is_json_number(arg);
        bool same = numbers ? strtod(text, NULL) == strtod(want, NULL) : strcmp(text, want) == 0;
        if (same) *yes = v->test == TN_TEST_is;
    }
    return true;
}

static enum slow_kind slow_value(struct slow *s, const struct tn_spec_value *v,
                                 struct tn_jval record, struct tn_str *out)
{
    enum slow_kind kind = S_ABSENT;
    struct tn_buf b;
    tn_buf_init(&b, TN_MIB);
    if (v->from == TN_FROM_const) {
        *out = v->text;
        kind = S_OK;
    } else if (v->from == TN_FROM_fn) { /* see random_function */
        struct tn_jval at = tn_jget_z(record, "a");
        *out = tn_jraw(at);
        kind = tn_jis(at, TN_JSON_absent) ? S_ABSENT : tn_jis(at, TN_JSON_null) ? S_NULL : S_OK;
    } else if (v->from == TN_FROM_when) {
        bool yes = false;
        kind = slow_test(s, v, record, &yes) ? S_ABSENT : S_BAD;
        if (kind != S_BAD && (yes || v->items[2]))
            kind = slow_value(s, v->items[yes ? 1 : 2], record, out);
    } else if (v->from == TN_FROM_path) {
        struct tn_jval at = slow_path(record, v->text);
        *out = tn_jraw(at);
        kind = tn_jis(at, TN_JSON_absent) ? S_ABSENT : tn_jis(at, TN_JSON_null) ? S_NULL : S_OK;
    } else if (v->from == TN_FROM_template) {
        char a[512] = "", c[512] = "", text[2048];
        bool two = v->text.p[0] == '{';
        struct tn_jval x = slow_path(record, two ? TN_STR("a") : TN_STR("c.d")),
                       y = slow_path(record, TN_STR("b"));
        if (tn_jtype(x) <= TN_JSON_null || (two && tn_jtype(y) <= TN_JSON_null)) {
            /* of two parts the first that is wrong decides */
            kind = tn_jtype(x) > TN_JSON_null && !slow_text(s, tn_jraw(x), a, sizeof a) ? S_BAD
                                                                                        : S_ABSENT;
        } else if (!slow_text(s, tn_jraw(x), a, sizeof a) ||
                   (two && !slow_text(s, tn_jraw(y), c, sizeof c))) {
            kind = S_BAD;
        } else {
            if (two)
                snprintf(text, sizeof text, "%s%c%s", a, v->text.p[3], c);
            else
                snprintf(text, sizeof text, "<%s>", a);
            *out = slow_quote(s, text);
            kind = S_OK;
        }
    } else if (v->from == TN_FROM_first) {
        for (size_t i = 0; i < v->item_count && kind <= S_NULL; i++)
            kind = slow_value(s, v->items[i], record, out);
    } else if (v->from == TN_FROM_object) {
        slow_fields(s, v->fields, v->field_count, record, &b);
        *out = keep(s->a, b.p);
        kind = S_OK;
    } else {
        struct tn_jval list = slow_path(record, v->text);
        tn_buf_addc(&b, '[');
        kind = S_OK;
        if (tn_jis(list, TN_JSON_object)) {
            slow_fields(s, v->fields, v->field_count, list, &b);
        } else if (tn_jis(list, TN_JSON_array)) {
            for (size_t i = 0; i < tn_jcount(list); i++) {
                if (i) tn_buf_addc(&b, ',');
                if (!tn_jis(tn_jat(list, i), TN_JSON_object))
                    s->rejected = true;
                else
                    slow_fields(s, v->fields, v->field_count, tn_jat(list, i), &b);
            }
        } else {
            kind = tn_jis(list, TN_JSON_absent) ? S_ABSENT
                   : tn_jis(list, TN_JSON_null) ? S_NULL
                                                : S_BAD;
        }
        tn_buf_addc(&b, ']');
        *out = keep(s->a, b.p);
    }
    tn_buf_clear(&b);
    if (kind == S_BAD) return kind;
    size_t i = 0;
    for (; kind <= S_NULL && i < v->op_count; i++) {
        if (v->ops[i].op != TN_OP_lookup) continue;
        *out = TN_STR("\"other\"");
        kind = S_OK;
    }
    if (kind <= S_NULL) i = v->op_count;
    for (; i < v->op_count && kind == S_OK; i++) {
        if (!slow_op(s, &v->ops[i], out)) return S_BAD;
        if (!out->p) kind = S_ABSENT;
    }
    if (kind <= S_NULL && v->fallback.p) {
        *out = v->fallback;
        kind = S_OK;
    }
    return kind;
}

static void slow_fields(struct slow *s, const struct tn_spec_field *f, size_t n,
                        struct tn_jval record, struct tn_buf *out)
{
    bool some = false;
    tn_buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        struct tn_str v = {0};
        enum slow_kind kind = slow_value(s, f[i].value, record, &v);
        if (f[i].required && kind <= S_NULL) kind = S_BAD;
        if (kind == S_BAD && f[i].on_fault == TN_FAULT_reject) s->rejected = true;
        if (kind == S_BAD && f[i].on_fault == TN_FAULT_default) {
            v = f[i].value->fallback;
            kind = S_OK;
        }
        if (kind == S_ABSENT || kind == S_BAD) continue;
        tn_buf_addf(out, "%s\"%.*s\":%.*s", some ? "," : "", TN_FMT(f[i].target),
                    kind == S_NULL ? 4 : (int)v.n, kind == S_NULL ? "null" : v.p);
        some = true;
    }
    tn_buf_addc(out, '}');
}

/* All that became of a record, as text. */
static void note(struct tn_apply *a, bool ok, const struct tn_buf *got, const struct tn_outcome *o,
                 struct tn_buf *log)
{
    unsigned char hash[TN_APPLY_HASH];
    char hex[2 * TN_APPLY_HASH + 1] = "";
    if (ok) {
        tn_apply_hash(a, got, hash);
        tn_hex(hash, sizeof hash, hex);
    }
    tn_buf_addf(log, "%s %.*s id %.*s hash %s faults %zu\n", ok ? "mapped" : "rejected",
                TN_FMT(tn_buf_str(got)), TN_FMT(o->external_id), hex, o->fault_count);
    for (size_t i = 0; i < o->listed; i++) {
        tn_outcome_line(&o->faults[i], log);
        tn_buf_addc(log, '\n');
    }
}

/* The same records as rows of a page: the reader may leave out what is not read, and fields are
 * written the quick way.  Nothing else may change. */
static void map_page(const struct tn_plan *plan, const struct tn_buf *page, bool pick,
                     struct tn_buf *log)
{
    struct tn_apply *a = tn_apply_new(plan);
    struct tn_json *json = tn_json_new();
    struct tn_json_rows rows;
    struct tn_buf got;
    struct tn_outcome o;
    struct tn_err err;
    tn_buf_init(&got, TN_MIB);
    assert_true(tn_json_rows_open(&rows, json, tn_buf_str(page), TN_STR("items"), &err));
    if (pick) rows.pick = tn_plan_pick(plan);
    while (tn_json_rows_next(&rows, &err)) {
        tn_buf_reset(&got);
        note(a, tn_apply_record(a, tn_json_root(json), &got, &o), &got, &o, log);
    }
    assert_int_equal(err.kind, TN_E_none);
    tn_buf_clear(&got);
    tn_json_free(json);
    tn_apply_free(a);
}

static void check_page(const struct tn_plan *plan, struct tn_buf *page, const struct tn_buf *want)
{
    struct tn_buf log;
    tn_buf_init(&log, 16 * TN_MIB);
    tn_buf_adds(page, "],\"something\":\"that is longer than what may be read behind a row\"}");
    for (int pick = 0; pick < 2; pick++) {
        tn_buf_reset(&log);
        map_page(plan, page, pick, &log);
        if (!tn_str_eq(tn_buf_str(&log), tn_buf_str(want)))
            fail_msg("page %s\n one by one\n%s\n as rows, %s\n%s", page->p, want->p,
                     pick ? "picked" : "whole", log.p);
    }
    tn_buf_clear(&log);
}

static void one_random_plan(struct tn_arena *arena, unsigned records, unsigned *mapped)
{
    size_t n;
    const struct tn_spec_field *f = random_fields(arena, 3, &n);
    const struct tn_spec spec = {.file = "m.lua",
                                 .fields = f,
                                 .field_count = n,
                                 .fn = random_function,
                                 .fn_end = random_end};
    struct tn_plan *plan = plan_of(&spec);
    struct tn_apply *a = tn_apply_new(plan);
    tn_apply_may_pause(a, wakes, NULL);
    struct tn_json *json = tn_json_new();
    struct tn_buf record, got, want, canonical, page, log;
    tn_buf_init(&record, TN_MIB);
    tn_buf_init(&got, TN_MIB);
    tn_buf_init(&want, TN_MIB);
    tn_buf_init(&canonical, TN_MIB);
    tn_buf_init(&page, 16 * TN_MIB);
    tn_buf_init(&log, 16 * TN_MIB);
    tn_buf_adds(&page, "{\"items\":[");
    for (unsigned i = 0; i < records; i++) {
        struct slow s = {.a = arena};
        struct tn_outcome o;
        struct tn_err err;
        tn_buf_reset(&record);
        do {
            tn_buf_reset(&record);
            random_json(&record, 5);
        } while (record.p[0] != '{');
        tn_buf_reset(&got);
        tn_buf_reset(&want);
        assert_true(tn_json_parse(json, tn_buf_str(&record), &err));
        bool ok;
        do {
            ok = tn_apply_record(a, tn_json_root(json), &got, &o);
        } while (o.paused);
        note(a, ok, &got, &o, &log);
        tn_buf_addf(&page, "%s%s", i ? "," : "", record.p);
        slow_fields(&s, f, n, tn_json_root(json), &want);
        if (ok == s.rejected || (ok && !tn_str_eq(tn_buf_str(&got), tn_buf_str(&want)))) {
            struct tn_buf lines;
            tn_buf_init(&lines, TN_MIB);
            tn_plan_explain(plan, &lines);
            for (size_t k = 0; k < o.listed; k++) tn_outcome_line(&o.faults[k], &lines);
            fail_msg("record %s\n wanted %s%s\n got    %s%s\n%s", record.p,
                     s.rejected ? "(rejected) " : "", want.p, ok ? "" : "(rejected) ", got.p,
                     lines.p);
        }
        if (!ok) continue;
        ++*mapped;
        unsigned char hash[32], again[32];
        tn_apply_hash(a, &got, hash);
        assert_true(tn_json_parse(json, tn_buf_str(&got), &err));
        tn_buf_reset(&canonical);
        tn_json_canonical(tn_json_root(json), &canonical);
        SHA256((const unsigned char *)canonical.p, canonical.n, again);
        assert_memory_equal(hash, again, 32);
    }
    check_page(plan, &page, &log);
    tn_buf_clear(&page);
    tn_buf_clear(&log);
    tn_buf_clear(&record);
    tn_buf_clear(&got);
    tn_buf_clear(&want);
    tn_buf_clear(&canonical);
    tn_json_free(json);
    tn_apply_free(a);
    tn_plan_free(plan);
}

static void random_plans_agree_with_the_slow_interpreter(void **state)
{
    const char *rounds = getenv("TENON_RANDOM_ROUNDS");
    unsigned mapped = 0;
    (void)state;
    for (int i = 0, n = rounds ? atoi(rounds) : 300; i < n; i++) {
        struct tn_arena arena;
        tn_arena_init(&arena);
        seed = (uint64_t)i + 1;
        one_random_plan(&arena, 20, &mapped);
        tn_arena_clear(&arena);
    }
    assert_true(mapped > 100);
}

/* The second function of a record needs three turns; the session says which record it is in. */
struct pausing {
    int first, second, ended;
    struct tn_fn_stream *stream; /* to be woken */
};

static enum tn_fn_end pausing_fn(void *arg, struct tn_fn_stream *stream, int fn,
                                 struct tn_jval record, struct tn_jw *out, struct tn_err *err)
{
    struct pausing *p = arg;
    int64_t n = 0;
    (void)err;
    tn_jint(tn_jget_z(record, "n"), &n);
    if (fn == 0) {
        p->first++;
        tn_jw_int(out, n);
        return TN_FN_done;
    }
    assert_non_null(stream);
    stream->session = p;
    if (++p->second % 3) {
        p->stream = stream;
        return TN_FN_paused;
    }
    tn_jw_int(out, n * 10);
    return TN_FN_done;
}

static void pausing_end(void *arg, void *session)
{
    struct pausing *p = arg;
    assert_ptr_equal(arg, session);
    p->ended++;
}

static void a_record_that_was_left_in_the_middle_is_applied_again(void **state)
{
    struct pausing p = {0};
    const struct tn_spec_value *none = V("missing");
    const struct tn_spec_field f[] = {F("bad", none, .required = true, .on_fault = TN_FAULT_warn),
                                      F("a", V("", .from = TN_FROM_fn, .fn = 0)),
                                      F("b", V("", .from = TN_FROM_fn, .fn = 1)), F("c", V("n"))};
    struct tn_spec spec = {.file = "m.lua",
                           .fields = f,
                           .field_count = 4,
                           .fn = pausing_fn,
                           .fn_end = pausing_end,
                           .fn_arg = &p};
    struct tn_err err;
    struct tn_outcome o;
    struct tn_buf out;
    struct tn_json *json = tn_json_new();
    struct tn_plan *plan = tn_plan_new(&spec, &err);
    (void)state;
    assert_non_null(plan);
    struct tn_apply *a = tn_apply_new(plan);
    tn_apply_may_pause(a, wakes, NULL);
    tn_buf_init(&out, 10000);
    tn_buf_adds(&out, "before");
    for (int round = 1; round <= 2; round++) {
        assert_true(tn_json_parse(json, TN_STR("{\"n\":7}"), &err));
        for (int turn = 0; turn < 2; turn++) {
            size_t n = out.n;
            assert_false(tn_apply_record(a, tn_json_root(json), &out, &o));
            assert_true(o.paused && o.waits);
            int seconds = p.second;
            assert_false(
                tn_apply_record(a, tn_json_root(json), &out, &o)); /* too early: not looked at */
            assert_true(o.paused && o.waits);
            assert_int_equal(p.second, seconds);
            p.stream->wake(p.stream->arg);
            assert_int_equal(o.fault_count, 0);
            assert_int_equal(out.n, n);
        }
        assert_true(tn_apply_record(a, tn_json_root(json), &out, &o));
        assert_false(o.paused);
        assert_int_equal(o.fault_count, 1);
    }
    assert_string_equal(out.p, "before{\"a\":7,\"b\":70,\"c\":7}{\"a\":7,\"b\":70,\"c\":7}");
    assert_int_equal(p.first, 2); /* what is done with is not done again */
    assert_int_equal(p.ended, 0);
    tn_apply_free(a);
    assert_int_equal(p.ended, 1);
    tn_plan_free(plan);
    tn_json_free(json);
    tn_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouched_values_keep_their_bytes),
        cmocka_unit_test(paths_lead_through_objects_and_lists),
        cmocka_unit_test(operators_do_what_the_table_says),
        cmocka_unit_test(operators_chain),
        cmocka_unit_test(case_27_one_element_and_a_list_of_one_read_alike),
        cmocka_unit_test(case_27_a_name_behind_a_list_of_several_is_told),
        cmocka_unit_test(elements_are_selected_by_their_members),
        cmocka_unit_test(any_case_counts_behind_a_list_and_in_a_selection),
        cmocka_unit_test(case_27_a_text_reads_alike_with_and_without_attributes),
        cmocka_unit_test(sources_other_than_paths),
        cmocka_unit_test(objects_and_lists_are_made),
        cmocka_unit_test(faults_follow_the_policy_of_the_field),
        cmocka_unit_test(the_key_is_a_text_with_something_in_it),
        cmocka_unit_test(the_key_can_be_a_value_of_its_own),
        cmocka_unit_test(secrets_do_not_show),
        cmocka_unit_test(a_trace_says_where_each_value_is_from),
        cmocka_unit_test(long_values_and_many_faults_are_cut),
        cmocka_unit_test(output_that_does_not_fit_rejects_the_record),
        cmocka_unit_test(output_never_nests_deeper_than_the_reader_goes),
        cmocka_unit_test(records_of_any_order_are_read_the_same),
        cmocka_unit_test(names_match_in_any_case_when_told),
        cmocka_unit_test(functions_are_called_with_the_record),
        cmocka_unit_test(a_record_that_was_left_in_the_middle_is_applied_again),
        cmocka_unit_test(the_hash_is_that_of_the_canonical_form),
        cmocka_unit_test(random_plans_agree_with_the_slow_interpreter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
