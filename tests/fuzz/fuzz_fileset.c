/* SPDX-License-Identifier: MIT */
/* A packed file set from the store: what is taken packs to the same bytes again. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "scripts/fileset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct tn_err err;
    struct tn_buf out;
    struct tn_str bytes = {(const char *)data, n};
    struct tn_fileset *f = tn_fileset_unpack(bytes, &err);
    if (!f) return 0;
    tn_buf_init(&out, 8 * TN_MIB);
    tn_fileset_pack(f, &out);
    if (!tn_str_eq(tn_buf_str(&out), bytes)) abort();
    tn_buf_clear(&out);
    tn_fileset_unref(f);
    return 0;
}
