/* SPDX-License-Identifier: MIT */
/* refused.h - notes of the units that were refused at a start because they do not load
 * (spare.h). A note is a file of the set that serves, below "refused/". So every worker that
 * loads the set knows them, and the next set no longer has them. */
#ifndef TN_SCRIPTS_REFUSED_H
#define TN_SCRIPTS_REFUSED_H

#include "scripts/split.h"

/* One note. The texts belong to the set. */
struct tn_refused {
    char unit[TN_UNIT_NAME];
    struct tn_str file, text; /* the file at fault, and the fault as one sentence */
    int line;
    bool older; /* older files of the unit serve; else the unit is missing */
};

/* Reads the i-th note of the set; false: there are no more. */
bool tn_refused_at(const struct tn_fileset *all, size_t i, struct tn_refused *out);
/* True: the unit is missing because it was refused; err (kind unavailable) names the fault. */
bool tn_refused_why(const struct tn_fileset *all, struct tn_str unit, struct tn_err *err);

/* Makes the set that serves after a unit was refused: all_give with the unit's files replaced by
 * those of the set `last` (may be NULL), and with a note of the fault. When `last` has no files
 * of the unit, or when the refused files are older ones already, the unit is left out. */
struct tn_fileset *tn_refused_add(struct tn_fileset *all_give, const char *unit,
                                  const struct tn_fileset *last, const struct tn_err *fault);
/* Makes the set all_give without the note of the unit. */
struct tn_fileset *tn_refused_drop(struct tn_fileset *all_give, const char *unit);

#endif
