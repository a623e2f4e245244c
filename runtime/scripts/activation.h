/* SPDX-License-Identifier: MIT */
/* activation.h - one change of the serving scripts, from request to answer. The activation loads
 * the set of files beside the loop, makes its tables, writes its files into the site folder, and
 * records in the store that the set serves. Then this worker uses the set, and the other workers
 * follow. Life: start; done is called once, in a later turn, and the activation is freed. Worker
 * process. */
#ifndef TN_SCRIPTS_ACTIVATION_H
#define TN_SCRIPTS_ACTIVATION_H

#include "scripts/asked.h"
#include "scripts/ground.h"

struct tn_activation;
struct tn_loop;
struct tn_shared;

/* The options of all activations of a worker. */
struct tn_activation_options {
    struct tn_loop *loop;
    const struct bind_env *env;
    struct tn_shared *shared;
    int worker; /* number of this worker, from 1 */
    struct tn_serving *serving;
    struct tn_terms terms;
};

/* A unit that changed. */
struct tn_unit_swap {
    char unit[TN_UNIT_NAME];
    char generation[65]; /* "": the unit is gone */
    char previous[65];   /* "": it is new */
};
/* No list is longer than the number of units, which TN_LIMIT_SCRIPT_FILES bounds. */
struct tn_activation_report {
    struct tn_unit_swap *changed;
    size_t changed_count, unchanged;
    struct tn_pins rolled_back;       /* units on older files than those of the site folder */
    char set[65];                     /* hash of all files that serve */
    int64_t took_ms, shadow_until_ms; /* 0: no shadow */
    struct tn_err *faults;            /* every fault of the files when they do not load */
    size_t faults_count;
    bool shadow_left_out; /* a shadow was asked for, but the scripts did not change */
};
/* report without err: the scripts serve. err: the change failed and nothing has changed; report
 * has the faults. Neither: another worker changed the scripts first, so the caller has to start
 * a new activation from the set that serves now. report and err are borrowed for the call. */
typedef void (*tn_activation_fn)(void *arg, const struct tn_activation_report *report,
                                 const struct tn_err *err);

/* Borrows options, wish and edit until done. version: that of the stored serving set (active.h)
 * which this worker serves. */
struct tn_activation *tn_activation_start(const struct tn_activation_options *o, int64_t version,
                                          const struct tn_wish *wish, struct tn_edit *edit,
                                          tn_activation_fn done, void *arg);
/* Cancels: done will not be called. The loaded scripts are dropped. A commit that was sent to
 * the store still takes effect. */
void tn_activation_stop(struct tn_activation *a); /* NULL does nothing */

/* ---- for a set that boot.c has loaded already ---- */

struct tn_activation_given {
    struct tn_active from;         /* the serving set that this one replaces */
    struct tn_units *units;        /* owned; NULL: the activation ends with err */
    struct tn_rollbacks rollbacks; /* owned */
    bool serves; /* the store says that this set serves already: nothing is written */
    struct tn_err err;
    /* Called once if the store refuses the tables: returns other units to use instead, or NULL.
     * May be NULL. */
    struct tn_units *(*otherwise)(void *arg, const struct tn_err *refused);
    void *arg;
};
struct tn_activation *tn_activation_take(const struct tn_activation_options *o,
                                         const struct tn_wish *wish, struct tn_edit *edit,
                                         const struct tn_activation_given *given,
                                         tn_activation_fn done, void *arg);

#endif
