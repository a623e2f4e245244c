/* SPDX-License-Identifier: MIT */
/* cron.h - schedules as five fields: minute hour day-of-month month day-of-week. A field is *,
 * numbers, ranges, lists and steps (1-5, *, 10-40/10, 1,15); months and weekdays have names (jan,
 * mon); weekday 0 and 7 are Sunday. When both days are given, a date that fits either one fires, as
 * in cron(8). @hourly @daily @midnight @weekly @monthly @yearly @annually stand for the usual
 * schedules.
 *
 * Clock changes. A schedule that names hours means wall time: a time that the clocks skip fires
 * once, at the jump; a time that the clocks show twice fires the first time. A schedule whose hour
 * is * follows real time: it fires in each hour that passes, and in none twice. */
#ifndef TN_BASE_CRON_H
#define TN_BASE_CRON_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tn_zone;

/* Plain data: one bit for each value that fits. */
struct tn_cron {
    uint64_t minutes;
    uint32_t hours, days, months;
    uint8_t weekdays; /* bit 0: Sunday */
    bool any_hour;    /* the hour is * (or covers all hours) */
    bool days_given, weekdays_given;
};

/* False: kind invalid; the text says which field is wrong, and how. */
TN_MUST_CHECK bool tn_cron_read(struct tn_str text, struct tn_cron *out, struct tn_err *err);
/* Finds the first time after after_ms (both in UTC milliseconds). zone NULL: UTC. False: no time
 * within the next 30 years fits (30 February). */
bool tn_cron_next(const struct tn_cron *cron, const struct tn_zone *zone, int64_t after_ms,
                  int64_t *next_ms);

#endif
