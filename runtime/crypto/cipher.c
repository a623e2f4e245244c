/* SPDX-License-Identifier: MIT */
#include "crypto/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/id.h"
#include "crypto/digest.h"
#include "base/base64.h"

enum { NONCE = 12, TAG = 16 };

void tn_key_init(struct tn_key *key, const unsigned char bytes[TN_KEY_LEN])
{
    static const char label[] = "tenon key id";
    unsigned char sum[TN_SHA256_LEN];
    char hex[2 * TN_SHA256_LEN + 1];
    memcpy(key->bytes, bytes, TN_KEY_LEN);
    tn_hmac_sha256((struct tn_str){(const char *)bytes, TN_KEY_LEN}, tn_str(label), sum);
    tn_hex(sum, sizeof sum, hex);
    snprintf(key->id, sizeof key->id, "%.*s", TN_KEY_ID_LEN, hex);
}

void tn_key_wipe(struct tn_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

/* Encrypts or decrypts with GCM. False: the tag does not match (only when decrypting). */
static bool gcm(bool seal, const struct tn_key *key, const unsigned char *nonce, struct tn_str aad,
                struct tn_str in, unsigned char *out, unsigned char *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce, seal) &&
              EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) &&
              EVP_CipherUpdate(ctx, out, &n, (const unsigned char *)in.p, (int)in.n);
    if (!seal) ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag);
    ok = ok && EVP_CipherFinal_ex(ctx, out + n, &n);
    if (seal) ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

void tn_seal(const struct tn_key *key, struct tn_str plain, struct tn_str belongs_to,
             struct tn_buf *out)
{
    unsigned char nonce[NONCE], tag[TAG], *data = tn_alloc(plain.n + 1);
    tn_random(nonce, sizeof nonce);
    if (!gcm(true, key, nonce, belongs_to, plain, data, tag)) {
        fputs("tenon: libcrypto failed\n", stderr);
        abort();
    }
    tn_buf_addf(out, "v1:%s:", key->id);
    tn_base64url(out, nonce, sizeof nonce);
    tn_buf_addc(out, ':');
    tn_base64url(out, data, plain.n);
    tn_buf_addc(out, ':');
    tn_base64url(out, tag, sizeof tag);
    tn_free(data);
}

static bool part(struct tn_str *rest, struct tn_buf *out)
{
    struct tn_str text;
    return tn_str_split(rest, ':', &text) && tn_unbase64url(text, out) && !out->failed;
}

bool tn_unseal(const struct tn_key *key, struct tn_str envelope, struct tn_str belongs_to,
               struct tn_buf *out, struct tn_err *err)
{
    struct tn_str rest = envelope, version, id;
    struct tn_buf nonce, data, tag;
    bool ok = false;
    tn_buf_init(&nonce, 64);
    tn_buf_init(&tag, 64);
    tn_buf_init(&data, envelope.n + 1);
    if (!tn_str_split(&rest, ':', &version) || !tn_str_is(version, "v1") ||
        !tn_str_split(&rest, ':', &id) || !part(&rest, &nonce) || !part(&rest, &data) ||
        !part(&rest, &tag) || rest.p || nonce.n != NONCE || tag.n != TAG) {
        tn_fail(err, TN_E_corrupt, "a sealed value is damaged: it is not an envelope");
        goto out;
    }
    if (!tn_str_is(id, key->id)) {
        tn_fail(
            err, TN_E_corrupt,
            "a value is sealed with key %.*s, but the key in use is %s: start with the key that "
            "it was sealed with",
            TN_FMT(id), key->id);
        goto out;
    }
    char *plain = tn_buf_reserve(out, data.n + 1);
    if (!plain) {
        ok = tn_buf_ok(out, "a sealed value", err);
        goto out;
    }
    ok = gcm(false, key, (unsigned char *)nonce.p, belongs_to, tn_buf_str(&data),
             (unsigned char *)plain, (unsigned char *)tag.p);
    if (!ok) {
        OPENSSL_cleanse(plain, data.n);
        *plain = '\0';
        tn_fail(err, TN_E_corrupt, "a sealed value was altered or belongs to another record");
        goto out;
    }
    out->n += data.n;
    out->p[out->n] = '\0';
out:
    tn_buf_clear(&nonce);
    tn_buf_clear(&data);
    tn_buf_clear(&tag);
    return ok;
}
