/* SPDX-License-Identifier: MIT */
/* slice.h - a call into a script in the middle of other work that can be paused: what computes for
 * long goes on beside the loop, and the caller asks for it again in a later turn.  Unlike a task it
 * waits for nothing but that.
 * Life: new; call, and the same again after each wake as long as it says paused; any number of
 * calls, one at a time; free.  Holds its isolate. */
#ifndef TN_SCRIPT_SLICE_H
#define TN_SCRIPT_SLICE_H

#include "script/isolate.h"

struct tn_slice;

/* wake(arg), in a turn of its own: what was paused can go on. */
struct tn_slice *tn_slice_new(struct tn_isolate *iso, void (*wake)(void *arg), void *arg);
/* NULL does nothing.  What is paused is dropped, and before that stopped: what push gave it may go
 * afterwards. */
void tn_slice_free(struct tn_slice *s);

enum tn_ran { TN_RAN_done, TN_RAN_failed, TN_RAN_paused };
/* As tn_isolate_call_within.  push is called at once, take by the call that ends it, with the arg
 * of that call.  When a call is paused this goes on with it: ref and push do not count then.  ms:
 * of CPU, over all its parts. */
TN_MUST_CHECK enum tn_ran tn_slice_call(struct tn_slice *s, int ms, int ref, tn_push_fn push,
                                        tn_take_fn take, void *arg, struct tn_err *err);

#endif
