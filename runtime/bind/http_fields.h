/* SPDX-License-Identifier: MIT */
/* http_fields.h - header fields: those of an answer, and those that a script gives. */
#ifndef TN_BIND_HTTP_FIELDS_H
#define TN_BIND_HTTP_FIELDS_H

#include "base/alloc.h"
#include "bind/bind.h"
#include "net/http_client.h"

enum { HTTP_HEADERS_MAX = 64 };

/* The fields of an answer's header. */
struct http_fields {
    struct tn_arena memory;
    struct tn_fetch_field *list;
    size_t count;
};
/* to->memory was initialised. */
void http_fields_copy(struct http_fields *to, const struct tn_reply *from);
/* Those of a test's reply, the table at index. */
void http_recorded_fields(lua_State *L, int index, struct http_fields *to);
/* Pushes the value of the first of that name, in any case, or nil; returns 1. */
int http_push_field(lua_State *L, const struct http_fields *f, struct tn_str name);

/* The header table at index, HTTP_HEADERS_MAX at most: values stay on the Lua stack, where the
 * table holds them. */
size_t http_read_headers(lua_State *L, int index, struct tn_fetch_header *headers);

#endif
