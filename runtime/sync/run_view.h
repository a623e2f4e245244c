/* SPDX-License-Identifier: MIT */
/* run_view.h - one run as people and programs see it: its row in the store as plain data, and the
 * shapes in which the API shows it.
 * Life: filled by the runner or read from the store; cleared by whoever owns it. */
#ifndef TN_SYNC_RUN_VIEW_H
#define TN_SYNC_RUN_VIEW_H

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

enum tn_run_status { TN_RUN_running, TN_RUN_success, TN_RUN_partial, TN_RUN_failure };

/* processed = created + updated + unchanged + failed, over all attempts of the run. */
struct tn_run_counts {
    int64_t processed, created, updated, unchanged, failed;
};

/* One entry of errors[]: a record that failed, or (record "") the run itself. */
struct tn_run_fault {
    const char *code;     /* "ERR_DATA_MAPPING" */
    struct tn_str record; /* external id; "#17" (counted from 1 in its page) when unknown */
    struct tn_str message, field, source, value; /* value: JSON text, may be cut */
    struct tn_str file;
    int line;             /* 0: none */
    struct tn_str faults; /* JSON: all the rules that the record breaks (model/check.h); or empty */
};

struct tn_row;

struct tn_run_view {
    char id[37], integration[37];
    char operation[65], trigger[17], generation[65];
    int64_t team;
    enum tn_run_status status; /* running from the moment it was asked for */
    bool dry_run;
    bool cancel; /* someone asked for its end */
    int attempt; /* 0: waits for its turn; 1: the first worker has it; ... */
    int depth;   /* runs of rules in a row that led to it; 0: none */
    int crashes; /* workers lost one after the other without a page committed */
    bool open;   /* a worker has it: it was neither ended nor handed back */
    int64_t pages;
    int64_t warnings; /* faults in records that were stored all the same */
    int64_t created_at, started_at, finished_at; /* UTC milliseconds; 0: not yet */
    int64_t total; /* records in all as far as the peer says; -1: unknown */
    struct tn_run_counts counts;
    struct tn_str filters;  /* JSON object */
    struct tn_str cursor;   /* JSON; absent: at the start */
    struct tn_str errors;   /* JSON array, at most TN_LIMIT_SYNC_ERRORS entries */
    struct tn_str warned;   /* likewise, of the warnings; TN_LIMIT_SYNC_WARNED */
    struct tn_str diffs;    /* JSON array; dry runs only, else absent */
    struct tn_arena memory; /* what the five above point into */
};

/* Sets everything to nothing; clear frees the texts and does the same. */
void tn_run_view_init(struct tn_run_view *v);
void tn_run_view_clear(struct tn_run_view *v);
/* Copies everything; to was initialised or cleared before. */
void tn_run_view_copy(struct tn_run_view *to, const struct tn_run_view *from);

void tn_run_counts_add(struct tn_run_counts *to, struct tn_run_counts more);
/* S0-114: no failure is success, some is partial, nothing but failures is failure. */
enum tn_run_status tn_run_status_of(const struct tn_run_counts *c);
const char *tn_run_status_name(enum tn_run_status status); /* "SUCCESS" */
bool tn_run_status_parse(struct tn_str name, enum tn_run_status *out);
/* The name of a failure of the peer or of a script in errors[]: "ERR_NETWORK_TIMEOUT". */
const char *tn_run_code(enum tn_kind kind);
/* Milliseconds that it took, or has taken until now. */
int64_t tn_run_duration(const struct tn_run_view *v);
/* Appends one entry to the JSON array in errors ("" counts as []). */
void tn_run_fault_add(struct tn_buf *errors, const struct tn_run_fault *f);
/* Restores such an array to the state in which it had n bytes, also after an append that failed. */
void tn_run_list_cut(struct tn_buf *list, size_t n);

/* One JSON object each.  result: the answer of POST …/sync; row: an entry of GET …/logs;
 * listed: the same of GET /runs, with its integration; detail: GET …/logs/{runId}, the row with
 * errors[] and progress. */
void tn_run_view_result(const struct tn_run_view *v, struct tn_jw *out);
void tn_run_view_row(const struct tn_run_view *v, struct tn_jw *out);
void tn_run_view_listed(const struct tn_run_view *v, struct tn_jw *out);
void tn_run_view_detail(const struct tn_run_view *v, struct tn_jw *out);

/* The body of its row in the store's table "run" (id and team are the row's), and back into an
 * initialised view.  decode: kind corrupt when it is not one of ours. */
void tn_run_view_encode(const struct tn_run_view *v, struct tn_buf *out);
TN_MUST_CHECK bool tn_run_view_decode(struct tn_str body, struct tn_run_view *out,
                                      struct tn_err *err);
/* The same of a whole row: with its id, and the time of its making. */
TN_MUST_CHECK bool tn_run_view_of(const struct tn_row *row, struct tn_run_view *out,
                                  struct tn_err *err);

#endif
