/* SPDX-License-Identifier: MIT */
/* secrets.h - the master key and the keys derived from it, one for each purpose.
 * The master key comes from --key-file, else INTEGRATION_ENCRYPTION_KEY, else DIR/master.key. */
#ifndef TN_ACCESS_SECRETS_H
#define TN_ACCESS_SECRETS_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/cipher.h"

struct tn_secrets {
    struct tn_key config;  /* integrations' configurations */
    struct tn_key vault;   /* tokens that scripts keep */
    struct tn_key payload; /* records kept aside */
    struct tn_key pepper;  /* API keys are stored as HMACs under this */
    bool generated;        /* a new master key was written */
    char source[256];      /* where the master key came from, for the log */
};

/* fresh: DIR is new, so a missing key may be generated into DIR/master.key (0600).  Otherwise a
 * missing key is a failure, and nothing is written.  Takes tens of milliseconds for a pass phrase.
 */
TN_MUST_CHECK bool tn_secrets_load(struct tn_secrets *s, const char *dir, const char *key_file,
                                   bool fresh, struct tn_err *err);
/* From the text of a key: 64 hex digits, 32 bytes, or a pass phrase of at least 20 characters with
 * salt (scrypt).  Weak ones are refused. */
TN_MUST_CHECK bool tn_secrets_from(struct tn_secrets *s, struct tn_str text, struct tn_str salt,
                                   struct tn_err *err);
void tn_secrets_wipe(struct tn_secrets *s);
/* For a tn_sealer, whose self is the secrets: seals a record's secret under the key of
 * configurations. */
void tn_secrets_seal(const void *secrets, struct tn_str secret, struct tn_str belongs,
                     struct tn_buf *out);

#endif
