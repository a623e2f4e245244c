/* SPDX-License-Identifier: MIT */
#include "bind/row_feed.h"

#include "base/alloc.h"
#include "base/gunzip.h"
#include "base/recode.h"

enum { CHUNK = 64 * 1024 };

bool row_feed_init(struct row_feed *f, const struct row_format *format, struct tn_str text,
                   struct bind_stream *stream, tn_rows_fn each, void *arg, struct tn_err *err)
{
    tn_buf_init(&f->chunk, CHUNK);
    tn_err_clear(&f->broken);
    f->text = TN_STR("");
    f->coded = text;
    f->last = false;
    f->recode = tn_recode_new(format->encoding, format->how);
    f->decoded = tn_alloc(CHUNK);
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
    tn_recode_free(f->recode);
    tn_free(f->decoded);
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
    f->coded = (struct tn_str){f->plain, made};
    return true;
}

static bool refill(struct row_feed *f)
{
    return f->gunzip ? unpack(f) : fetch(f, &f->coded);
}

/* Looks at the first bytes. */
static void begin(struct row_feed *f)
{
    if (f->begun || !f->coded.n) return;
    f->begun = true;
    if (!tn_is_gzip(f->coded)) return;
    f->packed = f->coded;
    f->coded = TN_STR("");
    f->plain = tn_alloc(CHUNK);
    f->gunzip = tn_gunzip_new();
}

/* Gets bytes that are not decoded yet; at the end of the text none. False: none have arrived. */
static bool more_coded(struct row_feed *f)
{
    begin(f);
    if (f->coded.n || f->last) return true;
    if (!refill(f)) return false;
    if (!f->begun && f->coded.n) return more_coded(f);
    f->last = !f->coded.n;
    return true;
}

/* Decodes more of the text; none at its end. False: no bytes have arrived. */
static bool decode(struct row_feed *f)
{
    size_t made = 0;
    while (!made && !f->ended) {
        bool last = f->last;
        if (!last && !more_coded(f)) return false;
        if (f->ended) break;
        if (!tn_recode_step(f->recode, &f->coded, f->last, f->decoded, CHUNK, &made, &f->broken))
            f->ended = true;
        if (last) break;
    }
    f->text = (struct tn_str){f->decoded, made};
    return true;
}

bool row_feed_some(struct row_feed *f)
{
    bool ok;
    if (!f->text.n && !decode(f)) return false;
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
