/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/csv.h"

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err = {.kind = TN_E_none};
    const struct tn_csv_options o = {.delimiter = options[0] & 1 ? 0 : 0x3B,
                                     .encoding =
                                         options[0] & 2 ? TN_ENCODING_cp1252 : TN_ENCODING_utf8,
                                     .decimal_comma = options[0] & 4 ? TN_STR("*") : TN_STR(""),
                                     .skip_lines = options[0] >> 3 & 3,
                                     .skip_footer = options[0] >> 5 & 1,
                                     .comment = options[0] & 64 ? 0x23 : 0};
    struct tn_csv *r = tn_csv_new(&o, note_row, out);
    bool ok = true;
    for (size_t i = 0; i < n && ok;) {
        size_t part = n - i < step ? n - i : step;
        ok = tn_csv_feed(r, (const char *)data + i, part, &err);
        i += part;
    }
    if (ok) ok = tn_csv_end(r, &err);
    if (!ok) tn_buf_adds(out, "?\n");
    tn_csv_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 1);
    return 0;
}
