/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of script/ share; for script/ alone. */
#ifndef TN_SCRIPT_INTERNAL_H
#define TN_SCRIPT_INTERNAL_H

#include "script/isolate.h"
#include "script/side.h"
#include "script/task.h"
#include "script/watchdog.h"

struct tn_timer;

struct tn_host {
    struct tn_loop *loop;
    struct tn_log *log;
    struct tn_watchdog *dog; /* of the thread that has the floor */
    struct tn_side *side;    /* that thread; NULL: the loop's */
    struct tn_sides *sides;
    int away; /* isolates on side threads */
    char *slot;
    struct tn_isolate *isolates;        /* all that exist */
    struct tn_task *ready, **ready_end; /* what runs in the next turn */
    struct tn_timer *turn;
    bool closing;
    tn_spent_fn spent; /* may be NULL */
    void *spent_arg;
};

/* Whoever wants an isolate that is away. */
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
    _Atomic size_t bytes, peak_bytes; /* also read while it is away */
    uint64_t cpu_us;
    bool refused; /* the cap was hit in the call under way */
    bool spent, announced;
    unsigned max_overruns, rows[2]; /* overruns in a row, of calls and of tasks */
    struct tn_entry *innermost;     /* call under way in this isolate */
    struct tn_task *tasks;
    struct tn_task *current;  /* runs right now */
    struct tn_side_job *away; /* runs beside the loop; NULL: at home */
    struct tn_side_job chore; /* of the collector, or the end */
    struct tn_waiter waiting; /* ring of those who want it meanwhile */
    int *dropped;             /* references, while it is away */
    size_t n_dropped, dropped_room;
    bool lingers;  /* what ran last took longer than a slice: the next goes beside at once */
    int pinned;    /* coroutines resumed where nothing can wait */
    bool parking;  /* the yield under way is a task's wait, or gives way */
    bool gave_way; /* the latter, */
    bool homing;   /* for what has to be done at home */
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

/* What a call into an isolate is, for what counts as overruns in a row. */
enum tn_entry_kind { TN_ENTRY_call, TN_ENTRY_task, TN_ENTRY_other };

/* One call into an isolate that is under way. */
struct tn_entry {
    struct tn_frame frame;
    struct tn_entry *outer; /* into the same isolate */
    struct tn_task *task;   /* that was running around it */
    int pinned, ms;
    int us; /* of CPU: what was left of ms when it was entered */
    enum tn_entry_kind kind;
    bool sliced; /* it runs in a coroutine of ours, which can be left (stretch.h) */
};

/* It holds so much that the collector's last step takes long. */
static inline bool tn_isolate_large(const struct tn_isolate *iso)
{
    return iso->bytes > TN_LIMIT_HEAVY_BYTES;
}

/* isolate.c */
/* Before and after a call, by whoever has the floor; the thread that makes the call enters and
 * leaves the frame with its watchdog in between.  us: what is left of ms; 0: all of it. */
void tn_isolate_check_in(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms,
                         int us, struct tn_task *task);
void tn_isolate_check_out(struct tn_isolate *iso, struct tn_entry *entry, bool ok);
void tn_isolate_bury(struct tn_isolate *iso); /* its Lua state is closed: the rest of it */
bool tn_isolate_refuse(const struct tn_isolate *iso, struct tn_err *err); /* it is spent */
/* Has the call under way, or one around it, used up its time? */
bool tn_isolate_late(const struct tn_isolate *iso);
/* It cannot be left where it is, and should have been for too long: it is expired now. */
bool tn_isolate_held_out(const struct tn_isolate *iso);
/* Said by the libraries of scripts while they take long: it may be in a guest (watchdog.h). */
void tn_script_found(const struct tn_isolate *iso);
/* The same, and tn_isolate_poll. */
void tn_script_poll(lua_State *L);
/* The state to make a call on: that of the innermost call, or the main one. */
lua_State *tn_isolate_state(const struct tn_isolate *iso);
/* Runs fn(arg) on L, at most ms of CPU, and fills err from what goes wrong.  place: whether fn is
 * there to run a script, or is the host's and may come upon one (a metamethod). */
