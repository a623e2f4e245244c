/* SPDX-License-Identifier: MIT */
/* isolate.h - one Lua state with its own memory cap and time budget. Its scripts reach only what
 * they were given: the sandbox's globals, the C modules of a table and the Lua files of its
 * sources. docs/script-host.md explains the words (host, isolate, task, beside the loop, floor). A
 * process (worker) has one host, made after the fork. Isolate: new; load; calls and tasks (task.h);
 * unref. Whatever a script does, these functions raise no Lua error, do not end the process and
 * return within the budget. */
#ifndef TN_SCRIPT_ISOLATE_H
#define TN_SCRIPT_ISOLATE_H

#include <lua.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"

struct tn_loop;
struct tn_host;
struct tn_isolate;

/* ---- host ---- */

/* Borrows loop and log (log may be NULL), which must outlive the host. */
TN_MUST_CHECK struct tn_host *tn_host_new(struct tn_loop *loop, struct tn_log *log,
                                          struct tn_err *err);
/* Call it before closing what the modules use: no script starts any more, and those beside the loop
 * are stopped. */
void tn_host_call_home(struct tn_host *host); /* NULL does nothing */
/* The same, and cancels all tasks: what they hold (requests, reads) is dropped, and whoever waits
 * for one is answered before this returns.  NULL does nothing. */
void tn_host_stop(struct tn_host *host);
/* Stops.  All isolates were unreferenced before. */
void tn_host_free(struct tn_host *host); /* NULL does nothing */
/* While a script runs, slot[0..TN_HOST_SLOT) holds the name of its isolate, else "". The slot lies
 * in a memory page that the supervisor shares: when a worker dies, the supervisor reads there which
 * script was running. */
enum { TN_HOST_SLOT = 128 };
void tn_host_on_enter(struct tn_host *host, char *slot);
/* The number of all isolates, including replaced ones that still have work. */
size_t tn_host_isolates(const struct tn_host *host);
/* Is called in a later turn of the loop after one of the host's isolates became spent. */
typedef void (*tn_spent_fn)(void *arg, struct tn_isolate *iso);
void tn_host_on_spent(struct tn_host *host, tn_spent_fn fn, void *arg);
struct tn_loop *tn_host_loop(const struct tn_host *host);

/* ---- isolate ---- */

/* A source of files: tables inside the program, folders, the store. */
struct tn_sources {
    /* Finds the text of path ("scripts/adapters/oracle_ebs.lua"), borrowed until the next call;
     * false: there is no such file. */
    bool (*find)(void *arg, const char *path, struct tn_str *text);
};

struct tn_module {
    const char *name;   /* "tenon.json"; NULL ends the table */
    lua_CFunction open; /* pushes the module's table; NULL: name stands for a file, and is here
                           for the "did you mean" hints */
};

struct tn_isolate_options {
    const char *name;                 /* "integrations:plant_7": the log area, also shown in the
                                         slot and in errors */
    const struct tn_sources *sources; /* NULL: no files */
    void *sources_arg;
    const struct tn_module *modules; /* NULL: none */
    void *context;                   /* for the modules; tn_isolate_context returns it */
    size_t max_bytes;                /* 0: TN_LIMIT_ISOLATE_BYTES */
    int call_ms;                     /* CPU time of a call, or of a task between two waits; 0:
                                        TN_LIMIT_CALL_MS */
    int load_ms;                     /* 0: TN_LIMIT_LOAD_MS */
    int max_tasks;                   /* 0: TN_LIMIT_TASKS */
    unsigned max_overruns;           /* so many overruns in a row make it spent; 0: no number
                                        does */
};

struct tn_isolate_stats {
    uint64_t calls, errors, overruns; /* overruns: calls that used up their time or memory */
    unsigned overruns_in_row;         /* becomes 0 after a call that kept within its budget */
    uint64_t beside;                  /* stretches that ran beside the loop (stretch.h) */
    uint64_t cpu_ms;                  /* measured in ticks of 1 ms, so exact only over many calls */
    size_t bytes, peak_bytes;
    int tasks;
};

/* Copies the options' strings; borrows the tables and arguments, which must outlive the isolate. */
TN_MUST_CHECK struct tn_isolate *tn_isolate_new(struct tn_host *host,
                                                const struct tn_isolate_options *o,
                                                struct tn_err *err);
void tn_isolate_ref(struct tn_isolate *iso);
/* The last unref frees the isolate once its tasks have ended and no C function is inside it. */
void tn_isolate_unref(struct tn_isolate *iso); /* NULL does nothing */
/* Waits until no thread beside the loop runs the isolate. Call it before you free memory that its
 * scripts may read. */
void tn_isolate_call_home(struct tn_isolate *iso);

/* True: the isolate overran its budget too many times in a row. Calls and new tasks are then
 * refused with kind budget, and its tasks were cancelled. Overruns of calls and of tasks are
 * counted separately; a call (or stretch of a task) that keeps within its budget resets its own
 * count. */
bool tn_isolate_spent(const struct tn_isolate *iso);

