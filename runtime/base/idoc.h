/* SPDX-License-Identifier: MIT */
/* idoc.h - reads SAP IDoc flat files from bytes as they arrive: one line a segment, behind a
 * control record EDI_DC40. A row is one IDoc: the control record and the segments stand by their
 * name as lists, each segment below its parent, as in an IDoc's XML. Fields of segments are cut
 * where the option segments says; a segment that it does not name has its data as SDATA. Values are
 * texts without the blanks around them, and a field of blanks is absent. A faulty IDoc is reported,
 * and the reader goes on with the next one. Life: new; feed any number of times; end once; free. */
#ifndef TN_BASE_IDOC_H
#define TN_BASE_IDOC_H

#include "base/buf.h"
#include "base/rows.h"

struct tn_idoc;

struct tn_idoc_options {
    /* "E1EDK03=IDDAT:1-3,DATUM:4-11 E1EDP01=POSEX:6,ACTION:3": positions in the data of the segment
     * from 1, both ends included; or a length, from the end of the field before. */
    struct tn_str segments;
    struct tn_str rows;        /* a segment directly below the IDoc: each is a row, with the other
                                  segments around it; "": the IDoc is the row */
    enum tn_encoding encoding; /* positions are characters of it */
};

/* Options are copied. NULL: err says what is wrong with segments or rows. */
TN_MUST_CHECK struct tn_idoc *tn_idoc_new(const struct tn_idoc_options *o, tn_rows_fn each,
                                          void *arg, struct tn_err *err);
void tn_idoc_free(struct tn_idoc *idoc); /* NULL does nothing */
TN_MUST_CHECK bool tn_idoc_feed(struct tn_idoc *idoc, const char *bytes, size_t n,
                                struct tn_err *err);
TN_MUST_CHECK bool tn_idoc_end(struct tn_idoc *idoc, struct tn_err *err);
/* Call it inside `each`: the raw bytes of this IDoc. */
struct tn_str tn_idoc_raw(const struct tn_idoc *idoc);

#endif
