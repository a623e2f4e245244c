/* SPDX-License-Identifier: MIT */
#include "crypto/signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "crypto/digest.h"

enum {
    PEM_MAX = 64 * 1024,
    RSA_MIN = 2048,
    RSA_MAX = 8192,
    SIGNATURE_MAX = RSA_MAX / 8,
    NUMBER_MAX = RSA_MAX / 8 + 8,
    ED25519 = 32
};

enum kind { SECRET, RSA_KEY, PSS_KEY, P256, P384, P521, EDWARDS };

struct tn_signature_key {
    enum kind kind;
    EVP_PKEY *pair;       /* the key or key pair; NULL: it is a secret */
    struct tn_buf secret; /* the bytes of a secret */
    bool private;
};

static const struct {
    const char *name;
    enum tn_hash_kind hash;
    enum kind kind;
    bool pss;
    size_t half; /* EC: length of r, and of s */
} algorithms[TN_ALG_count] = {
    [TN_ALG_HS256] = {"HS256", TN_HASH_sha256, SECRET, false, 0},
    [TN_ALG_HS384] = {"HS384", TN_HASH_sha384, SECRET, false, 0},
    [TN_ALG_HS512] = {"HS512", TN_HASH_sha512, SECRET, false, 0},
    [TN_ALG_RS256] = {"RS256", TN_HASH_sha256, RSA_KEY, false, 0},
    [TN_ALG_RS384] = {"RS384", TN_HASH_sha384, RSA_KEY, false, 0},
    [TN_ALG_RS512] = {"RS512", TN_HASH_sha512, RSA_KEY, false, 0},
    [TN_ALG_PS256] = {"PS256", TN_HASH_sha256, RSA_KEY, true, 0},
    [TN_ALG_PS384] = {"PS384", TN_HASH_sha384, RSA_KEY, true, 0},
    [TN_ALG_PS512] = {"PS512", TN_HASH_sha512, RSA_KEY, true, 0},
    [TN_ALG_ES256] = {"ES256", TN_HASH_sha256, P256, false, 32},
    [TN_ALG_ES384] = {"ES384", TN_HASH_sha384, P384, false, 48},
    [TN_ALG_ES512] = {"ES512", TN_HASH_sha512, P521, false, 66},
    [TN_ALG_EdDSA] = {"EdDSA", TN_HASH_sha512, EDWARDS, false, 0},
};

const char *tn_algorithm_name(enum tn_algorithm a)
{
    return algorithms[a].name;
}

bool tn_algorithm_of(struct tn_str name, enum tn_algorithm *out)
{
    for (int a = 0; a < TN_ALG_count; a++) {
        if (!tn_str_is(name, algorithms[a].name)) continue;
        *out = (enum tn_algorithm)a;
        return true;
    }
    return false;
}

/* ---- keys ---- */

void tn_signature_key_free(struct tn_signature_key *key)
{
    if (!key) return;
    EVP_PKEY_free(key->pair);
    if (key->secret.p) OPENSSL_cleanse(key->secret.p, key->secret.room);
    tn_buf_clear(&key->secret);
    tn_free(key);
}

static struct tn_signature_key *key_new(enum kind kind)
{
    struct tn_signature_key *key = TN_NEW(struct tn_signature_key);
    key->kind = kind;
    tn_buf_init(&key->secret, PEM_MAX);
    return key;
}

/* Clears libcrypto's error queue, because other code (TLS) reads the same one. */
static void *refuse(struct tn_err *err, const char *why)
{
    ERR_clear_error();
    tn_fail(err, TN_E_invalid, "%s", why);
    return NULL;
}

static bool is_public_der(struct tn_str s)
{
    const unsigned char *p = (const unsigned char *)s.p, *q = p;
    EVP_PKEY *pair = d2i_PUBKEY(NULL, &p, (long)s.n);
    X509 *certificate = d2i_X509(NULL, &q, (long)s.n);
    bool is = pair || certificate;
    EVP_PKEY_free(pair);
    X509_free(certificate);
    ERR_clear_error();
    return is;
}

