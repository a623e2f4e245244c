/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/fixed.h"

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err = {.kind = TN_E_none};
    const struct tn_fixed_options o = {
        .columns = options[0] & 4 ? TN_STR("a:1-3,b:2-9,c:5-5") : TN_STR("a:1-1,b:4-30"),
        .bytes = options[0] & 1,
        .only = options[0] & 8 ? TN_STR("a=1,x") : TN_STR(""),
        .encoding = options[0] & 2 ? TN_ENCODING_cp1252 : TN_ENCODING_utf8};
    struct tn_fixed *r = tn_fixed_new(&o, note_row, out, &err);
    if (!r) abort();
    bool ok = true;
    for (size_t i = 0; i < n && ok;) {
        size_t part = n - i < step ? n - i : step;
        ok = tn_fixed_feed(r, (const char *)data + i, part, &err);
        i += part;
    }
    if (ok) ok = tn_fixed_end(r, &err);
    if (!ok) tn_buf_adds(out, "?\n");
    tn_fixed_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 1);
    return 0;
}
