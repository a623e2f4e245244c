/* SPDX-License-Identifier: MIT */
/* runner.h - starts, queues, claims, resumes and ends runs.  A run is a row and a queue entry in
 * the store, so that it survives whoever works on it; each worker process has one runner, and any
 * worker may end a run that another one began. Life: open; start, wait, cancel in any order; close.
 * Worker process. */
#ifndef TN_SYNC_RUNNER_H
#define TN_SYNC_RUNNER_H

#include "base/err.h"
#include "loop/counters.h"
#include "model/check.h"
#include "sync/run_view.h"
#include "sync/seal.h"
#include "sync/source.h"

struct tn_commit;
struct tn_log;
struct tn_loop;
struct tn_runner;
struct tn_runner_wait;
struct tn_store;

struct tn_runner_options {
    struct tn_loop *loop;
    struct tn_store *store;       /* the worker's client; its holder id is what leases bear: after
                                   * a worker's death tn_store_release(that id) frees its runs */
    struct tn_log *log;           /* may be NULL */
    struct tn_counters *counters; /* of what it does; NULL: nobody reads them */
    const struct tn_adapter_ops *adapters;
    void *adapters_self;
    unsigned active_max;  /* runs worked on at once; 0: 4 */
    unsigned commit_rows; /* pages that wait for a commit travel together up to about this many
                           * changes; 0: 2,000 */
    int retry_ms;         /* first pause when a commit may be tried again; 0: 100; then
                           * twice that, and so on, eight times */
    int64_t drain_ms;  /* how long a run goes on with scripts that were replaced; 0: 30 minutes */
    tn_seal_fn seal;   /* NULL: payloads are stored as they came */
    tn_seal_fn unseal; /* the way back, for records that are taken out of quarantine */
    void *seal_arg;    /* of both */
    struct tn_sealer sealer; /* of records' secrets */
};
/* Begins at once with what is due, also with what a dead process left behind. */
struct tn_runner *tn_runner_open(const struct tn_runner_options *o);

struct tn_runner_request {
    int64_t team;
    const char *integration; /* id (UUID text) */
    const char *operation;
    struct tn_str filters; /* JSON object; absent: {} */
    const char *trigger;   /* "API", "CLI", "SCHEDULE", "WEBHOOK"; NULL: "API"; TN_RETRY_TRIGGER
                            * with filters {"plan": id}: the records of that plan (retry.h) */
    bool dry_run;
    unsigned depth; /* how many runs of rules in a row led to this */
    /* Adds to the commit in which the run begins to exist what shall happen with it; may be called
     * several times until done is.  NULL: nothing. */
    bool (*also)(void *arg, struct tn_commit *commit, const char *run_id, struct tn_err *err);
};
/* The run's id once it exists for good (row and queue entry are committed); or NULL with err: busy
 * when that operation of that integration runs already (err->field is the other run's id), and all
 * that a commit can say.  A dry run leaves nothing in the store: its id is good for wait and cancel
 * in this process alone. */
typedef void (*tn_runner_start_fn)(void *arg, const char *run_id, const struct tn_err *err);
/* Copies the request.  done is called once, in a later turn of the loop.  The integration and the
 * operation are the caller's to check first; a run of something unknown ends as a failure. */
void tn_runner_start(struct tn_runner *r, const struct tn_runner_request *q,
                     tn_runner_start_fn done, void *arg);

/* The run when it has ended, wherever it did; or NULL with err: not_found, cancelled when the
 * runner closes first (the run itself may go on later).  v is borrowed for the call. */
typedef void (*tn_runner_wait_fn)(void *arg, const struct tn_run_view *v, const struct tn_err *err);
/* done is called once, in a later turn, unless the wait is cancelled before. */
struct tn_runner_wait *tn_runner_wait(struct tn_runner *r, int64_t team, const char *run_id,
                                      tn_runner_wait_fn done, void *arg);
/* Not after done was called.  The run goes on. */
void tn_runner_wait_cancel(struct tn_runner_wait *w);

/* Asks for the end of a run, on whichever worker it is; what it committed stays.  Kind none in err:
 * the wish is stored.  not_found; conflict: it has ended. */
typedef void (*tn_runner_cancel_fn)(void *arg, const struct tn_err *err);
void tn_runner_cancel(struct tn_runner *r, int64_t team, const char *run_id,
                      tn_runner_cancel_fn done, void *arg);

/* The run as the store has it, or NULL with err: not_found, cancelled when the runner closes first,
 * or what reading can say.  The counts of a run that goes on in this process are those of this
 * moment.  v is borrowed for the call. */
typedef void (*tn_runner_read_fn)(void *arg, const struct tn_run_view *v, const struct tn_err *err);
/* done is called once, in a later turn. */
void tn_runner_read(struct tn_runner *r, int64_t team, const char *run_id, tn_runner_read_fn done,
                    void *arg);

/* Shut-down: each run stops after the page that it is at and stays due, so that the next process
 * goes on with it.  closed (may be NULL) is called once, in a later turn when nothing is under way
 * any more.  Waits end with kind cancelled, starts with unavailable; whoever holds the runner may
 * call it until it is freed. */
void tn_runner_close(struct tn_runner *r, void (*closed)(void *arg), void *arg);
/* At once: runs are dropped, as a crash would; what waits is answered with cancelled before this
 * returns (that alone may call back inside the call).  NULL does nothing. */
void tn_runner_free(struct tn_runner *r);

#endif
