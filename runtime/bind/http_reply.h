/* SPDX-License-Identifier: MIT */
/* http_reply.h - the result of tenon.http.request: a reply whose rows stay in C. The body of a
 * reply is shared by the reply that a script holds and by the page that was made from it. */
#ifndef TN_BIND_HTTP_REPLY_H
#define TN_BIND_HTTP_REPLY_H

#include "base/alloc.h"
#include "base/buf.h"
#include "bind/bind.h"
#include "net/http_client.h"

struct bind_body;
struct bind_live;

/* The fields of an answer's header. */
struct bind_fields {
    struct tn_arena memory;
    struct tn_fetch_field *list;
    size_t count;
};
/* The caller has initialised to->memory. */
void bind_fields_copy(struct bind_fields *to, const struct tn_reply *from);
/* Reads the fields of a test's reply from the table at index. The caller has initialised
 * to->memory. */
void bind_fields_read(lua_State *L, int index, struct bind_fields *to);
/* Pushes the value of the first field of that name, in upper or lower case, or nil; returns 1. */
int bind_fields_push(lua_State *L, const struct bind_fields *f, struct tn_str name);

/* The value of the field, in upper or lower case; absent: there is none. */
struct tn_str bind_fields_get(const struct bind_fields *f, struct tn_str name);

/* Takes the text over and counts its bytes in live. The caller has the one reference. */
struct bind_body *bind_body_new(struct tn_buf *text_give, const struct bind_fields *fields,
                                struct bind_live *live);
struct bind_body *bind_body_ref(struct bind_body *b);
void bind_body_unref(struct bind_body *b); /* NULL does nothing */
void bind_body_redact(struct bind_body *b,
                      struct tn_log *log); /* masks in the body the secrets that the log masks */
/* The text of the body as it came, without the byte order mark of UTF-8. */
struct tn_str bind_body_text(const struct bind_body *b);
/* What is read as JSON: the text in UTF-8, by its byte order mark or the charset of its type. */
struct tn_str bind_body_utf8(struct bind_body *b);
struct tn_str bind_body_type(const struct bind_body *b); /* its Content-Type, or empty */
/* The body as JSON, which is parsed whole at the first call, without giving way to other work; an
 * adapter reads a large answer as a stream instead. False: kind bad_answer; the message says
 * where the JSON is wrong. */
TN_MUST_CHECK bool bind_body_json(struct bind_body *b, struct tn_jval *root, struct tn_err *err);
/* The rows at a path (names with dots between): an array, null (no rows), an object (one row), or
 * absent, if the path ends in "?". False: kind bad_answer, and the message names the path. */
TN_MUST_CHECK bool bind_body_rows(struct bind_body *b, struct tn_str path, struct tn_jval *rows,
                                  struct tn_err *err);
size_t bind_rows_count(struct tn_jval rows);

/* The code that fills a reply initialises fields.memory. */
struct bind_reply {
    int status;
    unsigned attempts;
    struct bind_body *body;
    struct bind_fields fields;
};
void bind_reply_clear(struct bind_reply *r);
struct bind_reply *bind_reply_new(lua_State *L);          /* pushes it, zeroed */
struct bind_body *bind_is_reply(lua_State *L, int index); /* NULL: the value is no reply */
/* The body of the reply at index; raises when the value is no reply. */
struct bind_body *bind_as_reply(lua_State *L, int index);

#endif
