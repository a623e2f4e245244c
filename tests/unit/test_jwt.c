/* SPDX-License-Identifier: MIT */
/* Tokens of the standards' own examples, and of keys that openssl(1) made (fixtures/keys). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/limits.h"
#include "crypto/jwt.h"

static struct tn_signature_key *jwk(const char *text)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    assert_true(tn_json_parse(json, tn_str(text), &err));
    struct tn_signature_key *key = tn_signature_key_jwk(tn_json_root(json), &err);
    if (!key) fail_msg("%s", err.text);
    tn_json_free(json);
    return key;
}

static void read_pem(const char *name, struct tn_buf *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/keys/%s.pem", FIXTURES, name);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s", path);
    tn_buf_init(text, 64 * TN_KIB);
    char *to = tn_buf_reserve(text, 16 * TN_KIB);
    text->n = fread(to, 1, 16 * TN_KIB, f);
    fclose(f);
}

static struct tn_signature_key *pem(const char *name)
{
    struct tn_buf text;
    struct tn_err err;
    read_pem(name, &text);
    struct tn_signature_key *key = tn_signature_key_pem(tn_buf_str(&text), &err);
    if (!key) fail_msg("%s: %s", name, err.text);
    tn_buf_clear(&text);
    return key;
}

/* Verifies with one key; the err's field, "" when all is well. */
static const char *check(const char *token, const struct tn_signature_key *key,
                         struct tn_jwt_options o)
{
    static struct tn_err err;
    const struct tn_jwt_key k = {.key = key};
    struct tn_buf claims;
    tn_buf_init(&claims, TN_LIMIT_TOKEN);
    if (!o.algorithms) o.algorithms = (1u << TN_ALG_count) - 1;
    if (!o.keys) o.keys = &k, o.key_count = 1;
    tn_err_clear(&err);
    bool ok = tn_jwt_verify(tn_str(token), &o, &claims, &err);
    assert_true(ok == (err.kind == TN_E_none) && (ok || err.field[0]));
    tn_buf_clear(&claims);
    return err.field;
}

/* ---- RFC 7515, appendix A, and RFC 8037, appendix A ---- */

#define JOE                                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static const struct tn_jwt_options in_2011 = {.now_ms = 1300819379000};

static void examples_of_the_standards_hold(void **state)
{
    (void)state;
    struct tn_signature_key *key =
        jwk("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
            "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}");
    assert_string_equal(check("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE
                              ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                              key, in_2011),
                        "");
    tn_signature_key_free(key);
    key = jwk(
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
    assert_string_equal(check("eyJhbGciOiJFUzI1NiJ9." JOE ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
                              "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
                              key, in_2011),
                        "");
    tn_signature_key_free(key);
    key = jwk("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
              "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
    struct tn_buf sig;
    tn_buf_init(&sig, 100);
    assert_true(tn_unbase64url(TN_STR("hgyY0il_MGCjP0JzlnLWG1PPOt7-"
                                      "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
                                      "MuM0KAg"),
                               &sig));
    struct tn_str data = TN_STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
    assert_true(tn_verify(key, TN_ALG_EdDSA, data, tn_buf_str(&sig)));
    sig.p[5] ^= 1;
    assert_false(tn_verify(key, TN_ALG_EdDSA, data, tn_buf_str(&sig)));
    tn_buf_clear(&sig);
    tn_signature_key_free(key);
}

/* ---- all algorithms, there and back ---- */

static const struct {
    const char *private, *public;
    enum tn_algorithm first, last;
} pairs[] = {{"rsa", "rsa.pub", TN_ALG_RS256, TN_ALG_PS512},
             {"rsa", "rsa.crt", TN_ALG_RS256, TN_ALG_PS512},
             {"p256", "p256.pub", TN_ALG_ES256, TN_ALG_ES256},
             {"p256_sec1", "p256_sec1", TN_ALG_ES256, TN_ALG_ES256},
             {"p384", "p384", TN_ALG_ES384, TN_ALG_ES384},
             {"p521", "p521", TN_ALG_ES512, TN_ALG_ES512},
             {"ed25519", "ed25519.pub", TN_ALG_EdDSA, TN_ALG_EdDSA}};

static char *sign(struct tn_str claims, const struct tn_signature_key *key, enum tn_algorithm a,
                  struct tn_str kid)
{
    struct tn_buf token;
    struct tn_err err;
    size_t n;
    tn_buf_init(&token, TN_LIMIT_TOKEN);
    if (!tn_jwt_sign(claims, key, a, kid, (struct tn_str){0}, &token, &err))
        fail_msg("%s: %s", tn_algorithm_name(a), err.text);
    return tn_buf_take(&token, &n);
}

static const struct tn_jwt_options now = {.now_ms = 2000000000000};
static const struct tn_str later = {"{\"exp\":2000000060}", 18};

static void what_is_signed_verifies_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct tn_signature_key *private = pem(pairs[i].private), *public = pem(pairs[i].public);
        for (int a = 0; a < TN_ALG_count; a++) {
            bool fits = a >= (int)pairs[i].first && a <= (int)pairs[i].last;
            assert_true(tn_signature_key_fits(public, (enum tn_algorithm)a) == fits);
            if (!fits) continue;
            char *token = sign(later, private, (enum tn_algorithm)a, (struct tn_str){0});
            assert_string_equal(check(token, public, now), "");
            /* every character counts, but for bits that base64 does not use */
            for (size_t k = 0, n = strlen(token); k < n; k += 7) {
                char was = token[k];
                token[k] = was == 'A' ? 'B' : 'A';
                assert_string_not_equal(check(token, public, now), "");
                token[k] = was;
            }
            struct tn_jwt_options other = now;
            other.algorithms = ((1u << TN_ALG_count) - 1) & ~(1u << a);
            assert_string_equal(check(token, public, other), "alg");
            tn_free(token);
        }
        tn_signature_key_free(private);
        tn_signature_key_free(public);
    }
}

