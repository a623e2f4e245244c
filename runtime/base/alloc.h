/* SPDX-License-Identifier: MIT */
/* alloc.h - memory. Small allocations never return NULL: when there is no memory, the process says
 * so and aborts, and the supervisor starts another. Bytes whose count comes from outside go through
 * buf.h, which can refuse. */
#ifndef TN_BASE_ALLOC_H
#define TN_BASE_ALLOC_H

#include <stddef.h>

#define TN_NEVER_NULL __attribute__((returns_nonnull))
#define TN_NEW(type)  ((type *)tn_alloc(sizeof(type))) /* zeroed */

TN_NEVER_NULL void *tn_alloc(size_t n);            /* zeroed */
TN_NEVER_NULL void *tn_realloc(void *p, size_t n); /* new bytes are not zeroed */
void tn_free(void *p);
char *tn_strdup(const char *s);                          /* NULL gives NULL */
TN_NEVER_NULL char *tn_strndup(const char *s, size_t n); /* always terminated */

/* Call it once, before there are threads. Afterwards the C library merges freed blocks at once. By
 * default it puts that off until a large allocation; after a script with a million tables was
 * stopped, that allocation would pause for tens of milliseconds. */
void tn_alloc_steady(void);

/* An arena: many small allocations that are freed together. */
struct tn_arena {
    struct tn_arena_block *head;
};
void tn_arena_init(struct tn_arena *a);  /* empty */
void tn_arena_clear(struct tn_arena *a); /* frees all; usable again */
void tn_arena_reset(struct tn_arena *a); /* makes it empty, keeps the newest block for reuse */
TN_NEVER_NULL void *tn_arena_alloc(struct tn_arena *a, size_t n); /* zeroed, aligned to 16 */
TN_NEVER_NULL char *tn_arena_strndup(struct tn_arena *a, const char *s, size_t n);
char *tn_arena_strdup(struct tn_arena *a, const char *s);

#endif
