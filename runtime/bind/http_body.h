/* SPDX-License-Identifier: MIT */
/* http_body.h - queries and bodies of requests, out of tables of scripts. */
#ifndef TN_BIND_HTTP_BODY_H
#define TN_BIND_HTTP_BODY_H

#include "base/buf.h"
#include "bind/bind.h"

/* Names of the table at index, sorted, so that a request reads the same each time. */
size_t bind_sorted_names(lua_State *L, int index, const char **names, size_t max);
/* Appends the query table (an array value gives the name several times). */
void bind_add_query(lua_State *L, struct tn_buf *url, int index);
/* The body that the options name (body, form or multipart; absent: none) and the content type that
 * it brings with it (NULL: none).  Leaves values on the stack, which hold both. */
struct tn_str bind_push_body(lua_State *L, int options, const char **type);

#endif
