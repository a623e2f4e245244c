/* SPDX-License-Identifier: MIT */
#include "script/internal.h"

#include <assert.h>
#include <lauxlib.h>

#include "base/alloc.h"
#include "base/time.h"
#include "loop/loop.h"

/* How long ready tasks run before the loop gets its turn. */
enum { SLICE_US = 5000 };

enum state { FRESH, PARKED, RUNNING, ENDED };

struct tn_task {
    struct tn_task *prev, *next; /* of the isolate */
    struct tn_task *next_ready;
    struct tn_isolate *iso;
    lua_State *co; /* anchored by ref */
    int ref, args;
    int ticks; /* what is left of its budget since it last waited; 0: all of it */
    enum state state;
    bool queued, woken, cancelled;
    struct tn_task_call call;
    void *arg;
    struct tn_owned owned; /* ring */
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
    if (task->co) tn_isolate_release(task->iso, task->ref);
    task->co = NULL;
}

static void end(struct tn_task *task, const struct tn_err *err)
{
    struct tn_isolate *iso = task->iso;
    task->state = ENDED;
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

struct tn_isolate *tn_task_isolate(const struct tn_task *task)
{
    return task->iso;
}

const void *tn_task_context(const struct tn_task *task)
{
    return task->call.context;
}

/* ---- start ---- */

struct start {
    struct tn_task *task;
    int function;
};

static void make_coroutine(lua_State *L, void *arg)
{
    const struct start *start = arg;
    struct tn_task *task = start->task;
    lua_State *co = lua_newthread(L);
    lua_sethook(co, NULL, 0, 0);
    tn_coroutine_guard(L, 1, true);
    tn_isolate_push(L, start->function);
    task->args = task->call.push ? task->call.push(L, task->arg) : 0;
    luaL_checkstack(L, 2, NULL);
    if (!lua_checkstack(co, task->args + 2)) luaL_error(L, "too many arguments");
    lua_xmove(L, co, task->args + 1);
    lua_settop(L, 1);
    task->ref = tn_isolate_keep(L);
    task->co = co;
}

static bool may_start(const struct tn_isolate *iso, struct tn_err *err)
{
    if (iso->retired || iso->host->closing)
        return tn_fail(err, TN_E_unavailable, "%s was unloaded", iso->name);
    if (iso->stats.tasks >= iso->max_tasks)
        return tn_fail(err, TN_E_overloaded, "%s runs %d tasks, its limit", iso->name,
                       iso->max_tasks);
    return true;
}

struct tn_task *tn_task_start(struct tn_isolate *iso, int ref, const struct tn_task_call *call,
                              void *arg, struct tn_err *err)
{
    if (!may_start(iso, err)) return NULL;
    struct tn_task *task = TN_NEW(struct tn_task);
    struct start start = {task, ref};
    task->iso = iso;
    task->call = *call;
    task->arg = arg;
    task->owned.prev = task->owned.next = &task->owned;
    if (!tn_isolate_run(iso, iso->call_ms, make_coroutine, &start, err)) {
        tn_free(task);
        return NULL;
    }
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
    lua_xmove(results->task->co, L, results->n);
    results->task->call.take(L, results->n, results->task->arg);
}

static bool succeed(struct tn_task *task, int n)
{
    struct results results = {task, n};
    if (!task->call.take) return true;
    return tn_isolate_run(task->iso, task->iso->call_ms, take_results, &results, &task->err);
}

/* Returns LUA_OK with *n results on the coroutine's stack, LUA_YIELD when it waits, else err is
 * set. */
static int resume(struct tn_task *task, int *n)
{
    struct tn_isolate *iso = task->iso;
    struct tn_entry entry;
    int args = task->state == FRESH ? task->args : 0;
    task->state = RUNNING;
    task->woken = false;
    tn_isolate_enter(iso, &entry, task->co, iso->call_ms, task->ticks, task);
    tn_watchdog_slice(iso->host->dog);
    int status = lua_resume(task->co, iso->L, args, n);
    if (status != LUA_OK && status != LUA_YIELD)
        tn_failure_take(iso, task->co, status, &entry, &task->err);
    if (iso->gave_way) entry.kind = TN_ENTRY_other; /* it has not kept within its budget yet */
    task->woken |= iso->gave_way;
    task->ticks = !iso->gave_way ? 0 : entry.frame.left > 1 ? entry.frame.left : 1;
    tn_isolate_leave(iso, &entry, status == LUA_OK || status == LUA_YIELD);
    iso->parking = iso->gave_way = false;
    return status;
}

static void run(struct tn_task *task)
{
    int n = 0;
    task->queued = false;
    if (task->cancelled) {
        end(task, &task->err);
        return;
    }
    int status = resume(task, &n);
    if (task->cancelled) {
        end(task, &task->err);
    } else if (status == LUA_YIELD) {
        task->state = PARKED;
        if (task->woken) enqueue(task);
    } else {
        end(task, status == LUA_OK && succeed(task, n) ? NULL : &task->err);
    }
}

void tn_task_announce(struct tn_isolate *iso)
{
    tn_timer_set(iso->host->turn, 0);
}

/* The callback may drop any isolate, so the search begins anew after each. */
static void announce_spent(struct tn_host *host)
{
    struct tn_isolate *iso = host->isolates;
    while (iso) {
        if (!iso->spent || iso->announced) {
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

/* What becomes ready meanwhile waits for the next turn, so that I/O gets its share. */
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

struct tn_task *tn_task_self(lua_State *L)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    if (!iso->current || iso->pinned || !lua_isyieldable(L))
        luaL_error(L, "this call waits for an answer, which is not possible here (while a file is "
                      "loaded, in a mapping's function, in a transaction, inside string.gsub)");
    return iso->current;
}

struct tn_task *tn_task_current(lua_State *L)
{
    return tn_isolate_of(L)->current;
}

int tn_task_park(lua_State *L, lua_KFunction k, void *ctx)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    tn_task_self(L);
    iso->parking = true;
    return lua_yieldk(L, 0, (lua_KContext)ctx, k);
}

void tn_task_wake(struct tn_task *task)
{
    task->woken = true;
    if (task->state == PARKED) enqueue(task);
}
