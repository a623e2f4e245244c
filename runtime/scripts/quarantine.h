/* SPDX-License-Identifier: MIT */
/* quarantine.h - whose scripts do not run: isolates that overran their budget time after time, or
 * were running when workers died.  The page that all processes share knows them (loop/shared.h); of
 * each, one worker writes the event.
 * Life: new; tell once the worker serves; free.  Worker process. */
#ifndef TN_SCRIPTS_QUARANTINE_H
#define TN_SCRIPTS_QUARANTINE_H

#include "bind/owner.h"

struct tn_integration;
struct tn_quarantine;
struct tn_shared;

/* Hears of isolates that are spent from now on.  worker: number, from 1. */
struct tn_quarantine *tn_quarantine_new(const struct bind_env *env, struct tn_shared *shared,
                                        int worker);
void tn_quarantine_free(struct tn_quarantine *q); /* NULL does nothing */

/* By the page that all workers share, or held back in this worker alone because that is full. */
bool tn_quarantine_holds(const struct tn_quarantine *q, const char *isolate);
/* False: the isolate of this name is in quarantine; err says so of the `what` called name. */
TN_MUST_CHECK bool tn_quarantine_may_run(const struct tn_quarantine *q, const char *isolate,
                                         const char *what, struct tn_str name, struct tn_err *err);
TN_MUST_CHECK bool tn_quarantine_integration_may_run(const struct tn_quarantine *q,
                                                     const struct tn_integration *i,
                                                     struct tn_err *err);
/* Other scripts serve: another chance for those that this worker alone held back. */
void tn_quarantine_changed(struct tn_quarantine *q);
/* Events of quarantines that nobody has told of, as of one after two deaths of a worker, or that
 * the predecessor of this worker did not come to tell. */
void tn_quarantine_tell(struct tn_quarantine *q);

#endif
