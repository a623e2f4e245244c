/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "bind/bind.h"

static const struct tn_module modules[] = {{"tenon.crypto", luaopen_tenon_crypto}, {NULL, NULL}};

static const struct {
    const char *body, *result;
} cases[] = {
    {"return c.sha256 ''", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"return c.sha256 'abc'", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"return c.hmac_sha256('Jefe', 'what do ya want for nothing?')",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"return #c.hmac_sha256('k', 'd', 'raw'), c.unbase64(c.hmac_sha256('k', 'd', 'base64')) == "
     "c.hmac_sha256('k', 'd', 'raw')",
     "32 true"},
    {"return c.hmac_sha256('k', 'd', 'octal')", NULL},
    {"return c.equal('a', 'a'), c.equal('a', 'b'), c.equal('a', 'aa'), c.equal('', '')",
     "true false false true"},
    {"return #c.random(), #c.random(4), c.random() ~= c.random()", "64 8 true"},
    {"return c.random(0)", NULL},
    {"return c.random(1025)", NULL},
    {"return #c.uuid(), c.uuid() < c.uuid()", "36 true"},
    {"return c.base64 'ab\\255', c.unbase64 'YWL/' == 'ab\\255', c.base64url 'ab\\255', "
     "#c.unbase64url 'YWL_'",
     "YWL/ true YWL_ 3"},
    {"return c.base64 '', c.unbase64 ''", " "},
    {"local v, e = c.unbase64 '***' return v, e.kind", "nil invalid"},
    {"return c.hex 'a\\0b', c.unhex '6100' == 'a\\0'", "610062 true"},
    {"local v, e = c.unhex '6g' return v, e.message", "nil the text is not hex digits"},
    {"local v, e = c.unhex '616' return v, e.kind", "nil invalid"},
    {"return c.urlencode 'a b/\\u{20AC}~', c.urldecode 'a%20b%2F'", "a%20b%2F%E2%82%AC~ a b/"},
    {"local v, e = c.urldecode '%2' return v, e.kind", "nil invalid"},
    {"local v, e = c.urldecode '%zz' return v, e.kind", "nil invalid"},
    {"return c.sha256(7)", NULL},
    {"return c.sha256()", NULL},
};

static void cases_come_out(void **state)
{
    struct tn_isolate_options o = {.name = "crypto", .modules = modules};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture_text out;
        char text[512];
        snprintf(text, sizeof text, "local c = require 'tenon.crypto' %s", cases[i].body);
        fixture_run(iso, &out, text);
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
