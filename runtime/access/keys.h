/* SPDX-License-Identifier: MIT */
/* keys.h - API keys: made, found, checked, revoked.
 * A key is "tnn_live_" + 43 random characters (256 bits) + 6 of checksum.  Its first characters are
 * public and identify the row; the store keeps only an HMAC of the rest. Life: open in a worker
 * over its store; close.  Rows are cached and forgotten when they change. */
#ifndef TN_ACCESS_KEYS_H
#define TN_ACCESS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct tn_commit;
struct tn_keys;
struct tn_secrets;
struct tn_store;

enum { TN_TOKEN_LEN = 58, TN_TOKEN_PREFIX_LEN = 17, TN_KEY_NAME_MAX = 100 };

/* The caller of a request, as its key identifies it. */
struct tn_identity {
    int64_t team;
    unsigned permissions;           /* access/roles.h */
    char name[TN_KEY_NAME_MAX + 1]; /* of the key; "command line" over the local socket */
    char key_id[TN_ID_LEN + 1];     /* "" for the command line */
};

/* Borrows both, which outlive it. */
struct tn_keys *tn_keys_open(struct tn_store *store, const struct tn_secrets *secrets);
void tn_keys_close(struct tn_keys *keys); /* NULL does nothing; before the store */

enum tn_key_state { TN_KEY_good, TN_KEY_refused, TN_KEY_asked };
/* One of who and err is NULL. */
typedef void (*tn_keys_fn)(void *arg, const struct tn_identity *who, const struct tn_err *err);
/* Good (*who is filled in) or refused (*err: unauthorized, one text for every reason) where the
 * form of the token or the cache decides.  Else asked: the store is read, and done is called once,
 * in a later turn, with what reading can say as well; tn_keys_close calls it with cancelled.
 * Constant in time over tokens of the same prefix. */
TN_MUST_CHECK enum tn_key_state tn_keys_check(struct tn_keys *keys, struct tn_str token,
                                              struct tn_identity *who, struct tn_err *err,
                                              tn_keys_fn done, void *arg);
/* Adds a new key of that team to the commit; expires_ms 0: never; token gets the key itself, which
 * exists nowhere else afterwards.  role is a name of access/roles.h. */
TN_MUST_CHECK bool tn_keys_make(struct tn_keys *keys, struct tn_commit *commit, int64_t team,
                                struct tn_str name, struct tn_str role, int64_t expires_ms,
                                char token[TN_TOKEN_LEN + 1], struct tn_id *id, struct tn_err *err);
/* Does the text have the form of a key, checksum included? Needs no store. */
bool tn_token_wellformed(struct tn_str token);

#endif
