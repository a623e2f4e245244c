/* SPDX-License-Identifier: MIT */
/* read.h - reads that answer by callback: a read value is a list of questions of one team, which
 * travel together and are answered together.
 * Life of a read: new; add questions; tn_store_read takes it (or free it).  Of an answer (struct
 * tn_found): borrowed for the callback; ref keeps it with all its rows, unref lets it go.
 * Kinds not_found, invalid and too_large belong to one question.  Every other kind (unavailable,
 * cancelled, corrupt, io, no_memory) is of the whole: there is no answer then. */
#ifndef TN_STORE_READ_H
#define TN_STORE_READ_H

#include "store/store.h"

struct tn_read;
struct tn_found;

/* ------------------------------------------------------------------ questions */

/* team may be TN_TEAM_ALL where the dispatcher and the like read. */
struct tn_read *tn_read_new(int64_t team);
void tn_read_free(struct tn_read *read); /* NULL does nothing */

/* Each copies all that it is given and returns the number of the question, from 0.  One that breaks
 * a rule of store.h is taken too, and answered with invalid.  A limit of 0, or above TN_LIMIT_PAGE,
 * is TN_LIMIT_PAGE. */
size_t tn_read_get(struct tn_read *read, const char *table, const struct tn_id *id);
size_t tn_read_key(struct tn_read *read, const char *table, const struct tn_str *key, size_t count);
/* The record that has this external id. */
size_t tn_read_link(struct tn_read *read, const char *table, const struct tn_origin *source,
                    struct tn_str external_id);
/* All links of a record. */
size_t tn_read_links(struct tn_read *read, const char *table, const struct tn_id *id);
/* The totals of a record; none of one that does not exist. */
size_t tn_read_totals(struct tn_read *read, const char *table, const struct tn_id *id);
size_t tn_read_query(struct tn_read *read, const struct tn_query *q); /* q->team is not read */
size_t tn_read_count(struct tn_read *read, const char *table);
size_t tn_read_kv(struct tn_read *read, const char *space, struct tn_str key);
size_t tn_read_kv_list(struct tn_read *read, const char *space, struct tn_str prefix,
                       struct tn_str after, size_t limit);
size_t tn_read_versions(struct tn_read *read, const char *table, const struct tn_id *id,
                        size_t limit);
size_t tn_read_as_of(struct tn_read *read, const char *table, const struct tn_id *id,
                     int64_t version, int64_t at_ms);
/* Events of the team in this log partition whose seq is above `after`.  A partition that the store
 * does not have is invalid. */
size_t tn_read_tail(struct tn_read *read, int partition, int64_t after, size_t limit);
/* How full a queue is, or, with an order, the entries of that order.  Counts `most` entries at
 * most. */
size_t tn_read_queue(struct tn_read *read, const char *queue, struct tn_str order, size_t most);

/* A record as a source has it now. */
struct tn_source_item {
    struct tn_str external_id;
    unsigned char hash[TN_HASH_LEN];
    struct tn_str key[TN_STORE_KEY_MAX]; /* {NULL, 0} in the first: it has no whole key */
};
/* A page of a sync in one question. */
struct tn_page_of {
    const char *table;
    struct tn_origin source;
    const struct tn_source_item *items;
    size_t count;     /* up to TN_LIMIT_PAGE */
    size_t key_count; /* columns of the table's key; 0: keys are not looked up */
    bool bodies;      /* of the changed ones, with their ids and versions */
};
size_t tn_read_page(struct tn_read *read, const struct tn_page_of *page);

/* ------------------------------------------------------------------ asking */

struct tn_read_options {
    /* All questions see one state of the store. They are then read without a break, so use it for
     * few questions. */
    bool one_snapshot;
};
/* One of found and err is NULL. */
typedef void (*tn_read_fn)(void *arg, struct tn_found *found, const struct tn_err *err);
/* Takes the read over; o may be NULL.  done is called once, in a later turn and never inside this
 * call, unless it is cancelled.  The read sees every commit of which this handle was told.  The
 * call ends with done; until then it may be cancelled. */
struct tn_call *tn_store_read(struct tn_store *store, struct tn_read *read_give,
                              const struct tn_read_options *o, tn_read_fn done, void *arg);

/* ------------------------------------------------------------------ answers */

/* They may be kept, also beyond the store. */
struct tn_found *tn_found_ref(struct tn_found *found);
void tn_found_unref(struct tn_found *found); /* NULL does nothing */

/* All below belongs to the answer; asking it of another kind of question is a bug. */

/* NULL: the question was answered. */
const struct tn_err *tn_found_err(const struct tn_found *found, size_t question);

struct tn_list {
    size_t count; /* of rows, links, versions, events, key-values, hashes or items */
    /* There is more, because of the limit or since they are TN_LIMIT_QUERY_BYTES already. */
    bool more;
    int64_t total;      /* count: the number; query: -1 when not asked for; else -1 */
    bool total_capped;  /* query: there are at least total (which is then 100,000) */
    struct tn_str next; /* query: the cursor of the next page, when there is more; NUL-terminated */
};
const struct tn_list *tn_found_list(const struct tn_found *found, size_t question);

/* The i-th from 0; NULL: there is none. */
const struct tn_row *tn_found_row(const struct tn_found *found, size_t question,
                                  size_t i); /* get, key, link, query, as_of */
const struct tn_link *tn_found_link(const struct tn_found *found, size_t question,
                                    size_t i); /* links */
const struct tn_version *tn_found_version(const struct tn_found *found, size_t question, size_t i);
const struct tn_event *tn_found_event(const struct tn_found *found, size_t question, size_t i);
struct tn_kv {
    struct tn_str key, value;
    int64_t version;
};
const struct tn_kv *tn_found_kv(const struct tn_found *found, size_t question,
                                size_t i); /* kv, kv_list */
/* The total of this name; 0: it was never changed. */
int64_t tn_found_total(const struct tn_found *found, size_t question, const char *name);
const struct tn_tail *tn_found_tail(const struct tn_found *found, size_t question);
const struct tn_queue_state *tn_found_queue(const struct tn_found *found, size_t question);

enum tn_seen_state { TN_SEEN_same, TN_SEEN_changed, TN_SEEN_new };
struct tn_seen {
    enum tn_seen_state state;
    /* changed, where bodies were asked for: the linked record (zero: it is of another table).  new:
     * the one that holds the key (zero: none, or no key was given).  Else zero. */
    struct tn_id record;
    int64_t version;    /* of that record */
    struct tn_str body; /* changed, where bodies were asked for; {NULL, 0}: the answer was full */
    /* new: the external id of this source that the holder of the key is linked to; {NULL, 0}: it is
     * linked to none. */
    struct tn_str holder;
};
const struct tn_seen *tn_found_seen(const struct tn_found *found, size_t question, size_t i);

#endif
