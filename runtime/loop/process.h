/* SPDX-License-Identifier: MIT */
/* process.h - child processes that share no memory and do not outlive their parent. */
#ifndef TN_LOOP_PROCESS_H
#define TN_LOOP_PROCESS_H

#include <sys/types.h>

/* Remembers where the command line lies in memory, so that tn_process_title can change it. Call it
 * once, first in main. Afterwards use only the copies of argv that it makes. */
void tn_process_init(int argc, char **argv);
/* Sets the name that ps shows: "tenon: worker 1". */
void tn_process_title(const char *title);

/* Empties a variable of the environment, also in /proc. For secrets, after their value was
 * copied. */
void tn_process_forget(const char *name);

/* Forks. The child gets default signal handling, runs main(arg) and exits with its result; the
 * kernel kills it when the parent dies. Returns the child's id, or -1: errno says why. */
pid_t tn_process_start(int (*main)(void *arg), void *arg);

#endif
