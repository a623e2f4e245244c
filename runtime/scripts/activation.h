/* SPDX-License-Identifier: MIT */
/* activation.h - one change on its way: its set is loaded beside the loop, its tables are made, its
 * files are written into the site folder, the store's word changes, this worker swaps, the others
 * come along.
 * Life: start; done is called once, in a later turn, and the activation is gone.  Worker process.
 */
#ifndef TN_SCRIPTS_ACTIVATION_H
#define TN_SCRIPTS_ACTIVATION_H

#include "scripts/asked.h"
#include "scripts/ground.h"

struct tn_activation;
struct tn_loop;
struct tn_shared;

/* What all activations of a worker go by. */
struct tn_activation_options {
    struct tn_loop *loop;
    const struct bind_env *env;
    struct tn_shared *shared;
    int worker; /* number, from 1 */
    struct tn_serving *serving;
    struct tn_terms terms;
};

/* A unit that is another one now. */
struct tn_unit_swap {
    char unit[TN_UNIT_NAME];
    char generation[65]; /* "": the unit is gone */
    char previous[65];   /* "": it is new */
};
/* The lists are as long as there are units, which TN_LIMIT_SCRIPT_FILES bounds. */
struct tn_activation_report {
    struct tn_unit_swap *changed;
    size_t changed_count, unchanged;
    struct tn_pins rolled_back;       /* units that go by older files than the site folder has */
    char set[65];                     /* hash over all files that serve */
    int64_t took_ms, shadow_until_ms; /* 0: no shadow */
    bool shadow_left_out;             /* it was asked for, but there is nothing to compare */
};
/* report: they serve.  err: they do not, and all is as it was.  Neither: another worker was
 * quicker, and the same is to begin again from what it made.  Both are borrowed for the call. */
typedef void (*tn_activation_fn)(void *arg, const struct tn_activation_report *report,
                                 const struct tn_err *err);

/* Borrows options, wish and edit until done.  version: of the store's word, up to which this worker
 * came along. */
struct tn_activation *tn_activation_start(const struct tn_activation_options *o, int64_t version,
                                          const struct tn_wish *wish, struct tn_edit *edit,
                                          tn_activation_fn done, void *arg);
/* done is not called: what is loaded is dropped, and what the store was asked for it goes on with
 * alone. */
void tn_activation_stop(struct tn_activation *a); /* NULL does nothing */

/* ---- of a set that is loaded already (boot.c) ---- */

struct tn_activation_given {
    struct tn_active from;         /* what it replaces */
    struct tn_units *units;        /* given; NULL: the activation ends with err */
    struct tn_rollbacks rollbacks; /* given */
    bool serves;                   /* the store says so: there is nothing to write */
    struct tn_err err;
    /* The store refused the tables: other units, or NULL.  Asked once; NULL: nobody is. */
    struct tn_units *(*otherwise)(void *arg, const struct tn_err *refused);
    void *arg;
};
struct tn_activation *tn_activation_take(const struct tn_activation_options *o,
                                         const struct tn_wish *wish, struct tn_edit *edit,
                                         const struct tn_activation_given *given,
                                         tn_activation_fn done, void *arg);

#endif
