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

/* err NULL: the task ended well, and take was called before. It is called outside of Lua, and may
 * start tasks and unref the isolate. */
typedef void (*tn_task_done_fn)(void *arg, const struct tn_err *err);

struct tn_task_call {
    tn_push_fn push_first, push; /* both are called before the function runs, in this order;
                                    NULL: no arguments */
    tn_take_fn take;             /* gets the results, in protected mode; NULL: they are dropped */
    tn_task_done_fn done;        /* NULL: nobody cares */
    int limit_ms;                /* of wall time, waits included; then kind timeout; 0: no limit */
    const void *context;         /* for the modules, besides the isolate's: tn_task_context */
};

/* Starts the function under ref in a later turn of the loop; keep ref until done. Copies call.
 * NULL: done will not be called, and err says why: overloaded (too many tasks), unavailable (the
 * host ends), budget (the isolate is spent). The pointer is valid until done was called. */
TN_MUST_CHECK struct tn_task *tn_task_start(struct tn_isolate *iso, int ref,
                                            const struct tn_task_call *call, void *arg,
                                            struct tn_err *err);
/* Drops the task and all that it owns at once; done gets kind cancelled in a later turn. A task
 * that is running ends at its next wait, or before if it raises. A task that runs beside the loop
 * is stopped there, and keeps what it owns until then. NULL does nothing. */
void tn_task_cancel(struct tn_task *task);
const void *tn_task_context(const struct tn_task *task); /* the context that it was started with */

/* The task that runs L. Raises if no task can wait here: while a file is loaded, in a function of a
 * field, in a transaction. */
struct tn_task *tn_task_self(lua_State *L);
bool tn_task_may_wait(lua_State *L);
/* on: until it is switched off, the task can wait only for reads of the store. It can still give
 * way. */
void tn_task_hold(struct tn_task *task, bool on);
/* The task that runs L, held or not; for reads of the store. NULL: nothing can wait here. */
struct tn_task *tn_task_reader(lua_State *L);
/* The task that runs now, whether it could wait here or not; NULL: none. */
struct tn_task *tn_task_current(lua_State *L);
/* Waits until tn_task_wake, then calls k(L, LUA_YIELD, ctx) inside the task with an unchanged
 * stack. The module function has to return the result of this. */
int tn_task_park(lua_State *L, lua_KFunction k, void *ctx);
/* The same for the task of tn_task_reader. */
int tn_task_park_reader(lua_State *L, lua_KFunction k, void *ctx);
/* Continues a parked task in a later turn of the loop. Several wakes for one park count as one. */
void tn_task_wake(struct tn_task *task);

/* A thing that must not outlive a task. drop is called when the task ends or is cancelled, unless
 * tn_task_disown came first. drop may not touch Lua. */
struct tn_owned {
    struct tn_owned *prev, *next; /* NULL: no task owns it */
    void (*drop)(struct tn_owned *self);
};
void tn_task_own(struct tn_task *task, struct tn_owned *thing);
void tn_task_disown(struct tn_owned *thing); /* a second call does nothing */

/* ---- for host.c alone ---- */

/* Announces isolates that became spent, then runs the tasks that are ready. */
void tn_task_run_ready(void *host);
/* Cancels all tasks of the isolate. */
void tn_task_cancel_all(struct tn_isolate *iso);

#endif
