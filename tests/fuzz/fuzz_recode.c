/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "base/recode.h"

static const char *const names[] = {"",          "utf-16",      "utf-32le", "windows-1252",
                                    "shift_jis", "iso-2022-jp", "gb18030",  "big5-hkscs"};

static void read_all(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                     struct tn_buf *out)
{
    struct tn_err err;
    struct tn_recode *r = tn_recode_new(tn_str(names[options[0] & 7]), TN_RECODE_told);
    char block[TN_RECODE_ROOM];
    size_t made, i = 0;
    bool ok = true, last;
    do {
        size_t part = n - i < step ? n - i : step;
        struct tn_str in = {(const char *)data + i, part};
        i += part;
        last = !part;
        do {
            ok = tn_recode_step(r, &in, last, block, sizeof block, &made, &err);
            if (ok && !made && in.n) abort();
            if (made > sizeof block) abort();
            if (ok) tn_buf_add(out, block, made);
        } while (ok && made);
    } while (ok && !last);
    tn_recode_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    same_in_pieces(read_all, data, size, 1);
    return 0;
}
