/* SPDX-License-Identifier: MIT */
/* poll.h - C functions that loop ask here whether their call has used up its time. For script/
 * only. Modules use tn_isolate_poll (isolate.h). */
#ifndef TN_SCRIPT_POLL_H
#define TN_SCRIPT_POLL_H

#include "script/state.h"

/* Has the call under way, or a call around it, used up its budget? */
bool tn_isolate_late(const struct tn_isolate *iso);
/* Could the call not give way for too long? Then it counts as expired from now on. */
bool tn_isolate_held_out(const struct tn_isolate *iso);
/* Tells the watchdog that a library function of scripts runs. If code of the host called it, the
 * script is a guest. */
void tn_script_found(const struct tn_isolate *iso);
/* tn_script_found and tn_isolate_poll in one.  Raises when the time is up. */
void tn_script_poll(lua_State *L);

#endif
