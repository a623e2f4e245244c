/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/xml.h"

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err = {.kind = TN_E_none};
    static const char *const paths[] = {"", "i", "r.i", "r.a.b"};
    struct tn_xml *r = tn_xml_new(tn_str(paths[options[0] & 3]), note_row, out);
    bool ok = true;
    for (size_t i = 0; i < n && ok;) {
        size_t part = n - i < step ? n - i : step;
        ok = tn_xml_feed(r, (const char *)data + i, part, &err);
        i += part;
    }
    if (ok) ok = tn_xml_end(r, &err);
    if (!ok) tn_buf_adds(out, "?\n");
    tn_xml_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 1);
    return 0;
}
