/* SPDX-License-Identifier: MIT */
/* edit.h - the files that a change writes into the site folder. They are loaded with all other
 * files first, written just before the store records that the set serves, and put back when the
 * change fails after all. Life: new; site; write; undo when the change fails; free. */
#ifndef TN_SCRIPTS_EDIT_H
#define TN_SCRIPTS_EDIT_H

#include "scripts/fileset.h"
#include "scripts/wish.h"

struct tn_edit;
struct tn_log;

/* Borrows all three.  site: folder; NULL: there is none.  A wish without files edits nothing. */
struct tn_edit *tn_edit_new(const char *site, struct tn_log *log, const struct tn_wish *wish);
void tn_edit_free(struct tn_edit *e); /* NULL does nothing */

/* Makes a set of the site folder's own files (NULL: none), changed by the edit, over the shipped
 * ones. Kind not_found: the edit removes a file that does not exist. */
TN_MUST_CHECK struct tn_fileset *tn_edit_set(struct tn_fileset *own_give,
                                             const struct tn_wish_file *files, size_t n,
                                             struct tn_err *err);
/* The same over the site folder as it is now. Kind conflict: it is not the one on which the wish is
 * based. Unchanged when there is nothing (more) to write. */
TN_MUST_CHECK struct tn_fileset *tn_edit_site(const struct tn_edit *e, struct tn_err *err);
/* Writes the files into the site folder, once; to be called when the set loads and its tables
 * exist, before the store records that it serves. A worker that follows then finds the files. */
TN_MUST_CHECK bool tn_edit_write(struct tn_edit *e, struct tn_err *err);
/* Does the edit have files that are not written yet? */
bool tn_edit_pending(const struct tn_edit *e);
/* Did the edit have files, and are all of them written? */
bool tn_edit_written(const struct tn_edit *e);
/* The change failed: puts back the files that were written; does nothing when none were. */
void tn_edit_undo(struct tn_edit *e);

#endif
