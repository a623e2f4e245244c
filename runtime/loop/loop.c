/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/time.h>

#include "base/alloc.h"
#include "base/time.h"

_Static_assert(TN_READ == EV_READ && TN_WRITE == EV_WRITE, "the flags are libevent's");

struct hook { /* a signal, or a deferred call */
    struct hook *next;
    tn_loop_fn fn;
    void *arg;
    struct event *event;
};

struct tn_loop {
    struct event_base *base;
    struct hook *signals;
    struct hook *deferred, **deferred_end;
    struct event *deferred_event;
};

struct tn_timer {
    struct event *event;
    tn_loop_fn fn;
    void *arg;
};

struct tn_watch {
    struct tn_loop *loop;
    struct event *event;
    tn_watch_fn fn;
    void *arg;
    int fd, what;
};

static void run_deferred(evutil_socket_t fd, short what, void *arg)
{
    struct tn_loop *loop = arg;
    struct hook *h = loop->deferred;
    (void)fd, (void)what;
    loop->deferred = NULL;
    loop->deferred_end = &loop->deferred;
    while (h) {
        struct hook *next = h->next;
        h->fn(h->arg);
        tn_free(h);
        h = next;
    }
}

struct tn_loop *tn_loop_new(struct tn_err *err)
{
    struct tn_loop *loop = TN_NEW(struct tn_loop);
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    loop->deferred_end = &loop->deferred;
    if (!loop->base) {
        tn_free(loop);
        tn_fail(err, TN_E_internal, "the event loop cannot be made");
        return NULL;
    }
    loop->deferred_event = event_new(loop->base, -1, 0, run_deferred, loop);
    return loop;
}

void tn_loop_free(struct tn_loop *loop)
{
    if (!loop) return;
    for (struct hook *h = loop->signals, *next; h; h = next) {
        next = h->next;
        event_free(h->event);
        tn_free(h);
    }
    for (struct hook *h = loop->deferred, *next; h; h = next) {
        next = h->next;
        tn_free(h);
    }
    event_free(loop->deferred_event);
    event_base_free(loop->base);
    tn_free(loop);
}

void tn_loop_run(struct tn_loop *loop)
{
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void tn_loop_turn(struct tn_loop *loop, bool wait)
{
    event_base_loop(loop->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK));
}

void tn_loop_stop(struct tn_loop *loop)
{
    event_base_loopbreak(loop->base);
}

struct event_base *tn_loop_base(struct tn_loop *loop)
{
    return loop->base;
}

void tn_loop_defer(struct tn_loop *loop, tn_loop_fn fn, void *arg)
{
    struct hook *h = TN_NEW(struct hook);
    h->fn = fn;
    h->arg = arg;
    if (!loop->deferred) event_active(loop->deferred_event, EV_TIMEOUT, 0);
    *loop->deferred_end = h;
    loop->deferred_end = &h->next;
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct tn_timer *t = arg;
    (void)fd, (void)what;
    t->fn(t->arg);
}

struct tn_timer *tn_timer_new(struct tn_loop *loop, tn_loop_fn fn, void *arg)
{
    struct tn_timer *t = TN_NEW(struct tn_timer);
    t->fn = fn;
    t->arg = arg;
    t->event = evtimer_new(loop->base, timer_fired, t);
    return t;
}

void tn_timer_set(struct tn_timer *t, int64_t ms)
{
    if (ms < 0) ms = 0;
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};
    evtimer_add(t->event, &tv);
}

void tn_timer_cancel(struct tn_timer *t)
{
    evtimer_del(t->event);
}

bool tn_timer_armed(const struct tn_timer *t)
{
    return evtimer_pending(t->event, NULL);
}

void tn_timer_free(struct tn_timer *t)
{
    if (!t) return;
    event_free(t->event);
    tn_free(t);
}

static void signal_fired(evutil_socket_t signo, short what, void *arg)
{
    struct hook *h = arg;
    (void)signo, (void)what;
    h->fn(h->arg);
}

void tn_loop_on_signal(struct tn_loop *loop, int signo, tn_loop_fn fn, void *arg)
{
    struct hook *h = TN_NEW(struct hook);
    *h = (struct hook){.next = loop->signals, .fn = fn, .arg = arg};
    h->event = evsignal_new(loop->base, signo, signal_fired, h);
    evsignal_add(h->event, NULL);
    loop->signals = h;
}

static void watch_fired(evutil_socket_t fd, short ready, void *arg)
{
    struct tn_watch *w = arg;
    (void)fd;
    w->fn(w->arg, ready & (EV_READ | EV_WRITE));
}

struct tn_watch *tn_watch_new(struct tn_loop *loop, int fd, tn_watch_fn fn, void *arg)
{
    struct tn_watch *w = TN_NEW(struct tn_watch);
    *w = (struct tn_watch){.loop = loop, .fn = fn, .arg = arg, .fd = fd};
    return w;
}

void tn_watch_for(struct tn_watch *w, int what)
{
    if (what == w->what) return;
    if (w->event) event_free(w->event);
    w->event = NULL;
    w->what = what;
    if (!what) return;
    w->event = event_new(w->loop->base, w->fd, (short)(what | EV_PERSIST), watch_fired, w);
    event_add(w->event, NULL);
}

void tn_watch_free(struct tn_watch *w)
{
    if (!w) return;
    if (w->event) event_free(w->event);
    tn_free(w);
}
