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

/* Writes the event as rules see it, and as quarantine keeps it when a rule fails: { "type", "seq",
 * "number", "at", "record": { "resource", "id", "version" }, "data" }.  resource: the name of the
 * record's entity. */
void tn_event_json(const struct tn_event *e, const char *resource, struct tn_buf *out);
/* The member at a path such as "data.status"; absent when there is none. */
struct tn_jval tn_event_at(struct tn_jval event, const char *path);
/* Does the event meet all conditions of the object: path -> value, or a list of which it is one? */
bool tn_event_meets(struct tn_jval event, struct tn_jval conditions);

/* The origin of an event that a rule caused: an id (UUID version 8, which no integration has) that
 * holds how many rules in a row led to the event. */
struct tn_id tn_event_cause(unsigned depth);
/* 0: no rule caused it. */
unsigned tn_event_depth(const struct tn_id *origin);

#endif
