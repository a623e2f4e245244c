/* SPDX-License-Identifier: MIT */
/* library.h - keeps every script file that ever served: each text once, under its hash, and the
 * list of files of each set and of each generation of a unit.  Key-values of the system, space
 * "scripts": blob/<hash>, set/<hash>, unit/<name>/<generation>.  Nothing is ever changed there,
 * only added. */
#ifndef TN_SCRIPTS_LIBRARY_H
#define TN_SCRIPTS_LIBRARY_H

#include "scripts/units.h"

struct tn_commit;
struct tn_fetch;
struct tn_found;
struct tn_read;
struct tn_store;

extern const char tn_library_space[]; /* "scripts" */

/* Asks which of the texts and lists of this set and its units the store has, in a read of its own;
 * then adds to commit those that it lacks. */
TN_MUST_CHECK bool tn_library_ask(struct tn_read *read, const struct tn_units *units,
                                  struct tn_err *err);
TN_MUST_CHECK bool tn_library_keep(struct tn_commit *commit, const struct tn_units *units,
                                   const struct tn_found *found, struct tn_err *err);

/* files are borrowed for the call; NULL: not_found, invalid, corrupt, or the store cannot be read.
 */
typedef void (*tn_fetch_fn)(void *arg, struct tn_fileset *files, const struct tn_err *err);
/* The files of a set; of the unit's one generation whose name begins with start (4 digits at least;
 * the hash of the files is its whole name).  done is called once, in a later turn. */
struct tn_fetch *tn_library_set(struct tn_store *store, const char *hash, tn_fetch_fn done,
                                void *arg);
struct tn_fetch *tn_library_unit(struct tn_store *store, const char *unit, struct tn_str start,
                                 tn_fetch_fn done, void *arg);
/* done is not called; not once it was.  NULL does nothing. */
void tn_fetch_stop(struct tn_fetch *fetch);

#endif
