/* SPDX-License-Identifier: MIT */
/* retry.h - records of quarantine that are put through the mapping again: a source whose pages are
 * their stored payloads, in a run like any other.
 * The rows are those of a plan (table "plan", member ids).  A record that the store takes leaves
 * quarantine with the commit that counts it; one that fails again stays, with its new reason and
 * one attempt more.  After a crash the run goes on with the rows that it has not judged yet.
 * Life: a source's; wrap, then as sync/source.h has it. */
#ifndef TN_SYNC_RETRY_H
#define TN_SYNC_RETRY_H

#include "sync/run_view.h"
#include "sync/seal.h"
#include "sync/source.h"

struct tn_batch;
struct tn_commit;
struct tn_loop;
struct tn_retry;
struct tn_store;

#define TN_RETRY_TRIGGER "RETRY"

struct tn_retry_options {
    struct tn_store *store;
    struct tn_loop *loop;
    const struct tn_run_view *view; /* of the run; its filters name the plan */
    tn_seal_fn unseal;
    void *unseal_arg;
};
/* The source gives the plan's records instead of its own; mapping, table and entity stay.  Copies
 * the options. */
void tn_retry_wrap(struct tn_source *source, const struct tn_retry_options *o);

/* Adds to the commit the fate of a page's rows: first is the number of the batch's first row among
 * all that the retry gave.  Its items were offered to the store before. */
TN_MUST_CHECK bool tn_retry_settle(const struct tn_retry *retry, struct tn_commit *commit,
                                   const struct tn_batch *batch, size_t first,
                                   const struct tn_run_view *run, const char *generation,
                                   struct tn_err *err);

#endif
