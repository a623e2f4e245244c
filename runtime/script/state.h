/* SPDX-License-Identifier: MIT */
/* state.h - the fields of a host and of an isolate, and of a call that is under way; for script/
 * alone.  docs/script-host.md explains the words. */
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
    struct tn_speaker floor; /* the thread that has it */
    struct tn_sides *sides;
    int away;                           /* isolates that run beside the loop */
    char *slot;                         /* tn_host_on_enter; may be NULL */
    struct tn_isolate *isolates;        /* all that exist */
    struct tn_task *ready, **ready_end; /* tasks that run in the next turn */
    struct tn_timer *turn;              /* runs them, and tells of isolates that are spent */
    bool closing;
    tn_spent_fn spent; /* may be NULL */
    void *spent_arg;
};

/* Someone who wants an isolate that is away. */
struct tn_waiter {
    struct tn_waiter *prev, *next; /* NULL: does not wait */
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
    struct tn_isolate_stats stats;    /* all but memory */
    _Atomic size_t bytes, peak_bytes; /* the loop's thread reads them while the isolate is away */
    uint64_t cpu_us;
    bool refused;          /* the call under way asked for more memory than the cap leaves */
    bool spent, announced; /* it is in quarantine; tn_host_on_spent's function knows */
    unsigned max_overruns, rows[2]; /* overruns in a row, of calls and of tasks */
    struct tn_entry *innermost;     /* the call under way in this isolate; NULL: none */
    struct tn_task *tasks;
    struct tn_task *current;  /* the task that runs right now; NULL: none */
    struct tn_side_job *away; /* this job runs it beside the loop; NULL: it is at home */
    struct tn_side_job chore; /* away because it is collected or closed */
    struct tn_waiter waiting; /* ring of those who want it meanwhile */
    int *dropped;             /* references that were released meanwhile */
    size_t n_dropped, dropped_room;
    bool lingers;  /* its last call took longer than a slice: the next begins beside the loop */
    int pinned;    /* coroutines that a C function resumed, which cannot be left */
    bool parking;  /* the yield under way is not the script's: a task waits or gives way */
    bool gave_way; /* it gives way */
    bool homing;   /* it gives way because the next step has to be done at home */
    struct tn_file *files;
    size_t n_files;
    char stop_file[128]; /* where the budget ran out; line 0: it did not */
    int stop_line;
    char fault_file[128]; /* where the error that is being handled was raised */
    int fault_line;
    char trace[2048];
    int64_t log_second; /* the second that log_lines counts */
    unsigned log_lines;
};

/* Overruns in a row are counted apart for calls and tasks; other entries belong to neither. */
enum tn_entry_kind { TN_ENTRY_call, TN_ENTRY_task, TN_ENTRY_other };

/* A call into an isolate that is under way. */
struct tn_entry {
    struct tn_frame frame;
    struct tn_entry *outer; /* the call into the same isolate that this one is inside of */
    struct tn_task *task;   /* the isolate's current task outside of this call */
    int pinned;             /* the isolate's, outside of this call */
    int ms;                 /* its budget of CPU, */
    int us;                 /* and how much of that was left when it was entered */
    enum tn_entry_kind kind;
    bool sliced; /* it runs in a coroutine of ours, which can give way (stretch.h) */
};

/* It holds so much that single steps of Lua's collector take long. */
static inline bool tn_isolate_large(const struct tn_isolate *iso)
{
    return iso->bytes > TN_LIMIT_HEAVY_BYTES;
}

#endif
