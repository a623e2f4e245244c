/* SPDX-License-Identifier: MIT */
/* library.h - keeps every script file that ever served: each text once, under its hash, and the
 * list of files of each set and of each generation of a unit.  Key-values of the system, space
 * "scripts": blob/<hash>, set/<hash>, unit/<name>/<generation>.  Nothing is ever changed there,
 * only added. */
#ifndef TN_SCRIPTS_LIBRARY_H
#define TN_SCRIPTS_LIBRARY_H

#include "scripts/units.h"

struct tn_commit;
struct tn_store;

extern const char tn_library_space[]; /* "scripts" */

/* Adds to commit the texts and lists of this set and its units that the store lacks. */
TN_MUST_CHECK bool tn_library_keep(struct tn_store *store, struct tn_commit *commit,
                                   const struct tn_units *units, struct tn_err *err);
/* The files of a set; of a unit's generation.  NULL: not_found, corrupt, and what reading can say.
 */
TN_MUST_CHECK struct tn_fileset *tn_library_set(struct tn_store *store, const char *hash,
                                                struct tn_err *err);
TN_MUST_CHECK struct tn_fileset *tn_library_unit(struct tn_store *store, const char *unit,
                                                 const char *generation, struct tn_err *err);
/* Finds the whole name of a generation by its first digits (at least 4). */
TN_MUST_CHECK bool tn_library_find(struct tn_store *store, const char *unit, struct tn_str start,
                                   char generation[65], struct tn_err *err);

#endif
