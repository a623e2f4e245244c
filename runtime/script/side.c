/* SPDX-License-Identifier: MIT */
#include "script/side.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "script/watchdog.h"

enum {
    STACK = 1024 * 1024, /* enough, because Lua nests C functions 200 deep at most */
    NICE = 5,            /* lowers their priority, so that the kernel prefers the loop's thread */
};

enum state {
    IDLE,
    BUSY,     /* runs its job */
    ASKING,   /* waits for the floor */
    SPEAKING, /* has the floor */
    DONE,     /* the loop has to fetch the job */
};

struct tn_side {
    struct tn_side *next;
    struct tn_sides *sides;
    struct tn_side_job *job;
    struct tn_watchdog *dog; /* NULL: it could not be made, and the thread has ended */
    pthread_t thread;
    pthread_cond_t turn; /* another thread has changed this thread's state */
    enum state state;
    int depth; /* nesting of tn_side_enter; only this thread uses it */
};

struct tn_sides {
    struct tn_speaker *floor;
    lua_Hook stop;
    pthread_mutex_t lock; /* protects all fields below, and the state of each thread */
    pthread_cond_t news;  /* a side thread has changed its state */
    struct tn_side *all;
    int count;
    bool closing;
    int fd;
    struct tn_watch *watch;
};

/* ---- the side thread ---- */

/* Changes the state of the calling side thread, with the lock held, and wakes the loop if it has to
 * act. */
static void announce(struct tn_side *side, enum state state)
{
    uint64_t one = 1;
    side->state = state;
    pthread_cond_broadcast(&side->sides->news);
    if (state != ASKING && state != DONE) return;
    while (write(side->sides->fd, &one, sizeof one) < 0) {
    }
}

static bool next_job(struct tn_side *side)
{
    struct tn_sides *all = side->sides;
    pthread_mutex_lock(&all->lock);
    while (side->state != BUSY && !all->closing) pthread_cond_wait(&side->turn, &all->lock);
    bool more = side->state == BUSY;
    pthread_mutex_unlock(&all->lock);
    return more;
}

static void work(struct tn_side *side)
{
    side->depth = 0;
    side->job->run(side->job);
    pthread_mutex_lock(&side->sides->lock);
    announce(side, DONE);
    pthread_mutex_unlock(&side->sides->lock);
}

static bool arrive(struct tn_side *side)
{
    struct tn_sides *all = side->sides;
    struct tn_err err;
    struct tn_watchdog *dog = tn_watchdog_new(all->stop, &err);
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    pthread_mutex_lock(&all->lock);
    side->dog = dog;
    announce(side, IDLE);
    pthread_mutex_unlock(&all->lock);
    return dog != NULL;
}

static void *run(void *arg)
{
    struct tn_side *side = arg;
    if (!arrive(side)) return NULL;
    while (next_job(side)) work(side);
    tn_watchdog_free(side->dog);
    return NULL;
}

struct tn_watchdog *tn_side_watchdog(const struct tn_side *side)
{
    return side->dog;
}

void tn_side_enter(struct tn_side *side)
{
    struct tn_sides *all = side->sides;
    if (side->depth++ > 0) return;
    pthread_mutex_lock(&all->lock);
    announce(side, ASKING);
    while (side->state != SPEAKING) pthread_cond_wait(&side->turn, &all->lock);
    pthread_mutex_unlock(&all->lock);
}

void tn_side_leave(struct tn_side *side)
{
    tn_side_restore(side, side->depth - 1);
}

bool tn_side_lends(const struct tn_side *side)
{
    return side->job->lends && side->depth == 1;
}

int tn_side_depth(const struct tn_side *side)
{
    return side->depth;
}

void tn_side_restore(struct tn_side *side, int depth)
{
    if (depth > side->depth) depth = side->depth;
    bool give = side->depth > 0 && depth == 0;
    side->depth = depth;
    if (!give) return;
    pthread_mutex_lock(&side->sides->lock);
    announce(side, BUSY);
    pthread_mutex_unlock(&side->sides->lock);
}

/* ---- called by the thread that has the floor, with the lock held ---- */

/* Gives the floor to a side thread and blocks until that thread gives it back. Its own watchdog
 * limits the calls that the side thread makes meanwhile. */
static void grant(struct tn_side *side)
{
    struct tn_sides *all = side->sides;
    struct tn_speaker before = *all->floor;
    *all->floor = (struct tn_speaker){side->dog, side};
    side->state = SPEAKING;
    pthread_cond_signal(&side->turn);
    while (side->state == SPEAKING) pthread_cond_wait(&all->news, &all->lock);
    *all->floor = before;
}

