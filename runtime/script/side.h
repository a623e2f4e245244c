/* SPDX-License-Identifier: MIT */
/* side.h - threads beside the loop's thread. Scripts that compute for long continue on them, so
 * that the loop can serve others. For script/ only.
 *
 * At any time one thread has the floor, the right to touch what the process shares. The loop's
 * thread has it, and lends it to a side thread that asks for it, between two events. A side thread
 * needs no floor to run a script's own code, Lua's libraries or the collector.
 *
 * Only the thread that has the floor calls these functions, unless a comment says otherwise. */
#ifndef TN_SCRIPT_SIDE_H
#define TN_SCRIPT_SIDE_H

#include <lua.h>
#include <stdbool.h>

struct tn_loop;
struct tn_side;
struct tn_sides;
struct tn_watchdog;

struct tn_side_job {
    void (*run)(struct tn_side_job *job);  /* runs on the side thread, without the floor */
    void (*home)(struct tn_side_job *job); /* runs after it, on the loop's thread; may call only
                                              code of script/ */
    struct tn_side *side;                  /* the thread that runs it; NULL: it is at home */
    bool lends; /* it takes the floor, and gives it back during calls into scripts (errand.h) */
};

/* Says which thread has the floor. */
struct tn_speaker {
    struct tn_watchdog *dog; /* the watchdog of that thread */
    struct tn_side *side;    /* NULL: it is the loop's thread */
};

/* Starts no thread yet. The sides write to *floor which thread has the floor. stop is the hook that
 * the threads' watchdogs set. */
struct tn_sides *tn_sides_new(struct tn_loop *loop, struct tn_speaker *floor, lua_Hook stop);
void tn_sides_free(struct tn_sides *sides); /* all jobs must be home; NULL does nothing */

/* False: all threads are busy, or no thread can be made. */
bool tn_side_start(struct tn_sides *sides, struct tn_side_job *job);
/* Asks a job to come home as soon as it can. stop: also ends its calls as if their time were up. */
void tn_side_ask(struct tn_side_job *job, bool stop);
/* The same, and waits until the job is home. */
void tn_side_recall(struct tn_side_job *job, bool stop);

/* ---- inside a job ---- */

struct tn_watchdog *tn_side_watchdog(const struct tn_side *side);
/* Takes the floor, and gives it back. The calls nest. */
void tn_side_enter(struct tn_side *side);
void tn_side_leave(struct tn_side *side);
/* Does the thread run a job that lends the floor, and has it taken the floor exactly once? */
bool tn_side_lends(const struct tn_side *side);
/* How deep tn_side_enter is nested; and a way back to that depth after an error was caught. */
int tn_side_depth(const struct tn_side *side);
void tn_side_restore(struct tn_side *side, int depth);

#endif
