/* SPDX-License-Identifier: MIT */
/* http_live.h - the requests that an isolate has under way, and the bytes of the bodies that its
 * scripts and pages hold: its allocator does not see them.
 * Life: made with the first request; whoever outlives the isolate holds a reference. */
#ifndef TN_BIND_HTTP_LIVE_H
#define TN_BIND_HTTP_LIVE_H

#include "bind/bind.h"

struct http_call;

struct http_live {
    unsigned refs;
    size_t bytes;
    struct http_call *flying, *waiting; /* waiting: in the order in which they came */
    unsigned flying_count, waiting_count, streams;
};

struct http_live *http_live_of(lua_State *L); /* borrowed: the isolate has it */
struct http_live *http_live_ref(lua_State *L);
void http_live_unref(struct http_live *live);
/* Lua knows nothing of the bodies, so it is told to look for garbage when they have become many.  A
 * script that really holds that much is stopped. */
void http_live_check(lua_State *L, const struct http_live *live);
/* One streamed answer more.  False: there are as many as there may be. */
TN_MUST_CHECK bool http_live_stream(struct http_live *live);
void http_live_stream_end(struct http_live *live);

#endif
