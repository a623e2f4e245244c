/* SPDX-License-Identifier: MIT */
/* What is read and has a fixed length is written as a text that reads the same. */
#include <stdlib.h>

#include "base/duration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tn_duration d, again;
    char text[TN_DURATION_LEN];
    if (!tn_duration_read((struct tn_str){(const char *)data, size}, &d) || d.months) return 0;
    int64_t ms = d.days * 86400000 + d.ms;
    tn_duration_text(ms, text);
    if (!tn_duration_read(tn_str(text), &again) || again.days * 86400000 + again.ms != ms) abort();
    return 0;
}
