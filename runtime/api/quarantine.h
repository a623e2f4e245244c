/* SPDX-License-Identifier: MIT */
/* quarantine.h - /api/v1/quarantine: records that could not be stored, listed, grouped by cause,
 * looked at, and read in bounded steps for the plans of plans.h. */
#ifndef TN_API_QUARANTINE_H
#define TN_API_QUARANTINE_H

#include "api/handler.h"
#include "base/id.h"
#include "store/read.h"

/* Newest first, by the filters of the query; without what the record held. */
void api_quarantine_list(void *api, struct tn_http_exchange *x);
/* Groups of like causes, the largest first, of the newest 2,000 records; open ones unless status is
 * asked for. */
void api_quarantine_groups(void *api, struct tn_http_exchange *x);
/* One record with all rules that it breaks. */
void api_quarantine_get(void *api, struct tn_http_exchange *x);
/* The bytes as the peer sent them. The answer leaves once the audit row of it is stored. */
void api_quarantine_payload(void *api, struct tn_http_exchange *x);

enum { API_QUARANTINE_FILTERS = 10 };

/* Some of a team's records in quarantine; all that is added is copied into memory. */
struct api_selection {
    struct tn_filter list[API_QUARANTINE_FILTERS + 1];
    struct tn_str values[API_QUARANTINE_FILTERS];
    size_t count;
    struct tn_str *ids; /* these alone; NULL: any */
    size_t id_count;
    struct tn_arena memory;
};

/* The records of a selection read in steps, with the names of the team's integrations. */
struct api_scan {
    struct tn_api *api;
    struct tn_http_exchange *x;
    int64_t team;
    struct api_selection of;
    struct {
        char id[TN_ID_LEN + 1];
        char *name;
    } * names;
    size_t name_count;
    size_t max, seen; /* rows to be read at most, and read so far */
    bool newest_first, more, total_capped;
    int64_t total;
    char *cursor; /* where the next step goes on; NULL: nowhere */
    struct tn_json *json;
    /* Called once the names are known: fills the selection; false: err is answered. */
    bool (*select)(struct api_scan *scan, struct tn_err *err);
    /* One row; body is good for the call.  False: err is answered. */
    bool (*row)(struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                struct tn_err *err);
    /* Answers x. */
    void (*done)(struct api_scan *scan);
    /* Frees what own holds; may be NULL. */
    void (*drop)(void *own);
    void *own;
};
struct api_scan *api_scan_new(struct tn_api *api, struct tn_http_exchange *x);
/* Takes the scan over; answers x where it fails. */
void api_scan_start(struct api_scan *scan);
/* The name of an integration; its id where it has none any more. */
const char *api_scan_name(const struct api_scan *scan, struct tn_str id);
/* Adds one member of a filter, as the query and the body of plans know it; integrations by id or
 * name.  False: syntax. */
bool api_scan_filter(struct api_scan *scan, struct tn_str name, struct tn_str value,
                     struct tn_err *err);
/* Adds the id of a row; false: not_found. */
bool api_scan_id(struct api_scan *scan, struct tn_str id, struct tn_err *err);
/* One record as the list shows it. */
void api_quarantine_row(const struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                        struct tn_jw *w);
/* Adds that the record is discarded, by whom, when and why; the audit row is the caller's. */
bool api_quarantine_discard(struct tn_commit *commit, const struct tn_actor *who,
                            const struct tn_id *id, struct tn_str reason, int64_t based_on,
                            struct tn_err *err);

#endif
