/* SPDX-License-Identifier: MIT */
/* folder.h - notices that something below a folder changed (inotify), told once things are quiet.
 */
#ifndef TN_LOOP_FOLDER_H
#define TN_LOOP_FOLDER_H

#include "base/err.h"
#include "loop/loop.h"

struct tn_folder;

/* fn is called quiet_ms after the last change of a burst: files written, moved, made, removed.  New
 * sub-folders are watched too; symbolic links are not followed. */
TN_MUST_CHECK struct tn_folder *tn_folder_watch(struct tn_loop *loop, const char *path,
                                                int quiet_ms, tn_loop_fn fn, void *arg,
                                                struct tn_err *err);
void tn_folder_free(struct tn_folder *f); /* NULL does nothing */

#endif
