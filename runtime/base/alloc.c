/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tn_arena_block {
    struct tn_arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

enum { BLOCK = 4096 - sizeof(struct tn_arena_block) };

static void *or_die(void *p, size_t n)
{
    if (p) return p;
    fprintf(stderr, "tenon: out of memory (%zu bytes)\n", n);
    abort();
}

void tn_alloc_steady(void)
{
    mallopt(M_MXFAST, 0);
}

void *tn_alloc(size_t n)
{
    return or_die(calloc(1, n ? n : 1), n);
}

void *tn_realloc(void *p, size_t n)
{
    return or_die(realloc(p, n ? n : 1), n);
}

void tn_free(void *p)
{
    free(p);
}

char *tn_strndup(const char *s, size_t n)
{
    char *copy = tn_alloc(n + 1);
    if (n) memcpy(copy, s, n);
    return copy;
}

char *tn_strdup(const char *s)
{
    return s ? tn_strndup(s, strlen(s)) : NULL;
}

void tn_arena_init(struct tn_arena *a)
{
    a->head = NULL;
}

void tn_arena_clear(struct tn_arena *a)
{
    while (a->head) {
        struct tn_arena_block *b = a->head;
        a->head = b->next;
        free(b);
    }
}

void tn_arena_reset(struct tn_arena *a)
{
    if (!a->head) return;
    struct tn_arena rest = {a->head->next};
    tn_arena_clear(&rest);
    a->head->next = NULL;
    a->head->used = 0;
}

void *tn_arena_alloc(struct tn_arena *a, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    struct tn_arena_block *b = a->head;
    if (!b || b->size - b->used < n) {
        size_t size = b ? b->size * 2 : BLOCK;
        if (size < n) size = n;
        b = or_die(malloc(sizeof *b + size), size);
        *b = (struct tn_arena_block){.next = a->head, .size = size};
        a->head = b;
    }
    void *p = b->data + b->used;
    b->used += n;
    return memset(p, 0, n);
}

char *tn_arena_strndup(struct tn_arena *a, const char *s, size_t n)
{
    char *copy = tn_arena_alloc(a, n + 1);
    if (n) memcpy(copy, s, n);
    return copy;
}

char *tn_arena_strdup(struct tn_arena *a, const char *s)
{
    return tn_arena_strndup(a, s, strlen(s));
}
