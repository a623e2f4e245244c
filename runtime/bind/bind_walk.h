/* SPDX-License-Identifier: MIT */
/* bind_walk.h - how many walks over rows or records an isolate has open: what they hold is memory
 * that its allocator does not see. */
#ifndef TN_BIND_BIND_WALK_H
#define TN_BIND_BIND_WALK_H

#include "bind/bind.h"

struct bind_walks;
/* One walk more, which may come to hold so many KiB.  Raises overloaded when as many as there may
 * be are open, garbage not counted.  The collector may run. */
struct bind_walks *bind_walk_begin(lua_State *L, size_t kib);
void bind_walk_end(struct bind_walks *walks); /* NULL does nothing */
/* Tells the collector of bytes that it does not see; it may run. */
void bind_weigh(lua_State *L, size_t bytes);

#endif
