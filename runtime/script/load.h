/* SPDX-License-Identifier: MIT */
/* load.h - from text to functions, from files to the values that they return; for script/ alone. */
#ifndef TN_SCRIPT_LOAD_H
#define TN_SCRIPT_LOAD_H

#include <lua.h>

#include "base/str.h"

/* The global `require`. */
int tn_load_require(lua_State *L);
/* Pushes the value that the file of this path returns; raises. */
void tn_load_file(lua_State *L, const char *path);
/* lua_load of text alone, and the status of that; raises when the time is up. */
int tn_load_text(lua_State *L, struct tn_str text, const char *chunk);
/* Pushes a library function that is written in Lua; it is compiled when it is first needed. */
void tn_load_ours(lua_State *L, const char *source, const char *chunk);

#endif
