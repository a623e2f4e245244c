/* SPDX-License-Identifier: MIT */
#include "bind/row_feed.h"

#include "base/alloc.h"
#include "base/gunzip.h"

enum { CHUNK = 64 * 1024 };

bool row_feed_init(struct row_feed *f, const struct row_format *format, struct tn_str text,
                   struct bind_stream *stream, tn_rows_fn each, void *arg, struct tn_err *err)
{
    tn_buf_init(&f->chunk, CHUNK);
    tn_err_clear(&f->broken);
    f->text = text;
    f->stream = stream;
    f->ended = f->begun = false;
    f->gunzip = NULL;
    f->plain = NULL;
    f->reader = row_reader_new(format, each, arg, err);
    return f->reader != NULL;
}

void row_feed_clear(struct row_feed *f)
{
    row_reader_free(f->reader);
    tn_buf_clear(&f->chunk);
    tn_gunzip_free(f->gunzip);
    tn_free(f->plain);
}

/* Fetches more bytes from the stream; none at its end, and when there is no stream. False: none
 * have arrived. */
static bool fetch(struct row_feed *f, struct tn_str *into)
{
    if (!f->stream) return true;
    tn_buf_reset(&f->chunk);
    enum bind_streamed how = bind_stream_take(f->stream, CHUNK, &f->chunk, &f->broken);
    *into = tn_buf_str(&f->chunk);
    f->ended = how == BIND_STREAM_failed;
    return how != BIND_STREAM_wait;
}

static bool unpack(struct row_feed *f)
{
    size_t made = 0;
    while (!made && !f->ended) {
        if (!f->packed.n && !fetch(f, &f->packed)) return false;
        if (f->ended) break;
        if (!f->packed.n) {
            f->ended = !tn_gunzip_end(f->gunzip, &f->broken);
            break;
        }
        f->ended = !tn_gunzip_step(f->gunzip, &f->packed, f->plain, CHUNK, &made, &f->broken);
    }
    f->text = (struct tn_str){f->plain, made};
    return true;
}

static bool refill(struct row_feed *f)
{
    return f->gunzip ? unpack(f) : fetch(f, &f->text);
}

/* Looks at the first bytes. */
static void begin(struct row_feed *f)
{
    if (f->begun || !f->text.n) return;
    f->begun = true;
    if (!tn_is_gzip(f->text)) return;
    f->packed = f->text;
    f->text = TN_STR("");
    f->plain = tn_alloc(CHUNK);
    f->gunzip = tn_gunzip_new();
}

bool row_feed_some(struct row_feed *f)
{
    bool ok;
    begin(f);
    if (!f->text.n && !refill(f)) return false;
    if (!f->begun && f->text.n) {
        begin(f);
        if (!f->text.n && !refill(f)) return false;
    }
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
