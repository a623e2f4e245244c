/* SPDX-License-Identifier: MIT */
/* retain.h - for store/ alone: what is older than it is kept for goes, a bounded step in each
 * transaction.  It leaves no event, no history and no audit row. */
#ifndef TN_STORE_RETAIN_H
#define TN_STORE_RETAIN_H

#include "store/writer.h"

/* A pass over one kind of thing; zeroes but for what and before. */
struct tn_retaining {
    enum tn_retain what;
    int64_t before;
    int64_t at[3];   /* how far it is */
    int64_t removed; /* by the last step */
};
/* In a transaction.  *done: nothing is left. */
TN_MUST_CHECK bool tn_retain_step(struct tn_writer *w, struct tn_retaining *r, bool *done,
                                  struct tn_err *err);

#endif