struct tn_signature_key *tn_signature_key_secret(struct tn_str bytes, struct tn_err *err)
{
    if (!bytes.n) return refuse(err, "the secret is empty");
    if (bytes.n > PEM_MAX) return refuse(err, "the secret is too long");
    if (memmem(bytes.p, bytes.n, "-----BEGIN ", 11) || is_public_der(bytes))
        return refuse(err, "a public key or certificate is no HMAC secret");
    struct tn_signature_key *key = key_new(SECRET);
    key->private = true;
    tn_buf_addstr(&key->secret, bytes);
    return key;
}

static bool kind_of(const EVP_PKEY *pair, enum kind *kind, const char **why)
{
    char group[32] = "";
    size_t n;
    int bits = EVP_PKEY_get_bits(pair);
    *why = "the key is of a kind that is not known here: RSA, EC (P-256, P-384, P-521) and Ed25519 "
           "are";
    switch (EVP_PKEY_get_base_id(pair)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        *kind = EVP_PKEY_get_base_id(pair) == EVP_PKEY_RSA ? RSA_KEY : PSS_KEY;
        *why = "an RSA key has 2048 to 8192 bits";
        return bits >= RSA_MIN && bits <= RSA_MAX;
    case EVP_PKEY_ED25519: *kind = EDWARDS; return true;
    case EVP_PKEY_EC: break;
    default: return false;
    }
    if (!EVP_PKEY_get_group_name(pair, group, sizeof group, &n)) return false;
    if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)
        *kind = P256;
    else if (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0)
        *kind = P384;
    else if (strcmp(group, "secp521r1") == 0 || strcmp(group, "P-521") == 0)
        *kind = P521;
    else
        return false;
    return true;
}

static struct tn_signature_key *key_of(EVP_PKEY *pair_give, bool private, struct tn_err *err)
{
    enum kind kind = SECRET;
    const char *why;
    if (!kind_of(pair_give, &kind, &why)) {
        EVP_PKEY_free(pair_give);
        return refuse(err, why);
    }
    struct tn_signature_key *key = key_new(kind);
    key->pair = pair_give;
    key->private = private;
    ERR_clear_error();
    return key;
}

/* Refuses, so that libcrypto never asks for a passphrase at a terminal. */
static int no_passphrase(char *to, int n, int writing, void *arg)
{
    (void)to, (void)n, (void)writing, (void)arg;
    return -1;
}

static EVP_PKEY *read_certificate(BIO *bio)
{
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    EVP_PKEY *pair = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return pair;
}

struct tn_signature_key *tn_signature_key_pem(struct tn_str text, struct tn_err *err)
{
    bool private = memmem(text.p, text.n, "PRIVATE KEY-----", 16) != NULL;
    if (text.n > PEM_MAX) return refuse(err, "the PEM text is too long");
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    EVP_PKEY *pair;
    if (!bio) abort();
    if (private)
        pair = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    else if (memmem(text.p, text.n, "BEGIN CERTIFICATE-----", 22))
        pair = read_certificate(bio);
    else
        pair = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (pair) return key_of(pair, private, err);
    return refuse(err, private ? "the PEM text is no private key, or has a passphrase"
                               : "the PEM text is no public key and no certificate");
}

/* ---- JSON Web Keys ---- */

/* Decodes a base64url member. */
static bool member_bytes(struct tn_jval jwk, const char *name, struct tn_buf *out)
{
    struct tn_arena arena;
    struct tn_str text;
    tn_arena_init(&arena);
    tn_buf_init(out, NUMBER_MAX);
    bool ok = tn_jtext(tn_jget_z(jwk, name), &arena, &text) && text.n && text.n < 2 * NUMBER_MAX &&
              tn_unbase64url(text, out) && !out->failed && out->n;
    tn_arena_clear(&arena);
    return ok;
}

static EVP_PKEY *pair_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *pair = NULL;
    if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pair, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pair = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return pair;
}

