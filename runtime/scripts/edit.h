/* SPDX-License-Identifier: MIT */
/* edit.h - files that a change writes into the site folder: loaded with everything else before,
 * written just before the store's word changes, put back when the change fails after all.
 * Life: new; site; write; undo when the change fails; free. */
#ifndef TN_SCRIPTS_EDIT_H
#define TN_SCRIPTS_EDIT_H

#include "scripts/fileset.h"
#include "scripts/wish.h"

struct tn_edit;
struct tn_log;

/* Borrows all three.  site: folder; NULL: there is none.  A wish without files edits nothing. */
struct tn_edit *tn_edit_new(const char *site, struct tn_log *log, const struct tn_wish *wish);
void tn_edit_free(struct tn_edit *e); /* NULL does nothing */

/* The site folder's own files (NULL: none) with these, over the shipped ones.  kind not_found: one
 * is to be left out that is not there. */
TN_MUST_CHECK struct tn_fileset *tn_edit_set(struct tn_fileset *own_give,
                                             const struct tn_wish_file *files, size_t n,
                                             struct tn_err *err);
/* The same over the site folder as it is, if it is what the wish is based on; as it is, when there
 * is nothing to write (any more). */
TN_MUST_CHECK struct tn_fileset *tn_edit_site(const struct tn_edit *e, struct tn_err *err);
/* The set loads and its tables are there: the files go into the site folder, once.  Before the
 * store's word changes: who begins from that word finds them. */
TN_MUST_CHECK bool tn_edit_write(struct tn_edit *e, struct tn_err *err);
/* There are files to be written, and they are not yet. */
bool tn_edit_pending(const struct tn_edit *e);
/* There were, and all of them are in the site folder. */
bool tn_edit_written(const struct tn_edit *e);
/* The change failed: what was written is as it was.  Where nothing was, nothing is done. */
void tn_edit_undo(struct tn_edit *e);

#endif
