/* SPDX-License-Identifier: MIT */
/* load_faults.h - collects the faults of a set of files while the set is loaded: only the first
 * fault, or all. Life: the caller fills it in; add any number of times. */
#ifndef TN_SCRIPTS_LOAD_FAULTS_H
#define TN_SCRIPTS_LOAD_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Called with each fault, in the order of the files. */
typedef void (*tn_fault_fn)(void *arg, const struct tn_err *fault);

struct tn_load_faults {
    tn_fault_fn each; /* NULL: loading ends with the first */
    void *arg;
    struct tn_err *first;
    size_t n;
    bool salvage; /* units keep what loads of them; needs each */
};

/* False: loading ends with this fault. */
bool tn_load_faults_add(struct tn_load_faults *f, const struct tn_err *fault);

#endif
