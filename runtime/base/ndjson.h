/* SPDX-License-Identifier: MIT */
/* ndjson.h - reads JSON objects, one a line, from bytes as they arrive. Rows are the lines
 * themselves, byte for byte. A line that is no object is reported, and the reader goes on; empty
 * lines are skipped. Life: new; feed any number of times; end once; free. */
#ifndef TN_BASE_NDJSON_H
#define TN_BASE_NDJSON_H

#include "base/buf.h"
#include "base/rows.h"

struct tn_ndjson;

/* Calls `each` for every line that is not blank. */
struct tn_ndjson *tn_ndjson_new(tn_rows_fn each, void *arg);
void tn_ndjson_free(struct tn_ndjson *r); /* NULL does nothing */
/* False: `each` returned false. */
TN_MUST_CHECK bool tn_ndjson_feed(struct tn_ndjson *r, const char *bytes, size_t n,
                                  struct tn_err *err);
TN_MUST_CHECK bool tn_ndjson_end(struct tn_ndjson *r, struct tn_err *err);
/* Call it inside `each`: the raw bytes of this line. */
struct tn_str tn_ndjson_raw(const struct tn_ndjson *r);

#endif