static void a_public_key_is_no_secret(void **state)
{
    static const char *const names[] = {"rsa.pub", "rsa.crt", "p256.pub", "rsa"};
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tn_buf text, der;
        read_pem(names[i], &text);
        assert_null(tn_signature_key_secret(tn_buf_str(&text), &err));
        assert_int_equal(err.kind, TN_E_invalid);
        /* nor as the bytes within */
        struct tn_buf inner;
        tn_buf_init(&inner, text.n);
        tn_buf_init(&der, text.n);
        const char *from = strchr(text.p, '\n') + 1, *to = strstr(from, "-----END");
        for (const char *p = from; p < to; p++)
            if (*p != '\n') tn_buf_addc(&inner, *p);
        assert_true(tn_unbase64(tn_buf_str(&inner), &der));
        struct tn_signature_key *key = tn_signature_key_secret(tn_buf_str(&der), &err);
        assert_true((key != NULL) == (strcmp(names[i], "rsa") == 0));
        tn_signature_key_free(key);
        tn_buf_clear(&text);
        tn_buf_clear(&inner);
        tn_buf_clear(&der);
    }
    /* the classic: HS256 with the text of the public key */
    struct tn_signature_key *public = pem("rsa.pub");
    struct tn_buf text;
    read_pem("rsa.pub", &text);
    struct tn_signature_key *attacker = tn_signature_key_secret(TN_STR("whatever"), &err);
    char *token = sign(later, attacker, TN_ALG_HS256, (struct tn_str){0});
    assert_string_equal(check(token, public, now), "kid");
    tn_free(token);
    tn_buf_clear(&text);
    tn_signature_key_free(attacker);
    tn_signature_key_free(public);
}

