/* SPDX-License-Identifier: MIT */
/* helper.h - for store/ only: long work of the store process, writing the log back and backups.
 * Each helper is a thread with its own database connection; it touches nothing else, and its result
 * comes back through the loop. */
#ifndef TN_STORE_HELPER_H
#define TN_STORE_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct tn_loop;
struct tn_helper;

/* Is called in the loop; err NULL: success. */
typedef void (*tn_helper_fn)(void *arg, const struct tn_err *err);

/* Starts at once. NULL: err says why. */
TN_MUST_CHECK struct tn_helper *tn_helper_checkpoint(struct tn_loop *loop, const char *db,
                                                     tn_helper_fn done, void *arg,
                                                     struct tn_err *err);
/* Copies db to path and checks the copy, which is complete or does not exist. */
TN_MUST_CHECK struct tn_helper *tn_helper_backup(struct tn_loop *loop, const char *db,
                                                 const char *path, tn_helper_fn done, void *arg,
                                                 struct tn_err *err);
/* Waits for the thread, and done is not called. After done it only frees memory. */
void tn_helper_free(struct tn_helper *helper); /* NULL does nothing */

#endif
