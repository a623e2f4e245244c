/* SPDX-License-Identifier: MIT */
#include "base/backoff.h"

#include "base/id.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

const struct tn_backoff tn_backoff_hours = {
    .pause_ms = {5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR},
    .count = 7};

int64_t tn_backoff_pause(const struct tn_backoff *b, int failed)
{
    uint32_t chance;
    if (failed < 1 || (size_t)failed > b->count) return -1;
    int64_t pause = b->pause_ms[failed - 1];
    tn_random(&chance, sizeof chance);
    return pause + pause / 10 * ((int64_t)(chance % 2001) - 1000) / 1000;
}
