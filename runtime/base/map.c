/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/alloc.h"
#include "base/id.h"

static uint64_t hash_of(const struct tn_map *m, struct tn_str key)
{
    uint64_t h = m->seed ^ key.n;
    for (size_t i = 0; i < key.n; i++) h = (h ^ (unsigned char)key.p[i]) * 0x100000001B3u;
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    return h ^ h >> 32;
}

void tn_map_init(struct tn_map *m)
{
    *m = (struct tn_map){0};
    tn_random(&m->seed, sizeof m->seed);
}

void tn_map_clear(struct tn_map *m, void (*release)(void *value))
{
    for (size_t i = 0; i < m->size; i++) {
        if (!m->slots[i].key) continue;
        if (release) release(m->slots[i].value);
        tn_free(m->slots[i].key);
    }
    tn_free(m->slots);
    m->slots = NULL;
    m->count = m->size = 0;
}

/* Returns the entry of key, or the free slot where it belongs. There is always a free slot. */
static struct tn_map_entry *find(const struct tn_map *m, struct tn_str key, uint64_t hash)
{
    for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
        struct tn_map_entry *e = &m->slots[i];
        if (!e->key) return e;
        if (e->hash == hash && tn_str_eq((struct tn_str){e->key, e->n}, key)) return e;
    }
}

void *tn_map_get(const struct tn_map *m, struct tn_str key)
{
    return m->size ? find(m, key, hash_of(m, key))->value : NULL;
}

static void grow(struct tn_map *m)
{
    struct tn_map old = *m;
    m->size = old.size ? old.size * 2 : 16;
    m->slots = tn_alloc(m->size * sizeof *m->slots);
    for (size_t i = 0; i < old.size; i++) {
        struct tn_map_entry *e = &old.slots[i];
        if (e->key) *find(m, (struct tn_str){e->key, e->n}, e->hash) = *e;
    }
    tn_free(old.slots);
}

void *tn_map_put(struct tn_map *m, struct tn_str key, void *value)
{
    if ((m->count + 1) * 4 > m->size * 3) grow(m);
    uint64_t hash = hash_of(m, key);
    struct tn_map_entry *e = find(m, key, hash);
    void *old = e->value;
    if (!e->key) {
        *e = (struct tn_map_entry){.key = tn_strndup(key.p, key.n), .n = key.n, .hash = hash};
        m->count++;
    }
    e->value = value;
    return old;
}

void *tn_map_remove(struct tn_map *m, struct tn_str key)
{
    if (!m->size) return NULL;
    struct tn_map_entry *e = find(m, key, hash_of(m, key));
    void *value = e->value;
    if (!e->key) return NULL;
    tn_free(e->key);
    *e = (struct tn_map_entry){0};
    m->count--;
    /* Moves back the entries that were pushed past this slot, so that no tombstone is needed. */
    size_t hole = (size_t)(e - m->slots), mask = m->size - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        m->slots[hole] = m->slots[i];
        m->slots[i] = (struct tn_map_entry){0};
        hole = i;
    }
    return value;
}

struct tn_map_entry *tn_map_next(const struct tn_map *m, size_t *at)
{
    while (*at < m->size) {
        struct tn_map_entry *e = &m->slots[(*at)++];
        if (e->key) return e;
    }
    return NULL;
}
