/* SPDX-License-Identifier: MIT */
/* call.h - entering an isolate and leaving it, each time with a budget; for script/ alone. */
#ifndef TN_SCRIPT_CALL_H
#define TN_SCRIPT_CALL_H

#include "script/state.h"

/* Before and after a call, by the thread that has the floor.  The thread that makes the call enters
 * the frame of its watchdog after check_in, and leaves it before check_out.  us: what is left of
 * the ms of a call that goes on; 0: it begins.  task becomes the isolate's current one.  ok: the
 * call did not fail. */
void tn_isolate_check_in(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms,
                         int us, struct tn_task *task);
void tn_isolate_check_out(struct tn_isolate *iso, struct tn_entry *entry, bool ok);
/* The isolate is spent: fills err and is false. */
bool tn_isolate_refuse(const struct tn_isolate *iso, struct tn_err *err);
/* Runs fn(arg) on the isolate's stack for at most ms of CPU; false: err says what went wrong.
 * TN_IN_SCRIPT: fn is there to run a script; TN_IN_HOST: it is the host's own, and what it meets of
 * a script (a metamethod) is a guest. */
bool tn_isolate_run(struct tn_isolate *iso, enum tn_place place, int ms,
                    void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err);

#endif