static EVP_PKEY *rsa_from(struct tn_jval jwk)
{
    struct tn_buf n = {0}, e = {0};
    EVP_PKEY *pair = NULL;
    if (member_bytes(jwk, "n", &n) && member_bytes(jwk, "e", &e) && e.n <= 8) {
        OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
        BIGNUM *bn = BN_bin2bn((unsigned char *)n.p, (int)n.n, NULL);
        BIGNUM *be = BN_bin2bn((unsigned char *)e.p, (int)e.n, NULL);
        if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) &&
            OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be))
            pair = pair_from("RSA", build);
        OSSL_PARAM_BLD_free(build);
        BN_free(bn);
        BN_free(be);
    }
    tn_buf_clear(&n);
    tn_buf_clear(&e);
    return pair;
}

static EVP_PKEY *ec_from(struct tn_jval jwk, const char *group, size_t half)
{
    struct tn_buf x = {0}, y = {0};
    unsigned char point[1 + 2 * 66] = {4};
    EVP_PKEY *pair = NULL;
    if (member_bytes(jwk, "x", &x) && member_bytes(jwk, "y", &y) && x.n == half && y.n == half) {
        OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
        memcpy(point + 1, x.p, half);
        memcpy(point + 1 + half, y.p, half);
        if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
            OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * half))
            pair = pair_from("EC", build);
        OSSL_PARAM_BLD_free(build);
    }
    tn_buf_clear(&x);
    tn_buf_clear(&y);
    return pair;
}

static EVP_PKEY *edwards_from(struct tn_jval jwk)
{
    struct tn_buf x = {0};
    EVP_PKEY *pair = NULL;
    if (member_bytes(jwk, "x", &x) && x.n == ED25519)
        pair = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (unsigned char *)x.p, x.n);
    tn_buf_clear(&x);
    return pair;
}

static struct tn_signature_key *oct_from(struct tn_jval jwk, struct tn_err *err)
{
    struct tn_buf k = {0};
    struct tn_signature_key *key = member_bytes(jwk, "k", &k)
                                       ? tn_signature_key_secret(tn_buf_str(&k), err)
                                       : refuse(err, "JWK: k is missing");
    if (k.p) OPENSSL_cleanse(k.p, k.room);
    tn_buf_clear(&k);
    return key;
}

static bool member_is(struct tn_jval jwk, const char *name, const char *value)
{
    struct tn_str raw = tn_jraw(tn_jget_z(jwk, name));
    return raw.n == strlen(value) + 2 && memcmp(raw.p + 1, value, raw.n - 2) == 0;
}

struct tn_signature_key *tn_signature_key_jwk(struct tn_jval jwk, struct tn_err *err)
{
    EVP_PKEY *pair = NULL;
    if (member_is(jwk, "kty", "oct")) return oct_from(jwk, err);
    if (member_is(jwk, "kty", "RSA"))
        pair = rsa_from(jwk);
    else if (member_is(jwk, "kty", "EC") && member_is(jwk, "crv", "P-256"))
        pair = ec_from(jwk, "P-256", 32);
    else if (member_is(jwk, "kty", "EC") && member_is(jwk, "crv", "P-384"))
        pair = ec_from(jwk, "P-384", 48);
    else if (member_is(jwk, "kty", "EC") && member_is(jwk, "crv", "P-521"))
        pair = ec_from(jwk, "P-521", 66);
    else if (member_is(jwk, "kty", "OKP") && member_is(jwk, "crv", "Ed25519"))
        pair = edwards_from(jwk);
    else
        return refuse(err, "JWK: this kty and crv are not supported");
    if (!pair) return refuse(err, "JWK: the numbers of the key are missing or wrong");
    return key_of(pair, false, err);
}

bool tn_signature_key_fits(const struct tn_signature_key *key, enum tn_algorithm a)
{
    if (key->kind == PSS_KEY) return algorithms[a].pss;
    return key->kind == algorithms[a].kind;
}

/* ---- EC signatures: JWA puts r and s one after the other; libcrypto uses DER ---- */

