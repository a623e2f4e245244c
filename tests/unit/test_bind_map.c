/* SPDX-License-Identifier: MIT */
/* Mappings declared in Lua: what they make, what they refuse and how they say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bind/bind.h"
#include "bind/bind_map.h"
#include "loop/loop.h"

static struct tn_loop *loop;
static struct tn_host *host;
static struct bind_context context;

static const char *const item_fields[] = {
    "partNumber", "partName",  "partType",    "unitOfMeasure", "externalId", "organizationCode",
    "status",     "listPrice", "lastUpdated", "attributes",    NULL};

static int setup(void **state)
{
    struct tn_err err;
    (void)state;
    loop = tn_loop_new(&err);
    host = loop ? tn_host_new(loop, NULL, &err) : NULL;
    return host ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    tn_host_free(host);
    tn_loop_free(loop);
    return 0;
}

static struct tn_isolate *isolate(void)
{
    struct tn_err err;
    const struct tn_isolate_options o = {.name = "mappings:test",
                                         .modules = bind_modules,
                                         .context = &context,
                                         .call_ms = 50,
                                         .max_bytes = 8 * TN_MIB};
    struct tn_isolate *iso = tn_isolate_new(host, &o, &err);
    if (!iso) fail_msg("%s", err.text);
    return iso;
}

static struct tn_mapping *load_watched(struct tn_isolate *iso, const char *text,
                                       const char *const *targets,
                                       const struct tn_example_watch *watch, struct tn_err *err)
{
    int ref = LUA_NOREF;
    tn_err_clear(err);
    if (!tn_isolate_load_text(iso, "mappings/x/item.lua", tn_str(text), &ref, err)) return NULL;
    struct tn_mapping *m = tn_mapping_load(iso, ref, targets, watch, err);
    tn_isolate_release(iso, ref);
    return m;
}

static struct tn_mapping *load(struct tn_isolate *iso, const char *text, const char *const *targets,
                               struct tn_err *err)
{
    return load_watched(iso, text, targets, NULL, err);
}

#define HEAD "local map = require 'tenon.map'\nlocal from = map.from\n"
#define MAP(set)                                                                                   \
    HEAD "return map { reads = 'x.item', writes = 'item', key = 'id', set = {\n"                   \
         "id = from 'id' :text(),\n" set "\n} }"

#define PART(set)                                                                                  \
    HEAD "return map { reads = 'x.item', writes = 'item', key = 'partNumber', set = {\n"           \
         "partNumber = from 'id' :text(),\n" set "\n} }"

/* want as in test_apply: the output, or "!" and a part of the first fault's line. */
static void expect(const char *text, const char *record, const char *want)
{
    struct tn_isolate *iso = isolate();
    struct tn_json *json = tn_json_new();
    struct tn_outcome o;
    struct tn_err err;
    struct tn_buf out, line;
    tn_buf_init(&out, TN_MIB);
    tn_buf_init(&line, TN_MIB);
    struct tn_mapping *m = load(iso, text, NULL, &err);
    if (!m) fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.text);
    struct tn_apply *a = tn_apply_new(tn_mapping_plan(m));
    if (!tn_json_parse(json, tn_str(record), &err)) fail_msg("%s: %s", record, err.text);
    bool ok = tn_apply_record(a, tn_json_root(json), &out, &o);
    if (o.listed) tn_outcome_line(&o.faults[0], &line);
    bool good = want[0] == '!' ? line.n && strstr(line.p, want + 1)
                               : ok && tn_str_is(tn_buf_str(&out), want);
    if (!good) fail_msg("%s\n wanted %s\n got    %s %s", record, want, out.p, line.n ? line.p : "");
    tn_apply_free(a);
    tn_mapping_free(m);
    tn_isolate_unref(iso);
    tn_json_free(json);
    tn_buf_clear(&out);
    tn_buf_clear(&line);
}

static void refuse(const char *text, int line, const char *field, const char *part)
{
    struct tn_isolate *iso = isolate();
    struct tn_err err;
    struct tn_mapping *m = load(iso, text, item_fields, &err);
    if (m) fail_msg("it loaded:\n%s", text);
    if (strcmp(err.file, "mappings/x/item.lua") != 0 || err.line != line ||
        strcmp(err.field, field) != 0 || !strstr(err.text, part))
        fail_msg("%s\n wanted line %d, %s: ...%s...\n got %s:%d: %s: %s", text, line, field, part,
                 err.file, err.line, err.field, err.text);
    tn_isolate_unref(iso);
}

static void all_words_make_what_they_say(void **state)
{
    (void)state;
    expect(
        MAP("b = from 'b' :trim():upper(), a = map.const 'x', n = from 'n' :number { min = 0 },\n"
            "t = map.template '{id}/{b}', f = map.first { 'no', from 'n' :text() },\n"
            "u = from 'n' :unit { from = 'kg', to = 'g' }, d = from 'd' :decimal { scale = 2, as = "
            "'text' },\n"
            "l = from 'l' :each { q = from 'q' :integer() }, o = map.object { p = from 'n' },\n"
            "w = map.when(from 'b' :is(' q '), map.const(true), map.const(false)),\n"
            "j = from 'l[*].q' :join '+', s = from 'b' :sub(2, 2):pad_left(3, '0'), z = from 'zz' "
            ":default(0)"),
        "{\"id\":300000047274444,\"b\":\" q \",\"n\":0.10,\"d\":1.005,\"l\":[{\"q\":\"7\"}]}",
        "{\"id\":\"300000047274444\",\"a\":\"x\",\"b\":\"Q\",\"n\":0.10,\"f\":\"0.10\",\"t\":"
        "\"300000047274444/ q \","
        "\"d\":\"1.01\",\"u\":100,\"l\":[{\"q\":7}],\"o\":{\"p\":0.10},\"w\":true,\"j\":\"7\","
        "\"s\":\"00q\",\"z\":0}");
    expect(MAP("y = from 's' :lookup { [1] = 'ONE', [true] = 'T', x = { 1, 2 }, default = "
               "map.reject }"),
           "{\"id\":1,\"s\":1}", "{\"id\":\"1\",\"y\":\"ONE\"}");
    expect(MAP("y = from 's' :lookup { [1] = 'ONE', default = map.reject }"), "{\"id\":1,\"s\":2}",
           "!mappings/x/item.lua:5: y: the look-up has no such value (s = 2)");
    expect(MAP("y = from 's' :lookup { [1] = 'ONE', default = map.warn }"), "{\"id\":1,\"s\":2}",
           "{\"id\":\"1\"}");
    expect(MAP("y = from 's' :number():on_fault 'warn'"), "{\"id\":1,\"s\":\"q\"}",
           "{\"id\":\"1\"}");
    expect(MAP("y = from 's' :number():default(3):on_fault 'default'"), "{\"id\":1,\"s\":\"q\"}",
           "{\"id\":\"1\",\"y\":3}");
    expect(MAP("y = from 's' :number():secret()"), "{\"id\":1,\"s\":\"q\"}", "!s = (secret)");
    expect(MAP("y = from 's' :boolean { ja = true }"), "{\"id\":1,\"s\":\"JA\"}",
           "{\"id\":\"1\",\"y\":true}");
    expect(MAP("y = from 's' :time { format = '%d.%m.%Y', zone = 'Europe/Berlin' }"),
           "{\"id\":1,\"s\":\"05.03.2024\"}", "{\"id\":\"1\",\"y\":\"2024-03-04T23:00:00.000Z\"}");
}

