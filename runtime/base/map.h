/* SPDX-License-Identifier: MIT */
/* map.h - a hash map from text to pointer. It copies the keys; the values stay the caller's. */
#ifndef TN_BASE_MAP_H
#define TN_BASE_MAP_H

#include "base/str.h"

struct tn_map_entry {
    char *key; /* NULL: free slot */
    size_t n;
    uint64_t hash;
    void *value;
};
struct tn_map {
    struct tn_map_entry *slots;
    size_t count, size;
    uint64_t seed; /* random, so that nobody outside can make keys collide */
};
void tn_map_init(struct tn_map *m); /* empty; no memory yet */
/* Calls release (may be NULL) with each value. */
void tn_map_clear(struct tn_map *m, void (*release)(void *value));
void *tn_map_get(const struct tn_map *m, struct tn_str key); /* NULL: not there */
void *tn_map_put(struct tn_map *m, struct tn_str key,
                 void *value);                            /* returns the replaced value, or NULL */
void *tn_map_remove(struct tn_map *m, struct tn_str key); /* returns the value, or NULL */
/* size_t at = 0; while ((e = tn_map_next(&m, &at))) ...; do not change the map meanwhile. The order
 * is arbitrary. */
struct tn_map_entry *tn_map_next(const struct tn_map *m, size_t *at);

#endif