static void keys_that_are_none_are_refused(void **state)
{
    static const char *const names[] = {"rsa1024", "k256", "x25519", "locked"};
    static const char *const jwks[] = {
        "{}", "{\"kty\":\"RSA\"}", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":5,\"e\":\"AQAB\"}", "{\"kty\":\"oct\",\"k\":\"\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        /* a point that is not on the curve */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_"
        "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"};
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tn_buf text;
        read_pem(names[i], &text);
        if (tn_signature_key_pem(tn_buf_str(&text), &err)) fail_msg("%s is a key", names[i]);
        assert_int_equal(err.kind, TN_E_invalid);
        tn_buf_clear(&text);
    }
    for (size_t i = 0; i < sizeof jwks / sizeof *jwks; i++) {
        struct tn_json *json = tn_json_new();
        assert_true(tn_json_parse(json, tn_str(jwks[i]), &err));
        if (tn_signature_key_jwk(tn_json_root(json), &err)) fail_msg("%s is a key", jwks[i]);
        tn_json_free(json);
    }
    assert_null(tn_signature_key_pem(
        TN_STR("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), &err));
    assert_null(tn_signature_key_pem(TN_STR(""), &err));
    assert_null(tn_signature_key_secret(TN_STR(""), &err));
}

/* ---- headers and claims ---- */

static char *token_of(const struct tn_signature_key *key, const char *header, const char *claims)
{
    struct tn_buf token, sig;
    struct tn_err err;
    size_t n;
    tn_buf_init(&token, TN_LIMIT_TOKEN);
    tn_buf_init(&sig, 100);
    tn_base64url(&token, header, strlen(header));
    tn_buf_addc(&token, '.');
    tn_base64url(&token, claims, strlen(claims));
    assert_true(tn_sign(key, TN_ALG_HS256, tn_buf_str(&token), &sig, &err));
    tn_buf_addc(&token, '.');
    tn_base64url(&token, sig.p, sig.n);
    tn_buf_clear(&sig);
    return tn_buf_take(&token, &n);
}

static void each_check_says_its_name(void **state)
{
    static const struct tn_str us[] = {{"us", 2}, {"us-too", 6}};
    static const struct {
        const char *header, *claims, *field;
    } cases[] = {
        {"{\"alg\":\"HS256\"}", "{\"exp\":2000000001}", ""},
        {"{\"alg\":\"HS256\"}", "{\"exp\":2000000000}", "exp"},
        {"{\"alg\":\"HS256\"}", "{\"exp\":2000000000.5}", ""},
        {"{\"alg\":\"HS256\"}", "{\"exp\":\"2000000001\"}", "exp"},
        {"{\"alg\":\"HS256\"}", "{\"exp\":null}", "exp"},
        {"{\"alg\":\"HS256\"}", "{}", "exp"},
        {"{\"alg\":\"HS256\"}", "{\"exp\":9e99,\"nbf\":2000000001}", "nbf"},
        {"{\"alg\":\"HS256\"}", "{\"exp\":9e99,\"nbf\":true}", "nbf"},
        {"{\"alg\":\"HS256\"}", "{\"exp\":9e99,\"iat\":2000000001}", "iat"},
        {"{\"alg\":\"HS256\"}", "{\"exp\":9e99,\"iat\":2000000000,\"nbf\":2e9}", ""},
        {"{\"alg\":\"HS256\"}", "[]", "token"},
        {"{\"alg\":\"HS256\"}", "{\"exp\":9e99,\"exp\":9e99}", "token"},
        {"{\"alg\":\"HS256\"}", "", "token"},
        {"{\"alg\":\"none\"}", "{\"exp\":9e99}", "alg"},
        {"{\"alg\":\"None\"}", "{\"exp\":9e99}", "alg"},
        {"{\"alg\":\"hs256\"}", "{\"exp\":9e99}", "alg"},
        {"{}", "{\"exp\":9e99}", "alg"},
        {"{\"alg\":[\"HS256\"]}", "{\"exp\":9e99}", "alg"},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", "{\"exp\":9e99}", "token"},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "{\"exp\":9e99}", "crit"},
        {"{\"alg\":\"RS256\"}", "{\"exp\":9e99}", "kid"},
        {"{\"alg\":\"HS512\"}", "{\"exp\":9e99}", "signature"},
        {"{\"alg\":\"HS256\",\"kid\":7}", "{\"exp\":9e99}", "kid"},
        {"{\"alg\":\"HS256\",\"kid\":\"a\"}", "{\"exp\":9e99}", ""},
        {"[]", "{\"exp\":9e99}", "token"},
        {"\xff", "{\"exp\":9e99}", "token"},
    };
    static const struct {
        const char *claims, *field;
    } parties[] = {
        {"{\"iss\":\"them\",\"aud\":\"us\"}", ""},
        {"{\"iss\":\"them\",\"aud\":[\"x\",\"us-too\"]}", ""},
        {"{\"iss\":\"them\",\"aud\":[\"x\"]}", "aud"},
        {"{\"iss\":\"them\",\"aud\":[[\"us\"]]}", "aud"},
        {"{\"iss\":\"them\",\"aud\":{\"us\":\"us\"}}", "aud"},
        {"{\"iss\":\"them\"}", "aud"},
        {"{\"iss\":\"them \",\"aud\":\"us\"}", "iss"},
        {"{\"iss\":[\"them\"],\"aud\":\"us\"}", "iss"},
        {"{\"aud\":\"us\"}", "iss"},
    };
    struct tn_err err;
    struct tn_signature_key *key =
        tn_signature_key_secret(TN_STR("a secret of thirty-two bytes....."), &err);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *token = token_of(key, cases[i].header, cases[i].claims);
        if (strcmp(check(token, key, now), cases[i].field) != 0)
            fail_msg("%s %s: %s", cases[i].header, cases[i].claims, check(token, key, now));
        tn_free(token);
    }
    struct tn_jwt_options o = now;
    o.endless = true;
    o.issuer = TN_STR("them");
    o.audiences = us;
    o.audience_count = 2;
    for (size_t i = 0; i < sizeof parties / sizeof *parties; i++) {
        char *token = token_of(key, "{\"alg\":\"HS256\"}", parties[i].claims);
        if (strcmp(check(token, key, o), parties[i].field) != 0) fail_msg("%s", parties[i].claims);
        tn_free(token);
    }
    o = now;
    o.leeway_ms = 30000;
    char *token = token_of(key, "{\"alg\":\"HS256\"}",
                           "{\"exp\":1999999971,\"nbf\":2000000030,\"iat\":2000000030}");
    assert_string_equal(check(token, key, o), "");
    assert_string_equal(check(token, key, now), "exp");
    tn_free(token);
    tn_signature_key_free(key);
}

