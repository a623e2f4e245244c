/* SPDX-License-Identifier: MIT */
/* spare.h - a start whose files do not all load: a unit with a fault is refused and noted
 * (refused.h), what served of it goes on, and all others serve. */
#ifndef TN_SCRIPTS_SPARE_H
#define TN_SCRIPTS_SPARE_H

#include "scripts/serving.h"

/* files do not load, or do not fit.  last (may be NULL) is the set that served last.  NULL: the
 * fault is one of core, or of all together; err is as it was.  each gets what was refused. */
struct tn_units *tn_spare_load(const struct tn_serving *serving, struct tn_fileset *files,
                               const struct tn_fileset *last, tn_unit_fault_fn each, void *arg,
                               const struct tn_err *err);

#endif
