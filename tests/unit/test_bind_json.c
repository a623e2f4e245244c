/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "base/alloc.h"
#include "bind/bind.h"

static const struct tn_module modules[] = {
    {"tenon.json", luaopen_tenon_json}, {"tenon.decimal", luaopen_tenon_decimal}, {NULL, NULL}};

static struct tn_isolate *isolate(void **state)
{
    struct tn_isolate_options o = {.name = "json", .modules = modules, .call_ms = 2000};
    return fixture_isolate(*state, &o);
}

#define PRELUDE "local json = require 'tenon.json' local decimal = require 'tenon.decimal' "

/* Text that goes in and out again. */
static void texts_survive(void **state)
{
    static const char *const texts[] = {
        "300000047272744",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "123456789012345678901234567890",
        "123456789.123456",
        "0.10",
        "1.0",
        "1e2",
        "1E+400",
        "-0",
        "-0.0",
        "0.1",
        "1",
        "\"1\"",
        "[]",
        "{}",
        "[[],{}]",
        "null",
        "[null]",
        "{\"a\":null}",
        "true",
        "false",
        "\"\"",
        "\"a\\u0000b\"",
        "\"\u20ac\\n\"",
        "{\"a\":[],\"b\":{},\"c\":[{}]}",
        "[1,[2,[3,[]]]]",
        "{\"a\":{\"b\":{\"c\":0.100}}}",
        "\"2026-01-31T08:00:00Z\"",
        "[0.30,3]",
    };
    struct tn_isolate *iso = isolate(state);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fixture_text out;
        char *text = NULL;
        assert_true(
            asprintf(&text, PRELUDE "return json.encode(json.decode([==[%s]==]))", texts[i]) > 0);
        fixture_run(iso, &out, text);
        free(text);
        if (strcmp(out.text, texts[i]) != 0) fail_msg("%s came back as %s", texts[i], out.text);
    }
    tn_isolate_unref(iso);
}

