/* SPDX-License-Identifier: MIT */
#include "script/task.h"

#include <assert.h>
#include <lauxlib.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/time.h"
#include "loop/loop.h"
#include "script/away.h"
#include "script/call.h"
#include "script/coroutine.h"
#include "script/stretch.h"

/* How long ready tasks run before the loop handles other events. */
enum { SLICE_US = 2000 };

enum state { FRESH, PARKED, RUNNING, BACK, ENDED };

struct tn_task {
    struct tn_task *prev, *next;
    struct tn_task *next_ready;
    struct tn_isolate *iso;
    struct tn_stretch stretch; /* the reference `ref` keeps its coroutine alive; NULL: there is
                                  none (yet) */
    struct tn_waiter waiter;
    int function, ref, args;
    enum state state; /* BACK: it has run beside the loop, and the loop has not handled the
                         result yet */
    bool queued, woken, cancelled, held;
    struct tn_task_call call;
    void *arg;
    lua_KFunction k; /* called when the present wait is over */
    void *ctx;
    struct tn_owned owned; /* ring of things that the task owns */
    struct tn_timer *limit;
    struct tn_err err;
};

/* ---- things that a task owns ---- */

void tn_task_own(struct tn_task *task, struct tn_owned *thing)
{
    assert(!thing->next);
    thing->prev = &task->owned;
    thing->next = task->owned.next;
    thing->next->prev = thing;
    task->owned.next = thing;
}

void tn_task_disown(struct tn_owned *thing)
{
    if (!thing->next) return;
    thing->prev->next = thing->next;
    thing->next->prev = thing->prev;
    thing->prev = thing->next = NULL;
}

static void drop_owned(struct tn_task *task)
{
    while (task->owned.next != &task->owned) {
        struct tn_owned *thing = task->owned.next;
        tn_task_disown(thing);
        thing->drop(thing);
    }
}

/* ---- life ---- */

static void enqueue(struct tn_task *task)
{
    struct tn_host *host = task->iso->host;
    if (task->queued) return;
    task->queued = true;
    task->next_ready = NULL;
    if (!host->ready) tn_timer_set(host->turn, 0);
    *host->ready_end = task;
    host->ready_end = &task->next_ready;
}

static void link_task(struct tn_isolate *iso, struct tn_task *task)
{
    task->next = iso->tasks;
    if (task->next) task->next->prev = task;
    iso->tasks = task;
    iso->stats.tasks++;
    iso->refs++;
}

static void unlink_task(struct tn_task *task)
{
    struct tn_isolate *iso = task->iso;
    if (task->prev)
        task->prev->next = task->next;
    else
        iso->tasks = task->next;
    if (task->next) task->next->prev = task->prev;
    iso->stats.tasks--;
}

static void release(struct tn_task *task)
{
    if (task->stretch.co) tn_isolate_release(task->iso, task->ref);
    task->stretch.co = NULL;
}

static void end(struct tn_task *task, const struct tn_err *err)
{
    struct tn_isolate *iso = task->iso;
    task->state = ENDED;
    tn_waiter_leave(&task->waiter);
    drop_owned(task);
    release(task);
    tn_timer_free(task->limit);
    unlink_task(task);
    if (task->call.done) task->call.done(task->arg, err);
    tn_free(task);
    tn_isolate_unref(iso);
}

static void cancel(struct tn_task *task, enum tn_kind kind, const char *text)
{
    if (!task || task->cancelled || task->state == ENDED) return;
    task->cancelled = true;
    tn_fail(&task->err, kind, "%s", text);
    if (task->limit) tn_timer_cancel(task->limit);
    if (task->stretch.job.side) {
        tn_side_ask(&task->stretch.job, true);
        return;
    }
    drop_owned(task);
    if (task->state == RUNNING) return;
    release(task);
    enqueue(task);
}

void tn_task_cancel(struct tn_task *task)
{
    cancel(task, TN_E_cancelled, "the task was cancelled");
}

void tn_task_cancel_all(struct tn_isolate *iso)
{
    for (struct tn_task *task = iso->tasks; task; task = task->next)
        cancel(task, TN_E_cancelled, "the script was unloaded before this task had ended");
}

