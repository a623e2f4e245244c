/* SPDX-License-Identifier: MIT */
/* kdf.h - derives keys from keys and from pass phrases. scrypt takes tens of milliseconds, so never
 * call it on a worker's loop. */
#ifndef TN_CRYPTO_KDF_H
#define TN_CRYPTO_KDF_H

#include "crypto/cipher.h"

/* HKDF-SHA-256: derives a separate key for each purpose ("config", "api keys"). */
void tn_derive(const struct tn_key *from, const char *purpose, struct tn_key *out);
/* scrypt with N = 2^15, r = 8, p = 1 (32 MiB). */
TN_MUST_CHECK bool tn_scrypt(struct tn_str phrase, struct tn_str salt,
                             unsigned char out[TN_KEY_LEN], struct tn_err *err);

#endif
