/* SPDX-License-Identifier: MIT */
/* stretch.h - for script/ alone: a coroutine of ours, run until it ends, waits or gives way; on the
 * loop's thread as long as it is quick, beside the loop (side.h) when it takes longer. */
#ifndef TN_SCRIPT_STRETCH_H
#define TN_SCRIPT_STRETCH_H

#include "script/state.h"

struct tn_stretch {
    struct tn_side_job job; /* first */
    struct tn_isolate *iso; /* the owner holds it */
    struct tn_task *task;   /* NULL: it cannot wait, only give way */
    lua_State *co;
    int ms;                                /* of CPU it may use */
    void (*back)(struct tn_stretch *self); /* it has run beside the loop; may not call anybody but
                                            * script/ */
    /* Afterwards: */
    int status, n;     /* of lua_resume */
    bool gave_way;     /* it is to be run on, */
    bool homing;       /* at home */
    bool keeps_budget; /* set by what yields: its next part is one of the same call */
    struct tn_err err; /* when status is an error */
    /* its own */
    int args, us;
    struct tn_entry entry;
};

/* Runs it on, with args values on its stack; the isolate is at home.  here: it is to begin on this
 * thread in any case.  False: beside the loop; back is called when it is home again. */
bool tn_stretch_run(struct tn_stretch *s, int args, bool here);
bool tn_stretch_ok(const struct tn_stretch *s); /* it has not failed */

#endif
