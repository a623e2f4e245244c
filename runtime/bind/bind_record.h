/* SPDX-License-Identifier: MIT */
/* bind_record.h - what tenon.store and tenon.event share: whose records a script may see, how many
 * it may read in one go, and records as Lua values. */
#ifndef TN_BIND_BIND_RECORD_H
#define TN_BIND_BIND_RECORD_H

#include "bind/bind.h"
#include "bind/owner.h"
#include "store/store.h"

/* What a function works with: the store, and a team that is never the script's to choose. */
struct bind_desk {
    struct bind_owner *owner;
    struct tn_store *store;
    struct bind_actor actor;
};
/* False: unavailable (no store here), forbidden (the script works for no team). */
bool bind_desk_open(lua_State *L, struct bind_desk *desk, struct tn_err *err);

/* False: forbidden (a key that only reads). */
bool bind_may_write(const struct bind_desk *desk, struct tn_err *err);

/* The resource named at index; raises when there is none, with the nearest. */
const struct tn_entity *bind_resource(lua_State *L, int index, const struct bind_owner *owner);
/* The id at index; raises when it is no text.  False: it is no UUID, so no record has it. */
bool bind_record_id(lua_State *L, int index, struct tn_id *id);

/* Counts reads of the store: true as long as the stretch may go on. */
bool bind_may_read(lua_State *L);
/* Runs fn, at once or, if this stretch has read enough, after others had their turn.  Where nothing
 * can wait: raises budget.  To be returned by the module function, whose arguments fn gets. */
int bind_read(lua_State *L, lua_CFunction fn);

/* A record as it was read; its body is a place in `bodies` of whoever keeps it. */
struct bind_row {
    struct tn_id id;
    int64_t version, created_ms, updated_ms;
    size_t at, n;
};
struct bind_row bind_row_of(const struct tn_row *row);
/* Rows of one query, in C: a store's callback may not raise. */
struct bind_records {
    struct tn_buf bodies;
    struct bind_row *v;
    size_t n, room;
    struct tn_json *json; /* for pushing */
};
void bind_records_init(struct bind_records *rows);
void bind_records_clear(struct bind_records *rows);
/* A tn_row_fn; arg is a struct bind_records.  False once the page is full: the rest is the next
 * one.
 */
bool bind_records_add(void *arg, const struct tn_row *row);
/* Pushes the record: its members, and id, version, createdAt, updatedAt beside them. */
void bind_record_push(lua_State *L, struct tn_json *json, const struct bind_row *row,
                      struct tn_str body);
void bind_records_push(lua_State *L, const struct bind_records *rows, size_t i);

/* ---- bodies that scripts give ---- */

/* Texts and a reader; part of an object that clears it, so that errors may jump. */
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
