/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/edi.h"

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err = {.kind = TN_E_none};
    const struct tn_edi_options o = {
        .x12 = options[0] & 1,
        .groups = options[0] & 4 ? TN_STR("NAD(RFF CTA(COM)) LIN(QTY) PO1(PID)") : TN_STR(""),
        .rows = options[0] & 8 ? TN_STR("LIN") : TN_STR(""),
        .encoding = options[0] & 2 ? TN_ENCODING_cp1252 : TN_ENCODING_utf8};
    struct tn_edi *r = tn_edi_new(&o, note_row, out, &err);
    if (!r) abort();
    bool ok = true;
    for (size_t i = 0; i < n && ok;) {
        size_t part = n - i < step ? n - i : step;
        ok = tn_edi_feed(r, (const char *)data + i, part, &err);
        i += part;
    }
    if (ok) ok = tn_edi_end(r, &err);
    if (!ok) tn_buf_adds(out, "?\n");
    tn_edi_free(r);
    /* any text is taken or refused as groups */
    const struct tn_edi_options any = {.groups = {(const char *)data, n}};
    tn_edi_free(tn_edi_new(&any, note_row, out, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 1);
    return 0;
}
