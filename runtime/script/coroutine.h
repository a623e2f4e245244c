/* SPDX-License-Identifier: MIT */
/* coroutine.h - the library `coroutine`, and coroutines that scripts cannot resume. For script/
 * only. */
#ifndef TN_SCRIPT_COROUTINE_H
#define TN_SCRIPT_COROUTINE_H

#include <lua.h>
#include <stdbool.h>

/* Pushes its table. */
void tn_coroutine_open(lua_State *L);
/* on: from now on no script can resume the coroutine at this index. Off: scripts can again. */
void tn_coroutine_guard(lua_State *L, int index, bool on);

#endif
