/* SPDX-License-Identifier: MIT */
/* No token without the secret is taken, whatever it says; one that is signed is looked into. */
#include <stdlib.h>

#include "base/base64.h"
#include "base/limits.h"
#include "crypto/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool verify(struct tn_str token, const struct tn_signature_key *key)
{
    const struct tn_jwt_key k = {.key = key};
    const struct tn_jwt_options o = {.algorithms = (1u << TN_ALG_count) - 1,
                                     .keys = &k,
                                     .key_count = 1,
                                     .issuer = TN_STR("them"),
                                     .now_ms = 2000000000000,
                                     .endless = true};
    struct tn_buf claims;
    struct tn_err err;
    tn_buf_init(&claims, TN_LIMIT_TOKEN);
    bool ok = tn_jwt_verify(token, &o, &claims, &err);
    if (!ok && (!err.field[0] || !err.text[0])) abort();
    tn_buf_clear(&claims);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tn_signature_key *key;
    struct tn_err err;
    struct tn_str text = {(const char *)data, size};
    struct tn_buf token, sig;
    if (!key)
        key = tn_signature_key_secret(TN_STR("no fuzzer finds this one, of 40 bytes..."), &err);
    if (verify(text, key)) abort();
    tn_buf_init(&token, 2 * TN_LIMIT_TOKEN);
    tn_buf_init(&sig, 100);
    tn_buf_adds(&token, "eyJhbGciOiJIUzI1NiJ9.");
    tn_base64url(&token, data, size);
    if (!tn_sign(key, TN_ALG_HS256, tn_buf_str(&token), &sig, &err)) abort();
    tn_buf_addc(&token, '.');
    tn_base64url(&token, sig.p, sig.n);
    verify(tn_buf_str(&token), key);
    tn_buf_clear(&token);
    tn_buf_clear(&sig);
    return 0;
}
