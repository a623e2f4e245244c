/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/idoc.h"

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err = {.kind = TN_E_none};
    const struct tn_idoc_options o = {
        .segments =
            options[0] & 1 ? TN_STR("E1EDK03=IDDAT:1-3,DATUM:8 E1EDP01=POSEX:6") : TN_STR(""),
        .rows = options[0] & 4 ? TN_STR("E1EDP01") : TN_STR(""),
        .encoding = options[0] & 2 ? TN_ENCODING_cp1252 : TN_ENCODING_utf8};
    struct tn_idoc *r = tn_idoc_new(&o, note_row, out, &err);
    if (!r) abort();
    bool ok = true;
    for (size_t i = 0; i < n && ok;) {
        size_t part = n - i < step ? n - i : step;
        ok = tn_idoc_feed(r, (const char *)data + i, part, &err);
        i += part;
    }
    if (ok) ok = tn_idoc_end(r, &err);
    if (!ok) tn_buf_adds(out, "?\n");
    tn_idoc_free(r);
    const struct tn_idoc_options any = {.segments = {(const char *)data, n}};
    tn_idoc_free(tn_idoc_new(&any, note_row, out, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 1);
    return 0;
}
