/* SPDX-License-Identifier: MIT */
/* row_feed.h - where the bytes of rows come from: a text that is there, or a stream.
 * Life: init; some until ended; clear. */
#ifndef TN_BIND_ROW_FEED_H
#define TN_BIND_ROW_FEED_H

#include "bind/bind_stream.h"
#include "bind/row_reader.h"

struct row_feed {
    struct row_reader *reader;
    struct tn_str text;         /* what is left of it; of a stream: of chunk */
    struct bind_stream *stream; /* NULL: the text is all there */
    struct tn_buf chunk;
    bool ended;
    struct tn_err broken; /* once ended: why it broke off; kind none: it was read to its end */
};

/* stream may be NULL.  Text and stream stay the caller's.  False: err (columns of fixed width). */
TN_MUST_CHECK bool row_feed_init(struct row_feed *f, const struct row_format *format,
                                 struct tn_str text, struct bind_stream *stream, tn_rows_fn each,
                                 void *arg, struct tn_err *err);
void row_feed_clear(struct row_feed *f); /* also of a zeroed one */
/* Feeds the reader a few rows. False: there is nothing to read yet; the task is woken when there
 * is, so it should park.
 */
bool row_feed_some(struct row_feed *f);

#endif
