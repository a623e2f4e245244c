/* SPDX-License-Identifier: MIT */
/* state.h - the fields of a host, of an isolate and of a call that is under way. For script/ only.
 * docs/script-host.md explains the words. */
#ifndef TN_SCRIPT_STATE_H
#define TN_SCRIPT_STATE_H

#include "script/isolate.h"
#include "script/side.h"
#include "script/watchdog.h"

struct tn_task;
struct tn_timer;

struct tn_host {
    struct tn_loop *loop;
    struct tn_log *log;
    struct tn_speaker floor;
    struct tn_sides *sides;
    struct tn_chunks *chunks;           /* files that were compiled */
    int away;                           /* number of isolates that run beside the loop */
    char *slot;                         /* holds the name of the running isolate
                                           (tn_host_on_enter); may be NULL */
    struct tn_isolate *isolates;        /* all that exist */
    struct tn_task *ready, **ready_end; /* tasks that run in the next turn */
    struct tn_timer *turn;              /* its function runs them, and announces isolates that
                                           became spent */
    bool closing;
    tn_spent_fn spent; /* may be NULL */
    void *spent_arg;
};

/* Somebody who waits for an isolate that is away. */
struct tn_waiter {
    struct tn_waiter *prev, *next; /* NULL: it does not wait */
    void (*ready)(struct tn_waiter *self);
};

struct tn_file {
    char *path, *text;
    size_t n;
};

struct tn_isolate {
    struct tn_isolate *prev, *next;
    struct tn_host *host;
    lua_State *L;
    char *name;
    char slot[TN_HOST_SLOT];
    const struct tn_sources *sources;
    void *sources_arg;
    const struct tn_module *modules;
    void *context;
    int refs;
    int call_ms, load_ms, max_tasks;
    size_t max_bytes;
    struct tn_isolate_stats stats;    /* all numbers but the memory */
    _Atomic size_t bytes, peak_bytes; /* the loop's thread reads them while the isolate is away */
    uint64_t cpu_us;
    bool refused;          /* the call under way asked for more memory than the cap leaves */
    bool spent, announced; /* spent: it is in quarantine; announced: the function of
                              tn_host_on_spent was called */
    unsigned max_overruns, rows[2]; /* rows: overruns in a row, of calls [0] and of tasks [1] */
    struct tn_entry *innermost;     /* the call under way in this isolate; NULL: none */
    struct tn_task *tasks;
    struct tn_task *current;  /* the task that runs now; NULL: none */
    struct tn_side_job *away; /* the job that runs it beside the loop; NULL: it is at home */
    struct tn_side_job chore; /* job that collects or closes it beside the loop */
    struct tn_waiter waiting; /* ring of those who wait for it */
    int *dropped;             /* references that were released while it was away */
    size_t n_dropped, dropped_room;
    bool lingers;  /* its last call took longer than a slice, so its next one begins beside the
                      loop */
    int pinned;    /* number of coroutines that a C function resumed; they cannot give way */
    bool parking;  /* the host made the yield under way: a task waits or gives way */
    bool gave_way; /* that yield gives way */
    bool homing;   /* it gives way because the next step has to be done at home */
    struct tn_file *files;
    size_t n_files;
    char stop_file[128]; /* where the budget was used up; line 0: it was not */
    int stop_line;
    char fault_file[128]; /* where the error that is being handled was raised */
    int fault_line;
    char trace[2048];
    int64_t log_second; /* the second for which log_lines counts */
    unsigned log_lines;
};

/* Overruns in a row are counted separately for calls and for tasks, and not for others. */
enum tn_entry_kind { TN_ENTRY_call, TN_ENTRY_task, TN_ENTRY_other };

/* A call into an isolate that is under way. */
struct tn_entry {
    struct tn_frame frame;
    struct tn_entry *outer; /* the surrounding call into the same isolate; NULL: none */
    struct tn_task *task;   /* the isolate's current task before this call */
    int pinned;             /* the isolate's pinned before this call */
    int ms;                 /* its budget of CPU time, */
    int us;                 /* and the part of it that was left at the last entry */
    enum tn_entry_kind kind;
    bool sliced; /* it runs in a coroutine of the host, which can give way (stretch.h) */
};

/* True: the isolate holds so much that single steps of Lua's collector take long. */
static inline bool tn_isolate_large(const struct tn_isolate *iso)
{
    return iso->bytes > TN_LIMIT_HEAVY_BYTES;
}

#endif
