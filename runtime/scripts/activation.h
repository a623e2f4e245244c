/* SPDX-License-Identifier: MIT */
/* activation.h - one change of the serving scripts, from request to answer: the set is loaded
 * beside the loop, its tables are made, its files are written into the site folder, the store
 * records that it serves, this worker swaps, the other workers follow. Life: start; done is called
 * once, in a later turn, and the activation is gone.  Worker process.
 */
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
    int worker; /* number, from 1 */
    struct tn_serving *serving;
    struct tn_terms terms;
};

/* A unit that changed. */
struct tn_unit_swap {
    char unit[TN_UNIT_NAME];
    char generation[65]; /* "": the unit is gone */
    char previous[65];   /* "": it is new */
};
/* The lists are as long as there are units, which TN_LIMIT_SCRIPT_FILES bounds. */
struct tn_activation_report {
    struct tn_unit_swap *changed;
    size_t changed_count, unchanged;
    struct tn_pins rolled_back;       /* units on older files than those of the site folder */
    char set[65];                     /* hash over all files that serve */
    int64_t took_ms, shadow_until_ms; /* 0: no shadow */
    struct tn_err *faults;            /* all that is wrong with files that do not load */
    size_t faults_count;
    bool shadow_left_out; /* it was asked for, but there is nothing to compare */
};
/* report alone: the scripts serve. err: they do not, and nothing has changed; report has the
 * faults. Neither: another worker changed the scripts first, and the caller has to start again from
 * there. Both are borrowed for the call. */
typedef void (*tn_activation_fn)(void *arg, const struct tn_activation_report *report,
                                 const struct tn_err *err);

/* Borrows options, wish and edit until done.  version: of the store's word, up to which this worker
 * came along. */
struct tn_activation *tn_activation_start(const struct tn_activation_options *o, int64_t version,
                                          const struct tn_wish *wish, struct tn_edit *edit,
                                          tn_activation_fn done, void *arg);
/* done is not called. Loaded scripts are dropped; a commit that was sent to the store is still
 * done. */
void tn_activation_stop(struct tn_activation *a); /* NULL does nothing */

/* ---- for a set that is loaded already (boot.c) ---- */

struct tn_activation_given {
    struct tn_active from;         /* what it replaces */
    struct tn_units *units;        /* given; NULL: the activation ends with err */
    struct tn_rollbacks rollbacks; /* given */
    bool serves;                   /* the store says so: there is nothing to write */
    struct tn_err err;
    /* Called once when the store refuses the tables: returns other units, or NULL. May be NULL. */
    struct tn_units *(*otherwise)(void *arg, const struct tn_err *refused);
    void *arg;
};
struct tn_activation *tn_activation_take(const struct tn_activation_options *o,
                                         const struct tn_wish *wish, struct tn_edit *edit,
                                         const struct tn_activation_given *given,
                                         tn_activation_fn done, void *arg);

#endif
