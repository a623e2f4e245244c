/* SPDX-License-Identifier: MIT */
/* watchdog.h - ends calls into scripts that use more CPU than they were given, and tells those that
 * may give way when they have run long enough, at no cost to all others: one timer on the CPU clock
 * of this thread ticks while the process works (never while it waits); a tick counts down the calls
 * that are under way and, when one has used up its time or its slice, arms a Lua hook.  Entering
 * and leaving is a few stores. Life: one a process, made after the fork; frames nest on the C
 * stack. */
#ifndef TN_SCRIPT_WATCHDOG_H
#define TN_SCRIPT_WATCHDOG_H

#include <lua.h>
#include <stdbool.h>

#include "base/err.h"

struct tn_watchdog;

enum { TN_WATCHDOG_TICK_MS = 5 };

/* One call into a script.  Plain memory of the caller; fields are the watchdog's business, but for
 * `running`, which follows the coroutine that runs. */
struct tn_frame {
    struct tn_frame *outer;
    struct lua_State *volatile running;
    volatile int left;      /* ticks of its budget */
    volatile int slice;     /* ticks until it should give way; 0: now; below: it never need */
    volatile int held;      /* ticks since it should have given way, that it may still go on */
    volatile bool expired;  /* its budget is used up */
    volatile bool stubborn; /* expired because it could not give way */
};

/* stop is the hook; it runs inside the call that is late, at every instruction when one is expired
 * (then it raises), else once a tick. */
TN_MUST_CHECK struct tn_watchdog *tn_watchdog_new(lua_Hook stop, struct tn_err *err);
void tn_watchdog_free(struct tn_watchdog *dog); /* NULL does nothing */
/* ticks: its budget.  Every enter has its leave, in reverse order. */
void tn_watchdog_enter(struct tn_watchdog *dog, struct tn_frame *frame, struct lua_State *L,
                       int ticks);
/* The innermost call should give way from time to time; it is expired when it could not for long
 * (limits.h). */
void tn_watchdog_slice(struct tn_watchdog *dog);
/* A budget in ticks, rounded up; the tick under way does not count. */
int tn_watchdog_ticks(int ms);
void tn_watchdog_leave(struct tn_watchdog *dog, struct tn_frame *frame);
/* The innermost call under way; NULL: none. */
struct tn_frame *tn_watchdog_frame(const struct tn_watchdog *dog);
/* The call that is under way, or one around it, which has used up its time; NULL: none has. */
const struct tn_frame *tn_watchdog_expired(const struct tn_watchdog *dog);
/* Should the innermost call give way? */
bool tn_watchdog_due(const struct tn_watchdog *dog);

#endif
