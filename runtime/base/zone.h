/* SPDX-License-Identifier: MIT */
/* zone.h - wall time of a place: UTC, an offset such as +02:00, or a name of the zone database.
 * Life: new; ask; free. */
#ifndef TN_BASE_ZONE_H
#define TN_BASE_ZONE_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tn_zone;

/* NULL: kind invalid, there is no such zone. */
TN_MUST_CHECK struct tn_zone *tn_zone_new(struct tn_str name, struct tn_err *err);
void tn_zone_free(struct tn_zone *zone); /* NULL does nothing */
/* Converts local wall time to UTC, both in milliseconds. A time that the clocks show twice means
 * the first one; a skipped time moves forward by the gap. */
int64_t tn_zone_utc(const struct tn_zone *zone, int64_t local_ms);
/* Seconds east of UTC at that moment (seconds since 1970). */
int64_t tn_zone_offset(const struct tn_zone *zone, int64_t utc);

/* How often the clocks of a place show a certain time. */
enum tn_wall { TN_WALL_once, TN_WALL_twice, TN_WALL_skipped };
/* utc_ms is that of tn_zone_utc. If the time is skipped, jump_ms is the moment at which the clocks
 * were put forward past it. */
enum tn_wall tn_zone_wall(const struct tn_zone *zone, int64_t local_ms, int64_t *utc_ms,
                          int64_t *jump_ms);

#endif
