/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/ndjson.h"

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err;
    struct tn_ndjson *r = tn_ndjson_new(note_row, out);
    bool ok = true;
    (void)options;
    for (size_t i = 0; i < n && ok; i += step > n - i ? n - i : step)
        ok = tn_ndjson_feed(r, (const char *)data + i, n - i < step ? n - i : step, &err);
    if (!ok || !tn_ndjson_end(r, &err)) abort();
    tn_ndjson_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 0);
    return 0;
}
