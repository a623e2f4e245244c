/* SPDX-License-Identifier: MIT */
/* folder.h - notices changes below a folder (inotify), and reports them once no more come. */
#ifndef TN_LOOP_FOLDER_H
#define TN_LOOP_FOLDER_H

#include "base/err.h"
#include "loop/loop.h"

struct tn_folder;

/* Calls fn when quiet_ms have passed since the last change: a file written, moved, made or removed.
 * New sub-folders are watched, too; symbolic links are not followed. */
TN_MUST_CHECK struct tn_folder *tn_folder_watch(struct tn_loop *loop, const char *path,
                                                int quiet_ms, tn_loop_fn fn, void *arg,
                                                struct tn_err *err);
void tn_folder_free(struct tn_folder *f); /* NULL does nothing */

#endif
