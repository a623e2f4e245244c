/* SPDX-License-Identifier: MIT */
/* ndjson.h - JSON objects, one a line, read as the bytes come.  Rows are the lines themselves, byte
 * for byte.  A line that is no object is lost alone; empty lines are none.
 * Life: new; feed any number of times; end once; free. */
#ifndef TN_BASE_NDJSON_H
#define TN_BASE_NDJSON_H

#include "base/buf.h"
#include "base/rows.h"

struct tn_ndjson;

/* each gets every line that is not blank. */
struct tn_ndjson *tn_ndjson_new(tn_rows_fn each, void *arg);
void tn_ndjson_free(struct tn_ndjson *r); /* NULL does nothing */
/* False: each said so. */
TN_MUST_CHECK bool tn_ndjson_feed(struct tn_ndjson *r, const char *bytes, size_t n,
                                  struct tn_err *err);
TN_MUST_CHECK bool tn_ndjson_end(struct tn_ndjson *r, struct tn_err *err);
/* Inside of each: the bytes of this line as they came. */
struct tn_str tn_ndjson_raw(const struct tn_ndjson *r);

#endif
