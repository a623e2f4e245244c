/* SPDX-License-Identifier: MIT */
/* quarantine.h - the isolates whose scripts must not run, because they overran their budget
 * several times in a row or were running when workers died. The memory page that all processes
 * share lists them (loop/shared.h). For each quarantine, one worker writes the events. Life:
 * new; tell once the worker serves; free. Worker process. */
#ifndef TN_SCRIPTS_QUARANTINE_H
#define TN_SCRIPTS_QUARANTINE_H

#include "bind/owner.h"

struct tn_integration;
struct tn_quarantine;
struct tn_shared;

/* Registers with the host for isolates that overrun too often. worker: number, from 1. */
struct tn_quarantine *tn_quarantine_new(const struct bind_env *env, struct tn_shared *shared,
                                        int worker);
void tn_quarantine_free(struct tn_quarantine *q); /* NULL does nothing */

/* Is the isolate in quarantine? Either the shared page lists it, or this worker alone holds it
 * back because the page is full. */
bool tn_quarantine_holds(const struct tn_quarantine *q, const char *isolate);
/* False: the isolate is in quarantine; err says so and begins with what and name ("integration
 * plant_7"). */
TN_MUST_CHECK bool tn_quarantine_may_run(const struct tn_quarantine *q, const char *isolate,
                                         const char *what, struct tn_str name, struct tn_err *err);
TN_MUST_CHECK bool tn_quarantine_integration_may_run(const struct tn_quarantine *q,
                                                     const struct tn_integration *i,
                                                     struct tn_err *err);
/* To be called when other scripts serve: releases the isolates that this worker alone held back. */
void tn_quarantine_changed(struct tn_quarantine *q);
/* Writes the events of quarantines for which no worker has written them yet: those after the
 * second death of a worker, and those that the predecessor of this worker could not write before
 * it died. */
void tn_quarantine_tell(struct tn_quarantine *q);

#endif
