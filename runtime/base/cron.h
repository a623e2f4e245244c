/* SPDX-License-Identifier: MIT */
/* cron.h - schedules as five fields: minute hour day-of-month month day-of-week.
 * A field is *, numbers, ranges, lists and steps (1-5, *, 10-40/10, 1,15); months and weekdays have
 * names (jan, mon); weekday 0 and 7 are Sunday.  When both days are given, either is enough, as in
 * cron(8).  @hourly @daily @midnight @weekly @monthly @yearly @annually stand for what they say.
 *
 * Clock changes.  A schedule that names hours means wall time: a time that the clocks skip fires
 * once, at the jump; a time that they show twice fires the first time.  A schedule whose hour is *
 * follows the time that passes: no hour is left out and none counts double. */
#ifndef TN_BASE_CRON_H
#define TN_BASE_CRON_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tn_zone;

/* Plain data: one bit a value. */
struct tn_cron {
    uint64_t minutes;
    uint32_t hours, days, months;
    uint8_t weekdays; /* bit 0: Sunday */
    bool any_hour;    /* the hour is * (or covers all hours) */
    bool days_given, weekdays_given;
};

/* False: kind invalid; the text says which field, and what is wrong with it. */
TN_MUST_CHECK bool tn_cron_read(struct tn_str text, struct tn_cron *out, struct tn_err *err);
/* The first time after that moment (both in UTC milliseconds).  zone NULL: UTC.  False: there is
 * none within the next 30 years (30 February). */
bool tn_cron_next(const struct tn_cron *cron, const struct tn_zone *zone, int64_t after_ms,
                  int64_t *next_ms);

#endif
