/* SPDX-License-Identifier: MIT */
/* isolate.h - one Lua state with its own memory cap and time budget, closed to all but what it was
 * given: the sandbox's globals, the C modules of its table and the Lua files of its sources.
 * Host: one a process (worker), made after the fork.  Isolate: new; load; calls and tasks (task.h);
 * unref.  Nothing a script does raises through these functions, ends the process or blocks it for
 * longer than its budget. */
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

/* Borrows loop and log (log may be NULL), which outlive it. */
TN_MUST_CHECK struct tn_host *tn_host_new(struct tn_loop *loop, struct tn_log *log,
                                          struct tn_err *err);
/* Before what modules work with is closed: nothing begins any more, and what runs beside the loop
 * is stopped. */
void tn_host_call_home(struct tn_host *host); /* NULL does nothing */
/* The same, and cancels all tasks: what they hold (requests, reads) is dropped, and whoever waits
 * for one is answered before this returns.  NULL does nothing. */
void tn_host_stop(struct tn_host *host);
/* Stops.  All isolates were unreferenced before. */
void tn_host_free(struct tn_host *host); /* NULL does nothing */
/* While a script runs, slot[0..TN_HOST_SLOT) holds the name of its isolate, else "": a place in the
 * page that the supervisor shares, so that it can name the script that took a worker down. */
enum { TN_HOST_SLOT = 128 };
void tn_host_on_enter(struct tn_host *host, char *slot);
/* All that exist, old generations that still have work included. */
size_t tn_host_isolates(const struct tn_host *host);
/* Called in a later turn of the loop when one of the host's isolates is spent. */
typedef void (*tn_spent_fn)(void *arg, struct tn_isolate *iso);
void tn_host_on_spent(struct tn_host *host, tn_spent_fn fn, void *arg);
struct tn_loop *tn_host_loop(const struct tn_host *host);

/* ---- isolate ---- */

/* Where files come from: tables inside the program, folders, the store. */
struct tn_sources {
    /* The text of path ("scripts/adapters/oracle_ebs.lua"), borrowed until the next call; false:
     * there is no such file. */
    bool (*find)(void *arg, const char *path, struct tn_str *text);
};

struct tn_module {
    const char *name;   /* "tenon.json"; NULL ends the table */
    lua_CFunction open; /* pushes the module's table; NULL: a file, named for the hints */
};

struct tn_isolate_options {
    const char *name;                 /* "integrations:plant_7": log area, slot, errors */
    const struct tn_sources *sources; /* NULL: no files */
    void *sources_arg;
    const struct tn_module *modules; /* NULL: none */
    void *context;                   /* for the modules: tn_isolate_context */
    size_t max_bytes;                /* 0: TN_LIMIT_ISOLATE_BYTES */
    int call_ms;                     /* of CPU, a call or a stretch of a task between two
                                      * waits; 0: TN_LIMIT_CALL_MS */
    int load_ms;                     /* 0: TN_LIMIT_LOAD_MS */
    int max_tasks;                   /* 0: TN_LIMIT_TASKS */
    unsigned max_overruns;           /* in a row, then it is spent; 0: any number */
};

struct tn_isolate_stats {
    uint64_t calls, errors, overruns; /* overruns: of time or memory */
    unsigned overruns_in_row;         /* 0 again after a call that kept within its budget */
    uint64_t beside;                  /* stretches that ran beside the loop (side.h) */
    uint64_t cpu_ms;                  /* in steps of a tick: exact over many calls */
    size_t bytes, peak_bytes;
    int tasks;
};

/* Copies the options' strings; tables and arguments are borrowed and outlive the isolate. */
TN_MUST_CHECK struct tn_isolate *tn_isolate_new(struct tn_host *host,
                                                const struct tn_isolate_options *o,
                                                struct tn_err *err);
void tn_isolate_ref(struct tn_isolate *iso);
/* The last unref frees it, once no task is left and nothing of it is on the C stack. */
void tn_isolate_unref(struct tn_isolate *iso); /* NULL does nothing */
/* Waits until nothing of it runs beside the loop: before memory goes that its scripts may look at.
 */
void tn_isolate_call_home(struct tn_isolate *iso);

/* It overran its budget too often, one time after the other: calls and tasks are refused with kind
 * budget, tasks under way were cancelled.  Calls that kept within it count between calls, stretches
 * of tasks between those. */
bool tn_isolate_spent(const struct tn_isolate *iso);

const char *tn_isolate_name(const struct tn_isolate *iso);
struct tn_host *tn_isolate_host(const struct tn_isolate *iso);
void *tn_isolate_context(const struct tn_isolate *iso);
struct tn_isolate *tn_isolate_of(lua_State *L); /* the isolate that L belongs to */
void tn_isolate_stats(const struct tn_isolate *iso, struct tn_isolate_stats *out);
/* Where the last failure came from: one "file:line in function" a line, the caller's frames only.
 */
