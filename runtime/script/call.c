/* SPDX-License-Identifier: MIT */
#include "script/call.h"

#include <lauxlib.h>

#include "loop/loop.h"
#include "script/away.h"
#include "script/failure.h"
#include "script/floor.h"

/* ---- entering and leaving ---- */

void tn_isolate_check_in(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms,
                         int us, struct tn_task *task)
{
    struct tn_host *host = iso->host;
    entry->outer = iso->innermost;
    entry->task = iso->current;
    entry->pinned = iso->pinned;
    entry->ms = ms;
    entry->us = us ? us : tn_watchdog_budget(ms);
    entry->kind = TN_ENTRY_other;
    entry->sliced = false;
    entry->frame.running = L;
    iso->pinned = 0;
    iso->current = task;
    iso->innermost = entry;
    iso->fault_line = 0;
    if (!entry->outer) {
        iso->refused = false;
        iso->stop_line = 0;
    }
    if (!us) iso->stats.calls++;
    iso->refs++;
    if (host->slot) memcpy(host->slot, iso->slot, TN_HOST_SLOT);
}

static void enter(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms)
{
    tn_isolate_check_in(iso, entry, L, ms, 0, NULL);
    tn_watchdog_enter(iso->host->floor.dog, &entry->frame, L, entry->us);
}

static void count_row(struct tn_isolate *iso, enum tn_entry_kind kind, bool overrun)
{
    if (overrun) {
        unsigned *row = &iso->rows[kind == TN_ENTRY_task];
        if (++*row < iso->max_overruns || !iso->max_overruns || iso->spent) return;
        iso->spent = true;
        tn_timer_set(iso->host->turn, 0); /* the timer's function announces it (task.c) */
    } else if (kind != TN_ENTRY_other) {
        iso->rows[kind] = 0;
    }
}

/* Counts a finished call. A call that was stopped because nobody wants it any more is no
 * overrun. */
static void count(struct tn_isolate *iso, const struct tn_entry *entry, bool ok)
{
    const struct tn_frame *frame = &entry->frame;
    bool expired = frame->expired && !tn_watchdog_stopped(frame->dog);
    bool overrun = !ok && (expired || iso->refused);
    iso->cpu_us += (uint64_t)(entry->us - frame->left_us);
    count_row(iso, entry->kind, overrun);
    if (!ok) iso->stats.errors++;
    if (!overrun) {
        iso->stats.overruns_in_row = 0;
        return;
    }
    iso->stats.overruns++;
    iso->stats.overruns_in_row++;
}

/* When a call ends, writes the name of the isolate that runs now into host->slot, which the
 * supervisor reads after a crash (tn_host_on_enter in isolate.h). It is the isolate of the
 * surrounding call, or else one that runs beside the loop. The name is "" if no script runs. */
static void restore_slot(struct tn_host *host, const struct tn_frame *outer)
{
    const struct tn_isolate *iso = outer ? tn_isolate_of(outer->running) : NULL;
    if (!host->slot) return;
    if (!iso && host->away)
        for (iso = host->isolates; iso && !iso->away;) iso = iso->next;
    if (iso)
        memcpy(host->slot, iso->slot, TN_HOST_SLOT);
    else
        host->slot[0] = '\0';
}

void tn_isolate_check_out(struct tn_isolate *iso, struct tn_entry *entry, bool ok)
{
    restore_slot(iso->host, entry->frame.outer);
    iso->innermost = entry->outer;
    iso->current = entry->task;
    iso->pinned = entry->pinned;
    count(iso, entry, ok);
    /* Collect now, while nothing of the call is on the C stack. Later, the frame of the next call
     * could cover Lua registers that still hold what filled the memory, and so keep it alive. */
    if (!ok && iso->refused && !entry->outer) tn_isolate_collect(iso);
    tn_isolate_unref(iso);
}

static void leave(struct tn_isolate *iso, struct tn_entry *entry, bool ok)
{
    tn_watchdog_leave(&entry->frame);
    tn_isolate_check_out(iso, entry, ok);
}

/* ---- calls ---- */

/* Returns the stack to make a call on: that of the call under way, or the isolate's main one. */
static lua_State *stack_of(const struct tn_isolate *iso)
{
    return iso->innermost ? iso->innermost->frame.running : iso->L;
}

struct job {
    void (*fn)(lua_State *L, void *arg);
    void *arg;
};

static int run_job(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    lua_settop(L, 0);
    job->fn(L, job->arg);
    return 0;
}

