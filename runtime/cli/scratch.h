/* SPDX-License-Identifier: MIT */
/* scratch.h - a temporary folder, and a store in one: for tests of scripts, and to try a backup
 * out. Life: open; use; close. */
#ifndef TN_CLI_SCRATCH_H
#define TN_CLI_SCRATCH_H

#include "base/err.h"
#include "base/time.h"
#include "scripts/units.h"

enum { TN_SCRATCH_PATH = 4096 };

/* Makes the folder below $TMPDIR or /tmp. */
TN_MUST_CHECK bool tn_scratch_make(char dir[TN_SCRATCH_PATH], struct tn_err *err);
void tn_scratch_remove(const char *dir);

struct tn_scratch_store;
/* Opens a store process and a handle of it on the loop, with the tables of the units' resources;
 * clock (may be NULL) is their time. Runs the loop until the store is ready. */
TN_MUST_CHECK struct tn_scratch_store *tn_scratch_store_open(struct tn_loop *loop,
                                                             const struct tn_units *units,
                                                             const struct tn_clock *clock,
                                                             struct tn_err *err);
struct tn_store *tn_scratch_store_of(const struct tn_scratch_store *s);
void tn_scratch_store_close(struct tn_scratch_store *s); /* NULL does nothing */

#endif
