/* SPDX-License-Identifier: MIT */
#include "script/away.h"

#include <stddef.h>

#include "base/alloc.h"

bool tn_isolate_send(struct tn_isolate *iso, struct tn_side_job *job)
{
    struct tn_host *host = iso->host;
    if (host->closing) return false;
    iso->away = job; /* set before the job runs, because the script asks where it is */
    host->away++;
    if (tn_side_start(host->sides, job)) return true;
    iso->away = NULL;
    host->away--;
    return false;
}

struct tn_side *tn_isolate_side(const struct tn_isolate *iso)
{
    return iso->away ? iso->away->side : NULL;
}

void tn_isolate_home(struct tn_isolate *iso)
{
    iso->away = NULL;
    iso->host->away--;
    for (size_t i = 0; i < iso->n_dropped; i++) tn_isolate_release(iso, iso->dropped[i]);
    iso->n_dropped = 0;
}

/* Does not wait for a thread that runs this isolate and calls this function itself: it would wait
 * for ever. */
void tn_isolate_call_home(struct tn_isolate *iso)
{
    while (iso->away && iso->away->side != iso->host->floor.side) tn_side_recall(iso->away, false);
}

bool tn_isolate_heavy(const struct tn_isolate *iso)
{
    return iso->lingers || tn_isolate_large(iso);
}

void tn_isolate_wait(struct tn_isolate *iso, struct tn_waiter *waiter)
{
    struct tn_waiter *ring = &iso->waiting;
    if (iso->away) tn_side_ask(iso->away, false);
    if (waiter->next) return;
    waiter->next = ring;
    waiter->prev = ring->prev;
    ring->prev->next = waiter;
    ring->prev = waiter;
}

void tn_waiter_leave(struct tn_waiter *waiter)
{
    if (!waiter->next) return;
    waiter->prev->next = waiter->next;
    waiter->next->prev = waiter->prev;
    waiter->prev = waiter->next = NULL;
}

void tn_isolate_admit(struct tn_isolate *iso)
{
    while (!iso->away && iso->waiting.next != &iso->waiting) {
        struct tn_waiter *waiter = iso->waiting.next;
        tn_waiter_leave(waiter);
        waiter->ready(waiter);
    }
}

/* pinned: a C function of the host has resumed the coroutine, and a yield cannot cross that
 * function. */
bool tn_isolate_may_give_way(const struct tn_isolate *iso, lua_State *L)
{
    return iso->innermost && iso->innermost->sliced && !iso->pinned && lua_isyieldable(L);
}

int tn_isolate_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    iso->parking = iso->gave_way = true;
    return lua_yieldk(L, 0, ctx, k);
}

bool tn_isolate_holds_loop(const struct tn_isolate *iso, lua_State *L)
{
    return !iso->away && tn_isolate_may_give_way(iso, L);
}

bool tn_isolate_is_due(const struct tn_isolate *iso, lua_State *L)
{
    return tn_isolate_holds_loop(iso, L) && tn_watchdog_due(&iso->innermost->frame);
}

/* ---- references that are released later ---- */

void tn_isolate_release_later(struct tn_isolate *iso, int ref)
{
    if (iso->n_dropped == iso->dropped_room) {
        iso->dropped_room = iso->dropped_room * 2 + 8;
        iso->dropped = tn_realloc(iso->dropped, iso->dropped_room * sizeof *iso->dropped);
    }
    iso->dropped[iso->n_dropped++] = ref;
}

/* ---- garbage collection ---- */

static struct tn_isolate *of_chore(struct tn_side_job *job)
{
    return (struct tn_isolate *)((char *)job - offsetof(struct tn_isolate, chore));
}

static void collect_beside(struct tn_side_job *job)
{
    lua_gc(of_chore(job)->L, LUA_GCCOLLECT);
}

static void collected(struct tn_side_job *job)
{
    struct tn_isolate *iso = of_chore(job);
    tn_isolate_home(iso);
    tn_isolate_admit(iso);
    tn_isolate_unref(iso);
}

void tn_isolate_collect(struct tn_isolate *iso)
{
    iso->chore = (struct tn_side_job){.run = collect_beside, .home = collected};
    iso->refs++;
    if (tn_isolate_large(iso) && tn_isolate_send(iso, &iso->chore)) return;
    lua_gc(iso->L, LUA_GCCOLLECT);
    iso->refs--;
}