#define BOM                                                                                        \
    MAP("rows = from '' :flatten { children = 'Component', id = 'No', root_id = 'ItemNumber',\n"   \
        "set = { parent = map.parent(), child = from 'No' :text(), level = map.level(),\n"         \
        "quantity = from 'Q' :decimal(), phase = map.parent 'Phase' } }")

static void a_tree_becomes_rows_of_parent_and_child(void **state)
{
    (void)state;
    expect(BOM,
           "{\"id\":1,\"ItemNumber\":\"A\",\"Phase\":\"P\",\"Component\":["
           "{\"No\":\"B\",\"Q\":\"2.50\",\"Phase\":\"X\",\"Component\":{\"No\":7,\"Q\":1}},"
           "{\"No\":\"C\",\"Q\":3}]}",
           "{\"id\":\"1\",\"rows\":["
           "{\"child\":\"B\",\"level\":1,\"parent\":\"A\",\"phase\":\"P\",\"quantity\":2.50},"
           "{\"child\":\"7\",\"level\":2,\"parent\":\"B\",\"phase\":\"X\",\"quantity\":1},"
           "{\"child\":\"C\",\"level\":1,\"parent\":\"A\",\"phase\":\"P\",\"quantity\":3}]}");
    expect(BOM, "{\"id\":1,\"ItemNumber\":\"A\"}", "{\"id\":\"1\",\"rows\":[]}");
    expect(BOM, "{\"id\":1,\"ItemNumber\":\"A\",\"Component\":null}", "{\"id\":\"1\",\"rows\":[]}");
    expect(MAP("rows = from 'no' :flatten { children = 'c', id = 'n', set = { n = from 'n' } }"),
           "{\"id\":1}", "{\"id\":\"1\"}");
}

static void a_shared_sub_assembly_is_taken_apart_once(void **state)
{
    (void)state;
    expect(MAP("rows = from 'tops' :flatten { children = 'c', id = 'n', set = {\n"
               "p = map.parent(), n = from 'n' } }"),
           "{\"id\":1,\"tops\":[{\"n\":\"A\",\"c\":[{\"n\":\"S\"},{\"n\":\"S\",\"c\":[{\"n\":\"X\"}"
           "]}]},"
           "{\"n\":\"B\",\"c\":[{\"n\":\"S\",\"c\":[{\"n\":\"X\"}]}]}]}",
           "{\"id\":\"1\",\"rows\":[{\"n\":\"S\",\"p\":\"A\"},{\"n\":\"S\",\"p\":\"A\"},"
           "{\"n\":\"X\",\"p\":\"S\"},{\"n\":\"S\",\"p\":\"B\"}]}");
}

static void a_tree_that_contains_itself_is_a_fault_with_the_way(void **state)
{
    (void)state;
    expect(
        BOM,
        "{\"id\":1,\"ItemNumber\":\"T\",\"Component\":{\"No\":\"A\",\"Component\":[{\"No\":\"B\","
        "\"Component\":[{\"No\":\"A\"}]}]}}",
        "!rows[2]: the structure contains itself: A > B > A (No = \"A\")");
    expect(BOM, "{\"id\":1,\"ItemNumber\":\"T\",\"Component\":[{\"Q\":1}]}",
           "!rows[0]: the node has no No to identify it");
    expect(BOM, "{\"id\":1,\"ItemNumber\":\"T\",\"Component\":[3]}",
           "!rows[0]: expected an object as child, got a number (Component = 3)");
    expect(BOM, "{\"id\":1,\"ItemNumber\":\"T\",\"Component\":\"x\"}",
           "!expected a list of children, got a string");
    expect(BOM, "{\"id\":1}", "!the node has no ItemNumber to identify it");
}

/* Entries are counted before they are read. */
static void tables_that_run_code_are_refused(void **state)
{
    (void)state;
    refuse(PART("x = map.object(setmetatable({ a = 1 }, { __index = {} }))"), 5, "",
           "object: expected a plain table");
    refuse(
        HEAD
        "local d = { reads = 'x.item', writes = 'item', key = 'id', set = { id = 1 } }\nlocal m = "
        "map(d)\nsetmetatable(d, { __index = {} })\nreturn m",
        4, "", "a mapping has to be a plain table");
    refuse(HEAD
           "return map { reads = 'x.item', writes = 'item', key = 'id', set = setmetatable({ id "
           "= from 'id' }, { __index = {} }) }",
           3, "", "a table of fields has to be a plain table");
}

static void wrong_trees_are_refused(void **state)
{
    (void)state;
    refuse(PART("attributes = from '' :flatten { id = 'n', set = {} }"), 5, "attributes",
           "flatten needs children = the path in a node");
    refuse(PART("attributes = from '' :flatten { children = 'c', id = 'n' }"), 5, "",
           "flatten: set: expected a table");
    refuse(PART("attributes = from '' :flatten { childs = 'c', id = 'n', set = {} }"), 5, "",
           "flatten has no option \"childs\"");
    refuse(PART("attributes = map.level()"), 5, "attributes",
           "parent and level work only inside flatten");
    refuse(PART("attributes = from '' :flatten { children = 'c[*].d', id = 'n', set = {} }"), 5,
           "attributes", "children takes a path without [*]");
}

