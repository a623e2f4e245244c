/* SPDX-License-Identifier: MIT */
/* call.h - entering an isolate and leaving it, each time with a budget. For script/ only. */
#ifndef TN_SCRIPT_CALL_H
#define TN_SCRIPT_CALL_H

#include "script/state.h"

/* The thread that has the floor calls these before and after a call. The thread that makes the call
 * enters the watchdog's frame after check_in, and leaves it before check_out. ms is the budget of
 * the call; us is the part that is left when a call is continued, 0 when it begins. task becomes
 * the isolate's current task. ok: the call did not fail. */
void tn_isolate_check_in(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms,
                         int us, struct tn_task *task);
void tn_isolate_check_out(struct tn_isolate *iso, struct tn_entry *entry, bool ok);
/* Fills err with the reason why a spent isolate takes no calls. Returns false. */
bool tn_isolate_refuse(const struct tn_isolate *iso, struct tn_err *err);
/* Runs fn(arg) on the isolate's stack for at most ms of CPU time; false: err says what went wrong.
 * TN_IN_SCRIPT: fn only runs a script. TN_IN_HOST: fn is code of the host, and a script that it
 * happens to call (a metamethod) is a guest. */
bool tn_isolate_run(struct tn_isolate *iso, enum tn_place place, int ms,
                    void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err);

#endif
