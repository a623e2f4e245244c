/* SPDX-License-Identifier: MIT */
/* map.h - a hash map from text to pointer.  Keys are copied; values are the caller's. */
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
    uint64_t seed; /* random: keys from outside cannot be made to collide */
};
void tn_map_init(struct tn_map *m); /* empty; no memory yet */
/* release (may be NULL) is called with each value. */
void tn_map_clear(struct tn_map *m, void (*release)(void *value));
void *tn_map_get(const struct tn_map *m, struct tn_str key); /* NULL: not there */
void *tn_map_put(struct tn_map *m, struct tn_str key,
                 void *value);                            /* the value it replaced, or NULL */
void *tn_map_remove(struct tn_map *m, struct tn_str key); /* the value, or NULL */
/* size_t at = 0; while ((e = tn_map_next(&m, &at))) ...; no changes meanwhile.  Any order. */
struct tn_map_entry *tn_map_next(const struct tn_map *m, size_t *at);

#endif
