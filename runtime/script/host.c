/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/time.h"
#include "loop/loop.h"
#include "script/chunks.h"
#include "script/failure.h"
#include "script/state.h"
#include "script/task.h"

struct tn_host *tn_host_new(struct tn_loop *loop, struct tn_log *log, struct tn_err *err)
{
    struct tn_host *host = TN_NEW(struct tn_host);
    host->loop = loop;
    host->log = log;
    host->ready_end = &host->ready;
    host->floor.dog = tn_watchdog_new(tn_failure_hook, err);
    if (!host->floor.dog) {
        tn_free(host);
        return NULL;
    }
    host->sides = tn_sides_new(loop, &host->floor, tn_failure_hook);
    host->chunks = tn_chunks_new();
    host->turn = tn_timer_new(loop, tn_task_run_ready, host);
    return host;
}

static struct tn_isolate *any_away(const struct tn_host *host)
{
    struct tn_isolate *iso = host->isolates;
    while (iso && !iso->away) iso = iso->next;
    return iso;
}

void tn_host_call_home(struct tn_host *host)
{
    struct tn_isolate *iso;
    if (!host) return;
    host->closing = true;
    while ((iso = any_away(host))) tn_side_recall(iso->away, true);
}

void tn_host_stop(struct tn_host *host)
{
    if (!host) return;
    tn_host_call_home(host);
    for (struct tn_isolate *iso = host->isolates; iso; iso = iso->next) tn_task_cancel_all(iso);
    while (host->ready) tn_task_run_ready(host);
}

void tn_host_free(struct tn_host *host)
{
    if (!host) return;
    tn_host_stop(host);
    tn_sides_free(host->sides);
    tn_timer_free(host->turn);
    tn_watchdog_free(host->floor.dog);
    tn_chunks_free(host->chunks);
    tn_free(host);
}

void tn_host_on_enter(struct tn_host *host, char *slot)
{
    host->slot = slot;
}

size_t tn_host_isolates(const struct tn_host *host)
{
    size_t n = 0;
    for (const struct tn_isolate *iso = host->isolates; iso; iso = iso->next) n++;
    return n;
}

void tn_host_on_spent(struct tn_host *host, tn_spent_fn fn, void *arg)
{
    host->spent = fn;
    host->spent_arg = arg;
}

struct tn_loop *tn_host_loop(const struct tn_host *host)
{
    return host->loop;
}

/* False: the script has already written the lines that one second allows. */
static bool may_log(struct tn_isolate *iso, const char *area)
{
    int64_t second = tn_mono_us() / 1000000;
    if (second != iso->log_second) {
        if (iso->log_lines > TN_LIMIT_LOG_LINES)
            tn_log(iso->host->log, TN_LOG_warn, area, "%u lines of the script were left out",
                   iso->log_lines - TN_LIMIT_LOG_LINES);
        iso->log_second = second;
        iso->log_lines = 0;
    }
    return ++iso->log_lines <= TN_LIMIT_LOG_LINES;
}

void tn_isolate_log(struct tn_isolate *iso, enum tn_level level, const char *area,
                    struct tn_str text)
{
    if (!area) area = iso->name;
    if (!tn_log_wants(iso->host->log, level, area) || !may_log(iso, area)) return;
    if (text.n > TN_LIMIT_ERROR_TEXT) text.n = TN_LIMIT_ERROR_TEXT;
    tn_log(iso->host->log, level, area, "%.*s", TN_FMT(text));
}