const char *tn_isolate_name(const struct tn_isolate *iso);
struct tn_host *tn_isolate_host(const struct tn_isolate *iso);
void *tn_isolate_context(const struct tn_isolate *iso);
struct tn_isolate *tn_isolate_of(lua_State *L); /* the isolate that L belongs to */
void tn_isolate_stats(const struct tn_isolate *iso, struct tn_isolate_stats *out);
/* Where the last failure came from: one line "file:line in function" for each frame of the user's
 * files. */
const char *tn_isolate_trace(const struct tn_isolate *iso);

/* The number of files loaded so far, and their paths in the order of loading: a generation consists
 * of them. */
size_t tn_isolate_files(const struct tn_isolate *iso);
void tn_isolate_file(const struct tn_isolate *iso, size_t i, const char **path,
                     struct tn_str *text);
/* The text of a file that was loaded; false: it was not. */
bool tn_isolate_text(const struct tn_isolate *iso, const char *path, struct tn_str *text);

/* ---- calls ---- */

/* Functions that the caller gives to a call. They run inside its budget, and may raise. */
typedef int (*tn_push_fn)(lua_State *L, void *arg);         /* pushes arguments, returns their
                                                               count */
typedef void (*tn_take_fn)(lua_State *L, int n, void *arg); /* gets n results, at stack indexes 1
                                                               ... n */

/* Runs the file in a new environment and keeps the one value that it returns under *ref. False:
 * kind syntax, script, budget or not_found, with file, line and a sentence. */
TN_MUST_CHECK bool tn_isolate_load(struct tn_isolate *iso, const char *path, int *ref,
                                   struct tn_err *err);
/* The same, with the text of the file given. */
TN_MUST_CHECK bool tn_isolate_load_text(struct tn_isolate *iso, const char *path,
                                        struct tn_str text, int *ref, struct tn_err *err);
void tn_isolate_release(struct tn_isolate *iso, int ref); /* LUA_NOREF does nothing */
/* Keeps the value at the top of L's stack and pops it; returns its reference. May raise. */
int tn_isolate_keep(lua_State *L);
void tn_isolate_push(lua_State *L, int ref);

/* Calls the function under ref and returns when it has ended; the function cannot wait (park). push
 * and take may be NULL. False: kind budget, script, or the kind of the error value that was
 * raised. */
TN_MUST_CHECK bool tn_isolate_call(struct tn_isolate *iso, int ref, tn_push_fn push,
                                   tn_take_fn take, void *arg, struct tn_err *err);
/* The same with a budget of ms of CPU time, if that is less than the isolate's own: for calls in
 * the middle of other work. */
TN_MUST_CHECK bool tn_isolate_call_within(struct tn_isolate *iso, int ms, int ref, tn_push_fn push,
                                          tn_take_fn take, void *arg, struct tn_err *err);
/* Runs fn, which may use the whole Lua API and raise, inside the isolate's budget. */
TN_MUST_CHECK bool tn_isolate_protect(struct tn_isolate *iso, void (*fn)(lua_State *L, void *arg),
                                      void *arg, struct tn_err *err);

/* ---- for modules ---- */

/* A script that computes for long runs beside the loop, on a side thread. A C function that touches
 * more than its Lua state must not run at the same time as the loop's thread. This pushes a closure
 * that calls fn only with the floor, that is, while all other threads keep away from shared
 * data. */
void tn_lua_push_host(lua_State *L, lua_CFunction fn);
/* The same for a function that touches only its Lua state, so that several threads may run it at
 * once. */
void tn_lua_push_pure(lua_State *L, lua_CFunction fn);
/* Calls fn like such a closure, with the arguments of the running function; return the result. */
int tn_lua_host_call(lua_State *L, lua_CFunction fn);
/* Takes the floor and gives it back, around code that raises no error. */
void tn_lua_take_floor(lua_State *L);
void tn_lua_give_floor(lua_State *L);
/* Raises an error if the call under way has used up its time. Call it in loops in C. */
void tn_isolate_poll(lua_State *L);
/* Writes one line for the script, cut to TN_LIMIT_ERROR_TEXT. Beyond TN_LIMIT_LOG_LINES in one
 * second lines are left out, and one line then says how many. area NULL: the isolate's name. */
void tn_isolate_log(struct tn_isolate *iso, enum tn_level level, const char *area,
                    struct tn_str text);
/* Makes the table at the top of the stack read-only, by putting a proxy in its place. */
void tn_lua_seal(lua_State *L, const char *name);
/* The same for a module: reading a name that it does not have raises an error that suggests the
 * nearest name. */
void tn_lua_seal_module(lua_State *L, const char *name);
/* Pushes an error as a Lua value, with fields kind, code, message, status, retry, file, line, field
 * and a tostring. Its first user value is the field `faults`. */
void tn_lua_push_err(lua_State *L, const struct tn_err *err);
/* NULL: the value is no such error. */
const struct tn_err *tn_lua_test_err(lua_State *L, int index);
/* Raises err as such a value. */
_Noreturn int tn_lua_raise(lua_State *L, const struct tn_err *err);
/* Gives file and line of the calling script (not of stdlib/); line 0: no script calls. */
void tn_lua_where(lua_State *L, char *file, size_t n, int *line);

#endif
