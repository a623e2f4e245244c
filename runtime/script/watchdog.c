/* SPDX-License-Identifier: MIT */
#include "script/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"

/* glibc 2.36 gives the field no name of its own. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* Nothing else in the process uses it, and unlike SIGALRM it is never meant for a sleeping call. */
enum { TICK_SIGNAL = SIGVTALRM };

/* Sanitizers slow down the library functions that hold a task, and not the script around them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HELD_MS = 4 * TN_LIMIT_HELD_MS };
#else
enum { HELD_MS = TN_LIMIT_HELD_MS };
#endif

struct tn_watchdog {
    struct tn_frame *volatile innermost;
    lua_Hook stop;
    timer_t timer;
};

/* False: there is nothing to be told. */
static bool count_down(struct tn_frame *f, int ticks, bool innermost)
{
    if (f->left > 0) f->left = f->left > ticks ? f->left - ticks : 0;
    if (f->left == 0) f->expired = true;
    if (!innermost || f->slice < 0) return f->expired;
    if (f->slice > 0) {
        f->slice = f->slice > ticks ? f->slice - ticks : 0;
    } else if ((f->held -= ticks) <= 0 && !f->expired) {
        f->expired = f->stubborn = true;
    }
    return f->expired || f->slice == 0;
}

/* In the thread that runs Lua, so that nothing moves meanwhile.  lua_sethook is the one call that
 * Lua permits inside a signal handler.  Armed again at each tick: a hook that was set in the middle
 * of a call being set up can be overlooked there. */
static void tick(int signo, siginfo_t *info, void *context)
{
    const struct tn_watchdog *dog = info->si_value.sival_ptr;
    int no = errno;
    bool late = false;
    (void)signo, (void)context;
    if (info->si_code != SI_TIMER) return;
    struct tn_frame *f = dog->innermost;
    for (struct tn_frame *g = f; g; g = g->outer)
        late |= count_down(g, 1 + info->si_overrun, g == f);
    if (late) lua_sethook(f->running, dog->stop, LUA_MASKCALL | LUA_MASKLINE | LUA_MASKCOUNT, 1);
    errno = no;
}

struct tn_watchdog *tn_watchdog_new(lua_Hook stop, struct tn_err *err)
{
    struct tn_watchdog *dog = TN_NEW(struct tn_watchdog);
    struct sigaction action = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK_SIGNAL};
    struct itimerspec every = {{0, TN_WATCHDOG_TICK_MS * 1000000L},
                               {0, TN_WATCHDOG_TICK_MS * 1000000L}};
    dog->stop = stop;
    event.sigev_value.sival_ptr = dog;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    sigemptyset(&action.sa_mask);
    if (sigaction(TICK_SIGNAL, &action, NULL) != 0 ||
        timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &dog->timer) != 0) {
        tn_fail_errno(err, errno, "the watchdog's timer");
        tn_free(dog);
        return NULL;
    }
    timer_settime(dog->timer, 0, &every, NULL);
    return dog;
}

/* A tick that is already on its way must not find freed memory. */
void tn_watchdog_free(struct tn_watchdog *dog)
{
    sigset_t tick_only, old;
    if (!dog) return;
    sigemptyset(&tick_only);
    sigaddset(&tick_only, TICK_SIGNAL);
    pthread_sigmask(SIG_BLOCK, &tick_only, &old);
    timer_delete(dog->timer);
    struct timespec none = {0, 0};
    while (sigtimedwait(&tick_only, NULL, &none) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    tn_free(dog);
}

int tn_watchdog_ticks(int ms)
{
    return (ms + TN_WATCHDOG_TICK_MS - 1) / TN_WATCHDOG_TICK_MS + 1;
}

void tn_watchdog_enter(struct tn_watchdog *dog, struct tn_frame *frame, lua_State *L, int ticks)
{
    frame->outer = dog->innermost;
    frame->running = L;
    frame->left = ticks;
    frame->slice = -1;
    frame->expired = frame->stubborn = false;
    atomic_signal_fence(memory_order_release);
    dog->innermost = frame;
}

void tn_watchdog_slice(struct tn_watchdog *dog)
{
    struct tn_frame *f = dog->innermost;
    f->held = tn_watchdog_ticks(HELD_MS);
    atomic_signal_fence(memory_order_release);
    f->slice = tn_watchdog_ticks(TN_LIMIT_SLICE_MS) - 1;
}

/* Takes the hook off the state that it was armed on; a coroutine that still has one is dead. */
void tn_watchdog_leave(struct tn_watchdog *dog, struct tn_frame *frame)
{
    dog->innermost = frame->outer;
    atomic_signal_fence(memory_order_acq_rel);
    if (lua_gethook(frame->running)) lua_sethook(frame->running, NULL, 0, 0);
}

struct tn_frame *tn_watchdog_frame(const struct tn_watchdog *dog)
{
    return dog->innermost;
}

const struct tn_frame *tn_watchdog_expired(const struct tn_watchdog *dog)
{
    for (const struct tn_frame *f = dog->innermost; f; f = f->outer)
        if (f->expired) return f;
    return NULL;
}

bool tn_watchdog_due(const struct tn_watchdog *dog)
{
    return dog->innermost && dog->innermost->slice == 0;
}
