/* SPDX-License-Identifier: MIT */
/* duration.h - spans of time as text: ISO 8601 (P1Y2M3DT4H5M6.5S, P2W), or a number with a unit
 * (250ms, 90s, 15m, 2h, 1d). */
#ifndef TN_BASE_DURATION_H
#define TN_BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Months and days have no fixed length in time: a calendar and a time zone give it. */
struct tn_duration {
    int64_t months, days, ms;
};
/* False: text is no duration, or it is longer than a million days or 100,000 months. */
bool tn_duration_read(struct tn_str text, struct tn_duration *out);

enum { TN_DURATION_LEN = 48 };
/* Writes ms as ISO 8601: "PT15M", "P1DT2H", "PT0.25S", "-PT1S", "PT0S". */
void tn_duration_text(int64_t ms, char out[TN_DURATION_LEN]);

#endif