/* record of ours through the mapping in text, backwards; want as in expect, "?" and a part of why
 * it cannot go back. */
static void expect_back(const char *text, const char *record, const char *want)
{
    struct tn_isolate *iso = isolate();
    struct tn_json *json = tn_json_new();
    struct tn_outcome o = {.ok = false};
    struct tn_err err;
    struct tn_buf out, line;
    tn_buf_init(&out, TN_MIB);
    tn_buf_init(&line, TN_MIB);
    struct tn_mapping *m = load(iso, text, NULL, &err);
    if (!m) fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.text);
    const struct tn_plan *plan = tn_mapping_back(m, &err);
    if (!plan) {
        if (want[0] != '?' || !strstr(err.text, want + 1))
            fail_msg("%s\n wanted %s\n got %s", text, want, err.text);
    } else {
        struct tn_apply *a = tn_apply_new(plan);
        assert_true(tn_json_parse(json, tn_str(record), &err));
        bool ok = tn_apply_record(a, tn_json_root(json), &out, &o);
        if (o.listed) tn_outcome_line(&o.faults[0], &line);
        bool good = want[0] == '!' ? line.n && strstr(line.p, want + 1)
                                   : ok && tn_str_is(tn_buf_str(&out), want);
        if (!good)
            fail_msg("%s\n wanted %s\n got    %s %s", record, want, out.p, line.n ? line.p : "");
        tn_apply_free(a);
    }
    tn_mapping_free(m);
    tn_isolate_unref(iso);
    tn_json_free(json);
    tn_buf_clear(&out);
    tn_buf_clear(&line);
}

static void one_file_serves_both_directions(void **state)
{
    (void)state;
    const char *text =
        MAP("name = from 'item.name' :trim(),\n"
            "number = from 'item.no' :integer() :text(),\n"
            "kind = from 'k' :lookup { [1] = 'ONE', two = 2, default = 'ONE' },\n"
            "mass = from 'kg' :unit { from = 'kg', to = 'g' },\n"
            "at = from 't' :time { format = '%d.%m.%Y %H:%M', zone = 'Europe/Berlin' },\n"
            "day = from 'd' :date { format = '%d.%m.%y' },\n"
            "flag = from 'f' :boolean { J = true, N = false },\n"
            "place = map.template '{org}/{bin}',\n"
            "tags = from 'tags' :split ',',\n"
            "system = map.const 'erp',\n"
            "nested = map.object { a = from 'x.a', b = from 'x.b' :default(0) },\n"
            "lines = from 'l' :each { q = from 'qty' :number(), s = from 'deep.s' }\n");
    expect_back(
        text,
        "{\"id\":\"7\",\"name\":\"Nut\",\"number\":\"300\",\"kind\":\"ONE\",\"mass\":1500,"
        "\"at\":\"2026-07-01T10:30:00.000Z\",\"day\":\"2026-01-31\",\"flag\":true,"
        "\"place\":\"M1/B-7\",\"tags\":[\"a\",\"b\"],\"nested\":{\"a\":1,\"b\":2},"
        "\"lines\":[{\"q\":1.50,\"s\":null},{\"q\":2}]}",
        "{\"id\":\"7\",\"item\":{\"name\":\"Nut\",\"no\":300},\"k\":1,\"kg\":1.5,"
        "\"t\":\"01.07.2026 12:30\",\"d\":\"31.01.26\",\"f\":\"J\",\"org\":\"M1\",\"bin\":\"B-7\","
        "\"tags\":\"a,b\",\"x\":{\"a\":1,\"b\":2},\"l\":[{\"qty\":1.50,\"deep\":{\"s\":null}},"
        "{\"qty\":2,\"deep\":{}}]}");
    expect_back(text, "{\"id\":\"7\",\"kind\":\"three\"}", "!the look-up has no such value");
    expect_back(text, "{\"id\":\"7\",\"place\":\"a/b/c\"}",
                "!the template can have made this text in more than one way");
    expect_back(text, "{\"id\":\"7\",\"place\":\"abc\"}",
                "!the template cannot have made this text");
    expect_back(text, "{\"id\":\"7\",\"at\":\"noon\"}", "!expected a time of ours");
}

static void what_is_one_way_says_out(void **state)
{
    (void)state;
    expect_back(MAP("a = from 'x' :sub(1, 3)"), "{}",
                "?it cannot send back a (a part of the text does not tell the rest): add out = {");
    expect_back(MAP("a = function(src) return 1 end"), "{}", "?a (it is a function)");
    expect_back(MAP("a = map.when(from 'x' :is(1), from 'y')"), "{}",
                "?the chosen value does not tell");
    expect_back(MAP("a = from 'x' :lookup { p = 1, q = 1 }"), "{}", "?have the same value");
    expect_back(MAP("a = from 'x[0]'"), "{}", "?one element of a list");
    expect_back(MAP("a = from 'x[*].y'"), "{}", "?one element of a list");
    expect_back(MAP("a = map.template '{x}{y}'"), "{}", "?nothing stands between two parts");
    expect_back(MAP("a = from ''"), "{}", "?the record as a whole");
    expect_back(MAP("a = from 'x' :sub(1, 3) },\nout = { x = from 'a' :pad_right(5, '.')"),
                "{\"id\":\"1\",\"a\":\"abc\"}", "{\"x\":\"abc..\",\"id\":\"1\"}");
    expect_back(MAP("a = from 'x' :sub(1, 3) },\nout = { x = false"),
                "{\"id\":\"1\",\"a\":\"abc\"}", "{\"id\":\"1\"}");
    expect_back(MAP("a = function(src) return 1 end },\nout = { a = false"), "{\"id\":\"1\"}",
                "{\"id\":\"1\"}");
    expect_back(MAP("a = function(src) return 1 end },\n"
                    "out = { a = false, x = function(ours) return ours.a + 1 end"),
                "{\"id\":\"1\",\"a\":4}", "{\"x\":5,\"id\":\"1\"}");
    expect_back(MAP("a = from 'id'"), "{\"id\":\"1\",\"a\":2}", "{\"id\":\"1\"}");
    refuse(PART("status = from 'x' },\nout = { x = 3"), 3, "out.x", "expected map.from");
    refuse(PART("status = from 'x' },\nout = { x = from 'a..b'"), 6, "x", "a name is missing");
}

