/* SPDX-License-Identifier: MIT */
/* bind_tx.h - a transaction of a script as a value: what it read and with which version, what it
 * shall write, in C and without Lua, until it becomes one commit.  Reads see its own writes.
 * Life: init; reads and writes in any order; build; clear. */
#ifndef TN_BIND_BIND_TX_H
#define TN_BIND_BIND_TX_H

#include "base/alloc.h"
#include "base/map.h"
#include "bind/bind_record.h"

/* A record as the transaction has it now. */
struct tx_record {
    const struct tn_entity *resource;
    struct bind_row row; /* version: as it was read; 0: it was not there */
    bool there, changed; /* now; by the transaction */
    struct tn_str body;
    struct tx_record *next; /* in the order of first use */
};

struct tx_note;
struct tx_kv;

struct tx {
    struct bind_desk desk;
    struct tn_task *task;  /* that is held for it; NULL: none */
    struct tn_map records; /* by "resource/id" */
    struct tx_record *first, **last;
    struct tx_note *notes, **notes_last; /* events and audit rows */
    struct tx_kv *kvs, **kvs_last;
    size_t reads, writes, bytes;
    struct tn_arena arena;
    struct tn_buf hold, merged; /* what is being read and made */
    struct tn_json *before, *after;
    struct bind_record_reader reader;
};
void tx_init(struct tx *tx, const struct bind_desk *desk);
void tx_clear(struct tx *tx);

/* The record, *out NULL when there is none; that too is checked at commit. */
TN_MUST_CHECK bool tx_get(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
                          struct tx_record **out, struct tn_err *err);
/* By the resource's key, in its order.  That no record has the key is not noted: whoever creates it
 * then meets a conflict if another one came first. */
TN_MUST_CHECK bool tx_find(struct tx *tx, const struct tn_entity *resource,
                           const struct tn_str *key, size_t count, struct tx_record **out,
                           struct tn_err *err);
/* A row that a query gave; *out NULL when the transaction has deleted it. */
TN_MUST_CHECK bool tx_note_row(struct tx *tx, const struct tn_entity *resource,
                               const struct bind_row *row, struct tn_str body,
                               struct tx_record **out, struct tn_err *err);

/* id zeroes: a new one, which *id gets.  Kinds: invalid with the field's path, conflict (the id or
 * the key is taken), not_found, too_large. */
TN_MUST_CHECK bool tx_create(struct tx *tx, const struct tn_entity *resource, struct tn_id *id,
                             struct tn_str body, struct tn_err *err);
TN_MUST_CHECK bool tx_put(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
                          struct tn_str body, struct tn_err *err);
TN_MUST_CHECK bool tx_patch(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
                            struct tn_str patch, struct tn_err *err);
TN_MUST_CHECK bool tx_delete(struct tx *tx, const struct tn_entity *resource,
                             const struct tn_id *id, bool *was_there, struct tn_err *err);
/* resource NULL: about no record.  data: JSON or "". */
TN_MUST_CHECK bool tx_event(struct tx *tx, const char *type, const struct tn_entity *resource,
                            const struct tn_id *id, struct tn_str data, struct tn_err *err);
TN_MUST_CHECK bool tx_audit(struct tx *tx, const char *action, const char *object,
                            struct tn_str detail, struct tn_err *err);

/* Key-values of the owner, as tenon.kv has them; the whole key.  *out absent: there is none.  A key
 * that is written is written on the version that was read; one that is only read is not checked. */
TN_MUST_CHECK bool tx_kv_get(struct tx *tx, struct tn_str key, struct tn_str *out,
                             struct tn_err *err);
/* value absent: delete. */
TN_MUST_CHECK bool tx_kv_set(struct tx *tx, struct tn_str key, struct tn_str value,
                             int64_t expires_ms, struct tn_err *err);

/* Adds all of it to the commit. */
TN_MUST_CHECK bool tx_build(struct tx *tx, struct tn_commit *commit, struct tn_err *err);

#endif
