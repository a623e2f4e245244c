/* SPDX-License-Identifier: MIT */
/* watchdog.h - ends calls into scripts that use more CPU time than they were given, and makes those
 * that can give way do so when they have run long enough. While scripts run, a timer ticks in the
 * thread that runs them. Each tick takes the CPU time since the last tick off what the calls under
 * way have left. When a call has used up its time or its slice, the tick sets a Lua hook. Other
 * calls pay nothing; entering and leaving a call is a few stores. Life: one for each thread that
 * runs scripts, made in that thread after the fork; frames nest on it. */
#ifndef TN_SCRIPT_WATCHDOG_H
#define TN_SCRIPT_WATCHDOG_H

#include <lua.h>
#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

struct tn_watchdog;

/* Where a call is: in a script; in a function of the host, which may take long; in a guest, a
 * script that such a function called and that cannot give way. */
enum tn_place { TN_IN_SCRIPT, TN_IN_HOST, TN_IN_GUEST };

/* One call into a script. The caller provides the memory. The fields belong to the watchdog, but
 * the caller keeps `running` at the coroutine that runs, and may read `left_us`. */
struct tn_frame {
    struct tn_watchdog *dog;
    struct tn_frame *outer;
    struct lua_State *volatile running;
    volatile int left_us;  /* of its budget */
    volatile int slice_us; /* until it should give way; 0: now; negative: never */
    volatile int held_us;  /* that it may go on although it should give way */
    int held_ms;           /* the value that held_us began with */
    volatile int guest_us; /* that a guest may go on */
    volatile enum tn_place place;
    volatile bool expired;  /* its budget is used up */
    volatile bool stubborn; /* expired because it could not give way in time */
};

/* stop is the hook. It runs inside the call: before every instruction if a call is expired (then it
 * has to raise), else once a tick. */
TN_MUST_CHECK struct tn_watchdog *tn_watchdog_new(lua_Hook stop, struct tn_err *err);
void tn_watchdog_free(struct tn_watchdog *dog); /* call it in the watchdog's thread; NULL does
                                                   nothing */
/* Takes the signals that a watchdog needs out of a set of signals to block. */
void tn_watchdog_signals(sigset_t *blocked);

/* us: its budget of CPU time. Each enter needs its leave, in reverse order. */
void tn_watchdog_enter(struct tn_watchdog *dog, struct tn_frame *frame, struct lua_State *L,
                       int us);
void tn_watchdog_leave(struct tn_frame *frame);
/* The call has ended and was measured to take `us`, which counts if the ticks have counted
 * less. */
void tn_watchdog_used(struct tn_frame *frame, int budget_us, int64_t us);
/* The budget in us for a limit of ms: it has one tick more, so that no call is stopped early. */
int tn_watchdog_budget(int ms);
/* The call, which is the innermost, should give way after `us` of CPU time. If it cannot within
 * held_ms more, tn_watchdog_held_out expires it. */
void tn_watchdog_slice(struct tn_frame *frame, int us, int held_ms);

/* From now on, the call may go on for held_ms without giving way. */
void tn_watchdog_hold(struct tn_frame *frame, int held_ms);

/* Sets where the call is; returns where it was before. */
enum tn_place tn_watchdog_place(struct tn_frame *frame, enum tn_place place);
/* Tells that the call runs a script now. If it was in a function of the host, that script is a
 * guest. */
void tn_watchdog_found_script(struct tn_frame *frame);

/* From now on, the innermost call gives way only when its slice is over and somebody has called
 * demand. Any thread may call both. */
void tn_watchdog_on_demand(struct tn_watchdog *dog); /* forgets earlier demands and stops */
void tn_watchdog_demand(struct tn_watchdog *dog);
/* At the next tick, all calls under way expire. Holds until tn_watchdog_on_demand. Any thread may
 * call it. */
void tn_watchdog_stop(struct tn_watchdog *dog);
bool tn_watchdog_stopped(const struct tn_watchdog *dog);

/* The call, or a surrounding call, that has used up its time; NULL: none has. */
const struct tn_frame *tn_watchdog_expired(const struct tn_frame *frame);
/* For the innermost call, at a place where it cannot give way: expires it if it could not give way
 * for too long, or if it is a guest that ran for too long. True: it is expired. */
bool tn_watchdog_held_out(struct tn_frame *frame);
/* Should the innermost call give way? */
bool tn_watchdog_due(const struct tn_frame *frame);

#endif
