/* SPDX-License-Identifier: MIT */
/* watchdog.h - ends calls into scripts that use more CPU than they were given, and tells those that
 * may give way when they have run long enough, at no cost to all others: while scripts run, a timer
 * ticks in the thread that runs them; a tick takes the CPU time since the last one off what the
 * calls under way have left and, when one has used up its time or its slice, arms a Lua hook.
 * Entering and leaving is a few stores.
 * Life: one a thread that runs scripts, made in that thread after the fork; frames nest on it. */
#ifndef TN_SCRIPT_WATCHDOG_H
#define TN_SCRIPT_WATCHDOG_H

#include <lua.h>
#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

struct tn_watchdog;

/* Where a call is: in a script, in a function of the host, which may take its time, or in a script
 * that such a function called and that cannot be left, a guest. */
enum tn_place { TN_IN_SCRIPT, TN_IN_HOST, TN_IN_GUEST };

/* One call into a script.  Plain memory of the caller; fields are the watchdog's business, but for
 * `running`, which follows the coroutine that runs, and `left_us`, which may be read. */
struct tn_frame {
    struct tn_watchdog *dog;
    struct tn_frame *outer;
    struct lua_State *volatile running;
    volatile int left_us;  /* of its budget */
    volatile int slice_us; /* until it should give way; 0: now; below: it never need */
    volatile int held_us;  /* that it may still go on although it should have given way */
    int held_ms;           /* what that was */
    volatile int guest_us; /* that a guest may go on */
    volatile enum tn_place place;
    volatile bool expired;  /* its budget is used up */
    volatile bool stubborn; /* expired because it could not give way */
};

/* stop is the hook; it runs inside the call that is late, at every instruction when one is expired
 * (then it raises), else once a tick. */
TN_MUST_CHECK struct tn_watchdog *tn_watchdog_new(lua_Hook stop, struct tn_err *err);
void tn_watchdog_free(struct tn_watchdog *dog); /* in its thread; NULL does nothing */
/* Takes the signals it needs out of a set of those to be blocked. */
void tn_watchdog_signals(sigset_t *blocked);

/* us: its budget of CPU time.  Every enter has its leave, in reverse order. */
void tn_watchdog_enter(struct tn_watchdog *dog, struct tn_frame *frame, struct lua_State *L,
                       int us);
void tn_watchdog_leave(struct tn_frame *frame);
/* It is over and took us of its budget, measured, if the ticks have counted less. */
void tn_watchdog_used(struct tn_frame *frame, int budget_us, int64_t us);
/* The budget in us for a limit of ms: one tick more, so that no call is cut short. */
int tn_watchdog_budget(int ms);
/* The call, which is the innermost, should give way after us.  When it cannot for held_ms more,
 * tn_watchdog_held_out expires it. */
void tn_watchdog_slice(struct tn_frame *frame, int us, int held_ms);

/* From here on the call may be held for so long. */
void tn_watchdog_hold(struct tn_frame *frame, int held_ms);

/* Says where the call is, and where it was before. */
enum tn_place tn_watchdog_place(struct tn_frame *frame, enum tn_place place);
/* The call is found to run a script: if it was in a function of the host, that script is a guest.
 */
void tn_watchdog_found_script(struct tn_frame *frame);

/* on_demand: from here on the innermost call gives way only after its slice and once somebody has
 * asked for that with demand.  Both from any thread. */
void tn_watchdog_on_demand(struct tn_watchdog *dog); /* from here on; as yet it is not asked */
void tn_watchdog_demand(struct tn_watchdog *dog);
/* All calls under way are expired at the next tick.  From any thread, until tn_watchdog_on_demand.
 */
void tn_watchdog_stop(struct tn_watchdog *dog);
bool tn_watchdog_stopped(const struct tn_watchdog *dog);

/* The call, or one around it, which has used up its time; NULL: none has. */
const struct tn_frame *tn_watchdog_expired(const struct tn_frame *frame);
/* Where the call, the innermost one, could not give way: it is expired now if it could not for too
 * long, or is a guest that has stayed too long. */
bool tn_watchdog_held_out(struct tn_frame *frame);
/* Should the call, the innermost one, give way? */
bool tn_watchdog_due(const struct tn_frame *frame);

#endif
