/* SPDX-License-Identifier: MIT */
/* slice.h - a call into a script in the middle of other work that can be paused: what has computed
 * for long is left where it is, and the caller goes on with it in a later turn of the loop.  Unlike
 * a task it waits for nothing but that.
 * Life: new; call, and call again as long as it says paused; any number of calls, one at a time;
 * free.  Holds its isolate. */
#ifndef TN_SCRIPT_SLICE_H
#define TN_SCRIPT_SLICE_H

#include "script/isolate.h"

struct tn_slice;

struct tn_slice *tn_slice_new(struct tn_isolate *iso);
void tn_slice_free(struct tn_slice *s); /* NULL does nothing; what is paused is dropped */
bool tn_slice_paused(const struct tn_slice *s);

enum tn_ran { TN_RAN_done, TN_RAN_failed, TN_RAN_paused };
/* As tn_isolate_call_within.  When a call is paused this goes on with it: ref and push do not count
 * then, take gets the arg of the call that ends it.  ms: of CPU, over all its parts. */
TN_MUST_CHECK enum tn_ran tn_slice_call(struct tn_slice *s, int ms, int ref, tn_push_fn push,
                                        tn_take_fn take, void *arg, struct tn_err *err);

#endif
