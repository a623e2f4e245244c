/* SPDX-License-Identifier: MIT */
/* run.h - one execution of a sync: pages from a source, through the mapping, into the store.
 * The next page is fetched while one is mapped and the one before is committed.  A commit has the
 * changed records of a page, their links and events, what is quarantined, the cursor and the
 * counts, all or none (pages may share one; of a large page the last commit has the cursor); so any
 * worker can go on with a run from its row after a crash, without loss and without writing anything
 * twice. Life: start; done is called once; free (earlier, it is dropped as by a crash).  Worker
 * process.
 */
#ifndef TN_SYNC_RUN_H
#define TN_SYNC_RUN_H

#include "base/id.h"
#include "model/check.h"
#include "sync/run_view.h"
#include "sync/seal.h"
#include "sync/source.h"

struct tn_run;

enum tn_run_end {
    TN_RUN_END_done,    /* ended: success, partial or failure (the view says) */
    TN_RUN_END_stopped, /* stopped by tn_run_stop; its row says where to go on */
    TN_RUN_END_lost     /* another worker works on it or ended it: its row has changed */
};

struct tn_run_options {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_log *log;
    int64_t row_version; /* of the run's row as the caller wrote it last */
    struct tn_id entry;  /* its queue entry, and the lease on it */
    int64_t lease;
    int retry_ms, retry_max; /* first pause before a commit is repeated; how many times */
    int slice_us;            /* of one loop turn; 0: 1,000 */
    unsigned commit_rows;    /* pages that wait travel together up to this many changes; 0: 2,000 */
    unsigned diff_max;       /* dry run: records whose changes are listed */
    tn_seal_fn seal, unseal;
    void *seal_arg;
    struct tn_sealer sealer; /* of records' secrets; seal NULL: none can be stored */
    /* A page more is in the counts, or the end is known (status is no longer running) though it may
     * not be stored yet.  May be NULL. */
    void (*progress)(void *arg, const struct tn_run_view *v);
    /* Comes in a later turn of the loop and may free the run. */
    void (*done)(void *arg, enum tn_run_end end);
    void *arg;
};

/* Takes the source over.  Copies v, where the run stands: it goes on from its cursor, which the
 * source was opened with. */
struct tn_run *tn_run_start(const struct tn_run_options *o, const struct tn_source *source,
                            const struct tn_run_view *v);
/* Ends a run that cannot begin as a failure, and stores that. */
struct tn_run *tn_run_refuse(const struct tn_run_options *o, const struct tn_err *why,
                             const struct tn_run_view *v);
/* The present state of the run; borrowed. */
const struct tn_run_view *tn_run_view(const struct tn_run *run);
int64_t tn_run_committed(const struct tn_run *run);   /* records, in this process */
int64_t tn_run_replaced_us(const struct tn_run *run); /* of its source; 0: its scripts serve */
bool tn_run_writing(const struct tn_run *run);        /* a commit of its row is on the way */
/* Ends it after the page that is being committed: as cancelled (a failure that keeps what was
 * stored), or left to be gone on with. */
void tn_run_cancel(struct tn_run *run);
void tn_run_stop(struct tn_run *run);
void tn_run_free(struct tn_run *run); /* NULL does nothing */

#endif
