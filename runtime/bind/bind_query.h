/* SPDX-License-Identifier: MIT */
/* bind_query.h - what scripts ask for as tables, { where = ..., sort = ..., limit = ... }, as
 * queries of the store. */
#ifndef TN_BIND_BIND_QUERY_H
#define TN_BIND_BIND_QUERY_H

#include "bind/bind_ask.h"
#include "bind/bind_record.h"
#include "bind/bind_walk.h"

/* One query and what it found; an object that holds all of it, so that errors may jump. */
struct bind_query {
    const struct tn_entity *resource;
    struct tn_store *store;
    struct tn_query q;
    struct tn_filter filters[TN_STORE_FILTERS_MAX];
    struct tn_arena arena; /* texts of q */
    size_t texts;          /* bytes of them */
    struct bind_ask ask;   /* the page */
    struct tn_json *json;  /* for pushing its rows */
    /* of a walk over pages */
    struct bind_walks *walks; /* NULL: it is none, or has ended */
    struct tn_task *task;     /* whose walk it is */
    size_t at;
    int64_t left;
    bool begun;
};
extern const struct bind_class bind_query_class;
/* Pushes one that asks for what the table at options (or none) says of the resource; raises on what
 * it does not understand.  more: the name of one more key that the table may have, or NULL. */
struct bind_query *bind_query_new(lua_State *L, int options, const struct bind_desk *desk,
                                  const struct tn_entity *resource, const char *more);
/* Waits for a page, or for the next one after a page; k gets the query.  To be returned. */
int bind_query_send(lua_State *L, struct bind_query *query, lua_KFunction k);
/* That is there. */
const struct tn_list *bind_query_page(const struct bind_query *query);
/* Pushes the i-th row; false: there are fewer. */
bool bind_query_push(lua_State *L, const struct bind_query *query, size_t i);
/* Makes the rows, an array at the top, the page as scripts see it. */
void bind_query_finish(lua_State *L, const struct bind_query *query);
/* A walk has ended: what it held is given back, and it has no more rows. */
void bind_query_end(struct bind_query *query);
/* The value at index as the text that filters and keys compare with; raises when it has none, or
 * a long one. */
struct tn_str bind_query_text(lua_State *L, int index, struct tn_arena *arena);
/* The key fields of the table at index as texts, in the key's order; raises when one is missing. */
void bind_query_key(lua_State *L, int index, const struct tn_entity *resource,
                    struct tn_arena *arena, struct tn_str key[TN_STORE_KEY_MAX]);

#endif
