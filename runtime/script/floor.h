/* SPDX-License-Identifier: MIT */
/* floor.h - restores the floor and the watchdog's state after an error: code that catches an error
 * of a script calls it. For script/ only. Functions of the host are called in floor.c
 * (tn_lua_host_call, isolate.h). */
#ifndef TN_SCRIPT_FLOOR_H
#define TN_SCRIPT_FLOOR_H

#include <lua.h>

/* Returns a mark of the present state: how often this thread has taken the floor, and whether the
 * script is a guest. */
int tn_floor_mark(lua_State *L);
/* Goes back to the state of the mark, after an error was caught. */
void tn_floor_restore(lua_State *L, int mark);

#endif
