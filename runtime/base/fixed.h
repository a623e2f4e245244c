/* SPDX-License-Identifier: MIT */
/* fixed.h - reads lines whose fields stand at fixed positions, from bytes as they arrive. Values
 * are texts without the blanks around them; a field of blanks is null. A line may be shorter than
 * the layout: the fields that it lacks are null. Life: new; feed any number of times; end once;
 * free. */
#ifndef TN_BASE_FIXED_H
#define TN_BASE_FIXED_H

#include "base/buf.h"
#include "base/rows.h"

struct tn_fixed;

struct tn_fixed_options {
    struct tn_str columns; /* "name:1-10,quantity:11-18": counted from 1, both ends included */
    bool bytes;            /* positions are bytes, not characters */
    enum tn_encoding encoding;
    struct tn_str only; /* "kind=D,E": lines whose column has another value are passed over; "":
                           none is */
};

/* NULL: err says what is wrong with the columns, or with only. */
TN_MUST_CHECK struct tn_fixed *tn_fixed_new(const struct tn_fixed_options *o, tn_rows_fn each,
                                            void *arg, struct tn_err *err);
void tn_fixed_free(struct tn_fixed *fixed); /* NULL does nothing */
TN_MUST_CHECK bool tn_fixed_feed(struct tn_fixed *fixed, const char *bytes, size_t n,
                                 struct tn_err *err);
TN_MUST_CHECK bool tn_fixed_end(struct tn_fixed *fixed, struct tn_err *err);
size_t tn_fixed_skipped(const struct tn_fixed *fixed); /* lines that `only` passed over */
/* Call it inside `each`: the raw bytes of this line. */
struct tn_str tn_fixed_raw(const struct tn_fixed *fixed);

#endif
