/* SPDX-License-Identifier: MIT */
/* process.h - child processes that share nothing and do not outlive their parent. */
#ifndef TN_LOOP_PROCESS_H
#define TN_LOOP_PROCESS_H

#include <sys/types.h>

/* Remembers where the command line lies, so that a process can be named in ps.  Call once, first in
 * main; the text of argv must not be used afterwards but through the copies that this makes. */
void tn_process_init(int argc, char **argv);
/* Sets the name that ps shows: "tenon: worker 1". */
void tn_process_title(const char *title);

/* Empties a variable of the environment, also in what /proc shows of it.  For secrets, after their
 * value was copied. */
void tn_process_forget(const char *name);

/* Forks.  The child gets default signal handling, is killed when the parent dies, runs
 * main(arg) and exits with its result.  Answers the child's id, -1: errno says why. */
pid_t tn_process_start(int (*main)(void *arg), void *arg);

#endif
