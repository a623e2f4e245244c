/* SPDX-License-Identifier: MIT */
/* batch.h - the records of one or more pages on their way from the source to the store: mapped in
 * slices, so that a page of any size never holds the loop, then compared, then written (sink.h).
 * Knows nothing of the store.
 * Life: mapper new (one a run); batch init; begin, slice until it is through, use, reset for the
 * next page; clear, free. */
#ifndef TN_SYNC_BATCH_H
#define TN_SYNC_BATCH_H

#include "base/limits.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "sync/run_view.h"

struct tn_named;
struct tn_plan;
struct tn_source_bad;

enum tn_item_state {
    TN_ITEM_new,
    TN_ITEM_changed,
    TN_ITEM_same,  /* by the hash of what the source last said */
    TN_ITEM_twice, /* the batch has a later one of the same id */
    TN_ITEM_misfit /* it breaks a rule of its entity, or the store would not take it */
};
/* The record that an item will be written over. */
struct tn_batch_before {
    struct tn_id id;
    int64_t version;
    struct tn_str body;
};
struct tn_batch_item {
    struct tn_str external_id;
    struct tn_str payload;      /* as it came; the text of its page, while that is held */
    size_t at, n;               /* what the source said of it, in bodies */
    size_t filled_at, filled_n; /* in filled */
    size_t row;                 /* which one of the batch it was, from 0 */
    enum tn_item_state state;
    bool stale; /* its record changed after it was judged: it is judged and sent once more */
    bool moves; /* it takes over the record that has its key, whatever it is linked to (aside.h) */
    const struct tn_run_fault *aside; /* why it is to be kept aside; NULL: it is not */
    bool filled; /* the record is stored otherwise than it was said: defaults and all */
    const struct tn_batch_before *before; /* NULL: there is none, or nobody had to look */
    const struct tn_named *named;         /* records that it names; they have to be there */
    size_t named_count;
    struct tn_id id; /* of a new record; zeroes: the store makes one */
    unsigned char hash[32];
};
/* A record that could not be mapped, or breaks a rule. */
struct tn_batch_bad {
    struct tn_run_fault fault; /* the first that rejects it */
    struct tn_str external_id; /* empty when unknown */
    struct tn_str payload;     /* the record as it came */
    size_t row;                /* which one of the batch it was, from 0 */
    size_t item;               /* of a misfit; it was to be created or updated (fresh) */
    bool fresh;
};
struct tn_batch {
    struct tn_batch_item *items;
    struct tn_batch_bad *bad;
    struct tn_batch_bad *misfits; /* items that break rules */
    size_t count, room, bad_count, bad_room, misfit_count, misfit_room;
    size_t rows;      /* of the pages */
    int64_t warnings; /* faults in records that count all the same */
    struct tn_run_fault warned[TN_LIMIT_SYNC_WARNED]; /* the first of them */
    size_t warned_count;
    size_t compared, changes; /* items compared with the store so far; of these, to be written */
    struct tn_id *cured;      /* rows in quarantine of records that map again */
    size_t cured_count, cured_room;
    struct tn_buf bodies, filled;
    struct tn_arena memory; /* texts of items and bad */
    uint32_t *slots;        /* items by external id; 0: free, else index + 1 */
    size_t slot_count;
};
void tn_batch_init(struct tn_batch *b);  /* empty */
void tn_batch_reset(struct tn_batch *b); /* empty; keeps memory for the next page */
void tn_batch_clear(struct tn_batch *b);
static inline struct tn_str tn_batch_body(const struct tn_batch *b, const struct tn_batch_item *it)
{
    if (it->filled) return (struct tn_str){b->filled.p + it->filled_at, it->filled_n};
    return (struct tn_str){b->bodies.p + it->at, it->n};
}

/* The text, kept with the batch. */
struct tn_str tn_batch_keep(struct tn_batch *b, struct tn_str text);
/* The item breaks a rule; the caller fills the fault. */
struct tn_batch_bad *tn_batch_misfit(struct tn_batch *b, size_t item);
/* Adds a page that was compared to the counts. */
void tn_batch_tally(const struct tn_batch *b, struct tn_run_counts *c);

/* Adds a record that was mapped before; copies all. */
TN_MUST_CHECK bool tn_batch_add(struct tn_batch *b, struct tn_str external_id, struct tn_str body,
                                struct tn_str payload, const unsigned char hash[32],
                                struct tn_err *err);

struct tn_mapper;
/* plan outlives it.  wake(arg), in a turn of its own: a slice that waits can be gone on with. */
struct tn_mapper *tn_mapper_new(const struct tn_plan *plan, void (*wake)(void *arg), void *arg);
void tn_mapper_free(struct tn_mapper *m); /* NULL does nothing */
/* Begins a page, whose records are added to the batch: rows is the path of the array in text ("":
 * the text is the array).  text is borrowed until
 * the last slice, and for the payloads of items.  False: there is no such array
 * (kind bad_answer). */
TN_MUST_CHECK bool tn_mapper_begin(struct tn_mapper *m, struct tn_batch *b, struct tn_str text,
                                   struct tn_str rows, struct tn_err *err);
/* After begin: records of this page that could not even be read.  They count as failed. */
void tn_mapper_unreadable(struct tn_mapper *m, const struct tn_source_bad *bad, size_t n);
/* Maps on for about us microseconds, at least one record. */
enum tn_mapped { TN_MAPPED_more, TN_MAPPED_waits, TN_MAPPED_all, TN_MAPPED_broken };
/* broken: the page is damaged (bad_answer), or a function of the mapping used up its budget three
 * times in a row (budget); err says. */
enum tn_mapped tn_mapper_slice(struct tn_mapper *m, int64_t us, struct tn_err *err);
/* Restores the batch to its state before the last begin, with nothing compared. */
void tn_mapper_undo(struct tn_mapper *m);

#endif
