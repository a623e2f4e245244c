/* SPDX-License-Identifier: MIT */
#include "script/stretch.h"

#include <lauxlib.h>

#include "base/time.h"
#include "script/away.h"
#include "script/call.h"
#include "script/failure.h"

enum {
    USED_UP = 1,    /* value of `us` for a used-up budget, since 0 means a new one */
    JOURNEY_US = 3, /* what it costs to hand a coroutine to another thread */
};
/* A slice is one tick longer than its limit, because the first tick may come at once. */
enum { SLICE_US = TN_LIMIT_SLICE_MS * 1000 + 1000, SIDE_SLICE_US = TN_LIMIT_SIDE_SLICE_MS * 1000 };

bool tn_stretch_ok(const struct tn_stretch *s)
{
    return s->status == LUA_OK || s->status == LUA_YIELD;
}

/* Resumes the coroutine on this thread. slice_us 0: it gives way before its next instruction. A
 * call that often changes threads may meet no tick in any of its parts. So from the second part on,
 * its CPU time is measured, and each change of threads is added. */
static void run_in(struct tn_stretch *s, struct tn_watchdog *dog, int slice_us, int held_ms)
{
    struct tn_frame *frame = &s->entry.frame;
    int64_t began = s->gave_way ? tn_cpu_us() : 0;
    tn_watchdog_enter(dog, frame, s->co, s->entry.us);
    tn_watchdog_slice(frame, slice_us, held_ms);
    if (began && s->entry.us <= USED_UP) frame->expired = true;
    if (!slice_us || frame->expired) lua_sethook(s->co, tn_failure_hook, LUA_MASKCOUNT, 1);
    s->status = lua_resume(s->co, s->iso->L, s->args, &s->n);
    if (!tn_stretch_ok(s)) tn_failure_take(s->iso, s->co, s->status, &s->entry, &s->err);
    tn_watchdog_leave(frame);
    if (began) tn_watchdog_used(frame, s->entry.us, tn_cpu_us() - began + JOURNEY_US);
}

/* Ends a part of a call: works out how much of the budget the next part has, and whether the call
 * took long. A call that gave way is not over, so it does not reset the count of overruns in a
 * row. */
static void settle(struct tn_stretch *s)
{
    struct tn_isolate *iso = s->iso;
    int left = s->entry.frame.left_us;
    s->gave_way = iso->gave_way && s->status == LUA_YIELD;
    s->homing = iso->homing && s->gave_way;
    iso->parking = iso->gave_way = iso->homing = false;
    bool goes_on = s->status == LUA_YIELD && (s->gave_way || s->keeps_budget);
    s->us = !goes_on ? 0 : left > USED_UP ? left : USED_UP;
    s->keeps_budget = false;
    iso->lingers = s->gave_way || tn_watchdog_budget(s->ms) - left > SLICE_US;
    s->entry.kind = s->gave_way ? TN_ENTRY_other : s->task ? TN_ENTRY_task : TN_ENTRY_call;
    tn_isolate_check_out(iso, &s->entry, tn_stretch_ok(s));
}

static void run_beside(struct tn_side_job *job)
{
    struct tn_stretch *s = (struct tn_stretch *)job;
    run_in(s, tn_side_watchdog(job->side), SIDE_SLICE_US, TN_LIMIT_SIDE_HELD_MS);
}

static void come_home(struct tn_side_job *job)
{
    struct tn_stretch *s = (struct tn_stretch *)job;
    struct tn_isolate *iso = s->iso;
    tn_isolate_ref(iso);
    tn_isolate_home(iso);
    settle(s);
    s->back(s);
    tn_isolate_admit(iso);
    tn_isolate_unref(iso);
}

/* On the loop's thread, a large isolate that came home for a function of the host gets no slice: a
 * step of its collector could take long. */
bool tn_stretch_run(struct tn_stretch *s, int args, bool here)
{
    struct tn_isolate *iso = s->iso;
    bool beside = !here && !s->homing && (s->gave_way || tn_isolate_heavy(iso));
    s->job = (struct tn_side_job){.run = run_beside, .home = come_home};
    s->args = args;
    tn_isolate_check_in(iso, &s->entry, s->co, s->ms, s->us, s->task);
    s->entry.sliced = true;
    if (beside && tn_isolate_send(iso, &s->job)) {
        iso->stats.beside++;
        return false;
    }
    bool back_at_once = s->homing && tn_isolate_large(iso);
    run_in(s, iso->host->floor.dog, back_at_once ? 0 : SLICE_US,
           beside ? TN_LIMIT_SIDE_HELD_MS : TN_LIMIT_HELD_MS);
    settle(s);
    return true;
}
