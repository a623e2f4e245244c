/* SPDX-License-Identifier: MIT */
/* bind_walk.h - counts the walks over rows or records that an isolate has open, because the
 * isolate's allocator does not see their memory. */
#ifndef TN_BIND_BIND_WALK_H
#define TN_BIND_BIND_WALK_H

#include "bind/bind.h"

struct bind_walks;
/* Counts one more walk, which may hold so many KiB. When the isolate has too many open walks it
 * collects garbage; if there are still too many it raises kind overloaded. */
struct bind_walks *bind_walk_begin(lua_State *L, size_t kib);
void bind_walk_end(struct bind_walks *walks); /* NULL does nothing */
/* Tells the collector of bytes that it does not see. It may start to collect. */
void bind_weigh(lua_State *L, size_t bytes);

#endif
