/* SPDX-License-Identifier: MIT */
/* The request reader, as a connection uses it: header, path, query, body, then the next request.
 * The first byte says in what pieces the rest arrives; the outcome must be the same as for one
 * piece. */
#include <stdlib.h>

#include "net/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SCRATCH = 128 * 1024, MOST = 4096 };

/* As assert, but in every build. */
static void must(bool holds)
{
    if (!holds) abort();
}

/* What came of one request, to be compared over different cuts. */
struct outcome {
    int status; /* 0: whole; -1: more needed */
    size_t used;
    uint64_t content; /* a sum over the body */
};

static void read_target(const struct tn_http_head *h)
{
    static char out[SCRATCH];
    struct tn_http_path path;
    struct tn_http_refusal why;
    struct tn_str query = h->query, name, value;
    if (h->path.p[0] == '/' && tn_http_path_decode(h->path, out, &path, &why)) {
        must(path.text.n <= h->path.n);
        for (unsigned i = 0; i < path.n; i++)
            must(path.segments[i].p >= out &&
                 path.segments[i].p + path.segments[i].n <= out + path.text.n);
    }
    while (tn_http_query_next(&query, out, &name, &value, &why) == TN_HTTP_more)
        must(name.n + value.n <= h->query.n);
}

static void read_body(const struct tn_http_head *h, const char *p, size_t n, size_t step,
                      struct outcome *o)
{
    struct tn_http_decoder d;
    struct tn_http_refusal why = {0};
    struct tn_str content;
    size_t used, at = 0;
    tn_http_decoder_init(&d, h, MOST);
    for (;;) {
        size_t piece = n - at < step ? n - at : step;
        enum tn_http_step s = tn_http_decoder_feed(&d, p + at, piece, &used, &content, &why);
        must(used <= piece && content.n <= used);
        for (size_t i = 0; i < content.n; i++)
            o->content = o->content * 31 + (unsigned char)content.p[i];
        at += used;
        must(d.total <= MOST);
        o->status = s == TN_HTTP_bad ? why.status : s == TN_HTTP_done ? 0 : -1;
        if (s == TN_HTTP_bad) must(why.status >= 400 && why.text);
        if (s != TN_HTTP_more || at == n) break;
    }
    if (!o->status) o->used += at;
}

static struct outcome read_request(const char *p, size_t n, size_t step)
{
    static struct tn_http_head h;
    struct tn_http_scan scan;
    struct tn_http_refusal why = {0};
    struct outcome o = {.status = -1};
    tn_http_scan_init(&scan);
    for (size_t have = n < step ? n : step;; have = n - have < step ? n : have + step) {
        enum tn_http_step s = tn_http_scan_feed(&scan, p, have, &o.used, &why);
        if (s == TN_HTTP_more && have < n) continue;
        if (s == TN_HTTP_more) return o;
        if (s == TN_HTTP_done && tn_http_head_parse(&h, p, o.used, &why)) break;
        o.status = why.status;
        return o;
    }
    must(o.used <= n && h.nfields <= TN_LIMIT_HEADER_FIELDS);
    must(!(h.chunked && h.length));
    read_target(&h);
    read_body(&h, p + o.used, n - o.used, step, &o);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > SCRATCH) return 0;
    size_t step = data[0] % 64 + 1u;
    char *copy = malloc(n), *p = copy; /* exact, so that reading past the end shows */
    memcpy(copy, data + 1, --n);
    for (int requests = 0; requests < 8; requests++) {
        struct outcome whole = read_request(p, n, n ? n : 1), cut = read_request(p, n, step);
        /* A refusal may name another of several faults when the bytes come in pieces. */
        must((whole.status > 0) == (cut.status > 0));
        if (whole.status) break;
        must(cut.status == 0 && whole.used == cut.used && whole.content == cut.content);
        p += whole.used;
        n -= whole.used;
    }
    free(copy);
    return 0;
}
