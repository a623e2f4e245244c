/* SPDX-License-Identifier: MIT */
/* event.h - small questions about events that rules, subscriptions and scripts ask alike. */
#ifndef TN_EVENTS_EVENT_H
#define TN_EVENTS_EVENT_H

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

/* Does the pattern mean events of this type?  "order.created" means itself, '*' any characters:
 * "order.*", "*.created", "*". */
bool tn_event_matches(const char *pattern, struct tn_str type);

/* What a rule causes bears as its origin how many rules in a row led to it: an id that is no
 * integration's (UUID version 8). */
struct tn_id tn_event_cause(unsigned depth);
/* 0: no rule caused it. */
unsigned tn_event_depth(const struct tn_id *origin);

#endif