static void chains_can_share_their_beginning(void **state)
{
    (void)state;
    expect(HEAD "local b = from 'b' :trim()\n"
                "return map { reads = 'x', writes = 'y', key = 'id', set = { id = from 'id', u = "
                "b:upper(), l = b:lower() } }",
           "{\"id\":\"1\",\"b\":\" aB \"}", "{\"l\":\"ab\",\"u\":\"AB\",\"id\":\"1\"}");
}

static void functions_see_the_record_as_it_is(void **state)
{
    (void)state;
    expect(MAP("open = function(src) return src.a - src.b end"),
           "{\"id\":\"1\",\"a\":9007199254740993,\"b\":1}",
           "{\"id\":\"1\",\"open\":9007199254740992}");
    expect(MAP("y = function(src) return src.absent == nil and src.null ~= nil and #src.list == 0 "
               "and src.deep.x[2].y end"),
           "{\"id\":\"1\",\"null\":null,\"list\":[],\"deep\":{\"x\":[1,{\"y\":\"\\u00e4\"}]}}",
           "{\"id\":\"1\",\"y\":\"\xc3\xa4\"}");
    expect(MAP("y = function(src) return src.list end, z = function(src) return src.price end, n = "
               "function(src) return nil end"),
           "{\"id\":\"1\",\"list\":[ ],\"price\":0.10}", "{\"id\":\"1\",\"y\":[ ],\"z\":0.10}");
    expect(MAP("y = function(src) local n = 0 for _, l in ipairs(src.l) do n = n + l.q end return "
               "n end,\n"
               "z = function(src) local k = {} for name, v in pairs(src.o) do k[#k + 1] = name .. "
               "v end return k end"),
           "{\"id\":\"1\",\"l\":[{\"q\":1},{\"q\":2}],\"o\":{\"b\":1,\"a\":2}}",
           "{\"id\":\"1\",\"y\":3,\"z\":[\"b1\",\"a2\"]}");
    expect(MAP("y = map.fn(function(src) return src.a end):text():required()"),
           "{\"id\":\"1\",\"a\":5}", "{\"id\":\"1\",\"y\":\"5\"}");
    expect(MAP("l = from 'l' :each { d = function(line) return line.q * 2 end }"),
           "{\"id\":\"1\",\"l\":[{\"q\":4}]}", "{\"id\":\"1\",\"l\":[{\"d\":8}]}");
}

/* The kind "a value has one type in scripts whatever its spelling" of the cases. */
static void case_28_numbers_in_functions_are_exact_or_fail_loudly(void **state)
{
    static const char *const fives[] = {"5", "5.0", "5.00", "5e0", "0.5E1", "50e-1", "500.0e-2"};
    char record[80];
    (void)state;
    for (size_t i = 0; i < sizeof fives / sizeof *fives; i++) {
        snprintf(record, sizeof record, "{\"id\":1,\"a\":%s}", fives[i]);
        expect(
            MAP("t = function(r) return math.type(r.a) end, e = function(r) return r.a == 5 end,\n"
                "k = function(r) return ({ [5] = 'five' })[r.a] end,\n"
                "d = function(r) return ('%d'):format(r.a) end,\n"
                "q = function(r) return r.a:div(3, 2) end, n = function(r) return tonumber(r.a) "
                "end"),
            record,
            "{\"id\":\"1\",\"e\":true,\"t\":\"integer\",\"k\":\"five\",\"d\":\"5\",\"n\":5,\"q\":1."
            "67}");
    }
    expect(MAP("n = function(r) return tonumber(r.a) end, f = function(r) return math.floor(r.a) "
               "end,\n"
               "q = function(r) return r.a:div(3, 2) end, i = function(r) return r.a // 2 end,\n"
               "c = function(r) return r.a:compare(5.5) end"),
           "{\"id\":1,\"a\":5.50}", "{\"id\":\"1\",\"f\":5,\"n\":5.50,\"i\":2,\"q\":1.83,\"c\":0}");
    expect(MAP("y = function(r) return r.a == 6150769120280496265 and r.b == -0 end"),
           "{\"id\":1,\"a\":6150769120280496265,\"b\":-0}", "{\"id\":\"1\",\"y\":true}");
    expect(MAP("y = function(r) return r.a / 2 end"), "{\"id\":1,\"a\":5}",
           "{\"id\":\"1\",\"y\":2.5}");
    expect(MAP("y = function(r) return r.a / 3 end"), "{\"id\":1,\"a\":5}", "!may be rounded");
    expect(MAP("y = function(r) return { q = { r.a / 3 } } end"), "{\"id\":1,\"a\":5}",
           "!may be rounded");
    expect(MAP("y = function(r) return 0.1 * r.a end"), "{\"id\":1,\"a\":3}", "!may be rounded");
    expect(MAP("y = function(r) return r.a / 3 end"), "{\"id\":1,\"a\":5.5}", "!how many digits?");
    expect(MAP("y = function(r) return ('%d'):format(r.a) end"), "{\"id\":1,\"a\":5.5}", "!number");
}

