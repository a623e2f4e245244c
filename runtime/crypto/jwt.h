/* SPDX-License-Identifier: MIT */
/* jwt.h - JSON Web Tokens in compact form (RFC 7515, 7519, best practice of RFC 8725). The caller
 * names the algorithms that it accepts; the token only says which of them it uses. */
#ifndef TN_CRYPTO_JWT_H
#define TN_CRYPTO_JWT_H

#include "crypto/signature.h"

struct tn_jwt_key {
    struct tn_str kid; /* the key's id; absent: none */
    const struct tn_signature_key *key;
    bool limited; /* the key may be used only with the algorithm `only`, as its JWK says */
    enum tn_algorithm only;
};

struct tn_jwt_options {
    uint32_t algorithms; /* accepted algorithms, one bit each */
    const struct tn_jwt_key *keys;
    size_t key_count;
    struct tn_str issuer;           /* required issuer; absent: any */
    const struct tn_str *audiences; /* the token must name one of them; count 0: any */
    size_t audience_count;
    int64_t now_ms, leeway_ms;
    bool endless; /* accept a token without exp */
};

/* Fills claims, which must be empty, with the JSON object, byte for byte. False: kind syntax (it is
 * no token), signature, or unauthorized (a claim). err.field says what failed: "token", "alg",
 * "crit", "kid", "signature", "exp", "nbf", "iat", "iss", "aud". */
TN_MUST_CHECK bool tn_jwt_verify(struct tn_str token, const struct tn_jwt_options *o,
                                 struct tn_buf *claims, struct tn_err *err);
/* Appends the token. claims is a JSON object. kid and type ("JWT") may be absent. */
TN_MUST_CHECK bool tn_jwt_sign(struct tn_str claims, const struct tn_signature_key *key,
                               enum tn_algorithm a, struct tn_str kid, struct tn_str type,
                               struct tn_buf *token, struct tn_err *err);

#endif
