/* SPDX-License-Identifier: MIT */
#include "base/names.h"

void tn_names_build(struct tn_names *t, struct tn_arena *arena, const struct tn_str *keys, size_t n,
                    bool any_case)
{
    size_t size = 8;
    while (size < n * 4) size *= 2;
    *t = (struct tn_names){.mask = (uint32_t)size - 1, .any_case = any_case};
    t->entries = tn_arena_alloc(arena, size * sizeof *t->entries);
    for (size_t k = 0; k < n; k++) {
        if (tn_names_get(t, keys[k]) != TN_NAMES_NONE) continue;
        uint32_t i = tn_names_hash(keys[k].p, keys[k].n);
        while (t->entries[i & t->mask].key.p) i++;
        t->entries[i & t->mask] = (struct tn_names_entry){keys[k], (uint32_t)k};
    }
}
