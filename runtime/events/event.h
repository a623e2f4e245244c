/* SPDX-License-Identifier: MIT */
/* event.h - small functions over events that rules, subscriptions and scripts share. */
#ifndef TN_EVENTS_EVENT_H
#define TN_EVENTS_EVENT_H

#include "base/id.h"
#include "base/json.h"
#include "store/store.h"

/* Does the pattern match this type of event?  "order.created" means itself, '*' any characters:
 * "order.*", "*.created", "*". */
bool tn_event_matches(const char *pattern, struct tn_str type);

/* Writes the event as rules see it, and as tickets and the quarantine keep it: { "type", "seq",
 * "number", "at", "record": { "resource", "table", "id", "version" }, "origin", "depth", "data" };
 * without record, origin, depth and data where it has none.  resource: the name of the record's
 * entity. */
void tn_event_json(const struct tn_event *e, const char *resource, struct tn_buf *out);
/* Reads such an event, but its team; texts live in the arena or in the parsed text. */
TN_MUST_CHECK bool tn_event_read(struct tn_jval event, struct tn_arena *arena, struct tn_event *e,
                                 struct tn_err *err);
/* The member at a path such as "data.status"; absent when there is none. */
struct tn_jval tn_event_at(struct tn_jval event, const char *path);
/* Does the event meet all conditions of the object: path -> value, or a list of which it is one? */
bool tn_event_meets(struct tn_jval event, struct tn_jval conditions);

#endif
