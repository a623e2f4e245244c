/* SPDX-License-Identifier: MIT */
/* task.h - work in an isolate that may wait: a coroutine that parks until something wakes it.
 * Life: start; (park, wake) as often as it likes; done is called exactly once, never inside start,
 * cancel or wake; then the task is gone.
 *
 * A module function that waits:
 *     static int l_get(lua_State *L)
 *     {
 *         struct call *c = bind_new(L, sizeof *c, &CALL);     owned by the task: dropped with it
 *         c->task = tn_task_self(L);
 *         if (!send(..., on_reply, c, &c->err)) return bind_fail(L, &c->err);
 *         return tn_task_park(L, get_done, c);                on_reply: note result, tn_task_wake
 *     } */
#ifndef TN_SCRIPT_TASK_H
#define TN_SCRIPT_TASK_H

#include "script/isolate.h"

struct tn_task;

/* err NULL: it ended well, and take was called before.  Runs outside of Lua: may start tasks,
 * unref the isolate. */
typedef void (*tn_task_done_fn)(void *arg, const struct tn_err *err);

struct tn_task_call {
    tn_push_fn push_first, push; /* called one after the other before it runs; NULL: no arguments */
    tn_take_fn take;             /* results, protected; NULL: they are dropped */
    tn_task_done_fn done;        /* NULL: nobody cares */
    int limit_ms;                /* of time, waits included; 0: none.  Beyond: timeout */
    const void *context;         /* for the modules, beside the isolate's: tn_task_context */
};

/* Starts the function under ref, which stays there until done; it runs for the first time in a
 * later turn of the loop.  call is copied.  NULL: overloaded (too many tasks), unavailable
 * (the host ends), budget (spent); done is not called then.  The pointer is valid until done was
 * called.
 */
TN_MUST_CHECK struct tn_task *tn_task_start(struct tn_isolate *iso, int ref,
                                            const struct tn_task_call *call, void *arg,
                                            struct tn_err *err);
/* Drops all that the task owns and the task itself at once; done gets kind cancelled in a later
 * turn.  A task that is running ends at its next wait, or now if it raises; one that runs beside
 * the loop is stopped, and owns what it owns until then.  NULL does nothing. */
void tn_task_cancel(struct tn_task *task);
const void *tn_task_context(const struct tn_task *task); /* as it was started with */

/* The task that runs L.  Raises when there is none that could wait: at load, in a function field,
 * in a transaction. */
struct tn_task *tn_task_self(lua_State *L);
bool tn_task_may_wait(lua_State *L);
/* Until it is let go, the task cannot wait but for reads; it can be left for a while, as any. */
void tn_task_hold(struct tn_task *task, bool on);
/* The task that runs L, held or not; NULL: nothing can wait here.  For reads of the store. */
struct tn_task *tn_task_reader(lua_State *L);
/* The task under way, whether it could wait here or not; NULL: none. */
struct tn_task *tn_task_current(lua_State *L);
/* Waits until tn_task_wake; then k(L, LUA_YIELD, ctx) goes on inside the task with an unchanged
 * stack.  To be returned by the module function. */
int tn_task_park(lua_State *L, lua_KFunction k, void *ctx);
/* The same for tn_task_reader's task. */
int tn_task_park_reader(lua_State *L, lua_KFunction k, void *ctx);
/* Goes on in a later turn of the loop.  More than one wake for one park counts once. */
void tn_task_wake(struct tn_task *task);

/* Things that must not outlive a task: drop is called when the task ends or is cancelled, unless
 * disowned before.  drop may not touch Lua. */
struct tn_owned {
    struct tn_owned *prev, *next; /* NULL: not owned */
    void (*drop)(struct tn_owned *self);
};
void tn_task_own(struct tn_task *task, struct tn_owned *thing);
void tn_task_disown(struct tn_owned *thing); /* twice does nothing */

/* ---- for host.c alone ---- */

/* Runs the tasks that are ready; first it announces isolates that are spent. */
void tn_task_run_ready(void *host);
/* Cancels all tasks of the isolate. */
void tn_task_cancel_all(struct tn_isolate *iso);

#endif
