/* SPDX-License-Identifier: MIT */
#include "script/poll.h"

#include "script/away.h"
#include "script/failure.h"

bool tn_isolate_late(const struct tn_isolate *iso)
{
    return iso->innermost && tn_watchdog_expired(&iso->innermost->frame);
}

bool tn_isolate_held_out(const struct tn_isolate *iso)
{
    return iso->innermost && tn_watchdog_held_out(&iso->innermost->frame);
}

void tn_script_found(const struct tn_isolate *iso)
{
    if (iso->innermost) tn_watchdog_found_script(&iso->innermost->frame);
}

void tn_script_poll(lua_State *L)
{
    tn_script_found(tn_isolate_of(L));
    tn_isolate_poll(L);
}

void tn_isolate_poll(lua_State *L)
{
    const struct tn_isolate *iso = tn_isolate_of(L);
    if (tn_isolate_late(iso) || (!tn_isolate_may_give_way(iso, L) && tn_isolate_held_out(iso)))
        tn_failure_hook(L, NULL);
}
