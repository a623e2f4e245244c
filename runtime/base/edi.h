/* SPDX-License-Identifier: MIT */
/* edi.h - reads the messages of EDIFACT (ISO 9735) and X12 interchanges from bytes as they arrive.
 * A row is one message: its segments, those of its envelope included, stand by their tag as lists.
 * Element 2 of a segment is "02", its further components "02-2", "02-3"; values are texts as they
 * came, and what is empty is absent. An element that is repeated is a list in each of its
 * components. Counts and references of the envelope are checked. A faulty message is reported, and
 * the reader goes on with the next one. Life: new; feed any number of times; end once; free. */
#ifndef TN_BASE_EDI_H
#define TN_BASE_EDI_H

#include "base/buf.h"
#include "base/rows.h"

struct tn_edi;

struct tn_edi_options {
    bool x12;
    /* Segments that stand below another one in the record: "NAD(RFF CTA(COM)) LIN(PIA QTY)". A
     * segment belongs to the innermost open one that names it, else to the message. */
    struct tn_str groups;
    struct tn_str rows; /* a tag: each such segment of a message is a row, with the other segments
                           of the message around it; "": the message is the row */
    enum tn_encoding encoding; /* utf8: and what UNB says, if the text is no UTF-8 */
};

/* Options are copied. NULL: err says what is wrong with groups or rows. */
TN_MUST_CHECK struct tn_edi *tn_edi_new(const struct tn_edi_options *o, tn_rows_fn each, void *arg,
                                        struct tn_err *err);
void tn_edi_free(struct tn_edi *edi); /* NULL does nothing */
/* False: this is no interchange, or `each` returned false; err names the segment by its number in
 * the text. */
TN_MUST_CHECK bool tn_edi_feed(struct tn_edi *edi, const char *bytes, size_t n, struct tn_err *err);
/* False: the text breaks off. */
TN_MUST_CHECK bool tn_edi_end(struct tn_edi *edi, struct tn_err *err);
/* Call it inside `each`: the raw bytes of this message. */
struct tn_str tn_edi_raw(const struct tn_edi *edi);

#endif
