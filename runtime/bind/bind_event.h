/* SPDX-License-Identifier: MIT */
/* bind_event.h - events as scripts write them: type, data, and the record that the event is
 * about. */
#ifndef TN_BIND_BIND_EVENT_H
#define TN_BIND_BIND_EVENT_H

#include "bind/bind_record.h"

struct bind_event_told {
    const char *type;
    const struct tn_entity *resource; /* NULL: about no record */
    struct tn_id id;
    struct tn_str data; /* JSON inside the reader, or "" */
};
/* Reads an event from the arguments (type, data, options) at first to first + 2. Raises on a
 * malformed type, a type that only Tenon may emit, data without a JSON form, and data larger
 * than TN_LIMIT_EVENT. */
void bind_event_read(lua_State *L, int first, const struct bind_owner *owner,
                     struct bind_record_reader *reader, struct bind_event_told *out);
/* Pushes the event as a table with type, seq, number, at, data and record. */
void bind_event_push(lua_State *L, const struct tn_entities *resources, struct tn_json *json,
                     const struct tn_event *e);

#endif