static void case_15_amounts_are_read_as_erp_systems_print_them(void **state)
{
    static const struct {
        const char *options, *text, *want;
    } rows[] = {{"", "\"100.00-\"", "-100.00"},
                {"", "\"-.5\"", "-0.5"},
                {"", "\".5\"", "0.5"},
                {"", "\"\u22121\"", "-1"},
                {"", "\"1\u2212\"", "-1"},
                {"", "\"+7\"", "7"},
                {"", "\"- 7 \"", "-7"},
                {"", "-7.50", "-7.50"},
                {"", "\"-7-\"", NULL},
                {"", "\"1,5\"", NULL},
                {"", "\"1 000\"", NULL},
                {"", "\"5.\"", NULL},
                {"", "\"\"", NULL},
                {"", "\"-\"", NULL},
                {"", "true", NULL},
                {"{ point = ',', currency = '\u20AC' }", "\"-950,00 \u20AC\"", "-950.00"},
                {"{ point = ',', currency = '\u20AC' }", "\"\u20AC -950,00\"", "-950.00"},
                {"{ point = ',', currency = '\u20AC' }", "\"950,00\"", "950.00"},
                {"{ point = ',', currency = '\u20AC' }", "\"950,00 $\"", NULL},
                {"{ point = ',', currency = '\u20AC' }", "\"\u20AC950,00\u20AC\"", NULL},
                {"{ point = ',', group = ' ' }", "\"1\u00A0000,50\"", "1000.50"},
                {"{ point = ',', group = ' ' }", "\"1\u202F000 000,50-\"", "-1000000.50"},
                {"{ point = ',', group = '.' }", "\"1.250\"", "1250"},
                {"{ point = ',', group = '.' }", "\"12.50\"", NULL},
                {"{ point = ',', group = '.' }", "\"1.2500\"", NULL},
                {"{ point = ',', group = '.' }", "\"1250.000\"", NULL},
                {"{ point = ',', group = '.' }", "\".250\"", NULL},
                {"{ point = ',', group = '.' }", "\"1.234.567,89-\"", "-1234567.89"},
                {"{ implied = 2 }", "\"0000125\"", "1.25"},
                {"{ implied = 2 }", "\"0000125-\"", "-1.25"},
                {"{ implied = 2 }", "\"5\"", "0.05"},
                {"{ implied = 2 }", "125", "1.25"},
                {"{ implied = 2 }", "\"1.25\"", NULL},
                {"{ implied = 2 }", "1.25", NULL}};
    char script[400], record[200], want[200];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(script, sizeof script, MAP("y = from 'a' :amount(%s)"), rows[i].options);
        snprintf(record, sizeof record, "{\"id\":1,\"a\":%s}", rows[i].text);
        snprintf(want, sizeof want, "{\"id\":\"1\",\"y\":%s}", rows[i].want ? rows[i].want : "");
        expect(script, record, rows[i].want ? want : "!expected an amount");
    }
    refuse(PART("status = from 'a' :amount { point = '1' }"), 5, "status",
           "one character as point");
    refuse(PART("status = from 'a' :amount { point = '.', group = '.' }"), 5, "status",
           "one character");
}

static void case_30_a_name_with_a_dot_is_written_in_brackets(void **state)
{
    (void)state;
    refuse(PART("status = from '@odata.etag'"), 5, "status", "'[\"@odata.etag\"]'");
    refuse(PART("status = from '_owner@OData.Value'"), 5, "status", "brackets");
    expect(MAP("y = from '[\"@odata.etag\"]', z = from '[\"@c\"].d', w = from 'w.@unit'"),
           "{\"id\":1,\"@odata.etag\":\"W/1\",\"@c\":{\"d\":2},\"w\":{\"@unit\":\"kg\"}}",
           "{\"id\":\"1\",\"w\":\"kg\",\"y\":\"W/1\",\"z\":2}");
}

static void a_function_that_fails_fails_its_record_alone(void **state)
{
    (void)state;
    expect(MAP("y = function(src)\nreturn src.a.b\nend"), "{\"id\":\"1\"}",
           "!mappings/x/item.lua:6: y: ");
    expect(MAP("y = function(src) src.a = 1 end"), "{\"id\":\"1\"}",
           "!the source record cannot be changed");
    expect(MAP("y = function(src) return print end"), "{\"id\":\"1\"}", "!y: ");
    expect(MAP("y = function(src) return 0/0 end"), "{\"id\":\"1\"}", "!y: ");
    expect(MAP("y = function(src) return 1, 2 end"), "{\"id\":\"1\"}",
           "!the function returned 2 values; one is expected");
    expect(MAP("y = function(src) error('no such plant') end"), "{\"id\":\"1\"}", "!no such plant");
}

static void a_view_kept_over_the_call_is_stale(void **state)
{
    struct tn_isolate *iso = isolate();
    struct tn_err err;
    (void)state;
    struct tn_mapping *m = load(
        iso,
        HEAD
        "local kept\nreturn map { reads = 'x', writes = 'y', key = 'id', set = { id = from 'id',\n"
        "y = function(src) if kept then return kept.b end kept = src.a return 1 end } }",
        NULL, &err);
    assert_non_null(m);
    struct tn_apply *a = tn_apply_new(tn_mapping_plan(m));
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_outcome o;
    tn_buf_init(&out, TN_MIB);
    for (int i = 0; i < 2; i++) {
        assert_true(tn_json_parse(json, TN_STR("{\"id\":\"1\",\"a\":{\"b\":2}}"), &err));
        assert_int_equal(tn_apply_record(a, tn_json_root(json), &out, &o), i == 0);
    }
    assert_non_null(strstr(o.faults[0].text, "the record is gone"));
    tn_buf_clear(&out);
    tn_json_free(json);
    tn_apply_free(a);
    tn_mapping_free(m);
    tn_isolate_unref(iso);
}

static void loops_and_memory_hogs_end_by_their_budget(void **state)
{
    struct tn_isolate *iso = isolate();
    struct tn_err err;
    (void)state;
    struct tn_mapping *m =
        load(iso,
             MAP("y = function(src)\nif src.mode == 'loop' then while true do end end\n"
                 "if src.mode == 'hog' then local t = {} while true do t[#t + 1] = "
                 "('x'):rep(100000) .. #t end end\n"
                 "return src.mode end"),
             NULL, &err);
    if (!m) fail_msg("%s", err.text);
    struct tn_apply *a = tn_apply_new(tn_mapping_plan(m));
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_outcome o;
    static const char *const modes[] = {"fine", "loop", "hog", "fine", "loop", "loop", "hog"};
    static const unsigned overruns[] = {0, 1, 2, 0, 1, 2, 3};
    tn_buf_init(&out, TN_MIB);
    for (size_t i = 0; i < 7; i++) {
        char record[64];
        snprintf(record, sizeof record, "{\"id\":\"1\",\"mode\":\"%s\"}", modes[i]);
        assert_true(tn_json_parse(json, tn_str(record), &err));
        bool ok = tn_apply_record(a, tn_json_root(json), &out, &o);
        assert_int_equal(ok, modes[i][0] == 'f');
        if (!ok && o.faults[0].kind != TN_E_budget) fail_msg("%s: %s", modes[i], o.faults[0].text);
        assert_int_equal(tn_mapping_overruns(m), overruns[i]);
    }
    tn_buf_clear(&out);
    tn_json_free(json);
    tn_apply_free(a);
    tn_mapping_free(m);
    tn_isolate_unref(iso);
}

