/* SPDX-License-Identifier: MIT */
/* signature.h - signatures as JSON Web Algorithms names them (RFC 7518, 8037), and their keys.
 * A key has a kind: an HMAC secret, or one half of a key pair.  It verifies and signs with
 * algorithms of its kind alone, so that a token cannot have a public key used as a secret. */
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
/* False: there is none of that name ("none" is none). */
bool tn_algorithm_of(struct tn_str name, enum tn_algorithm *out);

struct tn_signature_key;

/* For HS256 to HS512.  NULL: the bytes are empty, or are the text of a public key or certificate.
 */
TN_MUST_CHECK struct tn_signature_key *tn_signature_key_secret(struct tn_str bytes,
                                                               struct tn_err *err);
/* A public key, a certificate or a private key without a passphrase. */
TN_MUST_CHECK struct tn_signature_key *tn_signature_key_pem(struct tn_str text, struct tn_err *err);
/* Kinds RSA, EC, OKP (Ed25519: public halves) and oct. */
TN_MUST_CHECK struct tn_signature_key *tn_signature_key_jwk(struct tn_jval jwk, struct tn_err *err);
void tn_signature_key_free(struct tn_signature_key *key); /* NULL does nothing */
bool tn_signature_key_fits(const struct tn_signature_key *key, enum tn_algorithm a);

/* False: the algorithm does not fit the key, or the signature was not made with it. */
bool tn_verify(const struct tn_signature_key *key, enum tn_algorithm a, struct tn_str data,
               struct tn_str signature);
/* Appends the signature.  False: the key is of another kind, or is no private one. */
TN_MUST_CHECK bool tn_sign(const struct tn_signature_key *key, enum tn_algorithm a,
                           struct tn_str data, struct tn_buf *signature, struct tn_err *err);

#endif
