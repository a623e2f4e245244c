/* SPDX-License-Identifier: MIT */
/* jwt.h - JSON Web Tokens in compact form (RFC 7515, 7519, best practice of RFC 8725).
 * The caller names the algorithms that it takes; the token only says which of them it used. */
#ifndef TN_CRYPTO_JWT_H
#define TN_CRYPTO_JWT_H

#include "crypto/signature.h"

struct tn_jwt_key {
    struct tn_str kid; /* absent: it has none */
    const struct tn_signature_key *key;
    bool limited; /* to `only`, as its JWK says */
    enum tn_algorithm only;
};

struct tn_jwt_options {
    uint32_t algorithms; /* one bit an algorithm */
    const struct tn_jwt_key *keys;
    size_t key_count;
    struct tn_str issuer;           /* absent: any */
    const struct tn_str *audiences; /* one of them has to be named; count 0: any */
    size_t audience_count;
    int64_t now_ms, leeway_ms;
    bool endless; /* a token without exp is taken */
};

/* Fills claims, which was empty, with the JSON object, byte for byte.  False: kind syntax (no
 * token), signature, or unauthorized (a claim); err.field says what failed: "token", "alg", "crit",
 * "kid", "signature", "exp", "nbf", "iat", "iss", "aud". */
TN_MUST_CHECK bool tn_jwt_verify(struct tn_str token, const struct tn_jwt_options *o,
                                 struct tn_buf *claims, struct tn_err *err);
/* Appends the token.  claims: a JSON object.  kid and type ("JWT") may be absent. */
TN_MUST_CHECK bool tn_jwt_sign(struct tn_str claims, const struct tn_signature_key *key,
                               enum tn_algorithm a, struct tn_str kid, struct tn_str type,
                               struct tn_buf *token, struct tn_err *err);

#endif
