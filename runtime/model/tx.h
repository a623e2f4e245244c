/* SPDX-License-Identifier: MIT */
/* tx.h - a transaction as a value: what it read and in which version, and what it shall write,
 * until it becomes one commit.  Reads see its own writes.  All that writes records goes through
 * one.
 *
 * Steps (get, create, patch, ...) never wait: what they look at was asked for and fetched before.
 * Life: new; ask and fetch, then steps, any number of times; commit once; free (what is under way
 * is dropped, a commit that was sent is not). */
#ifndef TN_MODEL_TX_H
#define TN_MODEL_TX_H

#include "model/actor.h"
#include "model/check.h"

struct tn_committed;
struct tn_tx;
struct tn_tx_tools;

/* Readers and buffers that all transactions of a process share: a step never waits, so only one at
 * a time uses them. */
struct tn_tx_tools *tn_tx_tools_new(void);
void tn_tx_tools_free(struct tn_tx_tools *tools); /* NULL does nothing */

/* All outlive the transaction. */
struct tn_tx_env {
    struct tn_tx_tools *tools;
    struct tn_store *store;
    const struct tn_entities *entities; /* for references */
    struct tn_sealer sealer;            /* seal NULL: no entity here has secrets */
    int64_t kv_team;                    /* whose key-values, and in which space; NULL: none */
    const char *kv_space;
};

/* A record as the transaction has it now. */
struct tn_tx_record {
    const struct tn_entity *entity;
    struct tn_id id;
    int64_t version; /* as it was read; 0: it was not there */
    int64_t created_ms, updated_ms;
    bool there, changed, hard; /* now; by the transaction; deleted with its history */
    struct tn_str body;
    struct tn_tx_record *next; /* in the order of first use */
};

/* Copies both. */
struct tn_tx *tn_tx_new(const struct tn_tx_env *env, const struct tn_actor *actor);
void tn_tx_free(struct tn_tx *tx); /* NULL does nothing */
const struct tn_actor *tn_tx_actor(const struct tn_tx *tx);
/* All that was wrong with the body that the last step refused with `invalid` or `state`. */
const struct tn_faults *tn_tx_faults(const struct tn_tx *tx);

/* ---- what steps will look at ---- */

/* What the transaction knows already is not asked again. */
void tn_tx_ask(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id);
/* key: the values of the entity's key, in its order. */
void tn_tx_ask_key(struct tn_tx *tx, const struct tn_entity *e, const struct tn_str *key);
void tn_tx_ask_kv(struct tn_tx *tx, struct tn_str key);
/* False: there is nothing to fetch, go on. */
bool tn_tx_asks(const struct tn_tx *tx);
/* done once, in a later turn, unless the transaction is freed before; err NULL: all is known. */
typedef void (*tn_tx_fn)(void *arg, const struct tn_err *err);
void tn_tx_fetch(struct tn_tx *tx, tn_tx_fn done, void *arg);

/* ---- steps ---- */

/* The record, *out NULL when there is none; that too is checked at commit. */
TN_MUST_CHECK bool tn_tx_get(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                             struct tn_tx_record **out, struct tn_err *err);
/* By key.  That no record has the key is checked when one with it is written: there is a conflict
 * if another came first. */
TN_MUST_CHECK bool tn_tx_find(struct tn_tx *tx, const struct tn_entity *e, const struct tn_str *key,
                              struct tn_tx_record **out, struct tn_err *err);
/* A row that a query gave; *out NULL when the transaction has deleted it. */
TN_MUST_CHECK bool tn_tx_note(struct tn_tx *tx, const struct tn_entity *e, const struct tn_row *row,
                              struct tn_tx_record **out, struct tn_err *err);
/* The record has to have this version; false: kind stale. */
TN_MUST_CHECK bool tn_tx_expect(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                                int64_t version, struct tn_err *err);

/* id zeroes: a new one, which *id gets.  Kinds: invalid and state with all faults, conflict (the id
 * is taken), not_found, forbidden, budget, too_large. */
TN_MUST_CHECK bool tn_tx_create(struct tn_tx *tx, const struct tn_entity *e, struct tn_id *id,
                                struct tn_str body, struct tn_err *err);
TN_MUST_CHECK bool tn_tx_put(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                             struct tn_str body, struct tn_err *err);
/* JSON merge patch (RFC 7396). */
TN_MUST_CHECK bool tn_tx_patch(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                               struct tn_str patch, struct tn_err *err);
/* hard: its history goes too. */
TN_MUST_CHECK bool tn_tx_delete(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                                bool hard, bool *was_there, struct tn_err *err);

/* e NULL: about no record.  data: JSON or "". */
TN_MUST_CHECK bool tn_tx_event(struct tn_tx *tx, const char *type, const struct tn_entity *e,
                               const struct tn_id *id, struct tn_str data, struct tn_err *err);
/* In the actor's name.  detail: JSON or "". */
TN_MUST_CHECK bool tn_tx_audit(struct tn_tx *tx, const char *action, const char *object,
                               struct tn_str detail, struct tn_err *err);

/* *out absent: there is none.  A key that is written is written on the version that was read; one
 * that is only read is not checked. */
TN_MUST_CHECK bool tn_tx_kv_get(struct tn_tx *tx, struct tn_str key, struct tn_str *out,
                                struct tn_err *err);
/* value absent: delete.  expires_ms 0: never. */
TN_MUST_CHECK bool tn_tx_kv_set(struct tn_tx *tx, struct tn_str key, struct tn_str value,
                                int64_t expires_ms, struct tn_err *err);

/* ---- the end ---- */

/* Looks whether the records are there that the written ones name, and commits.  done once, in a
 * later turn, unless the transaction is freed before; the commit may be durable all the same.
 * Kinds: conflict (something that was read has changed: make the steps anew in a new transaction),
 * key_taken (another record has the key, which the steps did not look for), invalid (a reference),
 * and all that a commit can say.  Nothing to write and no record read: done without a
 * commit. */
void tn_tx_commit(struct tn_tx *tx, tn_tx_fn done, void *arg);
/* Once done said that it is durable: the version that a record has now; 0: it is gone. */
int64_t tn_tx_version(const struct tn_tx *tx, const struct tn_tx_record *r);

#endif
