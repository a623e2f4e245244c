/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/cipher.h"
#include "crypto/digest.h"
#include "crypto/kdf.h"
#include "base/base64.h"

static struct tn_key key_of(unsigned char fill)
{
    unsigned char bytes[TN_KEY_LEN];
    struct tn_key key;
    memset(bytes, fill, sizeof bytes);
    tn_key_init(&key, bytes);
    return key;
}

static void what_is_sealed_opens_again(void **state)
{
    struct tn_key key = key_of(7);
    struct tn_buf sealed, plain;
    struct tn_err err;
    (void)state;
    tn_buf_init(&sealed, 4096);
    tn_buf_init(&plain, 4096);
    tn_seal(&key, TN_STR("{\"clientSecret\":\"hunter2\"}"), TN_STR("integration/1"), &sealed);
    assert_null(memmem(sealed.p, sealed.n, "hunter2", 7));
    assert_true(tn_unseal(&key, tn_buf_str(&sealed), TN_STR("integration/1"), &plain, &err));
    assert_string_equal(plain.p, "{\"clientSecret\":\"hunter2\"}");
    tn_buf_clear(&sealed);
    tn_buf_clear(&plain);
}

static void nothing_sealed_twice_looks_the_same(void **state)
{
    struct tn_key key = key_of(7);
    struct tn_buf a, b;
    (void)state;
    tn_buf_init(&a, 4096);
    tn_buf_init(&b, 4096);
    tn_seal(&key, TN_STR("same"), TN_STR("x"), &a);
    tn_seal(&key, TN_STR("same"), TN_STR("x"), &b);
    assert_false(tn_str_eq(tn_buf_str(&a), tn_buf_str(&b)));
    tn_buf_clear(&a);
    tn_buf_clear(&b);
}

static void every_altered_byte_is_noticed(void **state)
{
    struct tn_key key = key_of(7);
    struct tn_buf sealed, plain;
    struct tn_err err;
    (void)state;
    tn_buf_init(&sealed, 4096);
    tn_buf_init(&plain, 4096);
    tn_seal(&key, TN_STR("secret of some length"), TN_STR("x"), &sealed);
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.p[i] ^= 1;
        assert_false(tn_unseal(&key, tn_buf_str(&sealed), TN_STR("x"), &plain, &err));
        assert_int_equal(err.kind, TN_E_corrupt);
        assert_int_equal(plain.n, 0);
        sealed.p[i] ^= 1;
    }
    tn_buf_clear(&sealed);
    tn_buf_clear(&plain);
}

static void a_moved_value_or_another_key_is_refused(void **state)
{
    struct tn_key key = key_of(7), other = key_of(8);
    struct tn_buf sealed, plain;
    struct tn_err err;
    (void)state;
    tn_buf_init(&sealed, 4096);
    tn_buf_init(&plain, 4096);
    tn_seal(&key, TN_STR("secret"), TN_STR("integration/1"), &sealed);
    assert_false(tn_unseal(&key, tn_buf_str(&sealed), TN_STR("integration/2"), &plain, &err));
    assert_false(tn_unseal(&other, tn_buf_str(&sealed), TN_STR("integration/1"), &plain, &err));
    assert_non_null(strstr(err.text, key.id));
    tn_buf_clear(&sealed);
    tn_buf_clear(&plain);
}

static void what_is_no_envelope_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "v1",
                                      "v1:::::",
                                      "v2:a:b:c:d",
                                      "plain text",
                                      "v1:k:AAAA:AA:AA",
                                      "v1:k:AAAAAAAAAAAAAAAA:!!:AAAAAAAAAAAAAAAAAAAAAA"};
    struct tn_key key = key_of(7);
    struct tn_buf plain;
    struct tn_err err;
    (void)state;
    tn_buf_init(&plain, 4096);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tn_unseal(&key, tn_str(bad[i]), TN_STR("x"), &plain, &err));
    tn_buf_clear(&plain);
}

static void derived_keys_differ_by_purpose(void **state)
{
    struct tn_key key = key_of(7), a, b, again;
    (void)state;
    tn_derive(&key, "config", &a);
    tn_derive(&key, "api keys", &b);
    tn_derive(&key, "config", &again);
    assert_memory_equal(a.bytes, again.bytes, TN_KEY_LEN);
    assert_memory_not_equal(a.bytes, b.bytes, TN_KEY_LEN);
}

static void scrypt_gives_the_same_key_for_the_same_phrase(void **state)
{
    unsigned char a[TN_KEY_LEN], b[TN_KEY_LEN], c[TN_KEY_LEN];
    struct tn_err err;
    (void)state;
    assert_true(tn_scrypt(TN_STR("phrase"), TN_STR("salt"), a, &err));
    assert_true(tn_scrypt(TN_STR("phrase"), TN_STR("salt"), b, &err));
    assert_true(tn_scrypt(TN_STR("phrase"), TN_STR("salz"), c, &err));
    assert_memory_equal(a, b, TN_KEY_LEN);
    assert_memory_not_equal(a, c, TN_KEY_LEN);
}

static void digests_match_the_published_vectors(void **state)
{
    char hex[TN_SHA256_HEX];
    unsigned char mac[TN_SHA256_LEN];
    char mac_hex[TN_SHA256_HEX];
    (void)state;
    tn_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    /* RFC 4231, case 2 */
    tn_hmac_sha256(TN_STR("Jefe"), TN_STR("what do ya want for nothing?"), mac);
    tn_hex(mac, sizeof mac, mac_hex);
    assert_string_equal(mac_hex,
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void base64_round_trips_and_refuses_rubbish(void **state)
{
    unsigned char bytes[64];
    struct tn_buf text, back;
    (void)state;
    tn_buf_init(&text, 4096);
    tn_buf_init(&back, 4096);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37 + 250);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        tn_buf_reset(&text);
        tn_buf_reset(&back);
        tn_base64(&text, bytes, n);
        assert_true(tn_unbase64(tn_buf_str(&text), &back));
        assert_int_equal(back.n, n);
        assert_memory_equal(tn_buf_str(&back).p, bytes, n);
        tn_buf_reset(&text);
        tn_buf_reset(&back);
        tn_base64url(&text, bytes, n);
        assert_true(tn_unbase64url(tn_buf_str(&text), &back));
        assert_int_equal(back.n, n);
    }
    assert_false(tn_unbase64(TN_STR("A"), &back));
    assert_false(tn_unbase64(TN_STR("AB=C"), &back));
    assert_false(tn_unbase64(TN_STR("AB-_"), &back));
    assert_false(tn_unbase64(TN_STR("AB"), &back)); /* stray bits */
    assert_false(tn_unbase64url(TN_STR("AB+/"), &back));
    tn_buf_clear(&text);
    tn_buf_clear(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_again),
        cmocka_unit_test(nothing_sealed_twice_looks_the_same),
        cmocka_unit_test(every_altered_byte_is_noticed),
        cmocka_unit_test(a_moved_value_or_another_key_is_refused),
        cmocka_unit_test(what_is_no_envelope_is_refused),
        cmocka_unit_test(derived_keys_differ_by_purpose),
        cmocka_unit_test(scrypt_gives_the_same_key_for_the_same_phrase),
        cmocka_unit_test(digests_match_the_published_vectors),
        cmocka_unit_test(base64_round_trips_and_refuses_rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
