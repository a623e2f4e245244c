/* SPDX-License-Identifier: MIT */
/* bind_sync.h - tn.sync("plant_7", "sync_items", { ... }): a script starts a run. */
#ifndef TN_BIND_BIND_SYNC_H
#define TN_BIND_BIND_SYNC_H

#include <lua.h>

/* A function of the module tenon. Parks the task until the run is stored; gives the run's id, or
 * nil and err. */
int bind_sync(lua_State *L);

#endif
