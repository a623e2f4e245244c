/* SPDX-License-Identifier: MIT */
/* table.c - from a name to a number: source fields and look-up rows. */
#include "mapping/internal.h"

static inline unsigned char fold(unsigned char c, bool any_case)
{
    return any_case && c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/* Only the keys of the mapping file are in the table, so chains stay short whatever is looked up.
 */
static uint32_t hash(struct tn_str key, bool any_case)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ fold((unsigned char)key.p[i], any_case)) * 16777619u;
    return h ^ h >> 15;
}

static bool same(struct tn_str a, struct tn_str b, bool any_case)
{
    return any_case ? tn_str_eq_nocase(a, b) : tn_str_eq(a, b);
}

void tn_table_build(struct tn_table *t, struct tn_arena *arena, const struct tn_str *keys, size_t n,
                    bool any_case)
{
    size_t size = 4;
    while (size < n * 2 + 2) size *= 2;
    t->entries = tn_arena_alloc(arena, size * sizeof *t->entries);
    t->mask = (uint32_t)size - 1;
    t->any_case = any_case;
    for (size_t k = 0; k < n; k++) {
        uint32_t i = hash(keys[k], any_case) & t->mask;
        while (t->entries[i].key.p && !same(t->entries[i].key, keys[k], any_case))
            i = (i + 1) & t->mask;
        if (!t->entries[i].key.p) t->entries[i] = (struct tn_table_entry){keys[k], (uint32_t)k};
    }
}

uint32_t tn_table_get(const struct tn_table *t, struct tn_str key)
{
    if (!t->entries) return UINT32_MAX;
    for (uint32_t i = hash(key, t->any_case) & t->mask;; i = (i + 1) & t->mask) {
        const struct tn_table_entry *e = &t->entries[i];
        if (!e->key.p) return UINT32_MAX;
        if (same(e->key, key, t->any_case)) return e->value;
    }
}
