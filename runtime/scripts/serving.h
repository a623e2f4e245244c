/* SPDX-License-Identifier: MIT */
/* serving.h - the set of scripts that serves in this worker, and the connections that use it.
 * Life: new; swap (the first one begins to serve); free. Worker process. */
#ifndef TN_SCRIPTS_SERVING_H
#define TN_SCRIPTS_SERVING_H

#include "scripts/connections.h"
#include "scripts/units.h"

struct tn_serving;
struct tn_shared;

struct tn_serving_options {
    const struct bind_env *env; /* its store is that of the worker */
    struct tn_shared *shared;
    int worker; /* number, from 1 */
    /* as in tn_connections_options */
    bool (*may_run)(void *arg, const struct tn_integration *i, struct tn_err *err);
    /* as in tn_scripts_options */
    bool (*fits)(void *arg, struct tn_units *units, tn_fault_fn each, void *each_arg,
                 struct tn_err *err);
    /* Called when other scripts begin to serve; first: none served before. */
    void (*swapped)(void *arg, bool first);
    void *arg;
};
struct tn_serving *tn_serving_new(const struct tn_serving_options *o);
void tn_serving_free(struct tn_serving *s); /* NULL does nothing */

struct tn_units *tn_serving_units(const struct tn_serving *s); /* NULL: none yet; borrowed */
struct tn_connections *tn_serving_connections(const struct tn_serving *s); /* likewise */
const char *tn_serving_hash(
    const struct tn_serving *s); /* hash of the files that serve; "": none do */

/* Loads a set. Units that serve and did not change are used again. NULL: err. */
TN_MUST_CHECK struct tn_units *tn_serving_load(const struct tn_serving *s, struct tn_fileset *files,
                                               struct tn_err *err);
/* Finds the units of the set that do not load (tn_units_try). */
TN_MUST_CHECK bool tn_serving_try(const struct tn_serving *s, struct tn_fileset *files,
                                  tn_unit_fault_fn fn, void *arg, struct tn_err *err);
/* Decides whether the files may serve: they have to load, and what they publish must not clash.
 * Returns the loaded units; NULL: err is the first fault. each (may be NULL) gets all faults. */
TN_MUST_CHECK struct tn_units *tn_serving_load_fitting(const struct tn_serving *s,
                                                       struct tn_fileset *files, tn_fault_fn each,
                                                       void *arg, struct tn_err *err);
/* From now on this worker serves these units, which are those of that version of the stored
 * serving set (active.h). */
void tn_serving_swap(struct tn_serving *s, struct tn_units *units_give, int64_t version);
/* Publishes which version this worker serves, so that the worker which made the change sees that
 * this one has followed. */
void tn_serving_tell(const struct tn_serving *s, int64_t version);

#endif
