/* SPDX-License-Identifier: MIT */
/* sandbox.h - the globals that scripts get; for script/ only. */
#ifndef TN_SCRIPT_SANDBOX_H
#define TN_SCRIPT_SANDBOX_H

#include <lua.h>

/* Makes the environment of all chunks of a new Lua state. */
void tn_sandbox_open(lua_State *L);

#endif
