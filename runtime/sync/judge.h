/* SPDX-License-Identifier: MIT */
/* judge.h - what the record service says of a synced record: whether it keeps the rules of its
 * entity (model/check.h), and how it is stored.  An entity without defaults, generated fields,
 * secrets, states and references costs the check alone.
 * Life: new (one a run); items; free. */
#ifndef TN_SYNC_JUDGE_H
#define TN_SYNC_JUDGE_H

#include "model/check.h"
#include "sync/batch.h"

struct tn_judge;

/* All outlive it; the sealer's seal may be NULL. */
struct tn_judge *tn_judge_new(const struct tn_entity *e, const struct tn_sealer *sealer,
                              const struct tn_plan *plan);
void tn_judge_free(struct tn_judge *j); /* NULL does nothing */

/* The record before has to be known: it has states, secrets or generated fields. */
bool tn_judge_needs_before(const struct tn_judge *j);
bool tn_judge_needs_references(const struct tn_judge *j);

/* Parses the item's body; false: it breaks the rule of JSON, and judging it will say so.  The value
 * is good until the next item. */
bool tn_judge_read(struct tn_judge *j, const struct tn_batch *b, size_t item, struct tn_jval *out);

/* Is the record there that the n-th reference of the item names? */
typedef bool (*tn_judge_there_fn)(void *arg, size_t n);
/* Makes the item a misfit, or its body that which is stored. */
void tn_judge_item(struct tn_judge *j, struct tn_batch *b, size_t item, int64_t now_ms,
                   tn_judge_there_fn there, void *arg);

/* The faults of an item whose key another record has (why: as the store says it), as JSON that is
 * kept with the batch. */
struct tn_str tn_judge_taken(struct tn_judge *j, struct tn_batch *b, const struct tn_err *why);

#endif
