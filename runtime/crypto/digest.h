/* SPDX-License-Identifier: MIT */
/* digest.h - digests, HMAC, and comparison in constant time. */
#ifndef TN_CRYPTO_DIGEST_H
#define TN_CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { TN_SHA256_LEN = 32, TN_SHA256_HEX = 65 };

/* The digest as bytes, or as hex digits with a NUL. */
void tn_sha256(const void *data, size_t n, unsigned char out[TN_SHA256_LEN]);
void tn_sha256_hex(const void *data, size_t n, char out[TN_SHA256_HEX]);

/* A digest in parts: new, add as often as needed, end (which frees it). */
struct tn_sha256;
struct tn_sha256 *tn_sha256_new(void);
void tn_sha256_add(struct tn_sha256 *h, const void *data, size_t n);
void tn_sha256_end(struct tn_sha256 *h, unsigned char out[TN_SHA256_LEN]);

void tn_hmac_sha256(struct tn_str key, struct tn_str data, unsigned char out[TN_SHA256_LEN]);

/* The usual digests. MD5 and SHA-1 are only for peers that demand them; they are not secure. */
enum tn_hash_kind { TN_HASH_md5, TN_HASH_sha1, TN_HASH_sha256, TN_HASH_sha384, TN_HASH_sha512 };
enum { TN_HASH_MAX = 64 };
/* Both return the length of the result in bytes. */
size_t tn_hash(enum tn_hash_kind which, struct tn_str data, unsigned char out[TN_HASH_MAX]);
size_t tn_hmac(enum tn_hash_kind which, struct tn_str key, struct tn_str data,
               unsigned char out[TN_HASH_MAX]);

/* Are a and b equal? The time depends only on the lengths. */
bool tn_equal(struct tn_str a, struct tn_str b);

#endif
