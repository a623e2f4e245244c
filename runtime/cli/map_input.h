/* SPDX-License-Identifier: MIT */
/* map_input.h - reads records from standard input in any format, one after the other. It holds one
 * record, or one page of JSON, in memory. */
#ifndef TN_CLI_MAP_INPUT_H
#define TN_CLI_MAP_INPUT_H

#include "base/json.h"

struct tn_map_input {
    const char *from; /* "json", "ndjson", "csv", "xml", "fixed", "edifact",
                         "x12", "idoc"; NULL: JSON as it comes */
    const char *rows; /* JSON and XML: path of the rows; "" or NULL: the records themselves */
    const char *groups, *segments; /* of EDIFACT and X12; of IDocs */
    const char *delimiter, *encoding, *decimal_comma, *columns;
    const char *comment; /* of CSV, as the next two */
    int64_t skip_lines, skip_footer;
    const char *only; /* of fixed width */
    bool bytes;
    const struct tn_json_pick *pick; /* what of a record is looked at; NULL: all of it */
};

/* Gets a record, borrowed for the call; or the fault of a record that could not be read, after
 * which the next ones follow. */
typedef void (*tn_map_record_fn)(void *arg, struct tn_jval record, const struct tn_err *bad);

/* Checks the options before anything is read. False: kind invalid, an option makes no sense. */
TN_MUST_CHECK bool tn_map_input_check(const struct tn_map_input *in, struct tn_err *err);
struct tn_map_read {
    uint64_t bytes, skipped; /* skipped: lines that the options pass over */
};
/* Reads to the end, and counts. False: the rest cannot be read. */
TN_MUST_CHECK bool tn_map_input_read(const struct tn_map_input *in, tn_map_record_fn each,
                                     void *arg, struct tn_map_read *read, struct tn_err *err);

#endif