static bool to_der(struct tn_str raw, size_t half, unsigned char **der, size_t *n)
{
    if (raw.n != 2 * half) return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const unsigned char *)raw.p, (int)half, NULL);
    BIGNUM *s = BN_bin2bn((const unsigned char *)raw.p + half, (int)half, NULL);
    if (!sig || !r || !s || !ECDSA_SIG_set0(sig, r, s)) abort();
    *der = NULL;
    int length = i2d_ECDSA_SIG(sig, der);
    ECDSA_SIG_free(sig);
    *n = length > 0 ? (size_t)length : 0;
    return length > 0;
}

static bool from_der(const unsigned char *der, size_t n, size_t half, struct tn_buf *out)
{
    unsigned char raw[2 * 66];
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half) == (int)half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, (int)half) == (int)half;
    if (ok) tn_buf_add(out, raw, 2 * half);
    ECDSA_SIG_free(sig);
    return ok;
}

/* ---- signing and verifying ---- */

static const EVP_MD *md_of(enum tn_algorithm a)
{
    if (a == TN_ALG_EdDSA) return NULL; /* it has its own hash */
    switch (algorithms[a].hash) {
    case TN_HASH_sha384: return EVP_sha384();
    case TN_HASH_sha512: return EVP_sha512();
    default: return EVP_sha256();
    }
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum tn_algorithm a)
{
    return !algorithms[a].pss ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0);
}

static bool verify_pair(EVP_PKEY *pair, enum tn_algorithm a, struct tn_str data,
                        const unsigned char *sig, size_t n)
{
    EVP_PKEY_CTX *key;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, &key, md_of(a), NULL, pair) == 1 &&
              set_padding(key, a) &&
              EVP_DigestVerify(ctx, sig, n, (const unsigned char *)data.p, data.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

bool tn_verify(const struct tn_signature_key *key, enum tn_algorithm a, struct tn_str data,
               struct tn_str signature)
{
    unsigned char mac[TN_HASH_MAX], *der;
    size_t n;
    if (!tn_signature_key_fits(key, a) || !signature.n) return false;
    if (key->kind == SECRET) {
        n = tn_hmac(algorithms[a].hash, tn_buf_str(&key->secret), data, mac);
        return tn_equal((struct tn_str){(const char *)mac, n}, signature);
    }
    if (!algorithms[a].half)
        return verify_pair(key->pair, a, data, (const unsigned char *)signature.p, signature.n);
    if (!to_der(signature, algorithms[a].half, &der, &n)) return false;
    bool ok = verify_pair(key->pair, a, data, der, n);
    OPENSSL_free(der);
    return ok;
}

static bool sign_pair(EVP_PKEY *pair, enum tn_algorithm a, struct tn_str data,
                      unsigned char sig[SIGNATURE_MAX], size_t *n)
{
    EVP_PKEY_CTX *key;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *n = SIGNATURE_MAX;
    bool ok = ctx && EVP_DigestSignInit(ctx, &key, md_of(a), NULL, pair) == 1 &&
              set_padding(key, a) &&
              EVP_DigestSign(ctx, sig, n, (const unsigned char *)data.p, data.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

bool tn_sign(const struct tn_signature_key *key, enum tn_algorithm a, struct tn_str data,
             struct tn_buf *signature, struct tn_err *err)
{
    unsigned char sig[SIGNATURE_MAX];
    size_t n, half = algorithms[a].half;
    if (!tn_signature_key_fits(key, a))
        return tn_fail(err, TN_E_invalid, "the key is not one for %s", algorithms[a].name);
    if (!key->private) return tn_fail(err, TN_E_invalid, "signing needs a private key");
    if (key->kind == SECRET) {
        n = tn_hmac(algorithms[a].hash, tn_buf_str(&key->secret), data, sig);
        tn_buf_add(signature, sig, n);
    } else if (!sign_pair(key->pair, a, data, sig, &n)) {
        return tn_fail(err, TN_E_internal, "libcrypto does not sign with this key");
    } else if (!half) {
        tn_buf_add(signature, sig, n);
    } else if (!from_der(sig, n, half, signature)) {
        return tn_fail(err, TN_E_internal, "libcrypto gave a signature that cannot be read");
    }
    return tn_buf_ok(signature, "the signature", err);
}
