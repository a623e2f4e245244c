/* SPDX-License-Identifier: MIT */
/* generations.h - which scripts serve: read from the site folder, tried, kept in the store, swapped
 * in every worker.  A worker takes scripts from the store alone, so all run the same and a restart
 * runs what ran before.
 * Life: open; boot; then ops and adapter ops answer; close.  Worker process. */
#ifndef TN_SCRIPTS_GENERATIONS_H
#define TN_SCRIPTS_GENERATIONS_H

#include "scripts/ops.h"
#include "scripts/units.h"
#include "sync/source.h"

struct tn_generations;
struct tn_rules;
struct tn_secrets;
struct tn_shared;

struct tn_generations_options {
    struct tn_loop *loop;
    const struct bind_env *env; /* its store is the worker's */
    const struct tn_secrets *secrets;
    struct tn_shared *shared;
    const char *site;     /* folder; NULL: shipped scripts only */
    int worker;           /* number, from 1 */
    bool require_preview; /* no change without a preview of it */
    /* How long samples and findings are kept; 0: no samples, findings for a day. */
    int64_t evidence_days;
    /* Could they serve?  self is one for the ops, over the candidate. */
    bool (*fits)(void *arg, void *self, struct tn_err *err);
    /* Other scripts serve from now on (not called for the first). */
    void (*swapped)(void *arg);
    void *arg;
    struct tn_rules *rules; /* go by what serves */
};
struct tn_generations *tn_generations_open(const struct tn_generations_options *o);
void tn_generations_close(struct tn_generations *g); /* NULL does nothing */

typedef void (*tn_generations_fn)(void *arg, const struct tn_err *err);
/* first: nothing has served since the start: the site folder counts; if it is broken, what served
 * last (and the log says so), if there is none err.  Else: what serves now, from the store. */
void tn_generations_boot(struct tn_generations *g, bool first, tn_generations_fn done, void *arg);

/* Once this worker serves: events of quarantines that nobody has told of, as of one after two
 * deaths of a worker, or that its predecessor did not come to tell. */
void tn_generations_tell_quarantines(struct tn_generations *g);
/* By the page that all workers share, or held back in this worker alone because that is full. */
bool tn_generations_quarantined(const struct tn_generations *g, const char *isolate);

/* What serves; NULL before the boot.  Borrowed. */
struct tn_units *tn_generations_units(const struct tn_generations *g);

/* For api/; self is the struct tn_generations. */
extern const struct tn_scripts_ops tn_generations_ops;
/* For sync/. */
extern const struct tn_adapter_ops tn_generations_adapters;

#endif
