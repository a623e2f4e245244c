/* SPDX-License-Identifier: MIT */
/* match.h - what the store has already of the records of a page, and what becomes of them: the
 * same, changed, new or a misfit.  A slice is one read value; entities with references or states
 * take a second one.
 * Life: new (one a run); slice after slice; free (what is under way is dropped). */
#ifndef TN_SYNC_MATCH_H
#define TN_SYNC_MATCH_H

#include "model/check.h"
#include "store/store.h"
#include "sync/batch.h"

struct tn_match;

/* All outlive it; it copies the struct. */
struct tn_match_options {
    struct tn_store *store;
    int64_t team;
    struct tn_origin source;             /* where the records come from */
    const char *integration;             /* its id as text */
    const char *table;                   /* where they go */
    const struct tn_entity *resource;    /* whose rules they keep; NULL: none */
    const struct tn_entities *resources; /* that references name; NULL: none */
    const struct tn_plan *plan;          /* that made them */
    struct tn_sealer sealer;             /* of secrets; seal NULL: there are none */
    bool retry;                          /* they come from quarantine: nobody looks there */
    bool bodies;                         /* changed items get the record before in any case */
};
struct tn_match *tn_match_new(const struct tn_match_options *o);
void tn_match_free(struct tn_match *c); /* NULL does nothing */

/* err NULL: b->compared has gone on. */
typedef void (*tn_match_fn)(void *arg, const struct tn_err *err);
/* Compares items from b->compared on.  One at a time; done comes once, in a later turn.  The batch
 * is not written to, nor reset, before. */
void tn_match_slice(struct tn_match *c, struct tn_batch *b, tn_match_fn done, void *arg);
/* Stale items from the given one on, of which there has to be one, up to a slice of them, once
 * more. Their states stay, but for misfits. */
void tn_match_again(struct tn_match *c, struct tn_batch *b, size_t from, tn_match_fn done,
                    void *arg);
/* The item after the last one that was looked at. */
size_t tn_match_upto(const struct tn_match *c);
/* Records of this source are being put into quarantine. */
void tn_match_quarantined(struct tn_match *c);
/* As tn_judge_taken; empty: no rules are known. */
struct tn_str tn_match_taken(struct tn_match *c, struct tn_batch *b, const struct tn_err *why);

#endif
