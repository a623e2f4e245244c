/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/gunzip.h"

enum { MOST = 1024 * 1024 };

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err;
    struct tn_gunzip *g = tn_gunzip_new();
    char block[256];
    size_t made, room = 1 + options[0];
    bool ok = true;
    for (size_t i = 0; i < n && ok; i += step < n - i ? step : n - i) {
        struct tn_str in = {(const char *)data + i, n - i < step ? n - i : step};
        do {
            ok = tn_gunzip_step(g, &in, block, room, &made, &err);
            if (ok && !made && in.n) abort();
            if (made > room) abort();
            if (ok) tn_buf_add(out, block, made);
        } while (ok && made && out->n < MOST);
        if (out->n >= MOST) break;
    }
    if (out->n >= MOST)
        out->n = MOST;
    else if (!ok || !tn_gunzip_end(g, &err))
        out->n = 0; /* how far it came before a fault depends on the pieces */
    tn_gunzip_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 1);
    return 0;
}