bool tn_isolate_refuse(const struct tn_isolate *iso, struct tn_err *err)
{
    return tn_fail(err, TN_E_budget, "%s is in quarantine: it overran its budget %u times in a row",
                   iso->name, iso->max_overruns);
}

/* Makes a protected call of job on L. Reads the error before the entry is left, because the entry
 * still says which limit was reached. */
static bool attempt(struct tn_isolate *iso, lua_State *L, struct tn_entry *entry, struct job *job,
                    struct tn_err *err)
{
    lua_pushcfunction(L, tn_failure_handler);
    int handler = lua_gettop(L);
    lua_pushcfunction(L, run_job);
    lua_pushlightuserdata(L, job);
    int mark = tn_floor_mark(L), status = lua_pcall(L, 1, 0, handler);
    if (status != LUA_OK) {
        tn_floor_restore(L, mark);
        tn_failure_read(iso, L, status, entry, err);
    }
    lua_remove(L, handler);
    return status == LUA_OK;
}

/* An errand gives the floor back while it is inside a script. That is safe: its isolate is new, so
 * no other code can enter it. */
static bool attempt_lending(struct tn_isolate *iso, lua_State *L, struct tn_entry *entry,
                            struct job *job, struct tn_err *err)
{
    struct tn_side *side = iso->host->floor.side;
    struct tn_side_job here = {.side = side};
    iso->away = &here;
    iso->host->away++;
    tn_side_leave(side);
    bool ok = attempt(iso, L, entry, job, err);
    tn_side_restore(side, 0);
    tn_side_enter(side);
    tn_isolate_home(iso);
    return ok;
}

static bool run(struct tn_isolate *iso, enum tn_entry_kind kind, enum tn_place place, int ms,
                void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err)
{
    tn_isolate_call_home(iso);
    lua_State *L = stack_of(iso);
    struct tn_host *host = iso->host;
    struct job job = {fn, arg};
    struct tn_entry entry;
    bool lends = host->floor.side && tn_side_lends(host->floor.side);
    if (!lua_checkstack(L, 8))
        return tn_fail(err, TN_E_budget, "the script calls itself too deeply");
    if (iso->spent) return tn_isolate_refuse(iso, err);
    enter(iso, &entry, L, ms);
    entry.kind = kind;
    tn_watchdog_place(&entry.frame, place);
    bool ok = (lends ? attempt_lending : attempt)(iso, L, &entry, &job, err);
    leave(iso, &entry, ok);
    return ok;
}

bool tn_isolate_run(struct tn_isolate *iso, enum tn_place place, int ms,
                    void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err)
{
    return run(iso, TN_ENTRY_other, place, ms, fn, arg, err);
}

bool tn_isolate_protect(struct tn_isolate *iso, void (*fn)(lua_State *L, void *arg), void *arg,
                        struct tn_err *err)
{
    return tn_isolate_run(iso, TN_IN_HOST, iso->call_ms, fn, arg, err);
}

struct call {
    int ref;
    tn_push_fn push;
    tn_take_fn take;
    void *arg;
};

static void make_call(lua_State *L, void *arg)
{
    const struct call *call = arg;
    tn_isolate_push(L, call->ref);
    int n = call->push ? call->push(L, call->arg) : 0;
    lua_call(L, n, call->take ? LUA_MULTRET : 0);
    if (call->take) call->take(L, lua_gettop(L), call->arg);
}

bool tn_isolate_call(struct tn_isolate *iso, int ref, tn_push_fn push, tn_take_fn take, void *arg,
                     struct tn_err *err)
{
    return tn_isolate_call_within(iso, iso->call_ms, ref, push, take, arg, err);
}

bool tn_isolate_call_within(struct tn_isolate *iso, int ms, int ref, tn_push_fn push,
                            tn_take_fn take, void *arg, struct tn_err *err)
{
    struct call call = {ref, push, take, arg};
    return run(iso, TN_ENTRY_call, TN_IN_SCRIPT, ms < iso->call_ms ? ms : iso->call_ms, make_call,
               &call, err);
}

/* ---- references ---- */

void tn_isolate_release(struct tn_isolate *iso, int ref)
{
    if (ref == LUA_NOREF || ref == LUA_REFNIL) return;
    if (iso->away)
        tn_isolate_release_later(iso, ref);
    else if (lua_checkstack(iso->L, 4))
        luaL_unref(iso->L, LUA_REGISTRYINDEX, ref);
}

int tn_isolate_keep(lua_State *L)
{
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void tn_isolate_push(lua_State *L, int ref)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}
