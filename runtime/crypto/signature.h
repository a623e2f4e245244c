/* SPDX-License-Identifier: MIT */
/* signature.h - signatures and keys of the JSON Web Algorithms (RFC 7518, 8037). A key has a kind:
 * an HMAC secret, or one half of a key pair. It verifies and signs only with algorithms of its
 * kind, so that no token can make a public key serve as a secret. */
#ifndef TN_CRYPTO_SIGNATURE_H
#define TN_CRYPTO_SIGNATURE_H

#include "base/buf.h"
#include "base/json.h"

enum tn_algorithm {
    TN_ALG_HS256,
    TN_ALG_HS384,
    TN_ALG_HS512,
    TN_ALG_RS256,
    TN_ALG_RS384,
    TN_ALG_RS512,
    TN_ALG_PS256,
    TN_ALG_PS384,
    TN_ALG_PS512,
    TN_ALG_ES256,
    TN_ALG_ES384,
    TN_ALG_ES512,
    TN_ALG_EdDSA,
    TN_ALG_count
};
const char *tn_algorithm_name(enum tn_algorithm a); /* "HS256" */
/* False: no algorithm has that name ("none" is refused). */
bool tn_algorithm_of(struct tn_str name, enum tn_algorithm *out);

struct tn_signature_key;

/* A secret for HS256 to HS512. NULL: the bytes are empty, or are the text of a public key or
 * certificate. */
TN_MUST_CHECK struct tn_signature_key *tn_signature_key_secret(struct tn_str bytes,
                                                               struct tn_err *err);
/* Reads a public key, a certificate or a private key without a passphrase, as PEM. */
TN_MUST_CHECK struct tn_signature_key *tn_signature_key_pem(struct tn_str text, struct tn_err *err);
/* Reads a JWK of kind RSA, EC, OKP (Ed25519; all three public) or oct (a secret). */
TN_MUST_CHECK struct tn_signature_key *tn_signature_key_jwk(struct tn_jval jwk, struct tn_err *err);
void tn_signature_key_free(struct tn_signature_key *key); /* NULL does nothing */
bool tn_signature_key_fits(const struct tn_signature_key *key, enum tn_algorithm a);

/* False: the algorithm does not fit the key, or the signature was not made with the key. */
bool tn_verify(const struct tn_signature_key *key, enum tn_algorithm a, struct tn_str data,
               struct tn_str signature);
/* Appends the signature. False: the algorithm does not fit the key, or the key is not private. */
TN_MUST_CHECK bool tn_sign(const struct tn_signature_key *key, enum tn_algorithm a,
                           struct tn_str data, struct tn_buf *signature, struct tn_err *err);

#endif
