/* SPDX-License-Identifier: MIT */
/* slice.h - a call into a script in the middle of other work, which can be paused: a script that
 * computes for long continues beside the loop, and the caller asks for the result in a later turn.
 * Unlike a task, a slice cannot wait for answers. Life: new; call, and as long as the result is
 * paused, the same call again after each wake; any number of calls, one at a time; free. Holds a
 * reference to its isolate. */
#ifndef TN_SCRIPT_SLICE_H
#define TN_SCRIPT_SLICE_H

#include "script/isolate.h"

struct tn_slice;

/* wake(arg) is called in a turn of its own when a paused call can be continued. */
struct tn_slice *tn_slice_new(struct tn_isolate *iso, void (*wake)(void *arg), void *arg);
/* Stops and drops a paused call; memory that push handed to it may be freed afterwards. NULL does
 * nothing. */
void tn_slice_free(struct tn_slice *s);

enum tn_ran { TN_RAN_done, TN_RAN_failed, TN_RAN_paused };
/* Like tn_isolate_call_within, but ms is the budget of all parts of the call together. To continue
 * a paused call, call this again: it then ignores ref and push, and take gets the arg of the last
 * call. */
TN_MUST_CHECK enum tn_ran tn_slice_call(struct tn_slice *s, int ms, int ref, tn_push_fn push,
                                        tn_take_fn take, void *arg, struct tn_err *err);

#endif