const char *tn_isolate_trace(const struct tn_isolate *iso);

/* The files that were loaded so far, in order: what a generation consists of. */
size_t tn_isolate_files(const struct tn_isolate *iso);
void tn_isolate_file(const struct tn_isolate *iso, size_t i, const char **path,
                     struct tn_str *text);
/* Its text if it was loaded; false else. */
bool tn_isolate_text(const struct tn_isolate *iso, const char *path, struct tn_str *text);

/* ---- calls ---- */

/* Both may raise, run inside the budget, and are never called outside of it. */
typedef int (*tn_push_fn)(lua_State *L, void *arg);         /* pushes arguments, returns count */
typedef void (*tn_take_fn)(lua_State *L, int n, void *arg); /* results are at 1 ... n */

/* Runs the file in a fresh environment; the one value that it returns is kept under *ref.
 * False: kind syntax, script, budget or not_found, with file, line and a sentence. */
TN_MUST_CHECK bool tn_isolate_load(struct tn_isolate *iso, const char *path, int *ref,
                                   struct tn_err *err);
/* The same with the text given. */
TN_MUST_CHECK bool tn_isolate_load_text(struct tn_isolate *iso, const char *path,
                                        struct tn_str text, int *ref, struct tn_err *err);
void tn_isolate_release(struct tn_isolate *iso, int ref); /* LUA_NOREF does nothing */
/* Keeps the value at the top of L's stack, pops it.  May raise. */
int tn_isolate_keep(lua_State *L);
void tn_isolate_push(lua_State *L, int ref);

/* Calls the function under ref and waits for it: it may not park.  push and take may be NULL.
 * False: kind script (or the kind of the error that was raised) or budget. */
TN_MUST_CHECK bool tn_isolate_call(struct tn_isolate *iso, int ref, tn_push_fn push,
                                   tn_take_fn take, void *arg, struct tn_err *err);
/* The same with a smaller budget of CPU time than the isolate's: for what is called in the middle
 * of other work. */
TN_MUST_CHECK bool tn_isolate_call_within(struct tn_isolate *iso, int ms, int ref, tn_push_fn push,
                                          tn_take_fn take, void *arg, struct tn_err *err);
/* Runs fn, which may use all of the Lua API and raise, inside the isolate's budget. */
TN_MUST_CHECK bool tn_isolate_protect(struct tn_isolate *iso, void (*fn)(lua_State *L, void *arg),
                                      void *arg, struct tn_err *err);

/* ---- for modules ---- */

/* Scripts that compute for long run beside the loop, on a thread of their own.  A C function that
 * touches more than its Lua state has to be called with the floor, that is, while the loop's
 * thread stands still: this pushes one that is, whichever thread the script is on. */
void tn_lua_push_host(lua_State *L, lua_CFunction fn);
/* The same for one that touches nothing else, and so may run on several threads at once. */
void tn_lua_push_pure(lua_State *L, lua_CFunction fn);
/* Calls fn, with the arguments of the function under way, in the same manner; to be returned. */
int tn_lua_host_call(lua_State *L, lua_CFunction fn);
/* Takes the floor, for what does not raise, and gives it back. */
void tn_lua_take_floor(lua_State *L);
void tn_lua_give_floor(lua_State *L);
/* Raises when the call under way has used up its time: for loops in C. */
void tn_isolate_poll(lua_State *L);
/* One line of the script's own, cut to TN_LIMIT_ERROR_TEXT; no more than TN_LIMIT_LOG_LINES a
 * second, then a line says how many were left out.  area NULL: the isolate's name. */
void tn_isolate_log(struct tn_isolate *iso, enum tn_level level, const char *area,
                    struct tn_str text);
/* Makes the table at the top of the stack read-only: a proxy takes its place. */
void tn_lua_seal(lua_State *L, const char *name);
/* The same for a module of ours: what it has not raises, with the nearest name, where it stands. */
void tn_lua_seal_module(lua_State *L, const char *name);
/* Errors as Lua values: fields kind, code, message, status, retry, file, line, field; tostring.
 * Field faults is their first user value. */
void tn_lua_push_err(lua_State *L, const struct tn_err *err);
/* NULL: the value is none. */
const struct tn_err *tn_lua_test_err(lua_State *L, int index);
/* Raises err as such a value. */
_Noreturn int tn_lua_raise(lua_State *L, const struct tn_err *err);
/* File and line of the script (not of stdlib/) that is calling; line 0: none. */
void tn_lua_where(lua_State *L, char *file, size_t n, int *line);

#endif
