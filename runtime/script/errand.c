/* SPDX-License-Identifier: MIT */
#include "script/errand.h"

#include "base/alloc.h"
#include "loop/loop.h"
#include "script/state.h"

struct tn_errand {
    struct tn_side_job job; /* must come first: the code casts from it */
    struct tn_host *host;
    struct tn_timer *turn;
    void (*fn)(void *arg);
    void (*done)(void *arg);
    void *arg;
    bool ran;
    int tries; /* how often no thread was free */
};

/* While all threads are busy, an errand asks again every TRY_MS. After TRIES it runs on the loop's
 * thread. */
enum { TRY_MS = 20, TRIES = 100 };

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

static bool set_out(struct tn_errand *errand)
{
    const struct tn_host *host = errand->host;
    return !host->closing && tn_side_start(host->sides, &errand->job);
}

/* Waiting is short: a budget is a second at most, so a thread soon becomes free. */
static bool try_again(struct tn_errand *errand)
{
    if (errand->host->closing || ++errand->tries > TRIES) return false;
    if (!set_out(errand)) tn_timer_set(errand->turn, TRY_MS);
    return true;
}

static void turn(void *arg)
{
    struct tn_errand *errand = arg;
    if (!errand->ran && try_again(errand)) return;
    if (!errand->ran) errand->fn(errand->arg);
    errand->done(errand->arg);
    tn_timer_free(errand->turn);
    tn_free(errand);
}

struct tn_errand *tn_errand_start(struct tn_host *host, void (*fn)(void *arg),
                                  void (*done)(void *arg), void *arg)
{
    struct tn_errand *errand = TN_NEW(struct tn_errand);
    errand->job = (struct tn_side_job){.run = run, .home = come_home, .lends = true};
    errand->fn = fn;
    errand->done = done;
    errand->arg = arg;
    errand->host = host;
    errand->turn = tn_timer_new(host->loop, turn, errand);
    if (!set_out(errand)) tn_timer_set(errand->turn, TRY_MS);
    return errand;
}

void tn_errand_stop(struct tn_errand *errand)
{
    if (!errand) return;
    tn_side_recall(&errand->job, true);
    tn_timer_free(errand->turn);
    tn_free(errand);
}
