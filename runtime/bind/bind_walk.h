/* SPDX-License-Identifier: MIT */
/* bind_walk.h - counts the walks over rows or records that an isolate has open, since the allocator
 * of the isolate does not see their memory. */
#ifndef TN_BIND_BIND_WALK_H
#define TN_BIND_BIND_WALK_H

#include "bind/bind.h"

struct bind_walks;
/* Counts one walk more, which may hold so many KiB. Raises kind overloaded when the isolate has as
 * many open as it may, garbage not counted. The collector may run. */
struct bind_walks *bind_walk_begin(lua_State *L, size_t kib);
void bind_walk_end(struct bind_walks *walks); /* NULL does nothing */
/* Tells the collector of bytes that it does not see; it may run. */
void bind_weigh(lua_State *L, size_t bytes);

#endif
