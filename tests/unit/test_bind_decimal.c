/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "bind/bind.h"

static const struct tn_module modules[] = {
    {"tenon.json", luaopen_tenon_json}, {"tenon.decimal", luaopen_tenon_decimal}, {NULL, NULL}};

static const struct {
    const char *body, *result;
} cases[] = {
    {"return d '0.10'", "0.10"},
    {"return d '0.10' + d '0.2', d '1.5' * 2, 10 - d '0.01', d '1.1' + '2.2'", "0.30 3.0 9.99 3.3"},
    {"return d '0.1' + 0.2", "0.3"},
    {"return -d '1.50'", "-1.50"},
    {"return d '1.0' == d '1.00', d '1' < 2, d '2.5' <= 2.5, 1 < d '0.5', d '1' == 1",
     "true true true false false"},
    {"return d '1.005':round(2), d '1.005':round(2, 'half_up'), d '1':round(2)", "1.00 1.01 1.00"},
    {"return d '10':div(3, 4), d '2':div(d '3', 2, 'up')", "3.3333 0.67"},
    {"return d '7.0':integer(), d '7.5':integer(), d '7.5':number(), d '-7.5':sign()",
     "7 nil 7.5 -1"},
    {"return d '1.5' .. ' kg', 'x' .. d '1.5', d '1.5':text()", "1.5 kg x1.5 1.5"},
    {"return d '2':compare(d '10'), d '2.0':compare(2), d '3':compare '1'", "-1 0 1"},
    {"return d(7), d(1.25), d(d '3.10')", "7 1.25 3.10"},
    {"return d '123456789012345678901234567890.5' * 2", "246913578024691357802469135781.0"},
    /* case 15: the numbers of :decimal() */
    {"return d '.5', d '-.5', d '+5', d '0000125', d ' 7 ', d '1' + '.25'",
     "0.5 -0.5 5 125 7 1.25"},
    {"return require('tenon.json').encode { d '.5', d '+007.50' }", "[0.5,7.50]"},
    {"local v, e = d '1.' return v, e.kind", "nil invalid"},
    {"return d '7.5' // 2, d '-7.5' // 2, 8 // d '0.5', d '-7.5' % 2, d '7.5' % -2",
     "3 -4 16 0.5 -0.5"},
    {"return math.floor(d '-7.5'), math.ceil(d '-7.5'), math.floor(d '7.00'), math.abs(d '-1.50')",
     "-8 -7 7 1.50"},
    {"return math.floor(2.5), math.tointeger(d '7.0'), math.tointeger(d '7.5'), tonumber(d '7.50')",
     "2 7 nil 7.50"},
    {"return math.floor(d '92233720368547758079.5'), tonumber('ff', 16), tonumber('x')",
     "92233720368547758079 255 nil"},
    {"return ('%d'):format(d '7.5')", NULL},
    {"return d '1' // 0", NULL},
    {"return d '1' % 0", NULL},
    {"local v, e = d 'abc' return v, e.kind", "nil invalid"},
    {"local v, e = d '' return v, e.kind", "nil invalid"},
    {"return d '1' / 3", NULL},
    {"return d '1' + {}", NULL},
    {"return d '1' + 'x'", NULL},
    {"return d '1':div(0, 2)", NULL},
    {"return d '1':round(-1)", NULL},
    {"return d '1':round(2, 'sideways')", NULL},
    {"return d(0/0)", NULL},
    {"return d '1e999999999' + 1", NULL},
    {"return d {}", NULL},
    {"return getmetatable(d '1')", "false"},
    {"local json = require 'tenon.json' return json.decode('1e999'), "
     "json.encode(json.decode('[1e999]'))",
     "1e999 [1e999]"},
};

static void cases_come_out(void **state)
{
    struct tn_isolate_options o = {.name = "decimal", .modules = modules, .call_ms = 1000};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture_text out;
        char *text = NULL;
        assert_true(asprintf(&text, "local d = require('tenon.decimal').new %s", cases[i].body) >
                    0);
        fixture_run(iso, &out, text);
        free(text);
        if (cases[i].result ? strcmp(out.text, cases[i].result) != 0 : !strstr(out.text, ": "))
            fail_msg("%s\n -> %s", cases[i].body, out.text);
    }
    tn_isolate_unref(iso);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cases_come_out, fixture_open, fixture_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
