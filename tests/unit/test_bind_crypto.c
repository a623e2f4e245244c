/* SPDX-License-Identifier: MIT */
#include "script_fixture.h"

#include "bind/bind.h"

static const struct tn_module modules[] = {
    {"tenon.crypto", luaopen_tenon_crypto}, {"tenon.decimal", luaopen_tenon_decimal}, {NULL, NULL}};

/* A table that makes room for what it gave before. */
#define SLY                                                                                        \
    "local function sly(t) return setmetatable({}, {__index = function(_, k) local j = {} for i "  \
    "= "                                                                                           \
    "1, 3000 do j[i] = ('q'):rep(50) .. i end local v = t[k] return type(v) == 'string' and v .. " \
    "'' or v end, __len = function() return #t end}) end "

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
    {"return c.md5 'abc', c.sha1 'abc'",
     "900150983cd24fb0d6963f7d28e17f72 a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"return c.sha384 'abc'",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072"
     "ba1e7cc2358baeca134c825a7"},
    {"return c.sha512('abc', 'base64')",
     "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/"
     "uu9RU1EI2Q86A4qmslPpUyknw=="},
    {"return #c.sha256('', 'raw'), #c.sha512('', 'raw')", "32 64"},
    /* RFC 2202 and RFC 4231, test case 2 */
    {"return c.hmac_md5('Jefe', 'what do ya want for nothing?'), c.hmac_sha1('Jefe', 'what do ya "
     "want "
     "for nothing?')",
     "750c783e6ab0b503eaa86e310a5db738 effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"return #c.hmac_sha384('k', 'd'), c.hmac_sha512('Jefe', 'what do ya want for "
     "nothing?'):sub(1, "
     "16)",
     "96 164b7a7bfcf819e2"},
    {"local t = c.jwt_sign({a = 300000047274444, exp = 9999999999}, {key = 'k', algorithm = "
     "'HS256'}) "
     "return c.jwt_verify(t, {key = 'k', algorithms = {'HS256'}}).a",
     "300000047274444"},
    {"local t = c.jwt_sign({}, {key = 'k', algorithm = 'HS256'}) local v, e = c.jwt_verify(t, {key "
     "= "
     "'k', algorithms = {'HS256'}}) return v, e.kind, e.field, e.message",
     "nil unauthorized exp the token is not accepted: it has no expiry (exp)"},
    {"local t = c.jwt_sign({}, {key = 'k', algorithm = 'HS256', kid = 'a'}) return "
     "next(c.jwt_verify(t, "
     "{keys = {a = 'k', b = 'l'}, algorithms = {'HS256'}, endless = true}))",
     "nil"},
    {"local t = c.jwt_sign({}, {key = 'k', algorithm = 'HS256', kid = 'b'}) local v, e = "
     "c.jwt_verify(t, "
     "{keys = {a = 'k', b = 'l'}, algorithms = {'HS256'}}) return e.kind, e.field",
     "signature signature"},
    {"local v, e = c.jwt_verify('x', {key = '', algorithms = {'HS256'}}) return v, e.kind",
     "nil invalid"},
    {"local v, e = c.jwt_verify('x', {algorithms = {'HS256'}}) return v, e.kind", "nil invalid"},
    {"local v, e = c.jwt_verify('x', {jwks = '{', algorithms = {'HS256'}}) return v, e.kind",
     "nil syntax"},
    {"local v, e = c.jwt_verify('x', {jwks = {keys = {}}, algorithms = {'HS256'}}) return v, "
     "e.kind",
     "nil invalid"},
    {"local v, e = c.jwt_verify('x', {key = {kty = 'oct', k = 'YQ'}, algorithms = {'HS256'}}) "
     "return v, "
     "e.field",
     "nil token"},
    {"local v, e = c.jwt_sign({}, {key = '-----BEGIN X', algorithm = 'HS256'}) return v, e.kind",
     "nil invalid"},
    {"local v, e = c.jwt_sign({}, {key = 'k', algorithm = 'RS256'}) return v, e.message",
     "nil the key is not one for RS256"},
    {"c.jwt_verify('x', {key = 'k'})", NULL},
    {"c.jwt_verify('x', {key = 'k', algorithms = {}})", NULL},
    {"c.jwt_verify('x', {key = 'k', algorithms = {'none'}})", NULL},
    {"c.jwt_verify('x', {key = 'k', algorithms = {5}})", NULL},
    {"c.jwt_verify('x', {key = 5, algorithms = {'HS256'}})", NULL},
    {"c.jwt_verify('x', {key = 'k', algorithms = {'HS256'}, audience = {}})", NULL},
    {"c.jwt_verify('x', {key = 'k', algorithms = {'HS256'}, leeway = 601})", NULL},
    {"c.jwt_verify('x', {key = 'k', algorithms = {'HS256'}, isuer = 'x'})", NULL},
    {"c.jwt_verify('x')", NULL},
    {"c.jwt_sign({}, {key = 'k'})", NULL},
    {"c.jwt_sign({1}, {key = 'k', algorithm = 'HS256'})", NULL},
    {"c.jwt_sign({a = print}, {key = 'k', algorithm = 'HS256'})", NULL},
    {SLY "local o, e = pcall(c.jwt_verify, 'x', sly {key = 'k', algorithms = {'HS256'}}) return "
         "o, tostring(e):match 'plain table'",
     "false plain table"},
    {SLY "local o, e = pcall(c.jwt_verify, 'x', {key = 'k', algorithms = {'HS256'}, audience = sly "
         "{'a'}}) return o, tostring(e):match 'plain table'",
     "false plain table"},
    {SLY "local o, e = pcall(c.jwt_verify, 'x', {keys = sly {a = 'k'}, algorithms = {'HS256'}}) "
         "return o, tostring(e):match 'plain table'",
     "false plain table"},
    {SLY "local o, e = pcall(c.jwt_sign, {}, sly {key = 'k', algorithm = 'HS256', kid = 'k'}) "
         "return o, tostring(e):match 'plain table'",
     "false plain table"},
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
        char text[1024];
        snprintf(text, sizeof text, "local c = require 'tenon.crypto' %s", cases[i].body);
        fixture_run(iso, &out, text);
        if (cases[i].result ? strcmp(out.text, cases[i].result) != 0
                            : !tn_str_starts(tn_str(out.text), "script: ") &&
                                  !tn_str_starts(tn_str(out.text), "invalid: "))
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
