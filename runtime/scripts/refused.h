/* SPDX-License-Identifier: MIT */
/* refused.h - units that a start could not load (spare.h).  The set that serves in their place says
 * so itself, below "refused/": all workers know it, and it is gone with the next set. */
#ifndef TN_SCRIPTS_REFUSED_H
#define TN_SCRIPTS_REFUSED_H

#include "scripts/split.h"

/* Texts belong to the set. */
struct tn_refused {
    char unit[TN_UNIT_NAME];
    struct tn_str file, text; /* where the fault is, and one sentence */
    int line;
    bool older; /* the files of the unit that served last go on; else nothing of it serves */
};

/* The i-th unit of the set that was refused; false: no more. */
bool tn_refused_at(const struct tn_fileset *all, size_t i, struct tn_refused *out);
/* True: the unit is not there since it was refused; err (unavailable) names the fault. */
bool tn_refused_why(const struct tn_fileset *all, struct tn_str unit, struct tn_err *err);

/* all_give without the unit, or with the files of it that last (may be NULL) has, and with the
 * fault noted.  A unit that goes by older files already is left out. */
struct tn_fileset *tn_refused_add(struct tn_fileset *all_give, const char *unit,
                                  const struct tn_fileset *last, const struct tn_err *fault);
/* all_give without what is noted of the unit. */
struct tn_fileset *tn_refused_drop(struct tn_fileset *all_give, const char *unit);

#endif
