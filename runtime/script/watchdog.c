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
#include "base/time.h"

/* glibc 2.36 has no public name for this field. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum {
    TICK_US = 1000,
    IDLE_TICKS = 20,         /* after so many ticks without a call, the timer stops */
    TICK_SIGNAL = SIGVTALRM, /* nothing else in the process uses this signal */
};

/* Sanitizers slow down the library functions in which a task is held, but not the scripts around
 * them. So held calls get more time. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HELD_FACTOR = 4 };
#else
enum { HELD_FACTOR = 1 };
#endif

/* A timer on a CPU clock would tick only at the kernel's pace, a few times slower. So the timer
 * uses real time; it runs while there are calls to watch, and each tick reads the CPU clock. */
struct tn_watchdog {
    struct tn_frame *volatile innermost;
    lua_Hook stop;
    timer_t timer;
    volatile bool ticking;
    volatile int idle;         /* ticks without a call */
    volatile int64_t seen_us;  /* the CPU clock at the last tick */
    volatile int64_t armed_us; /* before this time (CPU clock) no hook is set again */
    atomic_bool on_demand, demanded, stopped;
};

static bool should_give_way(const struct tn_watchdog *dog)
{
    return !atomic_load(&dog->on_demand) || atomic_load(&dog->demanded);
}

static inline int less(int from, int64_t us)
{
    return from > us ? from - (int)us : 0;
}

/* Takes `us` off what is left of the call. True: the hook has to be set, to end the call or make it
 * give way. */
static bool count_down(struct tn_frame *f, int64_t us, bool innermost)
{
    f->left_us = less(f->left_us, us);
    if (f->left_us == 0) f->expired = true;
    if (!innermost) return f->expired;
    if (f->place == TN_IN_GUEST) f->guest_us = less(f->guest_us, us);
    if (f->slice_us > 0) {
        f->slice_us = less(f->slice_us, us);
    } else if (f->place == TN_IN_SCRIPT && tn_watchdog_due(f) && !f->expired) {
        f->held_us = less(f->held_us, us);
    }
    return f->expired || f->place != TN_IN_SCRIPT || tn_watchdog_due(f);
}

static void set_timer(struct tn_watchdog *dog, long us)
{
    struct itimerspec every = {{0, us * 1000}, {0, us * 1000}};
    timer_settime(dog->timer, 0, &every, NULL);
}

static void rest(struct tn_watchdog *dog)
{
    if (++dog->idle < IDLE_TICKS) return;
    set_timer(dog, 0);
    dog->ticking = false;
}

/* lua_sethook is the one function that Lua permits inside a signal handler. It is called at each
 * tick again, because Lua can miss a hook that is set while a call is being set up. It visits all
 * calls under way; in a very deep recursion that takes longer than a tick. So the next call of it
 * waits four times as long as the last one took. */
static void arm(struct tn_watchdog *dog, lua_State *L, int64_t now)
{
    if (now < dog->armed_us) return;
    lua_sethook(L, dog->stop, LUA_MASKCALL | LUA_MASKLINE | LUA_MASKCOUNT, 1);
    int64_t done = tn_cpu_us();
    dog->armed_us = done + 4 * (done - now);
}

/* The signal handler. It runs in the thread that runs Lua, so the Lua state does not change
 * meanwhile. */
static void tick(int signo, siginfo_t *info, void *context)
{
    struct tn_watchdog *dog = info->si_value.sival_ptr;
    int no = errno;
    bool late = false, stopped;
    (void)signo, (void)context;
    if (info->si_code != SI_TIMER) return;
    struct tn_frame *f = dog->innermost;
    int64_t now = tn_cpu_us(), us = now - dog->seen_us;
    dog->seen_us = now;
    if (f) dog->idle = 0;
    stopped = atomic_load(&dog->stopped);
    for (struct tn_frame *g = f; g; g = g->outer) {
        if (stopped) g->expired = true;
        late |= count_down(g, us, g == f);
    }
    if (late) arm(dog, f->running, now);
    if (!f) rest(dog);
    errno = no;
}

