/* SPDX-License-Identifier: MIT */
/* http_body.h - makes queries, headers and bodies of requests from the tables of scripts. */
#ifndef TN_BIND_HTTP_BODY_H
#define TN_BIND_HTTP_BODY_H

#include "base/buf.h"
#include "bind/bind.h"
#include "net/http_client.h"

/* The names in the table at index, sorted, so that equal requests have equal texts. */
size_t bind_sorted_names(lua_State *L, int index, const char **names, size_t max);
/* Appends the names and values of the query table; an array as value repeats the name. */
void bind_add_query(lua_State *L, struct tn_buf *url, int index);
/* Reads the headers from the table at index and returns their number. The stack or the table
 * holds the texts. */
enum { BIND_HEADERS_MAX = 64 };
size_t bind_read_headers(lua_State *L, int index, struct tn_fetch_header headers[BIND_HEADERS_MAX]);
/* The body that the options name (body, form or multipart; absent: none), and its content type
 * (NULL: none). Leaves values on the stack that hold both texts. */
struct tn_str bind_push_body(lua_State *L, int options, const char **type);

#endif
