/* SPDX-License-Identifier: MIT */
/* edit.h - the files that a change writes into the site folder. They are loaded together with
 * all other files first, and written just before the store records that the set serves. If the
 * change fails after that, they are put back. Life: new; site; write; undo if the change fails;
 * free. */
#ifndef TN_SCRIPTS_EDIT_H
#define TN_SCRIPTS_EDIT_H

#include "scripts/fileset.h"
#include "scripts/wish.h"

struct tn_edit;
struct tn_log;

/* Borrows all three. site: path of the site folder; NULL: there is none. An edit of a wish
 * without files changes nothing. */
struct tn_edit *tn_edit_new(const char *site, struct tn_log *log, const struct tn_wish *wish);
void tn_edit_free(struct tn_edit *e); /* NULL does nothing */

/* Makes a set of all files: the shipped ones, and over them the site folder's own (NULL: none)
 * as the edit changes them. Kind not_found: the edit removes a file that does not exist. */
TN_MUST_CHECK struct tn_fileset *tn_edit_set(struct tn_fileset *own_give,
                                             const struct tn_wish_file *files, size_t n,
                                             struct tn_err *err);
/* The same with the site folder as it is now. Kind conflict: the folder is not the one on which
 * the wish is based. When the edit has nothing (more) to write, this is the folder unchanged. */
TN_MUST_CHECK struct tn_fileset *tn_edit_site(const struct tn_edit *e, struct tn_err *err);
/* Writes the files into the site folder, once. To be called when the set is loaded and its
 * tables exist, before the store records that the set serves, so that a worker which follows
 * finds the files. */
TN_MUST_CHECK bool tn_edit_write(struct tn_edit *e, struct tn_err *err);
/* Does the edit have files that are not written yet? */
bool tn_edit_pending(const struct tn_edit *e);
/* Did the edit have files, and are all of them written? */
bool tn_edit_written(const struct tn_edit *e);
/* To be called when the change failed: puts back the files that were written, if any were. */
void tn_edit_undo(struct tn_edit *e);

#endif
