/* SPDX-License-Identifier: MIT */
/* bind_query.h - turns the tables with which scripts ask for records, { where = ..., sort = ...,
 * limit = ... }, into queries of the store. */
#ifndef TN_BIND_BIND_QUERY_H
#define TN_BIND_BIND_QUERY_H

#include "bind/bind_ask.h"
#include "bind/bind_record.h"
#include "bind/bind_walk.h"

/* One query and its answer. A Lua object owns all of it, so that a Lua error leaks nothing. */
struct bind_query {
    const struct tn_entity *resource;
    struct tn_store *store;
    struct tn_query q;
    struct tn_filter filters[TN_STORE_FILTERS_MAX];
    struct tn_arena arena; /* holds the texts of q */
    size_t texts;          /* size of these texts in bytes */
    struct bind_ask ask;   /* the page */
    struct tn_json *json;  /* parses the rows that are pushed */
    /* only for a walk over all pages */
    struct bind_walks *walks; /* NULL: the query is no walk, or its walk has ended */
    struct tn_task *task;     /* the task that began the walk */
    size_t at;
    int64_t left;
    bool begun;
};
extern const struct bind_class bind_query_class;
/* Pushes a query of the resource, as the table at options (or nil) describes it. Raises on an
 * unknown key or value. more: one more key that the table may have, or NULL. */
struct bind_query *bind_query_new(lua_State *L, int options, const struct bind_desk *desk,
                                  const struct tn_entity *resource, const char *more);
/* Reads the first page, or the next one after a page was read, and parks the task until it is
 * there; then k gets the query. The caller returns the result of this call. */
int bind_query_send(lua_State *L, struct bind_query *query, lua_KFunction k);
/* The page that was read last. */
const struct tn_list *bind_query_page(const struct bind_query *query);
/* Pushes the i-th row of the page; false: the page has fewer. */
bool bind_query_push(lua_State *L, const struct bind_query *query, size_t i);
/* Turns the array of rows on top of the stack into the page that scripts see. */
void bind_query_finish(lua_State *L, const struct bind_query *query);
/* Ends a walk: frees its memory and its place among the open walks. It gives no more rows. */
void bind_query_end(struct bind_query *query);
/* The value at index as text, in the form that filters and keys compare. Raises when the value
 * has no such form or is too long. */
struct tn_str bind_query_text(lua_State *L, int index, struct tn_arena *arena);
/* Reads the key fields from the table at index as texts, in the order of the key; raises when a
 * field is missing. */
void bind_query_key(lua_State *L, int index, const struct tn_entity *resource,
                    struct tn_arena *arena, struct tn_str key[TN_STORE_KEY_MAX]);

#endif
