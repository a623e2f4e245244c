/* SPDX-License-Identifier: MIT */
/* http_body.h - queries, headers and bodies of requests, out of tables of scripts. */
#ifndef TN_BIND_HTTP_BODY_H
#define TN_BIND_HTTP_BODY_H

#include "base/buf.h"
#include "bind/bind.h"
#include "net/http_client.h"

/* Names of the table at index, sorted, so that a request reads the same each time. */
size_t bind_sorted_names(lua_State *L, int index, const char **names, size_t max);
/* Appends the query table (an array value gives the name several times). */
void bind_add_query(lua_State *L, struct tn_buf *url, int index);
/* The headers in the table at index; how many there are.  Their texts stay on the stack, where the
 * table holds them. */
enum { BIND_HEADERS_MAX = 64 };
size_t bind_read_headers(lua_State *L, int index, struct tn_fetch_header headers[BIND_HEADERS_MAX]);
/* The body that the options name (body, form or multipart; absent: none) and the content type that
 * it brings with it (NULL: none).  Leaves values on the stack, which hold both. */
struct tn_str bind_push_body(lua_State *L, int options, const char **type);

#endif
