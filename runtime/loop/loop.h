/* SPDX-License-Identifier: MIT */
/* loop.h - one event loop for each process, on libevent, with timers, deferred calls and signals. A
 * callback never runs inside the call that arms it. */
#ifndef TN_LOOP_LOOP_H
#define TN_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct event_base;
struct tn_loop;

TN_MUST_CHECK struct tn_loop *tn_loop_new(struct tn_err *err);
void tn_loop_free(struct tn_loop *loop);            /* free its timers and signals before */
void tn_loop_run(struct tn_loop *loop);             /* until tn_loop_stop */
void tn_loop_turn(struct tn_loop *loop, bool wait); /* one pass of the loop, for tests */
void tn_loop_stop(struct tn_loop *loop);
struct event_base *tn_loop_base(struct tn_loop *loop);

/* Runs fn(arg) once, in a later pass of the loop. */
typedef void (*tn_loop_fn)(void *arg);
void tn_loop_defer(struct tn_loop *loop, tn_loop_fn fn, void *arg);

/* A timer. A new one is not set; each set lets it fire once. */
struct tn_timer;
struct tn_timer *tn_timer_new(struct tn_loop *loop, tn_loop_fn fn, void *arg);
void tn_timer_set(struct tn_timer *t, int64_t ms); /* ms from now; replaces an earlier set */
void tn_timer_cancel(struct tn_timer *t);
bool tn_timer_armed(const struct tn_timer *t);
void tn_timer_free(struct tn_timer *t); /* NULL does nothing */

/* Calls fn(arg) in the loop after each such signal, until the loop is freed. */
void tn_loop_on_signal(struct tn_loop *loop, int signo, tn_loop_fn fn, void *arg);

/* Watches a descriptor. what: TN_READ, TN_WRITE or both; 0 stops watching. */
enum { TN_READ = 2, TN_WRITE = 4 };
struct tn_watch;
typedef void (*tn_watch_fn)(void *arg, int ready);
struct tn_watch *tn_watch_new(struct tn_loop *loop, int fd, tn_watch_fn fn, void *arg);
void tn_watch_for(struct tn_watch *w, int what);
void tn_watch_free(struct tn_watch *w); /* does not close fd */

#endif
