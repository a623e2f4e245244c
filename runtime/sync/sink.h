/* SPDX-License-Identifier: MIT */
/* sink.h - writes the records of a run. It compares a page with the source's former records, then
 * writes the changes in one commit together with the run's row. The version of the row is the
 * fence: a worker whose version is not the stored one has lost the run to another worker and can
 * write nothing any more. Life: new; compare and write page by page; one end or stop; free (what is
 * under way is dropped).
 */
#ifndef TN_SYNC_SINK_H
#define TN_SYNC_SINK_H

#include "base/id.h"
#include "model/check.h"
#include "sync/batch.h"
#include "sync/run_view.h"
#include "sync/seal.h"

struct tn_retry;
struct tn_sink;

/* Runs that wait or go on: entries of this queue, the run's id as key; and one key-value for each,
 * "<integration>/<operation>", whose value is the run's id. */
#define TN_RUN_QUEUE        "run"
#define TN_RUN_ACTIVE_SPACE "run.active"

struct tn_sink_options {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_log *log;
    const char *table, *entity;          /* where records go, what they are called over there */
    const struct tn_entity *resource;    /* as in source.h */
    const struct tn_entities *resources; /* likewise */
    const struct tn_plan *plan;          /* likewise */
    struct tn_sealer sealer;             /* of records' secrets */
    bool adopt;                          /* on_key_conflict */
    bool full;                           /* the run asks for all that the source has */
    const struct tn_retry *retry; /* where the records come from, if from quarantine, else NULL */
    const char *generation;
    int64_t row_version; /* of the run's row */
    struct tn_id entry;  /* its queue entry and the lease on it */
    int64_t lease;
    int retry_ms, retry_max;
    tn_seal_fn seal, unseal;
    void *seal_arg;
    /* A record that the store would not take: not yet in any count (see tn_sink_late). */
    void (*refused)(void *arg, const struct tn_run_fault *f);
    void *arg;
};
/* Copies the options; of v only what never changes: ids, team, operation. */
struct tn_sink *tn_sink_new(const struct tn_sink_options *o, const struct tn_run_view *v);
void tn_sink_free(struct tn_sink *s); /* NULL does nothing */

/* Finds out what is new, changed, the same or a misfit, from item b->compared on, for one slice.
 * done comes in a later turn; err NULL: it is compared.  Until then nothing is added to b. */
typedef void (*tn_sink_compared_fn)(void *arg, const struct tn_err *err);
void tn_sink_compare(struct tn_sink *s, struct tn_batch *b, tn_sink_compared_fn done, void *arg);
/* Appends to the JSON array diffs what would happen to the page's records, at most *left of them.
 */
void tn_sink_diff(const struct tn_batch *b, unsigned *left, struct tn_buf *diffs);

enum tn_sunk {
    TN_SUNK_stored,
    TN_SUNK_lost,  /* somebody else has the run, or it has ended */
    TN_SUNK_failed /* err says why; nothing of it was stored */
};
typedef void (*tn_sink_fn)(void *arg, enum tn_sunk how, const struct tn_err *err);
/* One at a time; done comes in a later turn.  Failures that may pass are tried again with growing
 * pauses (an end: for ever), conflicts against a fresh row. b and v stay until done. */
void tn_sink_page(struct tn_sink *s, struct tn_batch *b, const struct tn_run_view *v,
                  tn_sink_fn done, void *arg);
void tn_sink_end(struct tn_sink *s, const struct tn_run_view *v, tn_sink_fn done, void *arg);
void tn_sink_stop(struct tn_sink *s, const struct tn_run_view *v, tn_sink_fn done, void *arg);

/* The records of a page that needs no commit came, too. */
void tn_sink_seen(struct tn_sink *s, const struct tn_batch *b);
/* Are records kept aside until the end of the run (aside.h)? */
bool tn_sink_keeps_aside(const struct tn_sink *s);
/* Settles them: after the last page and before the end.  whole: the run saw all that the source
 * has; else all of them go to quarantine. */
void tn_sink_asides(struct tn_sink *s, const struct tn_run_view *v, bool whole, tn_sink_fn done,
                    void *arg);

/* Corrections of the counts: items that the store adopted or refused though compare had expected
 * otherwise.  The caller adds them to the counts of the next commit; the sink forgets them. */
struct tn_run_counts tn_sink_late(struct tn_sink *s);
/* Did the row, when its version had moved, say that the run is to end? */
bool tn_sink_cancelled(const struct tn_sink *s);

#endif
