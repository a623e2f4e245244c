/* SPDX-License-Identifier: MIT */
/* cipher.h - encrypts values with AES-256-GCM and a fresh nonce, as one line of text. Envelope:
 * "v1:<key id>:<nonce>:<data>:<tag>", base64url without padding. The associated data (belongs_to)
 * names the record of the value, so that nobody can move a ciphertext to another record. */
#ifndef TN_CRYPTO_CIPHER_H
#define TN_CRYPTO_CIPHER_H

#include "base/buf.h"
#include "base/err.h"

enum { TN_KEY_LEN = 32, TN_KEY_ID_LEN = 8 };

/* A 256-bit key. Its id is public: the first hex digits of a digest of the key. */
struct tn_key {
    unsigned char bytes[TN_KEY_LEN];
    char id[TN_KEY_ID_LEN + 1];
};
void tn_key_init(struct tn_key *key, const unsigned char bytes[TN_KEY_LEN]);
void tn_key_wipe(struct tn_key *key); /* overwrites the key in memory */

/* Appends the envelope of plain to out. */
void tn_seal(const struct tn_key *key, struct tn_str plain, struct tn_str belongs_to,
             struct tn_buf *out);
/* Appends the plain text to out. False, out unchanged: the text is no envelope, or was made with
 * another key (err says which); or it was altered or moved (kind corrupt, without details). */
TN_MUST_CHECK bool tn_unseal(const struct tn_key *key, struct tn_str envelope,
                             struct tn_str belongs_to, struct tn_buf *out, struct tn_err *err);

#endif
