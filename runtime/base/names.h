/* SPDX-License-Identifier: MIT */
/* names.h - a table from names to numbers, for names that are all known when the table is made.
 * Life: build into an arena; look up; the table is freed with the arena. */
#ifndef TN_BASE_NAMES_H
#define TN_BASE_NAMES_H

#include "base/alloc.h"
#include "base/str.h"

struct tn_names_entry {
    struct tn_str key; /* p NULL: the entry is free */
    uint32_t value;
};
struct tn_names { /* open addressing, at most a quarter full */
    struct tn_names_entry *entries;
    uint32_t mask;
    bool any_case; /* ignores the case of ASCII letters */
};
enum { TN_NAMES_NONE = -1 };

/* Keys are borrowed; the value of each is its index.  Of equal keys the first counts. */
void tn_names_build(struct tn_names *t, struct tn_arena *arena, const struct tn_str *keys, size_t n,
                    bool any_case);

/* Are the n bytes the same? Calls no function, because names are short. */
static inline bool tn_names_same(const char *a, const char *b, size_t n)
{
    uint64_t x, y;
    uint32_t s, t;
    if (n >= 8) {
        for (size_t i = 0; i + 8 < n; i += 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            if (x != y) return false;
        }
        memcpy(&x, a + n - 8, 8);
        memcpy(&y, b + n - 8, 8);
        return x == y;
    }
    if (n >= 4) {
        memcpy(&s, a, 4);
        memcpy(&t, b, 4);
        if (s != t) return false;
        memcpy(&s, a + n - 4, 4);
        memcpy(&t, b + n - 4, 4);
        return s == t;
    }
    return !n || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

/* Sets the bit that tells a letter's case in every byte, so that both cases have one hash. The last
 * eight bytes overlap the ones before, which is faster than reading the rest one by one. All names
 * in the table come from its maker, so nobody outside can make chains long. */
static inline uint32_t tn_names_hash(const char *p, size_t n)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u, folded = 0x2020202020202020u;
    const char *end = p + n;
    uint64_t h = n * odd, v;
    uint32_t s, t;
    if (n >= 8) {
        for (; end - p > 8; p += 8) {
            memcpy(&v, p, 8);
            h = ((h << 5 | h >> 59) ^ (v | folded)) * odd;
        }
        memcpy(&v, end - 8, 8);
    } else if (n >= 4) {
        memcpy(&s, p, 4);
        memcpy(&t, p + n - 4, 4);
        v = s | (uint64_t)t << 32;
    } else {
        v = n ? (unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 |
                    (uint64_t)(unsigned char)p[n - 1] << 16
              : 0;
    }
    h = ((h << 5 | h >> 59) ^ (v | folded)) * odd;
    return (uint32_t)(h >> 32);
}

/* Returns the number, or TN_NAMES_NONE. */
static inline int32_t tn_names_get(const struct tn_names *t, struct tn_str key)
{
    for (uint32_t i = tn_names_hash(key.p, key.n);; i++) {
        const struct tn_names_entry *e = &t->entries[i & t->mask];
        if (!e->key.p) return TN_NAMES_NONE;
        if (e->key.n == key.n && (tn_names_same(e->key.p, key.p, key.n) ||
                                  (t->any_case && tn_str_eq_nocase(e->key, key))))
            return (int32_t)e->value;
    }
}

#endif
