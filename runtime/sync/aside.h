/* SPDX-License-Identifier: MIT */
/* aside.h - records of a full run whose key belongs to a record of another external id.  They are
 * kept aside until the run has seen all that the source has: then those whose key belongs to an
 * external id that did not come take its record over.
 * What is kept aside, and which external ids came, is stored with the pages (key-values of the
 * run), so a run that another worker goes on with knows it.
 * Life: new (one an attempt); see and keep page by page; open; group after group; free. */
#ifndef TN_SYNC_ASIDE_H
#define TN_SYNC_ASIDE_H

#include "model/check.h"
#include "store/store.h"
#include "sync/batch.h"
#include "sync/seal.h"

struct tn_commit;
struct tn_aside;

/* All outlive it; it copies the struct. */
struct tn_aside_options {
    struct tn_store *store;
    int64_t team;
    struct tn_origin source;
    const char *table;
    const struct tn_entity *resource;
    const char *run; /* its id */
    int attempt;
    bool afresh;             /* it began at the start: what attempts before it stored is void */
    int64_t since_ms;        /* when the run began */
    tn_seal_fn seal, unseal; /* of what is kept; NULL: as it is */
    void *seal_arg;
};
struct tn_aside *tn_aside_new(const struct tn_aside_options *o);
void tn_aside_free(struct tn_aside *a); /* NULL does nothing */

/* Notes that these records came. */
void tn_aside_see(struct tn_aside *a, const struct tn_batch *b);
/* Adds to the commit what was seen since the last one that was stored; page: a number that grows.
 */
TN_MUST_CHECK bool tn_aside_put_seen(struct tn_aside *a, struct tn_commit *c, int64_t page,
                                     struct tn_err *err);
/* That commit is stored. */
void tn_aside_stored(struct tn_aside *a);
/* Adds the item to what is kept; f says why the store would not take it. */
TN_MUST_CHECK bool tn_aside_keep(struct tn_aside *a, struct tn_commit *c, const struct tn_batch *b,
                                 const struct tn_batch_item *it, const struct tn_run_fault *f,
                                 int64_t page, struct tn_err *err);

/* ---- at the end of the run ---- */

typedef void (*tn_aside_fn)(void *arg, const struct tn_err *err);
/* Reads which external ids came.  done comes once, in a later turn, as of those below. */
void tn_aside_open(struct tn_aside *a, tn_aside_fn done, void *arg);
/* Fills the batch, which was reset, with the next records that are kept; none: there are no more.
 * plan: finds out what each can do; those that cannot be written are no TN_ITEM_new.  Items that
 * take a record over have `moves`. */
void tn_aside_next(struct tn_aside *a, struct tn_batch *b, bool plan, tn_aside_fn done, void *arg);
void tn_aside_rewind(struct tn_aside *a); /* begin with the first record again */
void tn_aside_again(struct tn_aside *a);  /* the next group is the one at hand once more */
/* Adds what lets items of the group take records over: conditions, and the links that end. */
TN_MUST_CHECK bool tn_aside_unlink(struct tn_aside *a, struct tn_commit *c,
                                   const struct tn_batch *b, struct tn_err *err);
/* The item is settled. */
void tn_aside_done(struct tn_aside *a, size_t item);
/* Fills the fault of an item that stays out.  whole: the run saw all that the source has. */
void tn_aside_refuse(const struct tn_aside *a, struct tn_batch *b, size_t item, bool whole,
                     struct tn_run_fault *f);
/* Adds that settled items and misfits of the group are kept no longer. */
TN_MUST_CHECK bool tn_aside_forget(struct tn_aside *a, struct tn_commit *c,
                                   const struct tn_batch *b, struct tn_err *err);
/* Adds, to the commit that ends the run, that what was seen is kept no longer. */
TN_MUST_CHECK bool tn_aside_close(struct tn_aside *a, struct tn_commit *c, struct tn_err *err);

#endif
