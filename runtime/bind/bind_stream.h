/* SPDX-License-Identifier: MIT */
/* bind_stream.h - answers that are read as they come: what http.stream gives.
 * Tenon buffers some hundred kilobytes; then the peer has to wait. Only the task that opened a
 * stream may read it, and the stream ends with that task. */
#ifndef TN_BIND_BIND_STREAM_H
#define TN_BIND_BIND_STREAM_H

#include "bind/bind.h"
#include "net/http_client.h"

/* Sends the request and parks until its answer begins: pushes the stream, or nil, err.  rows is the
 * stream's method of that name; it may read the stream at 1. */
int bind_stream_open(lua_State *L, const struct tn_fetch *f, lua_CFunction rows);
/* A stream of a test's reply, the table at the top. */
int bind_stream_recorded(lua_State *L, lua_CFunction rows);

struct bind_stream;
struct bind_stream *bind_is_stream(lua_State *L, int index); /* NULL: it is none */
/* Raises unless the running task may read it. */
void bind_stream_check(lua_State *L, struct bind_stream *s);

/* Moves up to `most` bytes that have come into `into`, which was empty. Answers `wait` when there
 * are none yet: the task is woken when there are more, so it should park. */
enum bind_streamed { BIND_STREAM_bytes, BIND_STREAM_wait, BIND_STREAM_end, BIND_STREAM_failed };
enum bind_streamed bind_stream_take(struct bind_stream *s, size_t most, struct tn_buf *into,
                                    struct tn_err *err);

#endif
