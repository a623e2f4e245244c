/* SPDX-License-Identifier: MIT */
/* buf.h - growable bytes with a maximum fixed at birth.
 * An append that would pass the maximum, or finds no memory, marks the buffer failed, keeps what is
 * there and makes all later appends do nothing: check once at the end with tn_buf_ok. */
#ifndef TN_BASE_BUF_H
#define TN_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct tn_buf {
    char *p; /* NUL after the last byte whenever p is not NULL */
    size_t n, room, max;
    bool failed;
};

void tn_buf_init(struct tn_buf *b, size_t max);   /* empty; no memory yet */
void tn_buf_clear(struct tn_buf *b);              /* frees; usable again */
static inline void tn_buf_reset(struct tn_buf *b) /* forgets, keeps the memory */
{
    b->n = 0;
    b->failed = false;
    if (b->p) b->p[0] = '\0';
}
/* Room for n more bytes at b->p + b->n (write, then add to b->n); NULL when that is not to be had.
 */
char *tn_buf_reserve(struct tn_buf *b, size_t n);
void tn_buf_add(struct tn_buf *b, const void *bytes, size_t n);
void tn_buf_addc(struct tn_buf *b, char c);
void tn_buf_adds(struct tn_buf *b, const char *s);
void tn_buf_addf(struct tn_buf *b, const char *fmt, ...) TN_PRINTF(2, 3);
void tn_buf_addi(struct tn_buf *b, int64_t v);
static inline void tn_buf_addstr(struct tn_buf *b, struct tn_str s)
{
    tn_buf_add(b, s.p, s.n);
}
static inline struct tn_str tn_buf_str(const struct tn_buf *b)
{
    return (struct tn_str){b->p ? b->p : "", b->n};
}
/* False with err filled (too_large or no_memory) when an append was refused; what names the thing.
 */
TN_MUST_CHECK bool tn_buf_ok(const struct tn_buf *b, const char *what, struct tn_err *err);
/* Hands the bytes over (free with tn_free); the buffer is empty afterwards.  Never NULL. */
char *tn_buf_take(struct tn_buf *b, size_t *n);

#endif
