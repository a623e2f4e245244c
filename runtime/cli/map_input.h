/* SPDX-License-Identifier: MIT */
/* map_input.h - records on standard input, whatever they are written in, one after the other.
 * Memory is that of one record, or of one page of JSON. */
#ifndef TN_CLI_MAP_INPUT_H
#define TN_CLI_MAP_INPUT_H

#include "base/json.h"

struct tn_map_input {
    const char *from; /* "json", "ndjson", "csv", "xml", "fixed"; NULL: JSON as it comes */
    const char *rows; /* JSON and XML: path of the rows; "" or NULL: the records themselves */
    const char *delimiter, *encoding, *decimal_comma, *columns;
    bool bytes;
    const struct tn_json_pick *pick; /* what of a record is looked at; NULL: all of it */
};

/* A record, good during the call; or bad: the record is lost, the next go on. */
typedef void (*tn_map_record_fn)(void *arg, struct tn_jval record, const struct tn_err *bad);

/* False with kind invalid: an option makes no sense (nothing was read). */
TN_MUST_CHECK bool tn_map_input_check(const struct tn_map_input *in, struct tn_err *err);
/* Reads to the end; *bytes counts.  False: the rest cannot be read. */
TN_MUST_CHECK bool tn_map_input_read(const struct tn_map_input *in, tn_map_record_fn each,
                                     void *arg, uint64_t *bytes, struct tn_err *err);

#endif