/* Thirty functions that each compute for a while: between two of them, and inside one, others get
 * their turn, and each is called once for the record. */
static void wakes(void *arg)
{
    *(bool *)arg = true;
}

static void a_record_of_many_slow_functions_gives_way(void **state)
{
    char text[8192];
    size_t n = (size_t)snprintf(text, sizeof text, "%s",
                                HEAD "local calls = 0\n"
                                     "local function slow()\n"
                                     "  for i = 1, 300000 do local x = i % 7 end\n"
                                     "  calls = calls + 1 return calls end\n"
                                     "return map { reads = 'x.item', writes = 'item', key = 'id', "
                                     "set = { id = from 'id' :text(),\n");
    for (int i = 0; i < 30; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "f%02d = function() return slow() end,\n",
                              i);
    snprintf(text + n, sizeof text - n, "} }");
    struct tn_isolate *iso = isolate();
    struct tn_err err;
    struct tn_outcome o;
    struct tn_buf out;
    (void)state;
    struct tn_mapping *m = load(iso, text, NULL, &err);
    if (!m) fail_msg("%s", err.text);
    struct tn_apply *a = tn_apply_new(tn_mapping_plan(m));
    struct tn_json *json = tn_json_new();
    int turns = 1;
    bool woken = false;
    tn_apply_may_pause(a, wakes, &woken);
    tn_buf_init(&out, TN_MIB);
    assert_true(tn_json_parse(json, TN_STR("{\"id\":\"1\"}"), &err));
    for (; !tn_apply_record(a, tn_json_root(json), &out, &o); turns++) {
        if (!o.paused) fail_msg("%s", o.faults[0].text);
        assert_int_equal(out.n, 0);
        for (; o.waits && !woken;) tn_loop_turn(loop, true);
        woken = false;
    }
    assert_non_null(strstr(out.p, "\"f00\":1,"));
    assert_non_null(strstr(out.p, "\"f29\":30}"));
    assert_true(turns > 5);
    tn_buf_clear(&out);
    tn_json_free(json);
    tn_apply_free(a);
    tn_mapping_free(m);
    tn_isolate_unref(iso);
}

/* What somebody who watches examples was told. */
struct told {
    size_t count, failed;
    struct tn_err last; /* of one that failed */
};

static void take_example(void *arg, const char *file, size_t number, const struct tn_err *err)
{
    struct told *t = arg;
    assert_string_equal(file, "mappings/x/item.lua");
    assert_int_equal(number, ++t->count);
    if (!err) return;
    t->failed++;
    t->last = *err;
}

static void who_watches_examples_is_told_of_each(void **state)
{
    struct tn_isolate *iso = isolate();
    struct told told = {.count = 0};
    struct tn_example_watch watch = {take_example, &told};
    struct tn_err err;
    (void)state;
    struct tn_mapping *m =
        load_watched(iso,
                     HEAD "return map { reads = 'x.item', writes = 'item', key = 'id', set = {\n"
                          "id = from 'id' :text() },\nexamples = {\n"
                          "{ give = { id = 1 }, expect = { id = '1' } },\n"
                          "{ give = { id = 2 }, expect = { id = '3' } },\n"
                          "{ give = { id = 4 }, expect = map.reject },\n"
                          "{ give = { id = 5 }, expect = { id = '5' } } } }",
                     NULL, &watch, &err);
    assert_non_null(m);
    assert_int_equal(told.count, 4);
    assert_int_equal(told.failed, 2);
    assert_int_equal(told.last.line, 8);
    assert_non_null(strstr(told.last.text, "expected the record to be rejected"));
    tn_mapping_free(m);
    tn_isolate_unref(iso);
}

static void examples_have_a_budget_together(void **state)
{
    static char text[65536];
    size_t n = (size_t)snprintf(
        text, sizeof text, "%s",
        HEAD "return map { reads = 'x.item', writes = 'item', key = 'id', set = {\n"
             "id = from 'id' :text(),\n"
             "slow = function() for i = 1, 2e5 do local x = i % 7 end return 1 end },\n"
             "examples = {\n");
    for (int i = 0; i < 900; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "{ give = { id = '1' }, expect = { id = '1', slow = 1 } },\n");
    snprintf(text + n, sizeof text - n, "} }");
    struct tn_isolate_options options = {
        .name = "mappings:slow", .modules = bind_modules, .context = &context, .load_ms = 60000};
    struct tn_err err;
    struct tn_isolate *iso = tn_isolate_new(host, &options, &err);
    (void)state;
    assert_null(load(iso, text, NULL, &err));
    struct told told = {.count = 0};
    struct tn_example_watch watch = {take_example, &told};
    struct tn_err ignored;
    struct tn_mapping *m = load_watched(iso, text, NULL, &watch, &ignored);
    assert_non_null(m);
    assert_true(told.failed == 1 && told.count < 900 && told.last.kind == TN_E_budget);
    tn_mapping_free(m);
    if (err.kind != TN_E_budget || !strstr(err.text, "the examples up to number"))
        fail_msg("%s", err.text);
    assert_true(err.line > 6);
    tn_isolate_unref(iso);
}

