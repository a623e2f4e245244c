/* SPDX-License-Identifier: MIT */
#include "base/gunzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/alloc.h"

enum { EITHER_FORMAT = 32 + MAX_WBITS };

struct tn_gunzip {
    z_stream z;
    bool inside;    /* a member has begun and has not ended */
    size_t members; /* that have ended */
};

bool tn_is_gzip(struct tn_str first)
{
    return first.n && memcmp(first.p, "\x1f\x8b", first.n < 2 ? 1 : 2) == 0;
}

static void *zalloc(void *arg, unsigned count, unsigned size)
{
    (void)arg;
    return tn_alloc((size_t)count * size);
}

static void zfree(void *arg, void *p)
{
    (void)arg;
    tn_free(p);
}

struct tn_gunzip *tn_gunzip_new(void)
{
    struct tn_gunzip *g = TN_NEW(struct tn_gunzip);
    g->z.zalloc = zalloc;
    g->z.zfree = zfree;
    if (inflateInit2(&g->z, EITHER_FORMAT) != Z_OK) abort();
    return g;
}

void tn_gunzip_free(struct tn_gunzip *g)
{
    if (!g) return;
    inflateEnd(&g->z);
    tn_free(g);
}

/* Goes to the next member. False: there is none yet. */
static bool next_member(struct tn_gunzip *g, struct tn_str *in)
{
    while (g->members && in->n && !in->p[0]) *in = (struct tn_str){in->p + 1, in->n - 1};
    if (!in->n) return false;
    inflateReset(&g->z);
    return g->inside = true;
}

bool tn_gunzip_step(struct tn_gunzip *g, struct tn_str *in, char *out, size_t room, size_t *made,
                    struct tn_err *err)
{
    *made = 0;
    while (!*made && (g->inside || next_member(g, in))) {
        size_t n = in->n < INT_MAX ? in->n : INT_MAX;
        g->z.next_in = (unsigned char *)(uintptr_t)in->p;
        g->z.avail_in = (unsigned)n;
        g->z.next_out = (unsigned char *)out;
        g->z.avail_out = (unsigned)(room < INT_MAX ? room : INT_MAX);
        int code = inflate(&g->z, Z_NO_FLUSH);
        *made = (size_t)((char *)g->z.next_out - out);
        size_t took = n - g->z.avail_in;
        *in = (struct tn_str){in->p + took, in->n - took};
        if (code == Z_STREAM_END) {
            g->inside = false;
            g->members++;
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return tn_fail(err, TN_E_bad_answer,
                           g->members ? "behind the first gzip member is no other one (%s)"
                                      : "the gzip data is damaged (%s)",
                           g->z.msg ? g->z.msg : "it cannot be unpacked");
        }
        if (!in->n && !*made) return true;
    }
    return true;
}

bool tn_gunzip_end(const struct tn_gunzip *g, struct tn_err *err)
{
    if (!g->inside && g->members) return true;
    return tn_fail(err, TN_E_bad_answer, "the gzip data is cut off");
}
