/* SPDX-License-Identifier: MIT */
/* bind_record.h - what tenon.store and tenon.event share: whose records a script may see, and
 * records as Lua values. */
#ifndef TN_BIND_BIND_RECORD_H
#define TN_BIND_BIND_RECORD_H

#include "bind/bind.h"
#include "bind/owner.h"
#include "store/store.h"

/* The store and the team with which a function works; a script cannot choose its team. */
struct bind_desk {
    struct bind_owner *owner;
    struct tn_store *store;
    struct tn_actor actor;
};
/* False: kind unavailable (there is no store here) or forbidden (the script works for no team). */
bool bind_desk_open(lua_State *L, struct bind_desk *desk, struct tn_err *err);

/* A transaction of the actor over the owner's resources and key-values. */
struct tn_tx *bind_tx_new(const struct bind_desk *desk);

/* The resource named at index; raises when there is none, and names the nearest. */
const struct tn_entity *bind_resource(lua_State *L, int index, const struct bind_owner *owner);
/* The id at index; raises when it is no text.  False: it is no UUID, so no record has it. */
bool bind_record_id(lua_State *L, int index, struct tn_id *id);

/* Pushes the record: its members, secrets masked, and id, version, createdAt, updatedAt beside
 * them. */
void bind_record_push(lua_State *L, struct tn_json *json, const struct tn_entity *e,
                      const struct tn_row *row);

/* Pushes err with err.faults: all of them, when err is what they failed with, else err alone, if it
 * has a code.  json is for reading. */
void bind_push_faults(lua_State *L, struct tn_json *json, const struct tn_err *err,
                      const struct tn_faults *faults);

/* ---- bodies that scripts give ---- */

/* Texts and a reader, inside an object that clears them, so that Lua errors may jump. */
struct bind_record_reader {
    struct tn_buf text, clean;
    struct tn_json *json;
};
void bind_record_reader_init(struct bind_record_reader *r);
void bind_record_reader_clear(struct bind_record_reader *r);
/* The table at index as JSON, which the reader has then parsed.  Raises invalid, with the path, on
 * what has no JSON form. */
struct tn_str bind_table(lua_State *L, int index, struct bind_record_reader *r);
/* The value at index as JSON without the members that every record has (they may be there, since a
 * record that was read has them); *given gets the id among them, absent when there is none. */
struct tn_str bind_record_body(lua_State *L, int index, struct bind_record_reader *r,
                               struct tn_str *given);

#endif
