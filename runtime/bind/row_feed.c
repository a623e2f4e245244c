/* SPDX-License-Identifier: MIT */
#include "bind/row_feed.h"

enum { CHUNK = 64 * 1024 };

bool row_feed_init(struct row_feed *f, const struct row_format *format, struct tn_str text,
                   struct bind_stream *stream, tn_rows_fn each, void *arg, struct tn_err *err)
{
    tn_buf_init(&f->chunk, CHUNK);
    tn_err_clear(&f->broken);
    f->text = text;
    f->stream = stream;
    f->ended = false;
    f->reader = row_reader_new(format, each, arg, err);
    return f->reader != NULL;
}

void row_feed_clear(struct row_feed *f)
{
    row_reader_free(f->reader);
    tn_buf_clear(&f->chunk);
}

/* Fetches more bytes from the stream. False: none have arrived. */
static bool refill(struct row_feed *f)
{
    tn_buf_reset(&f->chunk);
    enum bind_streamed how = bind_stream_take(f->stream, CHUNK, &f->chunk, &f->broken);
    f->text = tn_buf_str(&f->chunk);
    f->ended = how == BIND_STREAM_failed;
    return how != BIND_STREAM_wait;
}

bool row_feed_some(struct row_feed *f)
{
    bool ok;
    if (!f->text.n && f->stream && !refill(f)) return false;
    if (f->ended) return true;
    if (f->text.n) {
        ok = row_reader_feed(f->reader, &f->text, &f->broken);
    } else {
        f->ended = true;
        ok = row_reader_end(f->reader, &f->broken);
    }
    if (!ok) f->ended = true;
    return true;
}
