/* SPDX-License-Identifier: MIT */
/* slice.h - a call into a script in the middle of other work, which can be paused: a script that
 * computes for long goes on beside the loop, and the caller asks for its result in a later turn.
 * Unlike a task it waits for nothing else.
 * Life: new; call, and the same again after each wake as long as it says paused; any number of
 * calls, one at a time; free.  Holds its isolate. */
#ifndef TN_SCRIPT_SLICE_H
#define TN_SCRIPT_SLICE_H

#include "script/isolate.h"

struct tn_slice;

/* wake(arg) is called in a turn of its own when a paused call can go on. */
struct tn_slice *tn_slice_new(struct tn_isolate *iso, void (*wake)(void *arg), void *arg);
/* A paused call is stopped and dropped: memory that push gave to it may go afterwards.  NULL does
 * nothing. */
void tn_slice_free(struct tn_slice *s);

enum tn_ran { TN_RAN_done, TN_RAN_failed, TN_RAN_paused };
/* Like tn_isolate_call_within; ms is the budget of all parts together.  A paused call goes on when
 * this is called again: ref and push are ignored then, and take gets the arg of the call that ends
 * it. */
TN_MUST_CHECK enum tn_ran tn_slice_call(struct tn_slice *s, int ms, int ref, tn_push_fn push,
                                        tn_take_fn take, void *arg, struct tn_err *err);

#endif
