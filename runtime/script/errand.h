/* SPDX-License-Identifier: MIT */
/* errand.h - C code that calls into scripts many times, which may take long: loading a set of them.
 * It runs beside the loop, and is written as if it ran on it: it may touch all there is, since the
 * loop stands still, but for the time that it is inside a call into a script.  So between two such
 * calls anything may have happened, as between two turns.
 * Life: start; done is called once, in a turn of the loop, and then it is gone; or stop. */
#ifndef TN_SCRIPT_ERRAND_H
#define TN_SCRIPT_ERRAND_H

struct tn_errand;
struct tn_host;

struct tn_errand *tn_errand_start(struct tn_host *host, void (*fn)(void *arg),
                                  void (*done)(void *arg), void *arg);
/* fn has returned, its scripts were stopped for that, and done is not called.  NULL does nothing.
 */
void tn_errand_stop(struct tn_errand *errand);

#endif
