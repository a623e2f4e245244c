/* SPDX-License-Identifier: MIT */
/* retain.h - for store/ only: removes things that are older than they are kept, in bounded steps,
 * one in each transaction, without an event, history or an audit row. */
#ifndef TN_STORE_RETAIN_H
#define TN_STORE_RETAIN_H

#include "store/writer.h"

/* A pass over one kind of thing. Set what and before, and all else to zero. */
struct tn_retaining {
    enum tn_retain what;
    int64_t before;
    int64_t at[3];   /* how far it is */
    int64_t removed; /* by the last step */
};
/* Removes one step; call it in a transaction. *done: nothing is left. */
TN_MUST_CHECK bool tn_retain_step(struct tn_writer *w, struct tn_retaining *r, bool *done,
                                  struct tn_err *err);

#endif
