/* SPDX-License-Identifier: MIT */
/* http_live.h - counts, for one isolate, the HTTP requests under way and the bytes of the bodies
 * that its scripts and pages hold, because the isolate's allocator does not see them. Life: made
 * with the isolate's first request, shared by all objects that count in it, freed with the last
 * reference. */
#ifndef TN_BIND_HTTP_LIVE_H
#define TN_BIND_HTTP_LIVE_H

#include "bind/bind.h"

struct call; /* bind_http.c */

struct bind_live {
    unsigned refs;
    size_t bytes;
    struct call *flying, *waiting; /* waiting: in the order of arrival */
    unsigned flying_count, waiting_count, streams;
};

struct bind_live *bind_live_of(lua_State *L); /* borrowed: the isolate has it */
struct bind_live *bind_live_ref(lua_State *L);
void bind_live_unref(struct bind_live *live);
/* Raises when the bodies take more than an isolate may hold, even after a collection. */
void bind_live_check(lua_State *L, const struct bind_live *live);
/* Counts one more streamed answer. False: the isolate has as many as it may have. */
TN_MUST_CHECK bool bind_live_stream(struct bind_live *live);
void bind_live_stream_end(struct bind_live *live);

#endif
