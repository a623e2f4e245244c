/* SPDX-License-Identifier: MIT */
/* load.h - compiles text to functions, and runs files for the values that they return. For script/
 * only. */
#ifndef TN_SCRIPT_LOAD_H
#define TN_SCRIPT_LOAD_H

#include <lua.h>

#include "base/str.h"

/* The global `require`. */
int tn_load_require(lua_State *L);
/* Pushes the value that the file at path returns; raises on failure. */
void tn_load_file(lua_State *L, const char *path);
/* Like lua_load, but takes only text, and raises when the time is up. Returns the status of
 * lua_load. */
int tn_load_text(lua_State *L, struct tn_str text, const char *chunk);
/* Pushes a function of the runtime that is written in Lua; compiles it when it is first needed. */
void tn_load_ours(lua_State *L, const char *source, const char *chunk);

#endif
