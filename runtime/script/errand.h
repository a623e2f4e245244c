/* SPDX-License-Identifier: MIT */
/* errand.h - runs C code that calls into scripts many times and may take long, like loading a set
 * of files. It runs on a side thread and has the floor, so it may touch everything that the loop's
 * thread may. While it is inside a call into a script, it gives the floor back; after each such
 * call anything may have changed, as between two turns of the loop. Life: start; done is called
 * once, in a turn of the loop, and the errand is freed after it; or stop. */
#ifndef TN_SCRIPT_ERRAND_H
#define TN_SCRIPT_ERRAND_H

struct tn_errand;
struct tn_host;

/* Runs fn(arg) on a side thread, then done(arg) on the loop's. arg must live until done or stop. */
struct tn_errand *tn_errand_start(struct tn_host *host, void (*fn)(void *arg),
                                  void (*done)(void *arg), void *arg);
/* Stops the scripts that fn is running and waits until fn has returned; done is not called. NULL
 * does nothing. */
void tn_errand_stop(struct tn_errand *errand);

#endif
