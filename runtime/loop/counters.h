/* SPDX-License-Identifier: MIT */
/* counters.h - what one worker process has done, counted in the memory that all processes share
 * (shared.h): any worker can add up the counters of all, and they outlive a worker that dies.  Only
 * the worker itself writes its counters, from its loop's thread. */
#ifndef TN_LOOP_COUNTERS_H
#define TN_LOOP_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic uint64_t tn_counter;

/* Upper bounds of the histogram of answers, in microseconds; the last bucket has none. */
#define TN_HTTP_BOUNDS_US                                                                          \
    {                                                                                              \
        1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000,  \
            10000000                                                                               \
    }
enum { TN_HTTP_BOUNDS = 13 };

struct tn_counters {
    tn_counter http_by_class[6]; /* answers by status / 100 */
    tn_counter http_by_time[TN_HTTP_BOUNDS + 1];
    tn_counter http_us; /* of all answers together */
    tn_counter runs_active, runs_started, runs_resumed, runs_lost;
    tn_counter runs_succeeded, runs_partial, runs_failed;
    tn_counter records, pages; /* that runs committed */
};

/* One writer: no locked instruction is needed.  n may be negative. */
static inline void tn_count(tn_counter *c, int64_t n)
{
    uint64_t now = atomic_load_explicit(c, memory_order_relaxed);
    atomic_store_explicit(c, now + (uint64_t)n, memory_order_relaxed);
}

#endif
