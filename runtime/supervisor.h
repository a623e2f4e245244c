/* SPDX-License-Identifier: MIT */
/* supervisor.h - starts the store and the workers, replaces what dies or hangs, passes signals on.
 * It holds no data and parses no input, so it has nothing to crash on. */
#ifndef TN_SUPERVISOR_H
#define TN_SUPERVISOR_H

#include <stdbool.h>

#include "base/err.h"

struct tn_log;
struct tn_shared;

/* The functions that the children run; each returns the exit status of its process. */
struct tn_supervised {
    int (*store)(void *arg);
    int (*worker)(void *arg, int number, bool first); /* first: nothing has served before */
    void (*ready)(void *arg);                         /* every process serves; once */
    void (*quiet)(void *arg);                         /* at the stop: nobody accepts any more */
    void *arg;
};

/* Runs until SIGTERM or SIGINT; answers the exit status: 0 after a clean stop, 1 when the first
 * processes did not come up (they have said why).  SIGHUP is passed to one worker as SIGHUP. */
int tn_supervise(struct tn_shared *shared, int workers, const struct tn_supervised *what,
                 struct tn_log *log);

#endif
