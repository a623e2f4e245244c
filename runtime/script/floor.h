/* SPDX-License-Identifier: MIT */
/* floor.h - whoever catches an error of a script puts back what the failed calls had taken; for
 * script/ alone.  Functions of the host are called in floor.c (tn_lua_host_call, isolate.h). */
#ifndef TN_SCRIPT_FLOOR_H
#define TN_SCRIPT_FLOOR_H

#include <lua.h>

/* Notes how often the thread has taken the floor, and whether the script here is a guest. */
int tn_floor_mark(lua_State *L);
/* Back to that, after an error was caught. */
void tn_floor_restore(lua_State *L, int mark);

#endif
