/* SPDX-License-Identifier: MIT */
/* run_totals.h - what the runs of an integration add up to.  The sums stand on the integration's
 * row (struct tn_total): the commit that ends a run adds to them, so a list counts no runs, and
 * they stay when retention removes the rows of the runs. */
#ifndef TN_SYNC_RUN_TOTALS_H
#define TN_SYNC_RUN_TOTALS_H

#include "store/commit.h"
#include "store/read.h"
#include "sync/run_view.h"

struct tn_run_totals {
    int64_t success, partial, failure; /* runs that ended so */
    int64_t last_ms;                   /* when the last one ended; 0: there was none */
    enum tn_run_status last;           /* how */
    int64_t success_ms;                /* when the last success ended; 0: there was none */
    int64_t records, failed_records;   /* that all runs went through; of them, those that failed */
    int64_t took_ms;                   /* all runs together, from start to end */
};

/* Adds a run that ends with this commit to the totals of its integration, if that is there. */
TN_MUST_CHECK bool tn_run_totals_add(struct tn_commit *commit, const struct tn_run_view *ended,
                                     struct tn_err *err);
/* One question about one integration. */
void tn_run_totals_ask(struct tn_read *read, const struct tn_id *integration);
/* Its answer.  False: it could not be read, err says why. */
TN_MUST_CHECK bool tn_run_totals_found(const struct tn_found *found, size_t question,
                                       struct tn_run_totals *out, struct tn_err *err);

#endif
