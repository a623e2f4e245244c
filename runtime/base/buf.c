/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fault.h"

void tn_buf_init(struct tn_buf *b, size_t max)
{
    *b = (struct tn_buf){.max = max};
}

void tn_buf_clear(struct tn_buf *b)
{
    free(b->p);
    tn_buf_init(b, b->max);
}

static bool grow(struct tn_buf *b, size_t n)
{
    if (b->failed || n > b->max || b->n > b->max - n || TN_FAULT("base.buf")) {
        b->failed = true;
        return false;
    }
    size_t want = b->n + n, room = b->room ? b->room : 64;
    while (room < want) room *= 2;
    if (room > b->max) room = b->max;
    char *p = realloc(b->p, room + 1);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->room = room;
    return true;
}

char *tn_buf_reserve(struct tn_buf *b, size_t n)
{
    bool fits = b->p && b->room - b->n >= n;
    if (b->failed || (!fits && !grow(b, n))) return NULL;
    return b->p + b->n;
}

void tn_buf_add(struct tn_buf *b, const void *bytes, size_t n)
{
    char *at = tn_buf_reserve(b, n);
    if (!at) return;
    if (n) memcpy(at, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void tn_buf_addc(struct tn_buf *b, char c)
{
    tn_buf_add(b, &c, 1);
}

void tn_buf_adds(struct tn_buf *b, const char *s)
{
    tn_buf_add(b, s, strlen(s));
}

void tn_buf_addf(struct tn_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && tn_buf_reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void tn_buf_addi(struct tn_buf *b, int64_t v)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0) *--p = '-';
    tn_buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

bool tn_buf_ok(const struct tn_buf *b, const char *what, struct tn_err *err)
{
    if (!b->failed) return true;
    return tn_fail(err, TN_E_too_large, "%s is larger than %zu bytes", what, b->max);
}

char *tn_buf_take(struct tn_buf *b, size_t *n)
{
    char *p = b->p ? b->p : tn_alloc(1);
    if (n) *n = b->n;
    tn_buf_init(b, b->max);
    return p;
}