struct tn_watchdog *tn_watchdog_new(lua_Hook stop, struct tn_err *err)
{
    struct tn_watchdog *dog = TN_NEW(struct tn_watchdog);
    struct sigaction action = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK_SIGNAL};
    dog->stop = stop;
    event.sigev_value.sival_ptr = dog;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    sigemptyset(&action.sa_mask);
    if (sigaction(TICK_SIGNAL, &action, NULL) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &dog->timer) != 0) {
        tn_fail_errno(err, errno, "the watchdog's timer");
        tn_free(dog);
        return NULL;
    }
    return dog;
}

/* Blocks the signal first: a tick that is already on its way must not find freed memory. */
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

void tn_watchdog_signals(sigset_t *blocked)
{
    sigdelset(blocked, TICK_SIGNAL);
}

int tn_watchdog_budget(int ms)
{
    return ms * 1000 + TICK_US;
}

/* Puts the frame in place before it asks whether the timer runs: a tick in between then leaves the
 * timer running. */
void tn_watchdog_enter(struct tn_watchdog *dog, struct tn_frame *frame, lua_State *L, int us)
{
    frame->dog = dog;
    frame->outer = dog->innermost;
    frame->running = L;
    frame->left_us = us;
    frame->slice_us = -1;
    frame->expired = frame->stubborn = false;
    frame->place = TN_IN_SCRIPT;
    frame->guest_us = TN_LIMIT_HELD_MS * HELD_FACTOR * 1000;
    atomic_signal_fence(memory_order_release);
    dog->innermost = frame;
    atomic_signal_fence(memory_order_acq_rel);
    if (dog->ticking) return;
    dog->seen_us = tn_cpu_us();
    dog->idle = 0;
    dog->ticking = true;
    set_timer(dog, TICK_US);
}

void tn_watchdog_hold(struct tn_frame *frame, int held_ms)
{
    frame->held_ms = held_ms;
    frame->held_us = held_ms * HELD_FACTOR * 1000;
}

void tn_watchdog_slice(struct tn_frame *frame, int us, int held_ms)
{
    tn_watchdog_hold(frame, held_ms);
    atomic_signal_fence(memory_order_release);
    frame->slice_us = us;
}

/* Removes the hook from the state that it was set on. A coroutine that still has a hook is dead. */
void tn_watchdog_leave(struct tn_frame *frame)
{
    frame->dog->innermost = frame->outer;
    atomic_signal_fence(memory_order_acq_rel);
    if (lua_gethook(frame->running)) lua_sethook(frame->running, NULL, 0, 0);
}

void tn_watchdog_used(struct tn_frame *frame, int budget_us, int64_t us)
{
    int left = less(budget_us, us);
    if (left < frame->left_us) frame->left_us = left;
}

void tn_watchdog_on_demand(struct tn_watchdog *dog)
{
    atomic_store(&dog->demanded, false);
    atomic_store(&dog->stopped, false);
    atomic_store(&dog->on_demand, true);
}

void tn_watchdog_demand(struct tn_watchdog *dog)
{
    atomic_store(&dog->demanded, true);
}

void tn_watchdog_stop(struct tn_watchdog *dog)
{
    atomic_store(&dog->stopped, true);
}

bool tn_watchdog_stopped(const struct tn_watchdog *dog)
{
    return atomic_load(&dog->stopped);
}

const struct tn_frame *tn_watchdog_expired(const struct tn_frame *frame)
{
    for (const struct tn_frame *f = frame; f; f = f->outer)
        if (f->expired) return f;
    return NULL;
}

static bool out_of_time(const struct tn_frame *frame)
{
    if (frame->place == TN_IN_GUEST) return frame->guest_us == 0;
    return tn_watchdog_due(frame) && frame->held_us == 0;
}

bool tn_watchdog_held_out(struct tn_frame *frame)
{
    if (!out_of_time(frame)) return false;
    if (frame->place == TN_IN_GUEST) frame->held_ms = TN_LIMIT_HELD_MS;
    frame->expired = frame->stubborn = true;
    return true;
}

enum tn_place tn_watchdog_place(struct tn_frame *frame, enum tn_place place)
{
    enum tn_place before = frame->place;
    frame->place = place;
    return before;
}

void tn_watchdog_found_script(struct tn_frame *frame)
{
    if (frame->place == TN_IN_HOST) frame->place = TN_IN_GUEST;
}

bool tn_watchdog_due(const struct tn_frame *frame)
{
    return frame->slice_us == 0 && should_give_way(frame->dog);
}
