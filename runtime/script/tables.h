/* SPDX-License-Identifier: MIT */
/* tables.h - the library `table`; for script/ only. */
#ifndef TN_SCRIPT_TABLES_H
#define TN_SCRIPT_TABLES_H

#include <lua.h>

/* Pushes its table. */
void tn_tables_open(lua_State *L);

#endif
