/* SPDX-License-Identifier: MIT */
/* serving.h - the set of scripts that serves in this worker, and the connections over it.
 * Life: new; swap (the first begins to serve); free.  Worker process. */
#ifndef TN_SCRIPTS_SERVING_H
#define TN_SCRIPTS_SERVING_H

#include "scripts/connections.h"
#include "scripts/units.h"

struct tn_serving;
struct tn_shared;

struct tn_serving_options {
    const struct bind_env *env; /* its store is the worker's */
    struct tn_shared *shared;
    int worker; /* number, from 1 */
    /* For connections.h. */
    bool (*may_run)(void *arg, const struct tn_integration *i, struct tn_err *err);
    /* Does what they publish go together?  From a call that may run beside the loop. */
    bool (*fits)(void *arg, struct tn_units *units, tn_fault_fn each, void *each_arg,
                 struct tn_err *err);
    /* Other scripts serve from now on; first: none did before. */
    void (*swapped)(void *arg, bool first);
    void *arg;
};
struct tn_serving *tn_serving_new(const struct tn_serving_options *o);
void tn_serving_free(struct tn_serving *s); /* NULL does nothing */

struct tn_units *tn_serving_units(const struct tn_serving *s); /* NULL: none yet; borrowed */
struct tn_connections *tn_serving_connections(const struct tn_serving *s); /* likewise */
const char *tn_serving_hash(const struct tn_serving *s); /* of the files that serve; "": none */

/* Loads a set; units that serve and did not change are taken over.  NULL: err. */
TN_MUST_CHECK struct tn_units *tn_serving_load(const struct tn_serving *s, struct tn_fileset *files,
                                               struct tn_err *err);
/* Which units of it do not load (tn_units_try). */
TN_MUST_CHECK bool tn_serving_try(const struct tn_serving *s, struct tn_fileset *files,
                                  tn_unit_fault_fn fn, void *arg, struct tn_err *err);
/* The whole answer to "may these serve": they load, and what they publish does not clash.
 * each (may be NULL) gets all faults. */
TN_MUST_CHECK struct tn_units *tn_serving_load_fitting(const struct tn_serving *s,
                                                       struct tn_fileset *files, tn_fault_fn each,
                                                       void *arg, struct tn_err *err);
/* Whatever serves from now on serves by these, as of that version of the store's word. */
void tn_serving_swap(struct tn_serving *s, struct tn_units *units_give, int64_t version);
/* Publishes that this worker serves that version, so that the worker which made the change sees who
 * has followed. */
void tn_serving_tell(const struct tn_serving *s, int64_t version);

#endif
