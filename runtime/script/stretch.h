/* SPDX-License-Identifier: MIT */
/* stretch.h - runs a coroutine of the host until it ends, waits or gives way: on the loop's thread
 * while it is quick, on a side thread (side.h) when it takes longer. For script/ only. */
#ifndef TN_SCRIPT_STRETCH_H
#define TN_SCRIPT_STRETCH_H

#include "script/state.h"

struct tn_stretch {
    struct tn_side_job job; /* must come first: the code casts from it */
    struct tn_isolate *iso; /* the owner holds a reference to it */
    struct tn_task *task;   /* NULL: it cannot wait, only give way */
    lua_State *co;
    int ms;                                /* of CPU it may use */
    void (*back)(struct tn_stretch *self); /* called when it has run beside the loop; may call
                                              only code of script/ */
    /* valid after it has run: */
    int status, n;     /* result of lua_resume, count of its results */
    bool gave_way;     /* it has to be run again, */
    bool homing;       /* and that on the loop's thread */
    bool keeps_budget; /* set before a yield: the next part belongs to the same call */
    struct tn_err err; /* when status is an error */
    /* private */
    int args, us;
    struct tn_entry entry;
};

/* Runs it, with args values on its stack; its isolate must be at home. here: it has to begin on
 * this thread. False: it runs beside the loop, and back is called when it is home again. */
bool tn_stretch_run(struct tn_stretch *s, int args, bool here);
bool tn_stretch_ok(const struct tn_stretch *s); /* false: it has failed */

#endif
