/* SPDX-License-Identifier: MIT */
/* watchdog.h - ends calls into scripts that use more CPU than they were given, at no cost to those
 * that do not: one timer on the CPU clock of this thread ticks while the process works (never while
 * it waits); a tick counts down the calls that are under way and, when one has used up its time,
 * arms a Lua hook that raises at every instruction.  Entering and leaving is a few stores.
 * Life: one a process, made after the fork; frames nest on the C stack. */
#ifndef TN_SCRIPT_WATCHDOG_H
#define TN_SCRIPT_WATCHDOG_H

#include <lua.h>
#include <stdbool.h>

#include "base/err.h"

struct tn_watchdog;

enum { TN_WATCHDOG_TICK_MS = 10, TN_WATCHDOG_SLOT = 64 };

/* One call into a script.  Plain memory of the caller; fields are the watchdog's business, but for
 * `running`, which follows the coroutine that runs. */
struct tn_frame {
    struct tn_frame *outer;
    struct lua_State *volatile running;
    volatile int left; /* ticks */
    volatile bool expired;
};

/* stop is the hook that raises; it runs inside the call that is late. */
TN_MUST_CHECK struct tn_watchdog *tn_watchdog_new(lua_Hook stop, struct tn_err *err);
void tn_watchdog_free(struct tn_watchdog *dog); /* NULL does nothing */
/* ms is rounded up to ticks.  Every enter has its leave, in reverse order. */
void tn_watchdog_enter(struct tn_watchdog *dog, struct tn_frame *frame, struct lua_State *L,
                       int ms);
void tn_watchdog_leave(struct tn_watchdog *dog, struct tn_frame *frame);
/* The innermost call under way; NULL: none. */
struct tn_frame *tn_watchdog_frame(const struct tn_watchdog *dog);
/* Has the call that is under way, or one around it, used up its time?  For loops in C. */
bool tn_watchdog_expired(const struct tn_watchdog *dog);

#endif
