/* SPDX-License-Identifier: MIT */
/* library.h - every script file that ever served: its text once, under its hash, and for each set
 * and each generation of a unit the list of its files.  Key-values of the system, space "scripts":
 * blob/<hash>, set/<hash>, unit/<name>/<generation>.  Nothing is ever changed there, only added. */
#ifndef TN_SCRIPTS_LIBRARY_H
#define TN_SCRIPTS_LIBRARY_H

#include "scripts/units.h"

struct tn_commit;
struct tn_store;

extern const char tn_library_space[]; /* "scripts" */

/* Adds to commit what the store lacks of this set and its units. */
TN_MUST_CHECK bool tn_library_keep(struct tn_store *store, struct tn_commit *commit,
                                   const struct tn_units *units, struct tn_err *err);
/* The files of a set; of a unit's generation.  NULL: not_found, corrupt, and what reading can say.
 */
TN_MUST_CHECK struct tn_fileset *tn_library_set(struct tn_store *store, const char *hash,
                                                struct tn_err *err);
TN_MUST_CHECK struct tn_fileset *tn_library_unit(struct tn_store *store, const char *unit,
                                                 const char *generation, struct tn_err *err);
/* The whole name of a generation by its first digits (4 at least). */
TN_MUST_CHECK bool tn_library_find(struct tn_store *store, const char *unit, struct tn_str start,
                                   char generation[65], struct tn_err *err);

#endif