bool tn_isolate_run(struct tn_isolate *iso, enum tn_place place, int ms,
                    void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err);

/* away.c */
/* Starts the job beside the loop; false: no thread is free for it.  The isolate is away then, and
 * the job's home calls first tn_isolate_home, last tn_isolate_admit. */
bool tn_isolate_send(struct tn_isolate *iso, struct tn_side_job *job);
struct tn_side *tn_isolate_side(const struct tn_isolate *iso); /* where it is; NULL: at home */
void tn_isolate_home(struct tn_isolate *iso);
void tn_isolate_admit(struct tn_isolate *iso); /* those who wait for it */
/* Should what begins now begin beside the loop? */
bool tn_isolate_heavy(const struct tn_isolate *iso);
/* Ready is called once the isolate is home, which it is asked to be. */
void tn_isolate_wait(struct tn_isolate *iso, struct tn_waiter *waiter);
void tn_waiter_leave(struct tn_waiter *waiter); /* waits no more; twice does nothing */
/* Could the call under way be left here, to be gone on with later? */
bool tn_isolate_may_give_way(const struct tn_isolate *iso, lua_State *L);
/* Leaves it: to be returned by a C function; k goes on. */
int tn_isolate_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k);
/* The same for a C function that is about to take long, or has: on the loop's thread, where it
 * could go on beside the loop; it has used up its slice. */
bool tn_isolate_holds_loop(const struct tn_isolate *iso, lua_State *L);
bool tn_isolate_is_due(const struct tn_isolate *iso, lua_State *L);
void tn_isolate_release_later(struct tn_isolate *iso, int ref); /* when it is home */
void tn_isolate_collect(struct tn_isolate *iso); /* beside the loop if it takes long */
/* False: not now.  Else tn_isolate_bury is called when it is done. */
bool tn_isolate_end_beside(struct tn_isolate *iso);

/* floor.c */
/* Where a script is, as to calls with the floor around it, and back to that where an error of one
 * of them is caught. */
int tn_floor_mark(lua_State *L);
void tn_floor_restore(lua_State *L, int mark);

/* failure.c */
void tn_failure_hook(lua_State *L, lua_Debug *ar); /* raises that the time is up, or gives way */
int tn_failure_handler(lua_State *L);              /* message handler: notes where */
void tn_failure_note(struct tn_isolate *iso, lua_State *L, int level);
/* Fills err from the error value at the top of L, pops it; inside the entry of the call. */
void tn_failure_read(struct tn_isolate *iso, lua_State *L, int status, const struct tn_entry *entry,
                     struct tn_err *err);
/* The same of a coroutine that died and still shows where; the error is read on the main state. */
void tn_failure_take(struct tn_isolate *iso, lua_State *co, int status, struct tn_entry *entry,
                     struct tn_err *err);
void tn_failure_open(lua_State *L); /* the class of error values */

/* load.c */
int tn_load_require(lua_State *L);
/* Pushes the value that the file of this path returns; raises. */
void tn_load_file(lua_State *L, const char *path);
/* lua_load of text alone, which stops when the time is up (raises then). */
int tn_load_text(lua_State *L, struct tn_str text, const char *chunk);
/* Pushes a function that is written in Lua; it is compiled when it is first needed. */
void tn_load_ours(lua_State *L, const char *source, const char *chunk);

/* task.c */
void tn_task_announce(struct tn_isolate *iso); /* it is spent: told in the next turn */
void tn_task_run_ready(void *host);
void tn_task_cancel_all(struct tn_isolate *iso);

/* sandbox.c */
void tn_sandbox_open(lua_State *L); /* makes the globals of all chunks */
/* coroutine.c, strings.c, tables.c: each pushes its library. */
void tn_coroutine_open(lua_State *L);
void tn_coroutine_guard(lua_State *L, int index, bool on); /* nobody may resume this one */
void tn_strings_open(lua_State *L);
void tn_tables_open(lua_State *L);

#endif
