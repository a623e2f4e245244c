/* SPDX-License-Identifier: MIT */
/* digest.h - SHA-256, HMAC-SHA-256, comparison in constant time. */
#ifndef TN_CRYPTO_DIGEST_H
#define TN_CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { TN_SHA256_LEN = 32, TN_SHA256_HEX = 65 };

void tn_sha256(const void *data, size_t n, unsigned char out[TN_SHA256_LEN]);
void tn_sha256_hex(const void *data, size_t n, char out[TN_SHA256_HEX]);

/* In parts: new, add as often as needed, end (which frees it). */
struct tn_sha256;
struct tn_sha256 *tn_sha256_new(void);
void tn_sha256_add(struct tn_sha256 *h, const void *data, size_t n);
void tn_sha256_end(struct tn_sha256 *h, unsigned char out[TN_SHA256_LEN]);

void tn_hmac_sha256(struct tn_str key, struct tn_str data, unsigned char out[TN_SHA256_LEN]);
/* The time depends on the lengths alone. */
bool tn_equal(struct tn_str a, struct tn_str b);

#endif
