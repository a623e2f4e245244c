/* SPDX-License-Identifier: MIT */
/* library.h - keeps every script file that ever served: each text once, under its hash, and the
 * list of files of each set and of each generation of a unit. They are key-values of the system
 * in the space "scripts": blob/<hash>, set/<hash>, unit/<name>/<generation>. Entries are added
 * and never changed. */
#ifndef TN_SCRIPTS_LIBRARY_H
#define TN_SCRIPTS_LIBRARY_H

#include "scripts/units.h"

struct tn_commit;
struct tn_fetch;
struct tn_found;
struct tn_read;
struct tn_store;

extern const char tn_library_space[]; /* "scripts" */

/* tn_library_ask asks, in a read of its own, which texts and lists of this set and of its units
 * the store has. tn_library_keep takes the answer and adds to commit those that the store lacks. */
TN_MUST_CHECK bool tn_library_ask(struct tn_read *read, const struct tn_units *units,
                                  struct tn_err *err);
TN_MUST_CHECK bool tn_library_keep(struct tn_commit *commit, const struct tn_units *units,
                                   const struct tn_found *found, struct tn_err *err);

/* files is borrowed for the call. NULL: err; kinds not_found, invalid, corrupt, and those of a
 * failed read. */
typedef void (*tn_fetch_fn)(void *arg, struct tn_fileset *files, const struct tn_err *err);
/* tn_library_set fetches the files of a set; tn_library_unit those of a generation of a unit.
 * start: the first digits of the generation's hash, at least 4; kind invalid when several
 * generations begin with them. done is called once, in a later turn. */
struct tn_fetch *tn_library_set(struct tn_store *store, const char *hash, tn_fetch_fn done,
                                void *arg);
struct tn_fetch *tn_library_unit(struct tn_store *store, const char *unit, struct tn_str start,
                                 tn_fetch_fn done, void *arg);
/* Cancels: done will not be called. Must not be called after done. NULL does nothing. */
void tn_fetch_stop(struct tn_fetch *fetch);

#endif