/* Takes a finished job off its thread and calls home. home may start a new job on this thread, so
 * the lock is released for the call. */
static void fetch(struct tn_side *side)
{
    struct tn_side_job *job = side->job;
    side->job = NULL;
    side->state = IDLE;
    job->side = NULL;
    pthread_mutex_unlock(&side->sides->lock);
    job->home(job);
    pthread_mutex_lock(&side->sides->lock);
}

/* Serves each thread once. A thread that asks again waits for the next turn, so that the loop gets
 * to its other events. */
static void listen(void *arg, int ready)
{
    struct tn_sides *all = arg;
    uint64_t n;
    (void)ready;
    if (read(all->fd, &n, sizeof n) < 0) return;
    pthread_mutex_lock(&all->lock);
    for (struct tn_side *side = all->all; side; side = side->next) {
        if (side->state == ASKING) grant(side);
        if (side->state == DONE) fetch(side);
    }
    pthread_mutex_unlock(&all->lock);
}

void tn_side_ask(struct tn_side_job *job, bool stop)
{
    if (!job->side) return;
    tn_watchdog_demand(job->side->dog);
    if (stop) tn_watchdog_stop(job->side->dog);
}

void tn_side_recall(struct tn_side_job *job, bool stop)
{
    struct tn_side *side = job->side;
    if (!side) return;
    struct tn_sides *all = side->sides;
    tn_side_ask(job, stop);
    pthread_mutex_lock(&all->lock);
    while (side->state != DONE) {
        if (side->state == ASKING)
            grant(side);
        else
            pthread_cond_wait(&all->news, &all->lock);
    }
    fetch(side);
    pthread_mutex_unlock(&all->lock);
}

/* ---- starting ---- */

/* Blocks signals in the new thread: those of the process go to the loop's thread. */
static bool make_thread(struct tn_side *side)
{
    pthread_attr_t attr;
    sigset_t mine, old;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    sigfillset(&mine);
    tn_watchdog_signals(&mine);
    pthread_sigmask(SIG_SETMASK, &mine, &old);
    bool made = pthread_create(&side->thread, &attr, run, side) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return made;
}

static struct tn_side *hire(struct tn_sides *all)
{
    struct tn_side *side = TN_NEW(struct tn_side);
    side->sides = all;
    side->state = BUSY;
    pthread_cond_init(&side->turn, NULL);
    if (!make_thread(side)) {
        tn_free(side);
        return NULL;
    }
    while (side->state != IDLE) pthread_cond_wait(&all->news, &all->lock);
    if (!side->dog) {
        pthread_join(side->thread, NULL);
        tn_free(side);
        return NULL;
    }
    side->next = all->all;
    all->all = side;
    all->count++;
    return side;
}

static struct tn_side *idle(struct tn_sides *all)
{
    for (struct tn_side *side = all->all; side; side = side->next)
        if (side->state == IDLE) return side;
    return all->count < TN_LIMIT_SIDE_THREADS ? hire(all) : NULL;
}

bool tn_side_start(struct tn_sides *all, struct tn_side_job *job)
{
    pthread_mutex_lock(&all->lock);
    struct tn_side *side = all->fd < 0 ? NULL : idle(all);
    if (side) {
        tn_watchdog_on_demand(side->dog);
        job->side = side;
        side->job = job;
        side->state = BUSY;
        pthread_cond_signal(&side->turn);
    }
    pthread_mutex_unlock(&all->lock);
    return side != NULL;
}

/* ---- life ---- */

struct tn_sides *tn_sides_new(struct tn_loop *loop, struct tn_speaker *floor, lua_Hook stop)
{
    struct tn_sides *all = TN_NEW(struct tn_sides);
    all->floor = floor;
    all->stop = stop;
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->news, NULL);
    all->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (all->fd < 0) return all;
    all->watch = tn_watch_new(loop, all->fd, listen, all);
    tn_watch_for(all->watch, TN_READ);
    return all;
}

void tn_sides_free(struct tn_sides *all)
{
    if (!all) return;
    pthread_mutex_lock(&all->lock);
    all->closing = true;
    for (struct tn_side *side = all->all; side; side = side->next) pthread_cond_signal(&side->turn);
    pthread_mutex_unlock(&all->lock);
    for (struct tn_side *side = all->all, *next; side; side = next) {
        next = side->next;
        pthread_join(side->thread, NULL);
        pthread_cond_destroy(&side->turn);
        tn_free(side);
    }
    tn_watch_free(all->watch);
    if (all->fd >= 0) close(all->fd);
    pthread_cond_destroy(&all->news);
    pthread_mutex_destroy(&all->lock);
    tn_free(all);
}