static void out_of_time(void *arg)
{
    struct tn_task *task = arg;
    char text[80];
    snprintf(text, sizeof text, "the task did not end within %d ms", task->call.limit_ms);
    cancel(task, TN_E_timeout, text);
}

const void *tn_task_context(const struct tn_task *task)
{
    return task->call.context;
}

/* ---- start ---- */

/* Makes the coroutine, with the function and its arguments on its stack. */
static void make_coroutine(lua_State *L, void *arg)
{
    struct tn_task *task = arg;
    const struct tn_task_call *call = &task->call;
    lua_State *co = lua_newthread(L);
    lua_sethook(co, NULL, 0, 0);
    tn_coroutine_guard(L, 1, true);
    tn_isolate_push(L, task->function);
    task->args = call->push_first ? call->push_first(L, task->arg) : 0;
    task->args += call->push ? call->push(L, task->arg) : 0;
    luaL_checkstack(L, 2, NULL);
    if (!lua_checkstack(co, task->args + 2)) luaL_error(L, "too many arguments");
    lua_xmove(L, co, task->args + 1);
    lua_settop(L, 1);
    task->ref = tn_isolate_keep(L);
    task->stretch.co = co;
}

static bool may_start(const struct tn_isolate *iso, struct tn_err *err)
{
    if (iso->host->closing) return tn_fail(err, TN_E_unavailable, "%s was unloaded", iso->name);
    if (iso->spent) return tn_isolate_refuse(iso, err);
    if (iso->stats.tasks >= iso->max_tasks)
        return tn_fail(err, TN_E_overloaded, "%s runs %d tasks, its limit", iso->name,
                       iso->max_tasks);
    return true;
}

static void come_back(struct tn_stretch *stretch)
{
    struct tn_task *task = (struct tn_task *)((char *)stretch - offsetof(struct tn_task, stretch));
    task->state = BACK;
    enqueue(task);
}

static void isolate_is_home(struct tn_waiter *waiter)
{
    enqueue((struct tn_task *)((char *)waiter - offsetof(struct tn_task, waiter)));
}

struct tn_task *tn_task_start(struct tn_isolate *iso, int ref, const struct tn_task_call *call,
                              void *arg, struct tn_err *err)
{
    if (!may_start(iso, err)) return NULL;
    struct tn_task *task = TN_NEW(struct tn_task);
    task->iso = iso;
    task->function = ref;
    task->call = *call;
    task->arg = arg;
    task->owned.prev = task->owned.next = &task->owned;
    task->waiter.ready = isolate_is_home;
    task->stretch.iso = iso;
    task->stretch.task = task;
    task->stretch.ms = iso->call_ms;
    task->stretch.back = come_back;
    link_task(iso, task);
    if (call->limit_ms) {
        task->limit = tn_timer_new(iso->host->loop, out_of_time, task);
        tn_timer_set(task->limit, call->limit_ms);
    }
    enqueue(task);
    return task;
}

/* ---- run ---- */

struct results {
    struct tn_task *task;
    int n;
};

static void take_results(lua_State *L, void *arg)
{
    const struct results *results = arg;
    luaL_checkstack(L, results->n + 4, "too many results");
    lua_xmove(results->task->stretch.co, L, results->n);
    results->task->call.take(L, results->n, results->task->arg);
}

static bool succeed(struct tn_task *task, int n)
{
    struct results results = {task, n};
    if (!task->call.take) return true;
    return tn_isolate_run(task->iso, TN_IN_HOST, task->iso->call_ms, take_results, &results,
                          &task->err);
}

/* Handles the end of a stretch: the task waits, is to continue, or has ended. */
static void see_to(struct tn_task *task)
{
    const struct tn_stretch *stretch = &task->stretch;
    if (task->cancelled) {
        end(task, &task->err);
    } else if (stretch->status == LUA_YIELD) {
        task->state = PARKED;
        if (task->woken || stretch->gave_way) enqueue(task);
    } else if (stretch->status == LUA_OK) {
        end(task, succeed(task, stretch->n) ? NULL : &task->err);
    } else {
        end(task, &stretch->err);
    }
}

