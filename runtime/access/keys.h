/* SPDX-License-Identifier: MIT */
/* keys.h - API keys: made, found, checked, revoked.
 * A key is "tnn_live_" + 43 random characters (256 bits) + 6 of checksum.  Its first characters are
 * public and identify the row; the store keeps only an HMAC of the rest.
 * Life: open in a worker over its store; close.  Keys are cached with what their role grants, and
 * forgotten when a key or a role changes. */
#ifndef TN_ACCESS_KEYS_H
#define TN_ACCESS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "model/actor.h"

struct tn_commit;
struct tn_keys;
struct tn_row;
struct tn_secrets;
struct tn_store;

enum { TN_TOKEN_LEN = 58, TN_TOKEN_PREFIX_LEN = 17, TN_KEY_NAME_MAX = 100 };

/* Borrows both, which outlive it. */
struct tn_keys *tn_keys_open(struct tn_store *store, const struct tn_secrets *secrets);
void tn_keys_close(struct tn_keys *keys); /* NULL does nothing; before the store */

enum tn_key_state { TN_KEY_good, TN_KEY_refused, TN_KEY_asked };
/* One of actor and err is NULL. */
typedef void (*tn_keys_fn)(void *arg, const struct tn_actor *actor, const struct tn_err *err);
/* Good (*actor is filled in: team, name, key and grants; a key whose role is gone grants nothing)
 * or refused (*err: unauthorized, one text for every reason) where the form of the token or the
 * cache decides.  Else asked: the store is read, and done is called once, in a later turn, with
 * what reading can say as well; tn_keys_close calls it with cancelled. Constant in time over tokens
 * of the same prefix. */
TN_MUST_CHECK enum tn_key_state tn_keys_check(struct tn_keys *keys, struct tn_str token,
                                              struct tn_actor *actor, struct tn_err *err,
                                              tn_keys_fn done, void *arg);
/* Adds a new key of that team to the commit; expires_ms 0: never; token gets the key itself, which
 * exists nowhere else afterwards.  role is one that ships (access/roles.h), or own is the record of
 * that role, which has to be the same still when the commit is done; else NULL. */
TN_MUST_CHECK bool tn_keys_make(struct tn_keys *keys, struct tn_commit *commit, int64_t team,
                                struct tn_str name, struct tn_str role, const struct tn_row *own,
                                int64_t expires_ms, char token[TN_TOKEN_LEN + 1], struct tn_id *id,
                                struct tn_err *err);
/* Fills in the grants alone: those of a role that a team made.  NULL, or one that cannot be read,
 * grants nothing. */
void tn_keys_grants(struct tn_keys *keys, const struct tn_row *role, struct tn_actor *actor);
/* Does the text have the form of a key, checksum included?  Needs no store. */
bool tn_token_wellformed(struct tn_str token);

#endif
