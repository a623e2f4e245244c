/* SPDX-License-Identifier: MIT */
/* away.h - an isolate that runs beside the loop: how it gets there, who waits for it, how a call
 * gives way (docs/script-host.md explains these words). For script/ only. */
#ifndef TN_SCRIPT_AWAY_H
#define TN_SCRIPT_AWAY_H

#include "script/state.h"

/* Starts the job on a side thread; the isolate is away from then on. False: no thread is free. The
 * job's home function has to call tn_isolate_home first and tn_isolate_admit last. */
bool tn_isolate_send(struct tn_isolate *iso, struct tn_side_job *job);
void tn_isolate_home(struct tn_isolate *iso);
/* Calls those who wait for the isolate, one after the other, until one of them sends it away
 * again. */
void tn_isolate_admit(struct tn_isolate *iso);
/* The side thread that runs the isolate; NULL: it is at home. */
struct tn_side *tn_isolate_side(const struct tn_isolate *iso);
/* Should the call that begins now run beside the loop from the start? */
bool tn_isolate_heavy(const struct tn_isolate *iso);
/* Asks the isolate to come home, and calls waiter->ready once it has. */
void tn_isolate_wait(struct tn_isolate *iso, struct tn_waiter *waiter);
void tn_waiter_leave(struct tn_waiter *waiter); /* ends the wait; a second call does nothing */
/* Like luaL_unref, for an isolate that is away: the reference is released when the isolate comes
 * home. */
void tn_isolate_release_later(struct tn_isolate *iso, int ref);
/* Runs a full garbage collection, beside the loop if the isolate is large. */
void tn_isolate_collect(struct tn_isolate *iso);

/* ---- inside a call ---- */

/* Can the call under way stop here and be continued later? */
bool tn_isolate_may_give_way(const struct tn_isolate *iso, lua_State *L);
/* Stops it here. A C function returns the result of this; k is called when the script continues. */
int tn_isolate_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k);
/* For C functions that take long. First: does the call run on the loop's thread, and could it give
 * way? Second: is its slice over as well? */
bool tn_isolate_holds_loop(const struct tn_isolate *iso, lua_State *L);
bool tn_isolate_is_due(const struct tn_isolate *iso, lua_State *L);

#endif
