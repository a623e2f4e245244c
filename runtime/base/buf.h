/* SPDX-License-Identifier: MIT */
/* buf.h - a growable byte buffer; its maximum size is fixed at init. An append that would exceed
 * the maximum, or that finds no memory, marks the buffer as failed: its bytes stay, and all later
 * appends do nothing. Check once at the end with tn_buf_ok. */
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
static inline void tn_buf_reset(struct tn_buf *b) /* makes it empty, keeps the memory */
{
    b->n = 0;
    b->failed = false;
    if (b->p) b->p[0] = '\0';
}
/* Returns b->p + b->n, where n more bytes fit: write them, then add to b->n. NULL: that exceeds the
 * maximum or there is no memory, and the buffer is failed. */
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
/* False: an append was refused (err is too_large or no_memory). `what` names the buffer's content
 * in the message. */
TN_MUST_CHECK bool tn_buf_ok(const struct tn_buf *b, const char *what, struct tn_err *err);
/* Hands the bytes over to the caller, who frees them with tn_free; the buffer is empty afterwards.
 * Never NULL. */
char *tn_buf_take(struct tn_buf *b, size_t *n);

#endif
