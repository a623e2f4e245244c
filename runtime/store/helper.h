/* SPDX-License-Identifier: MIT */
/* helper.h - for store/ alone: the long work of the store process: writing the log back into the
 * database, and backups. Each runs in a thread with a connection of its own that touches nothing
 * else; results come back through the loop. */
#ifndef TN_STORE_HELPER_H
#define TN_STORE_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct tn_loop;
struct tn_helper;

/* done runs in the loop; err is NULL for success. */
typedef void (*tn_helper_fn)(void *arg, const struct tn_err *err);

/* Starts at once.  NULL: err says why. */
TN_MUST_CHECK struct tn_helper *tn_helper_checkpoint(struct tn_loop *loop, const char *db,
                                                     tn_helper_fn done, void *arg,
                                                     struct tn_err *err);
/* Makes a checked copy of db at path; the copy is complete or does not exist. */
TN_MUST_CHECK struct tn_helper *tn_helper_backup(struct tn_loop *loop, const char *db,
                                                 const char *path, tn_helper_fn done, void *arg,
                                                 struct tn_err *err);
/* Waits for the thread; done is not called any more.  After done it only frees. */
void tn_helper_free(struct tn_helper *helper); /* NULL does nothing */

#endif