static void wrong_declarations_say_where_and_what(void **state)
{
    (void)state;
    struct tn_isolate *iso = isolate();
    struct tn_err err;
    assert_null(load(iso, "return 7", NULL, &err));
    assert_string_equal(err.text, "a mapping file returns map { ... } of require \"tenon.map\"");
    tn_isolate_unref(iso);
    refuse(HEAD "return map { reads = 'x', writes = 'y', key = 'id', sets = {} }", 3, "",
           "unknown key \"sets\"; did you mean 'set'?");
    refuse(HEAD "return map { reads = 'x', writes = 'y', set = {} }", 3, "",
           "key = \"...\" is missing");
    refuse(HEAD "return map { reads = 'x', writes = 'y', key = 'externalId' }", 3, "",
           "set = { target = value } is missing");
    refuse(HEAD "return map { reads = 'x', writes = 'y', key = 'externalId', set = {} }", 3, "",
           "it sets no field");
    refuse(MAP("y = from 'x' :txet()"), 5, "",
           "there is no operator \"txet\"; did you mean 'text'?");
    refuse(MAP("y = map.form 'x'"), 5, "",
           "there is no tenon.map word \"form\"; did you mean 'from'?");
    refuse(MAP("y = from(7)"), 5, "", "from: expected a text, got number");
    refuse(MAP("y = from 'x' :number { mni = 1 }"), 5, "",
           "number has no option \"mni\"; did you mean 'min'?");
    refuse(MAP("y = from 'x' :decimal { scale = 1.5 }"), 5, "", "scale is a count of digits");
    refuse(MAP("y = from 'x' :decimal { rounding = 'near' }"), 5, "", "rounding is one of half_up");
#define ITEM(set)                                                                                  \
    HEAD "return map { reads = 'x.item', writes = 'item', key = 'externalId', set = {\n"           \
         "externalId = from 'id' :text(),\n" set "\n} }"
    refuse(ITEM("partNumbr = from 'n'"), 5, "partNumbr",
           "there is no such target field; did you mean 'partNumber'?");
    refuse(ITEM("zzz = from 'n'"), 5, "zzz",
           "there is no such target field; there are partNumber, partName");
    refuse(ITEM("status = 'Active'"), 5, "status",
           "expected map.from \"Active\" for a source field, or map.const \"Active\"");
    refuse(ITEM("status = 7"), 5, "status",
           "expected map.from, map.const, ... or a function, got number");
    refuse(ITEM("partName = from 'a..b'"), 5, "partName", "the path \"a..b\": a name is missing");
    refuse(ITEM("partName = from 'a[x]'"), 5, "partName",
           "[ ] takes a number from 0, *, a name in quotes, or a selection");
    refuse(ITEM("partName = map.template 'a{b'"), 5, "partName", "a { without }");
    refuse(ITEM("partName =\n  from 'a'\n  :number { min = 'x' }"), 6, "partName",
           "min and max are numbers, not \"x\"");
    refuse(ITEM("lastUpdated = from 'a' :time { zone = 'Mars' }"), 5, "lastUpdated",
           "no zone \"Mars\"");
    refuse(ITEM("lastUpdated = from 'a' :time { format = '%Q' }"), 5, "lastUpdated",
           "the format \"%Q\": it may contain %Y");
    refuse(ITEM("listPrice = from 'a' :unit { from = 'kg', to = 'm' }"), 5, "listPrice",
           "cannot convert the unit \"kg\" to \"m\"");
    refuse(ITEM("status = from 'a' :lookup { [{}] = 1 }"), 5, "status",
           "the keys of a look-up are texts, numbers and booleans");
    refuse(ITEM("status = from 'a' :lookup { x = print }"), 5, "status", "a row of the look-up");
    refuse(ITEM("status = from 'a' :on_fault 'default'"), 5, "status",
           "on_fault \"default\" needs a default");
    refuse(ITEM("attributes = map.object { a = from 'a' }:text()"), 5, "attributes",
           "takes no operators");
    refuse(ITEM("status = map.first { from 'a' :required() }"), 5, "status",
           "belong to a field, not to a part of one");
    refuse(ITEM("status = from 'a' :is 'x'"), 5, "status", "a test stands only in map.when");
    refuse(
        HEAD
        "return map { reads = 'x', writes = 'y', key = 'status', set = { partName = from 'a' } }",
        3, "", "key = \"status\", but no field of that name is set");
    refuse(HEAD "return map { reads = 'x', writes = 'y', key = 'status', set = { status = from 'a' "
                ":on_fault 'warn' } }",
           3, "status", "a fault of the key has to reject the record");
}

static void examples_run_at_load(void **state)
{
    (void)state;
#define EXAMPLE(e)                                                                                 \
    HEAD "return map { reads = 'x', writes = 'y', key = 'status', set = {\nstatus = from 'a',\n"   \
         "partName = from 'b' :upper() },\n" e "}"
    refuse(EXAMPLE("example = {\n give = { a = 'x', b = 'y' },\n expect = { status = 'x', partName "
                   "= 'y' } }"),
           7, "partName", "example 1: partName: expected \"y\", got \"Y\"");
    refuse(EXAMPLE("example = {\n give = { a = 'x', b = 'y' },\n expect = { status = 'x' } }"), 7,
           "partName", "example 1: partName: expected nothing, got \"Y\"");
    refuse(
        EXAMPLE("example = {\n give = { a = 'x' },\n expect = { status = 'x', partName = 'Y' } }"),
        7, "partName", "example 1: partName: expected \"Y\", got nothing");
    refuse(EXAMPLE("examples = {\n{ give = { a = 'x' }, expect = { status = 'x' } },\n{ give = { b "
                   "= 'y' }, expect = { status = 'x' } } }"),
           4, "status",
           "example 2: status: the record is rejected: it is required, and the record has no a");
    refuse(EXAMPLE("example = {\n give = { a = 'x' }, expect = map.reject }"), 7, "",
           "expected the record to be rejected, got {\"status\":\"x\"}");
    refuse(EXAMPLE("example = {\n give = [[{ nope ]], expect = {} }"), 7, "",
           "give: line 1, column 3");
    refuse(EXAMPLE("example = { expect = {} }"), 3, "", "give of an example is a table");
}

static char *read_shipped(const char *path)
{
    char full[1024];
    struct tn_buf b;
    tn_buf_init(&b, TN_MIB);
    snprintf(full, sizeof full, "%s/../../%s", FIXTURES, path);
    FILE *f = fopen(full, "rb");
    if (!f) fail_msg("%s", full);
    for (int c; (c = fgetc(f)) != EOF;) tn_buf_addc(&b, (char)c);
    fclose(f);
    return tn_buf_take(&b, NULL);
}

