/* SPDX-License-Identifier: MIT */
#include "sync/run_totals.h"

#include "base/id.h"

static const char table[] = "integration";

/* The migration 003_totals_of_runs.sql writes the same names. */
static const struct {
    const char *runs, *last;
} names[] = {
    [TN_RUN_success] = {"success", "success_at"},
    [TN_RUN_partial] = {"partial", "partial_at"},
    [TN_RUN_failure] = {"failure", "failure_at"},
};

bool tn_run_totals_add(struct tn_commit *commit, const struct tn_run_view *ended,
                       struct tn_err *err)
{
    struct tn_id id;
    const struct tn_total_change changes[] = {
        {names[ended->status].runs, TN_TOTAL_add, 1},
        {names[ended->status].last, TN_TOTAL_raise, ended->finished_at},
        {"records", TN_TOTAL_add, ended->counts.processed},
        {"failed_records", TN_TOTAL_add, ended->counts.failed},
        {"took_ms", TN_TOTAL_add, ended->started_at ? ended->finished_at - ended->started_at : 0},
    };
    size_t count = sizeof changes / sizeof changes[0];
    return tn_id_parse(tn_str(ended->integration), &id) &&
           tn_commit_totals(commit, ended->team, table, &id, changes, count, err);
}

void tn_run_totals_ask(struct tn_read *read, const struct tn_id *integration)
{
    tn_read_totals(read, table, integration);
}

bool tn_run_totals_found(const struct tn_found *found, size_t question, struct tn_run_totals *out,
                         struct tn_err *err)
{
    const struct tn_err *why = tn_found_err(found, question);
    if (why) *err = *why;
    if (why) return false;
    *out = (struct tn_run_totals){
        .success = tn_found_total(found, question, names[TN_RUN_success].runs),
        .partial = tn_found_total(found, question, names[TN_RUN_partial].runs),
        .failure = tn_found_total(found, question, names[TN_RUN_failure].runs),
        .success_ms = tn_found_total(found, question, names[TN_RUN_success].last),
        .records = tn_found_total(found, question, "records"),
        .failed_records = tn_found_total(found, question, "failed_records"),
        .took_ms = tn_found_total(found, question, "took_ms"),
    };
    for (int i = TN_RUN_success; i <= TN_RUN_failure; i++) {
        int64_t ms = tn_found_total(found, question, names[i].last);
        if (ms > out->last_ms) out->last = (enum tn_run_status)i;
        if (ms > out->last_ms) out->last_ms = ms;
    }
    return true;
}
