/* SPDX-License-Identifier: MIT */
/* Pattern and subject, divided by the first line feed. */
#include <stddef.h>
#include <stdint.h>

#include "base/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct tn_str rest = {(const char *)data, n}, pattern;
    if (!n || !tn_str_split(&rest, '\n', &pattern)) return 0;
    tn_pattern_find(rest, pattern, 100000);
    return 0;
}
