/* SPDX-License-Identifier: MIT */
/* spare.h - starts with the units that load when not all files do. A unit with a fault is
 * refused and noted (refused.h); its files that served last go on serving, and all other units
 * serve with their new files. */
#ifndef TN_SCRIPTS_SPARE_H
#define TN_SCRIPTS_SPARE_H

#include "scripts/serving.h"

/* To be called with files that do not load, or whose routes clash; err says why. last (may be
 * NULL) is the set that served last. each is called for each unit that is refused. NULL: nothing
 * can serve, because the fault is in core or concerns all units. */
struct tn_units *tn_spare_load(const struct tn_serving *serving, struct tn_fileset *files,
                               const struct tn_fileset *last, tn_unit_fault_fn each, void *arg,
                               const struct tn_err *err);

#endif
