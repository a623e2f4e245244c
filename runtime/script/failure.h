/* SPDX-License-Identifier: MIT */
/* failure.h - why a call into a script failed, and where; for script/ alone. */
#ifndef TN_SCRIPT_FAILURE_H
#define TN_SCRIPT_FAILURE_H

#include "script/state.h"

/* The hook of all watchdogs: raises that the time is up, or gives way. */
void tn_failure_hook(lua_State *L, lua_Debug *ar);
/* The message handler of all protected calls: notes where the error was raised. */
int tn_failure_handler(lua_State *L);
/* Notes the script's file and line from this level of L's stack on. */
void tn_failure_note(struct tn_isolate *iso, lua_State *L, int level);
/* Fills err from the error value at the top of L and pops it; inside the entry of the call. */
void tn_failure_read(struct tn_isolate *iso, lua_State *L, int status, const struct tn_entry *entry,
                     struct tn_err *err);
/* The same of a coroutine that died, whose stack still shows where. */
void tn_failure_take(struct tn_isolate *iso, lua_State *co, int status, struct tn_entry *entry,
                     struct tn_err *err);
/* Registers the class of error values. */
void tn_failure_open(lua_State *L);

#endif
