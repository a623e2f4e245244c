/* SPDX-License-Identifier: MIT */
/* quarantine.h - the isolates whose scripts may not run, because they overran their budget several
 * times in a row or were running when workers died. The page that all processes share lists them
 * (loop/shared.h); one worker writes the event of each. Life: new; tell once the worker serves;
 * free.  Worker process. */
#ifndef TN_SCRIPTS_QUARANTINE_H
#define TN_SCRIPTS_QUARANTINE_H

#include "bind/owner.h"

struct tn_integration;
struct tn_quarantine;
struct tn_shared;

/* From now on it hears of isolates that are spent. worker: number, from 1. */
struct tn_quarantine *tn_quarantine_new(const struct bind_env *env, struct tn_shared *shared,
                                        int worker);
void tn_quarantine_free(struct tn_quarantine *q); /* NULL does nothing */

/* Is it in quarantine? By the page that all workers share, or in this worker alone because the page
 * is full. */
bool tn_quarantine_holds(const struct tn_quarantine *q, const char *isolate);
/* False: the isolate of this name is in quarantine; err says so and calls it `what` name. */
TN_MUST_CHECK bool tn_quarantine_may_run(const struct tn_quarantine *q, const char *isolate,
                                         const char *what, struct tn_str name, struct tn_err *err);
TN_MUST_CHECK bool tn_quarantine_integration_may_run(const struct tn_quarantine *q,
                                                     const struct tn_integration *i,
                                                     struct tn_err *err);
/* Other scripts serve now: gives those another chance that this worker alone held back. */
void tn_quarantine_changed(struct tn_quarantine *q);
/* Writes the events of quarantines that no worker has written yet: those after two deaths of a
 * worker, and those that the predecessor of this worker died before it wrote. */
void tn_quarantine_tell(struct tn_quarantine *q);

#endif
