/* SPDX-License-Identifier: MIT */
/* side.h - for script/ alone: threads beside the loop's, on which scripts that compute for long go
 * on, so that the loop has its own for everybody else.
 *
 * At any time one thread has the floor: it alone may touch what the process shares.  The loop has
 * it and grants it to a side thread that asks for it, between two events.  A side thread that runs
 * a script's own code, Lua's libraries or the collector does without.
 *
 * Functions are called by the thread that has the floor, unless they say otherwise. */
#ifndef TN_SCRIPT_SIDE_H
#define TN_SCRIPT_SIDE_H

#include <lua.h>
#include <stdbool.h>

struct tn_loop;
struct tn_side;
struct tn_sides;
struct tn_watchdog;

struct tn_side_job {
    void (*run)(struct tn_side_job *job);  /* in the side thread, without the floor */
    void (*home)(struct tn_side_job *job); /* when it has run, on the loop's thread; calls back
                                            * nobody outside of script/ */
    struct tn_side *side;                  /* where it is; NULL: at home */
    bool lends; /* it has the floor, and goes without inside calls into scripts (errand.h) */
};

/* The thread that has the floor. */
struct tn_speaker {
    struct tn_watchdog *dog; /* of that thread */
    struct tn_side *side;    /* NULL: it is the loop's */
};

/* Starts no thread as yet.  floor says who has the floor, and is written when that changes.  stop
 * is the hook of the threads' watchdogs. */
struct tn_sides *tn_sides_new(struct tn_loop *loop, struct tn_speaker *floor, lua_Hook stop);
void tn_sides_free(struct tn_sides *sides); /* all jobs are home; NULL does nothing */

/* False: all threads are busy, or none can be made. */
bool tn_side_start(struct tn_sides *sides, struct tn_side_job *job);
/* Asks a job to come home as soon as it can; stop: its calls are expired. */
void tn_side_ask(struct tn_side_job *job, bool stop);
/* The same, and waits until it is home. */
void tn_side_recall(struct tn_side_job *job, bool stop);

/* ---- inside a job ---- */

struct tn_watchdog *tn_side_watchdog(const struct tn_side *side);
/* Takes the floor and gives it back; they nest. */
void tn_side_enter(struct tn_side *side);
void tn_side_leave(struct tn_side *side);
/* Is its job one that lends the floor, and has it taken the floor just once? */
bool tn_side_lends(const struct tn_side *side);
/* How deep they are nested; and back to that depth, after an error was caught. */
int tn_side_depth(const struct tn_side *side);
void tn_side_restore(struct tn_side *side, int depth);

#endif
