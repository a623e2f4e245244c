/* SPDX-License-Identifier: MIT */
/* tx.h - a transaction as a value: the records that it read, with their versions, and its writes,
 * until all of it becomes one commit. Its reads see its own writes. All code that writes records
 * uses a transaction, except a sync.
 * Steps (get, create, patch, ...) never wait: the caller has to ask for everything that they
 * look at, and fetch it, before. Life: new; ask and fetch, then steps, any number of times;
 * commit once; free (drops a fetch that is under way, but not a commit that was sent). */
#ifndef TN_MODEL_TX_H
#define TN_MODEL_TX_H

#include "model/actor.h"
#include "model/check.h"

struct tn_committed;
struct tn_tx;
struct tn_tx_tools;

/* Readers and buffers that all transactions of a process share. This is safe because a step
 * never waits, so only one uses them at a time. */
struct tn_tx_tools *tn_tx_tools_new(void);
void tn_tx_tools_free(struct tn_tx_tools *tools); /* NULL does nothing */

/* All of these outlive the transaction. */
struct tn_tx_env {
    struct tn_tx_tools *tools;
    struct tn_store *store;
    const struct tn_entities *entities; /* for checking references */
    struct tn_sealer sealer;            /* seal NULL: no entity has secrets */
    int64_t kv_team;                    /* team and space of its key-values; space NULL: none */
    const char *kv_space;
};

/* A record as this transaction sees it. */
struct tn_tx_record {
    const struct tn_entity *entity;
    struct tn_id id;
    int64_t version; /* when it was read; 0: it was missing */
    int64_t created_ms, updated_ms;
    bool there, changed,
        hard; /* it exists now; the transaction changed it; it is deleted with its history */
    struct tn_str body;
    struct tn_tx_record *next; /* in the order in which they were first used */
};

/* Copies both arguments. */
struct tn_tx *tn_tx_new(const struct tn_tx_env *env, const struct tn_actor *actor);
void tn_tx_free(struct tn_tx *tx); /* NULL does nothing */
const struct tn_actor *tn_tx_actor(const struct tn_tx *tx);
/* All faults of the body that the last step refused with kind `invalid` or `state`. */
const struct tn_faults *tn_tx_faults(const struct tn_tx *tx);

/* ---- asking for what steps will look at ---- */

/* Asking twice for the same thing costs nothing. */
void tn_tx_ask(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id);
/* key: the values of the entity's key, in its order. */
void tn_tx_ask_key(struct tn_tx *tx, const struct tn_entity *e, const struct tn_str *key);
void tn_tx_ask_kv(struct tn_tx *tx, struct tn_str key);
/* Is there anything to fetch? False: go on without. */
bool tn_tx_asks(const struct tn_tx *tx);
/* done is called once, in a later turn, unless the transaction is freed before. err NULL:
 * everything that was asked for has been read. */
typedef void (*tn_tx_fn)(void *arg, const struct tn_err *err);
void tn_tx_fetch(struct tn_tx *tx, tn_tx_fn done, void *arg);

/* ---- steps ---- */

/* Finds a record; *out NULL: there is none. The commit checks that this is still so. */
TN_MUST_CHECK bool tn_tx_get(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                             struct tn_tx_record **out, struct tn_err *err);
/* Finds a record by key; *out NULL: there is none. If the transaction then writes a record with
 * that key, the commit is a conflict when another record got the key first. */
TN_MUST_CHECK bool tn_tx_find(struct tn_tx *tx, const struct tn_entity *e, const struct tn_str *key,
                              struct tn_tx_record **out, struct tn_err *err);
/* Takes in a row that a query gave; *out NULL: the transaction has deleted the record. */
TN_MUST_CHECK bool tn_tx_note(struct tn_tx *tx, const struct tn_entity *e, const struct tn_row *row,
                              struct tn_tx_record **out, struct tn_err *err);
/* Checks that the record has this version; false: kind stale. */
TN_MUST_CHECK bool tn_tx_expect(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                                int64_t version, struct tn_err *err);

/* id zeroes: a new id is made, which *id gets. Kinds: invalid and state with all faults,
 * conflict (another record has the id), not_found, forbidden, budget, too_large. */
TN_MUST_CHECK bool tn_tx_create(struct tn_tx *tx, const struct tn_entity *e, struct tn_id *id,
                                struct tn_str body, struct tn_err *err);
TN_MUST_CHECK bool tn_tx_put(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                             struct tn_str body, struct tn_err *err);
/* JSON merge patch (RFC 7396). */
TN_MUST_CHECK bool tn_tx_patch(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                               struct tn_str patch, struct tn_err *err);
/* hard: deletes its history, too; the commit gets an audit row "<entity>.purge". */
TN_MUST_CHECK bool tn_tx_delete(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                                bool hard, bool *was_there, struct tn_err *err);

/* Adds an event. e NULL: it is about no record. data: JSON or "". */
TN_MUST_CHECK bool tn_tx_event(struct tn_tx *tx, const char *type, const struct tn_entity *e,
                               const struct tn_id *id, struct tn_str data, struct tn_err *err);
/* Notes an act of the caller's in the audit log, in the actor's name (model/audit.h).  It needs no
 * permission: the steps that do the thing ask for theirs, and a row is no record that one could
 * change.  detail: JSON or "". */
TN_MUST_CHECK bool tn_tx_audit(struct tn_tx *tx, const char *action, const char *object,
                               struct tn_str detail, struct tn_err *err);

/* *out absent: there is no such key-value. The commit checks the version of a key-value that it
 * writes, but not of one that was only read. */
TN_MUST_CHECK bool tn_tx_kv_get(struct tn_tx *tx, struct tn_str key, struct tn_str *out,
                                struct tn_err *err);
/* value absent: deletes. expires_ms 0: never expires. */
TN_MUST_CHECK bool tn_tx_kv_set(struct tn_tx *tx, struct tn_str key, struct tn_str value,
                                int64_t expires_ms, struct tn_err *err);

/* ---- the end ---- */

/* Checks that all records exist to which the written ones refer, and commits. done is called
 * once, in a later turn, unless the transaction is freed before; the commit may take effect all
 * the same. Kinds: conflict (something that was read has changed; make the steps anew in a new
 * transaction), key_taken (another record has a key for which the steps did not look), invalid
 * (a reference), and the kinds of a commit. A transaction that neither wrote nor read a record
 * commits nothing; done is called all the same. */
void tn_tx_commit(struct tn_tx *tx, tn_tx_fn done, void *arg);
/* To be called after done had err NULL: the record's version now; 0: it was deleted. The
 * record's times are then those of the store. */
int64_t tn_tx_version(const struct tn_tx *tx, const struct tn_tx_record *r);

#endif
