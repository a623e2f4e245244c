/* SPDX-License-Identifier: MIT */
/* bind_stream.h - http.stream: answers that a script reads while they arrive. Tenon buffers some
 * hundred kilobytes; then the peer has to wait. Only the task that opened a stream may read it,
 * and the stream ends with that task. */
#ifndef TN_BIND_BIND_STREAM_H
#define TN_BIND_BIND_STREAM_H

#include "bind/bind.h"
#include "net/http_client.h"

/* Sends the request and parks the task until the answer begins; then pushes the stream, or nil,
 * err. rows is the method of that name; it reads the stream at 1. */
int bind_stream_open(lua_State *L, const struct tn_fetch *f, lua_CFunction rows);
/* Makes a stream of the reply of a test, which is the table on top of the stack. */
int bind_stream_recorded(lua_State *L, lua_CFunction rows);

struct bind_stream;
struct bind_stream *bind_is_stream(lua_State *L, int index); /* NULL: the value is no stream */
/* Raises unless the running task may read the stream. */
void bind_stream_check(lua_State *L, struct bind_stream *s);

struct tn_str bind_stream_type(const struct bind_stream *s); /* the Content-Type; may be absent */

/* Moves up to `most` bytes that have arrived into `into`, which was empty. `wait`: none have
 * arrived. The caller then parks the task, which is woken when there are more. */
enum bind_streamed { BIND_STREAM_bytes, BIND_STREAM_wait, BIND_STREAM_end, BIND_STREAM_failed };
enum bind_streamed bind_stream_take(struct bind_stream *s, size_t most, struct tn_buf *into,
                                    struct tn_err *err);

#endif
