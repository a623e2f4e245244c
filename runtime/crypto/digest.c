/* SPDX-License-Identifier: MIT */
#include "crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

/* libcrypto fails here only without memory or when it is broken, so the process ends. */
static void must(int ok)
{
    if (ok == 1) return;
    fputs("tenon: libcrypto failed\n", stderr);
    abort();
}

void tn_sha256(const void *data, size_t n, unsigned char out[TN_SHA256_LEN])
{
    must(EVP_Digest(data, n, out, NULL, EVP_sha256(), NULL));
}

void tn_sha256_hex(const void *data, size_t n, char out[TN_SHA256_HEX])
{
    unsigned char sum[TN_SHA256_LEN];
    tn_sha256(data, n, sum);
    tn_hex(sum, sizeof sum, out);
}

struct tn_sha256 *tn_sha256_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL));
    return (struct tn_sha256 *)ctx;
}

void tn_sha256_add(struct tn_sha256 *h, const void *data, size_t n)
{
    must(EVP_DigestUpdate((EVP_MD_CTX *)h, data, n));
}

void tn_sha256_end(struct tn_sha256 *h, unsigned char out[TN_SHA256_LEN])
{
    must(EVP_DigestFinal_ex((EVP_MD_CTX *)h, out, NULL));
    EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void tn_hmac_sha256(struct tn_str key, struct tn_str data, unsigned char out[TN_SHA256_LEN])
{
    unsigned n = TN_SHA256_LEN;
    must(HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)data.p, data.n, out, &n) !=
         NULL);
}

static const EVP_MD *md_of(enum tn_hash_kind which)
{
    switch (which) {
    case TN_HASH_md5: return EVP_md5();
    case TN_HASH_sha1: return EVP_sha1();
    case TN_HASH_sha256: return EVP_sha256();
    case TN_HASH_sha384: return EVP_sha384();
    default: return EVP_sha512();
    }
}

size_t tn_hash(enum tn_hash_kind which, struct tn_str data, unsigned char out[TN_HASH_MAX])
{
    unsigned n = 0;
    must(EVP_Digest(data.p, data.n, out, &n, md_of(which), NULL));
    return n;
}

size_t tn_hmac(enum tn_hash_kind which, struct tn_str key, struct tn_str data,
               unsigned char out[TN_HASH_MAX])
{
    unsigned n = 0;
    must(HMAC(md_of(which), key.p, (int)key.n, (const unsigned char *)data.p, data.n, out, &n) !=
         NULL);
    return n;
}

bool tn_equal(struct tn_str a, struct tn_str b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}
