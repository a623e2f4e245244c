/* SPDX-License-Identifier: MIT */
/* backoff.h - how long work waits before it is tried again: a list of pauses, as data. */
#ifndef TN_BASE_BACKOFF_H
#define TN_BASE_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

enum { TN_BACKOFF_MAX = 16 };

struct tn_backoff {
    int64_t pause_ms[TN_BACKOFF_MAX]; /* the first after the first failed try */
    size_t count;                     /* work is tried count + 1 times */
};

/* 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h: eight tries in about 28 hours. */
extern const struct tn_backoff tn_backoff_hours;

/* The pause after `failed` tries (1: the first), 10 % longer or shorter by chance, so that what
 * failed together does not come back together.  -1: there is no further try. */
int64_t tn_backoff_pause(const struct tn_backoff *b, int failed);

#endif
