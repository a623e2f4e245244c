/* SPDX-License-Identifier: MIT */
/* bind_record.h - shared by tenon.store and tenon.event: decides whose records a script may see,
 * and turns records into Lua values. */
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
/* False: kind unavailable (there is no store) or forbidden (the script works for no team). */
bool bind_desk_open(lua_State *L, struct bind_desk *desk, struct tn_err *err);

/* A transaction in the actor's name, over the resources and key-values of the owner. */
struct tn_tx *bind_tx_new(const struct bind_desk *desk);

/* The resource whose name is at index. Raises when there is none; the message names the nearest. */
const struct tn_entity *bind_resource(lua_State *L, int index, const struct bind_owner *owner);
/* Reads the id at index; raises when it is no text. False: it is no UUID, so no record has this
 * id. */
bool bind_record_id(lua_State *L, int index, struct tn_id *id);

/* Pushes the record as a table: its fields, with secrets masked, and id, version, createdAt,
 * updatedAt. */
void bind_record_push(lua_State *L, struct tn_json *json, const struct tn_entity *e,
                      const struct tn_row *row);

/* Pushes err with a list err.faults: all faults, if err is the failure of their check; else err
 * alone, if it has a code. json is used for parsing. */
void bind_push_faults(lua_State *L, struct tn_json *json, const struct tn_err *err,
                      const struct tn_faults *faults);

/* ---- bodies that scripts give ---- */

/* A reader and its texts, inside an object that clears them, so that a Lua error leaks nothing. */
struct bind_record_reader {
    struct tn_buf text, clean;
    struct tn_json *json;
};
void bind_record_reader_init(struct bind_record_reader *r);
void bind_record_reader_clear(struct bind_record_reader *r);
/* The table at index as JSON, parsed by the reader. Raises invalid, with the path, on a value
 * that has no JSON form. */
struct tn_str bind_table(lua_State *L, int index, struct bind_record_reader *r);
/* The value at index as JSON, without id, version, createdAt and updatedAt, which a record that
 * was read has. *given gets its id; absent: there is none. */
struct tn_str bind_record_body(lua_State *L, int index, struct bind_record_reader *r,
                               struct tn_str *given);

#endif
