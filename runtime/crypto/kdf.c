/* SPDX-License-Identifier: MIT */
#include "crypto/kdf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdio.h>
#include <stdlib.h>

static bool hkdf(const struct tn_key *from, const char *purpose, unsigned char *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    size_t n = TN_KEY_LEN;
    bool ok = ctx && EVP_PKEY_derive_init(ctx) > 0 &&
              EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) > 0 &&
              EVP_PKEY_CTX_set1_hkdf_key(ctx, from->bytes, TN_KEY_LEN) > 0 &&
              EVP_PKEY_CTX_add1_hkdf_info(ctx, (const unsigned char *)purpose,
                                          (int)strlen(purpose)) > 0 &&
              EVP_PKEY_derive(ctx, out, &n) > 0;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

void tn_derive(const struct tn_key *from, const char *purpose, struct tn_key *out)
{
    unsigned char bytes[TN_KEY_LEN];
    if (!hkdf(from, purpose, bytes)) {
        fputs("tenon: libcrypto failed\n", stderr);
        abort();
    }
    tn_key_init(out, bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

bool tn_scrypt(struct tn_str phrase, struct tn_str salt, unsigned char out[TN_KEY_LEN],
               struct tn_err *err)
{
    enum { N = 1 << 15, R = 8, P = 1, MEMORY = 64 << 20 };
    if (EVP_PBE_scrypt(phrase.p, phrase.n, (const unsigned char *)salt.p, salt.n, N, R, P, MEMORY,
                       out, TN_KEY_LEN) == 1)
        return true;
    return tn_fail(err, TN_E_no_memory,
                   "a key could not be derived: scrypt needs 32 MiB of memory");
}
