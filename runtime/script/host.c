/* SPDX-License-Identifier: MIT */
#include "script/internal.h"

#include "base/alloc.h"
#include "loop/loop.h"

struct tn_host *tn_host_new(struct tn_loop *loop, struct tn_log *log, struct tn_err *err)
{
    struct tn_host *host = TN_NEW(struct tn_host);
    host->loop = loop;
    host->log = log;
    host->ready_end = &host->ready;
    host->dog = tn_watchdog_new(tn_failure_hook, err);
    if (!host->dog) {
        tn_free(host);
        return NULL;
    }
    host->turn = tn_timer_new(loop, tn_task_run_ready, host);
    return host;
}

void tn_host_free(struct tn_host *host)
{
    if (!host) return;
    host->closing = true;
    for (struct tn_isolate *iso = host->isolates; iso; iso = iso->next) tn_task_cancel_all(iso);
    while (host->ready) tn_task_run_ready(host);
    tn_timer_free(host->turn);
    tn_watchdog_free(host->dog);
    tn_free(host);
}

void tn_host_on_enter(struct tn_host *host, char *slot)
{
    host->slot = slot;
}

struct tn_loop *tn_host_loop(const struct tn_host *host)
{
    return host->loop;
}

struct tn_log *tn_host_log(const struct tn_host *host)
{
    return host->log;
}