static const struct {
    const char *body, *result;
} cases[] = {
    {"return math.type(json.decode('1'))", "integer"},
    {"return json.decode('300000047272744') + 1", "300000047272745"},
    {"return 'k' .. json.decode('300000047272744')", "k300000047272744"},
    {"return decimal.is(json.decode('0.10')), tostring(json.decode('0.10'))", "true 0.10"},
    {"return tostring(json.decode('0.10') + json.decode('0.2'))", "0.30"},
    {"return json.decode('null') == json.null, tostring(json.null), json.null and 1",
     "true null 1"},
    {"return json.decode('{\"a\":null}').a == nil, json.decode('{}').a == nil", "false true"},
    {"return #json.decode('[1,2,3]'), json.decode('[1,2,3]')[3]", "3 3"},
    {"return json.is_array(json.decode('[]')), json.is_array(json.decode('{}')), json.is_array({})",
     "true false false"},
    {"return json.decode('{\"a\":1,\"a\":2}').a", "2"},
    {"return json.encode({ 1, 2, 3 })", "[1,2,3]"},
    {"return json.encode({ b = 1, a = 2, c = { d = true } })",
     "{\"a\":2,\"b\":1,\"c\":{\"d\":true}}"},
    {"return json.encode({}), json.encode(json.array()), json.encode(json.array {}), json.encode { "
     "x = json.array {} }",
     "{} [] [] {\"x\":[]}"},
    {"return json.encode(1.5), json.encode(0.1), json.encode(1e300), json.encode(3.0)",
     "1.5 0.1 1e+300 3"},
    {"return json.encode(2^53), json.encode(math.maxinteger)",
     "9007199254740992 9223372036854775807"},
    {"return json.encode('a\\0b\\n\\\\\"')", "\"a\\u0000b\\n\\\\\\\"\""},
    {"return json.encode(decimal.new '12.50')", "12.50"},
    {"return json.encode { json.null, json.null }", "[null,null]"},
    {"local ok, e = json.decode('{\"a\":01}') return ok, e.kind", "nil syntax"},
    {"local t = json.decode('{\"k\":[1]}') t.k[2] = 2.5 return json.encode(t)", "{\"k\":[1,2.5]}"},
    /* refused, with the path */
    {"return json.encode(0/0)", "invalid: nan is no JSON number"},
    {"return json.encode({ a = { 1, -1/0 } })", "invalid: a[2]: inf is no JSON number"},
    {"return json.encode({ a = { f = print } })", "invalid: a.f: a function has no JSON form"},
    {"return json.encode(coroutine.create(print))", "invalid: a thread has no JSON form"},
    {"return json.encode({ 1, a = 2 })", "invalid: it has both texts and numbers as keys"},
    {"return json.encode({ x = { [1] = 1, [3] = 3 } })",
     "invalid: x: a list may not have holes: it has 2 elements, and one of them is number 3"},
    {"return json.encode({ [1 << 53] = 1 })",
     "invalid: a list may not have holes: it has 1 elements, and one of them is number "
     "9007199254740992"},
    {"return json.encode({ [true] = 1 })", "invalid: a key is neither a text nor 1, 2, 3, ..."},
    {"return json.encode({ [1.5] = 1 })", "invalid: a key is neither a text nor 1, 2, 3, ..."},
    {"local t = {} t.t = { t } return json.encode(t)", "invalid: t[1]: the value contains itself"},
    {"local t = {} for i = 1, 100 do t = { t } end return (json.encode(t))", NULL},
    {"return json.encode('\\255')", "invalid: the text is not UTF-8 (base64 carries bytes)"},
    {"return json.encode({ ['\\255'] = 1 })", "invalid: a key is not UTF-8"},
    {"return json.encode()", NULL},
    {"local t = setmetatable({}, { __mode = 'v' }) for i = 1, 99 do t['k' .. i] = { i } end return "
     "json.encode(t)",
     NULL},
    {"return json.array('x')", NULL},
    {"return json.encode(json.array { a = 1 })", "invalid: it is an array, but has a text as key"},
    {"return select(2, json.decode('NaN')).kind", "syntax"},
    {"return select(2, json.decode('0x10')).kind", "syntax"},
    {"return select(2, json.decode('+1')).kind", "syntax"},
    {"return select(2, json.decode('')).kind", "syntax"},
    {"return select(2, json.decode('\"\\255\"')).kind", "syntax"},
    {"return select(2, json.decode(('['):rep(1000))).kind", "too_large"},
    {"json.null.x = 1", NULL},
};

static void cases_come_out(void **state)
{
    struct tn_isolate *iso = isolate(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture_text out;
        char *text = NULL;
        assert_true(asprintf(&text, PRELUDE "%s", cases[i].body) > 0);
        fixture_run(iso, &out, text);
        free(text);
        if (cases[i].result ? strcmp(out.text, cases[i].result) != 0 : !strstr(out.text, ": "))
            fail_msg("%s\n -> %s", cases[i].body, out.text);
    }
    tn_isolate_unref(iso);
}

/* Memory that runs out in the middle of a large text is an error, and nothing is lost (ASan). */
static void memory_may_run_out(void **state)
{
    struct tn_isolate_options o = {
        .name = "json", .modules = modules, .max_bytes = TN_MIB, .call_ms = 2000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    struct fixture_text out;
    fixture_run(iso, &out,
                PRELUDE "return #json.decode('[' .. ('{\"a\":\"\\\\n\"},'):rep(20000) .. '1]')");
    assert_string_equal(out.text, "budget: memory limit (1 MiB) reached");
    fixture_run(iso, &out,
                PRELUDE
                "local t = {} for i = 1, 9000 do t[i] = ('x'):rep(100) end return #json.encode(t)");
    assert_string_equal(out.text, "budget: memory limit (1 MiB) reached");
    tn_isolate_unref(iso);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {T(texts_survive), T(cases_come_out), T(memory_may_run_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
