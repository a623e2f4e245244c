/* SPDX-License-Identifier: MIT */
/* failure.h - why a call into a script failed, and where. For script/ only. */
#ifndef TN_SCRIPT_FAILURE_H
#define TN_SCRIPT_FAILURE_H

#include "script/state.h"

/* The Lua hook that all watchdogs set: it raises when the time is up, or makes the call give
 * way. */
void tn_failure_hook(lua_State *L, lua_Debug *ar);
/* The message handler of all protected calls; it notes where the error was raised. */
int tn_failure_handler(lua_State *L);
/* Notes the file and line of the script, searched from this level of L's stack outwards. */
void tn_failure_note(struct tn_isolate *iso, lua_State *L, int level);
/* Fills err from the error value at the top of L and pops it. Call it before the entry of the
 * failed call is left. */
void tn_failure_read(struct tn_isolate *iso, lua_State *L, int status, const struct tn_entry *entry,
                     struct tn_err *err);
/* The same for a coroutine that died; its stack still shows where. */
void tn_failure_take(struct tn_isolate *iso, lua_State *co, int status, struct tn_entry *entry,
                     struct tn_err *err);
/* Registers the metatable of error values. */
void tn_failure_open(lua_State *L);

#endif
