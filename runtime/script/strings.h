/* SPDX-License-Identifier: MIT */
/* strings.h - the library `string`; for script/ only. */
#ifndef TN_SCRIPT_STRINGS_H
#define TN_SCRIPT_STRINGS_H

#include <lua.h>

/* Pushes its table. */
void tn_strings_open(lua_State *L);

#endif
