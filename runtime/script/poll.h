/* SPDX-License-Identifier: MIT */
/* poll.h - C functions that loop ask here whether their call has used up its time; for script/
 * alone.  Modules use tn_isolate_poll (isolate.h). */
#ifndef TN_SCRIPT_POLL_H
#define TN_SCRIPT_POLL_H

#include "script/state.h"

/* Has the call under way, or one around it, used up its budget? */
bool tn_isolate_late(const struct tn_isolate *iso);
/* Has it been where it cannot give way for too long?  Then it is expired from now on. */
bool tn_isolate_held_out(const struct tn_isolate *iso);
/* A library function of scripts is at work: where the host called it, that is a guest. */
void tn_script_found(const struct tn_isolate *iso);
/* tn_script_found and tn_isolate_poll in one.  Raises when the time is up. */
void tn_script_poll(lua_State *L);

#endif
