/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of script/ share; for script/ alone. */
#ifndef TN_SCRIPT_INTERNAL_H
#define TN_SCRIPT_INTERNAL_H

#include "script/isolate.h"
#include "script/task.h"
#include "script/watchdog.h"

struct tn_timer;

struct tn_host {
    struct tn_loop *loop;
    struct tn_log *log;
    struct tn_watchdog *dog;
    char *slot;
    struct tn_isolate *isolates;        /* all that exist */
    struct tn_task *ready, **ready_end; /* what runs in the next turn */
    struct tn_timer *turn;
    bool closing;
    tn_spent_fn spent; /* may be NULL */
    void *spent_arg;
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
    struct tn_isolate_stats stats;
    bool refused; /* the cap was hit in the call under way */
    bool retired;
    bool spent, announced;
    unsigned max_overruns, rows[2]; /* overruns in a row, of calls and of tasks */
    struct tn_entry *innermost;     /* call under way in this isolate */
    struct tn_task *tasks;
    struct tn_task *current; /* runs right now */
    int pinned;              /* coroutines resumed where nothing can wait */
    bool parking;            /* the yield under way is a task's wait, or gives way */
    bool gave_way;           /* the latter */
    struct tn_timer *drain;
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
    int pinned, ms, ticks;  /* ms: what the script was told; ticks: what is left of that */
    enum tn_entry_kind kind;
    bool sliced; /* it may give way although it is no task (slice.h) */
};

/* isolate.c */
/* ticks 0: as many as ms are. */
void tn_isolate_enter(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms,
                      int ticks, struct tn_task *task);
void tn_isolate_leave(struct tn_isolate *iso, struct tn_entry *entry, bool ok);
/* The state to make a call on: that of the innermost call, or the main one. */
lua_State *tn_isolate_state(const struct tn_isolate *iso);
/* Runs fn(arg) on L, at most ms of CPU, and fills err from what goes wrong. */
bool tn_isolate_run(struct tn_isolate *iso, int ms, void (*fn)(lua_State *L, void *arg), void *arg,
                    struct tn_err *err);

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