static bool begin(struct tn_task *task)
{
    struct tn_isolate *iso = task->iso;
    return task->state != FRESH ||
           tn_isolate_run(iso, TN_IN_HOST, iso->call_ms, make_coroutine, task, &task->err);
}

static void run(struct tn_task *task)
{
    task->queued = false;
    if (task->cancelled) {
        end(task, &task->err);
    } else if (task->iso->away) {
        tn_isolate_wait(task->iso, &task->waiter);
    } else if (task->state == BACK) {
        task->state = RUNNING;
        see_to(task);
    } else if (!begin(task)) {
        end(task, &task->err);
    } else {
        int args = task->state == FRESH ? task->args : 0;
        task->state = RUNNING;
        task->woken = false;
        if (tn_stretch_run(&task->stretch, args, false)) see_to(task);
    }
}

/* The callback may free any isolate, so the search starts again after each call. */
static void announce_spent(struct tn_host *host)
{
    struct tn_isolate *iso = host->isolates;
    while (iso) {
        if (!iso->spent || iso->announced || !iso->refs) {
            iso = iso->next;
            continue;
        }
        iso->announced = true;
        iso->refs++;
        for (struct tn_task *task = iso->tasks; task; task = task->next)
            cancel(task, TN_E_budget,
                   "the script is in quarantine: it overran its budget too often");
        if (host->spent && !host->closing) host->spent(host->spent_arg, iso);
        tn_isolate_unref(iso);
        iso = host->isolates;
    }
}

/* Tasks that become ready during this wait for the next turn, so that other events get their
 * share. */
void tn_task_run_ready(void *arg)
{
    struct tn_host *host = arg;
    struct tn_task *task, **last;
    int64_t until = tn_mono_us() + SLICE_US;
    announce_spent(host);
    task = host->ready;
    last = host->ready_end;
    host->ready = NULL;
    host->ready_end = &host->ready;
    while (task && (host->closing || tn_mono_us() < until)) {
        struct tn_task *next = task->next_ready;
        run(task);
        task = next;
    }
    if (task) {
        *last = host->ready;
        if (host->ready) last = host->ready_end;
        host->ready = task;
        host->ready_end = last;
    }
    if (host->ready) tn_timer_set(host->turn, 0);
}

/* ---- inside ---- */

struct tn_task *tn_task_reader(lua_State *L)
{
    const struct tn_isolate *iso = tn_isolate_of(L);
    return !iso->pinned && lua_isyieldable(L) ? iso->current : NULL;
}

bool tn_task_may_wait(lua_State *L)
{
    const struct tn_task *task = tn_task_reader(L);
    return task && !task->held;
}

void tn_task_hold(struct tn_task *task, bool on)
{
    task->held = on;
}

struct tn_task *tn_task_self(lua_State *L)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    if (!tn_task_may_wait(L))
        luaL_error(L, "this call waits for an answer, which is not possible here (while a file is "
                      "loaded, in a mapping's function, in a transaction)");
    return iso->current;
}

struct tn_task *tn_task_current(lua_State *L)
{
    return tn_isolate_of(L)->current;
}

/* Runs the module's continuation after a wait. It touches what the process shares, so the task goes
 * home first. */
static int go_on(lua_State *L, int status, lua_KContext ctx)
{
    struct tn_task *task = (struct tn_task *)ctx;
    struct tn_isolate *iso = task->iso;
    if (!tn_isolate_side(iso)) return task->k(L, status, (lua_KContext)task->ctx);
    iso->homing = true;
    return tn_isolate_give_way(L, ctx, go_on);
}

static int park(lua_State *L, struct tn_task *task, lua_KFunction k, void *ctx)
{
    task->iso->parking = true;
    task->k = k;
    task->ctx = ctx;
    return lua_yieldk(L, 0, (lua_KContext)task, go_on);
}

int tn_task_park(lua_State *L, lua_KFunction k, void *ctx)
{
    return park(L, tn_task_self(L), k, ctx);
}

int tn_task_park_reader(lua_State *L, lua_KFunction k, void *ctx)
{
    struct tn_task *task = tn_task_reader(L);
    assert(task);
    return park(L, task, k, ctx);
}

void tn_task_wake(struct tn_task *task)
{
    task->woken = true;
    if (task->state == PARKED) enqueue(task);
}
