/* SPDX-License-Identifier: MIT */
#include "script/errand.h"

#include "base/alloc.h"
#include "loop/loop.h"
#include "script/internal.h"

struct tn_errand {
    struct tn_side_job job; /* first */
    struct tn_timer *turn;
    void (*fn)(void *arg);
    void (*done)(void *arg);
    void *arg;
    bool ran;
};

static void run(struct tn_side_job *job)
{
    struct tn_errand *errand = (struct tn_errand *)job;
    tn_side_enter(job->side);
    errand->fn(errand->arg);
    tn_side_leave(job->side);
}

static void come_home(struct tn_side_job *job)
{
    struct tn_errand *errand = (struct tn_errand *)job;
    errand->ran = true;
    tn_timer_set(errand->turn, 0);
}

static void end(void *arg)
{
    struct tn_errand *errand = arg;
    if (!errand->ran) errand->fn(errand->arg);
    errand->done(errand->arg);
    tn_timer_free(errand->turn);
    tn_free(errand);
}

/* When no thread is free it is run here, in that turn. */
struct tn_errand *tn_errand_start(struct tn_host *host, void (*fn)(void *arg),
                                  void (*done)(void *arg), void *arg)
{
    struct tn_errand *errand = TN_NEW(struct tn_errand);
    errand->job = (struct tn_side_job){.run = run, .home = come_home, .lends = true};
    errand->fn = fn;
    errand->done = done;
    errand->arg = arg;
    errand->turn = tn_timer_new(host->loop, end, errand);
    if (host->closing || !tn_side_start(host->sides, &errand->job)) tn_timer_set(errand->turn, 0);
    return errand;
}

void tn_errand_stop(struct tn_errand *errand)
{
    if (!errand) return;
    tn_side_recall(&errand->job, true);
    tn_timer_free(errand->turn);
    tn_free(errand);
}
