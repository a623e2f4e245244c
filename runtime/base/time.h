/* SPDX-License-Identifier: MIT */
/* time.h - instants in UTC milliseconds, waits on the monotonic clock, RFC 3339 text. */
#ifndef TN_BASE_TIME_H
#define TN_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

int64_t tn_now_ms(void); /* since 1970 in UTC */
/* A clock that a test can stop. NULL instead of a clock means the real time. */
struct tn_clock {
    bool stopped;
    int64_t ms; /* the time that it shows while it is stopped */
};
int64_t tn_clock_ms(const struct tn_clock *clock); /* Unix milliseconds; NULL: the real time */
int64_t tn_mono_us(void); /* microseconds; for durations and deadlines only */
int64_t tn_cpu_us(void);  /* microseconds of CPU that this thread has used */

enum { TN_TIME_LEN = 24 }; /* 2026-01-31T08:09:10.123Z */
void tn_time_text(int64_t ms, char out[TN_TIME_LEN + 1]);
/* RFC 3339 with any offset, 'T' or a space, any count of second digits (cut to milliseconds), or a
 * bare date (midnight UTC).  Days, months and leap years are checked; second 60 is refused. */
bool tn_time_parse(struct tn_str text, int64_t *ms);
/* Days since 1970-01-01 of a proleptic Gregorian date; month 1 to 12. */
int64_t tn_days(int64_t year, unsigned month, unsigned day);
/* The inverse: the date that is so many days after 1970-01-01. */
void tn_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day);
/* The number of days of that month; month 1 to 12. */
unsigned tn_month_days(int64_t year, unsigned month);
/* Reads an HTTP date (RFC 9110, all three forms); false: it is none. */
bool tn_time_parse_http(struct tn_str text, int64_t *ms);
void tn_time_http(int64_t ms, char out[30]);

#endif