static void the_shipped_item_mapping_maps_as_documented(void **state)
{
    static const char *const classes[][2] = {
        {"Root", "ASSEMBLY"}, {"Purchased", "COMPONENT"}, {"Manufactured", "ASSEMBLY"},
        {"Model", "MODEL"},   {"Service", "COMPONENT"},   {"root", "COMPONENT"}};
    char *text = read_shipped("mappings/oracle_fusion/item.lua");
    struct tn_isolate *iso = isolate();
    struct tn_err err;
    char record[512], want[512];
    (void)state;
    struct tn_mapping *m = load(iso, text, item_fields, &err);
    if (!m) fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.text);
    const struct tn_map_info *info = tn_mapping_info(m);
    assert_string_equal(info->reads, "oracle_fusion.item");
    assert_string_equal(info->writes, "item");
    assert_string_equal(info->key, "");
    assert_int_equal(info->examples, 3);
    assert_int_equal(tn_plan_functions(tn_mapping_plan(m)), 0);
    tn_mapping_free(m);
    tn_isolate_unref(iso);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        snprintf(record, sizeof record,
                 "{\"ItemId\":300000047274444,\"ItemNumber\":\"AS1\",\"ItemDescription\":\"Desk\","
                 "\"ItemClass\":\"%s\",\"PrimaryUOMCode\":\"EA\",\"ListPrice\":0.10}",
                 classes[i][0]);
        snprintf(want, sizeof want,
                 "{\"externalId\":\"300000047274444\",\"partNumber\":\"AS1\",\"partName\":\"Desk\","
                 "\"partType\":\"%s\",\"unitOfMeasure\":\"EA\",\"listPrice\":0.10}",
                 classes[i][1]);
        expect(text, record, want);
    }
    expect(text, "{\"ItemNumber\":12,\"PrimaryUOMValue\":\"Kilogram\"}",
           "{\"externalId\":\"12\",\"partNumber\":\"12\",\"partType\":\"COMPONENT\","
           "\"unitOfMeasure\":\"Kilogram\"}");
    expect(text, "{\"ItemId\":1}", "!partNumber: it is required, and the record has no ItemNumber");
    tn_free(text);
}

/* External id of record under the mapping in text. */
static void expect_id(const char *text, const char *record, const char *want)
{
    struct tn_isolate *iso = isolate();
    struct tn_json *json = tn_json_new();
    struct tn_outcome o;
    struct tn_err err;
    struct tn_buf out;
    tn_buf_init(&out, TN_MIB);
    struct tn_mapping *m = load(iso, text, NULL, &err);
    if (!m) fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.text);
    struct tn_apply *a = tn_apply_new(tn_mapping_plan(m));
    assert_true(tn_json_parse(json, tn_str(record), &err));
    assert_true(tn_apply_record(a, tn_json_root(json), &out, &o));
    if (!tn_str_is(o.external_id, want))
        fail_msg("wanted %s, got %.*s", want, TN_FMT(o.external_id));
    tn_apply_free(a);
    tn_mapping_free(m);
    tn_isolate_unref(iso);
    tn_json_free(json);
    tn_buf_clear(&out);
}

static void an_item_of_two_organizations_is_two_records(void **state)
{
    char *text = read_shipped("mappings/oracle_fusion/item.lua");
    (void)state;
    expect_id(text, "{\"ItemId\":300,\"OrganizationId\":1,\"ItemNumber\":\"A\"}", "300/1");
    expect_id(text, "{\"ItemId\":300,\"OrganizationId\":2,\"ItemNumber\":\"A\"}", "300/2");
    expect_id(text, "{\"ItemId\":300,\"ItemNumber\":\"A\"}", "300");
    expect_id(text, "{\"OrganizationId\":2,\"ItemNumber\":\"A\"}", "A/2");
    expect_id(text, "{\"ItemNumber\":\"A\"}", "A");
    tn_free(text);
    refuse(HEAD "return map { reads = 'x.item', writes = 'item', key = map.object {}, set = {\n"
                "status = from 'b' } }",
           3, "key", "the key is a text, not an object or a list");
    refuse(HEAD "return map { reads = 'x.item', writes = 'item', key = from 'a' :required(),\n"
                "set = { status = from 'b' } }",
           3, "key", "required, secret and on_fault belong to a field");
}

static void what_it_writes_is_known_before_it_is_compiled(void **state)
{
    struct tn_isolate *iso = isolate();
    struct tn_err err;
    char name[16];
    int ref;
    (void)state;
    assert_true(
        tn_isolate_load_text(iso, "mappings/x/item.lua", tn_str(MAP("y = from 'x'")), &ref, &err));
    assert_true(tn_mapping_writes(iso, ref, name, sizeof name, &err));
    assert_string_equal(name, "item");
    assert_false(tn_mapping_writes(iso, ref, name, 3, &err));
    tn_isolate_release(iso, ref);
    tn_isolate_unref(iso);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_words_make_what_they_say),
        cmocka_unit_test(a_tree_becomes_rows_of_parent_and_child),
        cmocka_unit_test(a_shared_sub_assembly_is_taken_apart_once),
        cmocka_unit_test(a_tree_that_contains_itself_is_a_fault_with_the_way),
        cmocka_unit_test(tables_that_run_code_are_refused),
        cmocka_unit_test(wrong_trees_are_refused),
        cmocka_unit_test(one_file_serves_both_directions),
        cmocka_unit_test(what_is_one_way_says_out),
        cmocka_unit_test(chains_can_share_their_beginning),
        cmocka_unit_test(functions_see_the_record_as_it_is),
        cmocka_unit_test(case_15_amounts_are_read_as_erp_systems_print_them),
        cmocka_unit_test(case_30_a_name_with_a_dot_is_written_in_brackets),
        cmocka_unit_test(case_28_numbers_in_functions_are_exact_or_fail_loudly),
        cmocka_unit_test(a_function_that_fails_fails_its_record_alone),
        cmocka_unit_test(a_view_kept_over_the_call_is_stale),
        cmocka_unit_test(loops_and_memory_hogs_end_by_their_budget),
        cmocka_unit_test(a_record_of_many_slow_functions_gives_way),
        cmocka_unit_test(who_watches_examples_is_told_of_each),
        cmocka_unit_test(examples_have_a_budget_together),
        cmocka_unit_test(wrong_declarations_say_where_and_what),
        cmocka_unit_test(examples_run_at_load),
        cmocka_unit_test(the_shipped_item_mapping_maps_as_documented),
        cmocka_unit_test(an_item_of_two_organizations_is_two_records),
        cmocka_unit_test(what_it_writes_is_known_before_it_is_compiled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
