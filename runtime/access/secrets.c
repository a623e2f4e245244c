/* SPDX-License-Identifier: MIT */
#include "access/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "crypto/kdf.h"
#include "loop/process.h"

enum { HEX_KEY = 2 * TN_KEY_LEN, PHRASE_MIN = 20, KEY_TEXT_MAX = 4096, DISTINCT_MIN = 8 };

static bool weak(const unsigned char *bytes)
{
    bool seen[256] = {false};
    int distinct = 0;
    for (int i = 0; i < TN_KEY_LEN; i++) {
        distinct += !seen[bytes[i]];
        seen[bytes[i]] = true;
    }
    return distinct < DISTINCT_MIN;
}

bool tn_secrets_from(struct tn_secrets *s, struct tn_str text, struct tn_str salt,
                     struct tn_err *err)
{
    unsigned char bytes[TN_KEY_LEN];
    struct tn_key master;
    if (tn_str_unhex(text, bytes, TN_KEY_LEN)) {
        /* as it is */
    } else if (text.n == TN_KEY_LEN) {
        memcpy(bytes, text.p, TN_KEY_LEN);
    } else if (text.n < PHRASE_MIN) {
        return tn_fail(err, TN_E_invalid,
                       "the master key is too short: it takes 64 hex digits (try: tenon key "
                       "generate), 32 bytes, or a pass phrase of at least %d characters",
                       PHRASE_MIN);
    } else if (!tn_scrypt(text, salt, bytes, err)) {
        return false;
    }
    if (weak(bytes))
        return tn_fail(err, TN_E_invalid,
                       "the master key is weak: its bytes are nearly all the same "
                       "(try: tenon key generate)");
    tn_key_init(&master, bytes);
    tn_derive(&master, "tenon config", &s->config);
    tn_derive(&master, "tenon vault", &s->vault);
    tn_derive(&master, "tenon payload", &s->payload);
    tn_derive(&master, "tenon api keys", &s->pepper);
    tn_key_wipe(&master);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return true;
}

static bool write_secret(const char *path, const char *text, struct tn_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return tn_fail_errno(err, errno, path);
    size_t n = strlen(text);
    bool ok = write(fd, text, n) == (ssize_t)n && fsync(fd) == 0;
    if (!ok) tn_fail_errno(err, errno, path);
    close(fd);
    return ok;
}

/* A file of a few lines at most, trimmed at its end.  *found tells a missing file from a failure.
 */
static bool read_secret(const char *path, char *out, size_t max, bool *found, struct tn_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *found = fd >= 0;
    if (fd < 0) return errno == ENOENT ? true : tn_fail_errno(err, errno, path);
    ssize_t n = read(fd, out, max - 1);
    close(fd);
    if (n < 0) return tn_fail_errno(err, errno, path);
    while (n && (out[n - 1] == '\n' || out[n - 1] == '\r' || out[n - 1] == ' ')) n--;
    out[n] = '\0';
    return true;
}

static bool random_hex_file(const char *path, char *out, struct tn_err *err)
{
    unsigned char bytes[TN_KEY_LEN];
    tn_random(bytes, sizeof bytes);
    tn_hex(bytes, sizeof bytes, out);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return write_secret(path, out, err);
}

/* Pass phrases are salted per data folder; other keys need no salt. */
static bool salt_of(const char *dir, char out[HEX_KEY + 1], struct tn_err *err)
{
    char path[4096];
    bool found;
    snprintf(path, sizeof path, "%s/master.salt", dir);
    if (!read_secret(path, out, HEX_KEY + 1, &found, err)) return false;
    return found || random_hex_file(path, out, err);
}

static bool key_text(struct tn_secrets *s, const char *dir, const char *key_file, bool fresh,
                     char *text, struct tn_err *err)
{
    char path[4096];
    bool found;
    const char *env = getenv("INTEGRATION_ENCRYPTION_KEY");
    if (key_file) {
        snprintf(s->source, sizeof s->source, "%s", key_file);
        if (!read_secret(key_file, text, KEY_TEXT_MAX, &found, err)) return false;
        return found || tn_fail(err, TN_E_not_found, "the key file %s is not there", key_file);
    }
    if (env && env[0]) {
        snprintf(s->source, sizeof s->source, "INTEGRATION_ENCRYPTION_KEY");
        snprintf(text, KEY_TEXT_MAX, "%s", env);
        tn_process_forget("INTEGRATION_ENCRYPTION_KEY");
        return true;
    }
    snprintf(path, sizeof path, "%s/master.key", dir);
    snprintf(s->source, sizeof s->source, "%.255s", path);
    if (!read_secret(path, text, KEY_TEXT_MAX, &found, err) || found) return found;
    if (!fresh)
        return tn_fail(
            err, TN_E_not_found,
            "%s holds data, but its master key is missing: put it back as %s, or give it "
            "with --key-file or INTEGRATION_ENCRYPTION_KEY",
            dir, path);
    s->generated = true;
    return random_hex_file(path, text, err);
}

bool tn_secrets_load(struct tn_secrets *s, const char *dir, const char *key_file, bool fresh,
                     struct tn_err *err)
{
    char text[KEY_TEXT_MAX], salt[HEX_KEY + 1] = "";
    *s = (struct tn_secrets){.generated = false};
    bool ok = key_text(s, dir, key_file, fresh, text, err);
    struct tn_str key = tn_str(text);
    unsigned char probe[TN_KEY_LEN];
    if (ok && key.n >= PHRASE_MIN && key.n != TN_KEY_LEN && !tn_str_unhex(key, probe, TN_KEY_LEN))
        ok = salt_of(dir, salt, err);
    ok = ok && tn_secrets_from(s, key, tn_str(salt), err);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(probe, sizeof probe);
    return ok;
}

void tn_secrets_wipe(struct tn_secrets *s)
{
    OPENSSL_cleanse(s, sizeof *s);
}

void tn_secrets_seal(const void *secrets, struct tn_str secret, struct tn_str belongs,
                     struct tn_buf *out)
{
    const struct tn_secrets *s = secrets;
    tn_seal(&s->config, secret, belongs, out);
}
