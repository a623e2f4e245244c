/* SPDX-License-Identifier: MIT */
/* away.h - an isolate that runs beside the loop: how it gets there, who waits for it, how a call
 * gives way; for script/ alone. */
#ifndef TN_SCRIPT_AWAY_H
#define TN_SCRIPT_AWAY_H

#include "script/state.h"

/* Starts the job beside the loop; false: no thread is free for it.  The isolate is away then; the
 * job's home function calls tn_isolate_home first and tn_isolate_admit last. */
bool tn_isolate_send(struct tn_isolate *iso, struct tn_side_job *job);
void tn_isolate_home(struct tn_isolate *iso);
/* Lets in those who wait for it, until one of them sends it away again. */
void tn_isolate_admit(struct tn_isolate *iso);
/* The thread that it is on; NULL: it is at home. */
struct tn_side *tn_isolate_side(const struct tn_isolate *iso);
/* Should the call that begins now begin beside the loop? */
bool tn_isolate_heavy(const struct tn_isolate *iso);
/* Asks it to come home; waiter->ready is called once it has. */
void tn_isolate_wait(struct tn_isolate *iso, struct tn_waiter *waiter);
void tn_waiter_leave(struct tn_waiter *waiter); /* waits no more; twice does nothing */
/* luaL_unref of an isolate that is away, put off until it is home. */
void tn_isolate_release_later(struct tn_isolate *iso, int ref);
/* A full collection; beside the loop if the isolate is large. */
void tn_isolate_collect(struct tn_isolate *iso);

/* ---- inside a call ---- */

/* Can the call under way be left here, and be gone on with later? */
bool tn_isolate_may_give_way(const struct tn_isolate *iso, lua_State *L);
/* Leaves it: for a C function to return; k goes on. */
int tn_isolate_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k);
/* For C functions that take long: the call holds the loop's thread and could give way; and its
 * slice is over, too. */
bool tn_isolate_holds_loop(const struct tn_isolate *iso, lua_State *L);
bool tn_isolate_is_due(const struct tn_isolate *iso, lua_State *L);

#endif