static void what_is_no_token_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "a.b",
                                      "a.b.c.d",
                                      "e30.e30",
                                      "e30.e30.e30",
                                      "eyJhbGciOiJIUzI1NiJ9.e30.",
                                      "eyJhbGciOiJIUzI1NiJ9.e30.====",
                                      " e30.e30.e30"};
    struct tn_err err;
    struct tn_signature_key *key = tn_signature_key_secret(TN_STR("secret"), &err);
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_string_not_equal(check(bad[i], key, now), "");
    char *large = tn_alloc(TN_LIMIT_TOKEN + 10);
    memset(large, 'a', TN_LIMIT_TOKEN + 5);
    large[100] = large[200] = '.';
    assert_string_equal(check(large, key, now), "token");
    tn_free(large);
    tn_signature_key_free(key);
}

static void the_key_id_chooses(void **state)
{
    struct tn_err err;
    struct tn_signature_key *a = tn_signature_key_secret(TN_STR("secret a"), &err);
    struct tn_signature_key *b = tn_signature_key_secret(TN_STR("secret b"), &err);
    const struct tn_jwt_key both[] = {{.kid = TN_STR("a"), .key = a},
                                      {.kid = TN_STR("b"), .key = b}};
    const struct tn_jwt_key limited[] = {{.key = a, .limited = true, .only = TN_ALG_HS512}};
    struct tn_jwt_options o = now;
    (void)state;
    o.keys = both;
    o.key_count = 2;
    char *by_b = sign(later, b, TN_ALG_HS256, TN_STR("b"));
    char *plain = sign(later, b, TN_ALG_HS256, (struct tn_str){0});
    char *lie = sign(later, a, TN_ALG_HS256, TN_STR("b"));
    char *unknown = sign(later, a, TN_ALG_HS256, TN_STR("c"));
    assert_string_equal(check(by_b, NULL, o), "");
    assert_string_equal(check(plain, NULL, o), "");
    assert_string_equal(check(lie, NULL, o), "signature");
    assert_string_equal(check(unknown, NULL, o), "kid");
    o.keys = limited;
    o.key_count = 1;
    char *other = sign(later, a, TN_ALG_HS256, (struct tn_str){0});
    assert_string_equal(check(other, NULL, o), "kid");
    tn_free(by_b), tn_free(plain), tn_free(lie), tn_free(unknown), tn_free(other);
    tn_signature_key_free(a);
    tn_signature_key_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_standards_hold),
        cmocka_unit_test(what_is_signed_verifies_and_nothing_else),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(each_check_says_its_name),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(the_key_id_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
