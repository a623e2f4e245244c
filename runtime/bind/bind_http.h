/* SPDX-License-Identifier: MIT */
/* bind_http.h - require "tenon.http": requests to others, and replies whose rows stay in C.
 * The body of a reply is shared: by the reply that a script holds and by the page that it became.
 */
#ifndef TN_BIND_BIND_HTTP_H
#define TN_BIND_BIND_HTTP_H

#include "bind/bind.h"

struct bind_body;

struct bind_body *bind_body_ref(struct bind_body *b);
void bind_body_unref(struct bind_body *b); /* NULL does nothing */
/* Without a byte order mark. */
struct tn_str bind_body_text(const struct bind_body *b);
/* Its value: read once, on first use.  False: kind bad_answer, text says where the JSON breaks. */
TN_MUST_CHECK bool bind_body_json(struct bind_body *b, struct tn_jval *root, struct tn_err *err);
/* The member at a path: names with dots between; a name that has a dot itself is found as well. */
struct tn_jval bind_jpath(struct tn_jval v, struct tn_str path);
/* The array at a path; null counts as an empty one.  False: kind bad_answer names the path. */
TN_MUST_CHECK bool bind_body_rows(struct bind_body *b, struct tn_str path, struct tn_jval *rows,
                                  struct tn_err *err);

/* Raises when the value is no reply. */
struct bind_body *bind_check_reply(lua_State *L, int index);

#endif
