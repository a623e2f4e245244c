/* SPDX-License-Identifier: MIT */
/* row_feed.h - gives a row reader its bytes, from a text or from a stream. What begins like gzip is
 * unpacked, and what is not in UTF-8 becomes so.
 * Life: init; some until ended; clear. */
#ifndef TN_BIND_ROW_FEED_H
#define TN_BIND_ROW_FEED_H

#include "bind/bind_stream.h"
#include "bind/row_reader.h"

struct row_feed {
    struct row_reader *reader;
    struct tn_str text;         /* the bytes that are not read yet; of a stream: those of chunk */
    struct bind_stream *stream; /* NULL: the whole text is there */
    struct tn_buf chunk;
    struct tn_gunzip *gunzip; /* NULL: the text is not packed */
    struct tn_str packed;     /* the bytes that are not unpacked yet */
    char *plain;
    struct tn_recode *recode;
    struct tn_str coded; /* the bytes that are not decoded yet */
    bool last;           /* no more of them follow */
    char *decoded;
    bool begun;
    bool ended;
    struct tn_err broken; /* set when ended: why the text broke off; kind none: it did not */
};

/* stream may be NULL. Text and stream stay the caller's. False: err (faulty columns of fixed
 * width). */
TN_MUST_CHECK bool row_feed_init(struct row_feed *f, const struct row_format *format,
                                 struct tn_str text, struct bind_stream *stream, tn_rows_fn each,
                                 void *arg, struct tn_err *err);
void row_feed_clear(struct row_feed *f); /* also of a zeroed one */
/* Gives the reader a few rows. False: no bytes have arrived. The caller then parks the task,
 * which is woken when there are more. */
bool row_feed_some(struct row_feed *f);

#endif
