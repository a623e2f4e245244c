/* SPDX-License-Identifier: MIT */
#include "script/internal.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "loop/loop.h"

/* ---- memory ---- */

static bool over_cap(struct tn_isolate *iso, size_t old, size_t new)
{
    return new > old &&
           (new - old > iso->max_bytes || iso->stats.bytes > iso->max_bytes - (new - old));
}

/* The call's own position, taken here: an error for want of memory calls no message handler, and
 * reading it allocates nothing. */
static void refuse(struct tn_isolate *iso)
{
    iso->refused = true;
    if (iso->innermost) tn_failure_note(iso, iso->innermost->frame.running, 0);
}

static void *counted(void *arg, void *p, size_t old, size_t new)
{
    struct tn_isolate *iso = arg;
    if (!p) old = 0;
    if (new == 0) {
        iso->stats.bytes -= old;
        free(p);
        return NULL;
    }
    if (over_cap(iso, old, new)) {
        refuse(iso);
        return NULL;
    }
    /* Lua counts on shrinking to succeed. */
    if (new > old && TN_FAULT("script.alloc")) return NULL;
    void *q = realloc(p, new);
    if (!q) return new <= old ? p : NULL;
    iso->stats.bytes += new - old;
    if (iso->stats.bytes > iso->stats.peak_bytes) iso->stats.peak_bytes = iso->stats.bytes;
    return q;
}

/* ---- entering and leaving ---- */

void tn_isolate_enter(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms,
                      int ticks, struct tn_task *task)
{
    struct tn_host *host = iso->host;
    entry->outer = iso->innermost;
    entry->task = iso->current;
    entry->pinned = iso->pinned;
    entry->ms = ms;
    entry->ticks = ticks ? ticks : tn_watchdog_ticks(ms);
    entry->kind = task ? TN_ENTRY_task : TN_ENTRY_other;
    entry->sliced = task != NULL;
    iso->pinned = 0;
    iso->current = task;
    iso->innermost = entry;
    iso->fault_line = 0;
    if (!entry->outer) {
        iso->refused = false;
        iso->stop_line = 0;
    }
    if (!ticks) iso->stats.calls++;
    iso->refs++;
    if (host->slot) memcpy(host->slot, iso->slot, TN_HOST_SLOT);
    tn_watchdog_enter(host->dog, &entry->frame, L, entry->ticks);
}

static void count_row(struct tn_isolate *iso, enum tn_entry_kind kind, bool overrun)
{
    if (overrun) {
        unsigned *row = &iso->rows[kind == TN_ENTRY_task];
        if (++*row < iso->max_overruns || !iso->max_overruns || iso->spent) return;
        iso->spent = true;
        tn_task_announce(iso);
    } else if (kind != TN_ENTRY_other) {
        iso->rows[kind] = 0;
    }
}

static void count(struct tn_isolate *iso, const struct tn_entry *entry, bool ok)
{
    iso->stats.cpu_ms += (uint64_t)(entry->ticks - entry->frame.left) * TN_WATCHDOG_TICK_MS;
    count_row(iso, entry->kind, !ok && (entry->frame.expired || iso->refused));
    if (ok) {
        iso->stats.overruns_in_row = 0;
        return;
    }
    iso->stats.errors++;
    if (!entry->frame.expired && !iso->refused) {
        iso->stats.overruns_in_row = 0;
        return;
    }
    iso->stats.overruns++;
    iso->stats.overruns_in_row++;
}

/* Whose name stands in the slot when a nested call ends: that of the isolate around it. */
static void restore_slot(struct tn_host *host, const struct tn_frame *outer)
{
    if (!host->slot) return;
    if (!outer) {
        host->slot[0] = '\0';
        return;
    }
    memcpy(host->slot, tn_isolate_of(outer->running)->slot, TN_HOST_SLOT);
}

void tn_isolate_leave(struct tn_isolate *iso, struct tn_entry *entry, bool ok)
{
    tn_watchdog_leave(iso->host->dog, &entry->frame);
    restore_slot(iso->host, entry->frame.outer);
    iso->innermost = entry->outer;
    iso->current = entry->task;
    iso->pinned = entry->pinned;
    count(iso, entry, ok);
    /* Now, while nothing of the call is on the stack: what it filled memory with may lie in dead
     * registers that the next call's frame would cover, and so keep. */
    if (!ok && iso->refused && !entry->outer) lua_gc(iso->L, LUA_GCCOLLECT);
    tn_isolate_unref(iso);
}

lua_State *tn_isolate_state(const struct tn_isolate *iso)
{
    return iso->innermost ? iso->innermost->frame.running : iso->L;
}

struct job {
    void (*fn)(lua_State *L, void *arg);
    void *arg;
};

static int run_job(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    lua_settop(L, 0);
    job->fn(L, job->arg);
    return 0;
}

bool tn_isolate_spent(const struct tn_isolate *iso)
{
    return iso->spent;
}

static bool run(struct tn_isolate *iso, enum tn_entry_kind kind, int ms,
                void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err)
{
    lua_State *L = tn_isolate_state(iso);
    struct job job = {fn, arg};
    struct tn_entry entry;
    if (!lua_checkstack(L, 8))
        return tn_fail(err, TN_E_budget, "the script calls itself too deeply");
    if (iso->spent)
        return tn_fail(err, TN_E_budget,
                       "%s is in quarantine: it overran its budget %u times in a row", iso->name,
                       iso->max_overruns);
    tn_isolate_enter(iso, &entry, L, ms, 0, NULL);
    entry.kind = kind;
    lua_pushcfunction(L, tn_failure_handler);
    int handler = lua_gettop(L);
    lua_pushcfunction(L, run_job);
    lua_pushlightuserdata(L, &job);
    int status = lua_pcall(L, 1, 0, handler);
    if (status != LUA_OK) tn_failure_read(iso, L, status, &entry, err);
    lua_remove(L, handler);
    tn_isolate_leave(iso, &entry, status == LUA_OK);
    return status == LUA_OK;
}

bool tn_isolate_run(struct tn_isolate *iso, int ms, void (*fn)(lua_State *L, void *arg), void *arg,
                    struct tn_err *err)
{
    return run(iso, TN_ENTRY_other, ms, fn, arg, err);
}

bool tn_isolate_protect(struct tn_isolate *iso, void (*fn)(lua_State *L, void *arg), void *arg,
                        struct tn_err *err)
{
    return tn_isolate_run(iso, iso->call_ms, fn, arg, err);
}

/* ---- life ---- */

static void open_all(lua_State *L, void *arg)
{
    (void)arg;
    tn_failure_open(L);
    tn_sandbox_open(L);
}

static void take_options(struct tn_isolate *iso, const struct tn_isolate_options *o)
{
    iso->name = tn_strdup(o->name ? o->name : "script");
    snprintf(iso->slot, sizeof iso->slot, "%s", iso->name);
    iso->sources = o->sources;
    iso->sources_arg = o->sources_arg;
    iso->modules = o->modules;
    iso->context = o->context;
    iso->max_bytes = o->max_bytes ? o->max_bytes : TN_LIMIT_ISOLATE_BYTES;
    iso->call_ms = o->call_ms ? o->call_ms : TN_LIMIT_CALL_MS;
    iso->load_ms = o->load_ms ? o->load_ms : TN_LIMIT_LOAD_MS;
    iso->max_tasks = o->max_tasks ? o->max_tasks : TN_LIMIT_TASKS;
    iso->max_overruns = o->max_overruns;
}

static void link_to(struct tn_host *host, struct tn_isolate *iso)
{
    iso->next = host->isolates;
    if (iso->next) iso->next->prev = iso;
    host->isolates = iso;
}

static void unlink_from(struct tn_host *host, struct tn_isolate *iso)
{
    if (iso->prev)
        iso->prev->next = iso->next;
    else
        host->isolates = iso->next;
    if (iso->next) iso->next->prev = iso->prev;
}

struct tn_isolate *tn_isolate_new(struct tn_host *host, const struct tn_isolate_options *o,
                                  struct tn_err *err)
{
    struct tn_isolate *iso = TN_NEW(struct tn_isolate);
    iso->host = host;
    iso->refs = 1;
    take_options(iso, o);
    link_to(host, iso);
    iso->L = lua_newstate(counted, iso);
    if (!iso->L) {
        tn_fail(err, TN_E_budget, "no room for a script in %zu bytes", iso->max_bytes);
        goto out;
    }
    *(struct tn_isolate **)lua_getextraspace(iso->L) = iso;
    if (!tn_isolate_run(iso, iso->load_ms, open_all, NULL, err)) goto out;
    memset(&iso->stats.calls, 0, sizeof iso->stats.calls);
    return iso;
out:
    tn_isolate_unref(iso);
    return NULL;
}

static void destroy(struct tn_isolate *iso)
{
    unlink_from(iso->host, iso);
    tn_timer_free(iso->drain);
    if (iso->L) lua_close(iso->L);
    for (size_t i = 0; i < iso->n_files; i++) {
        tn_free(iso->files[i].path);
        tn_free(iso->files[i].text);
    }
    tn_free(iso->files);
    tn_free(iso->name);
    tn_free(iso);
}

void tn_isolate_ref(struct tn_isolate *iso)
{
    iso->refs++;
}

void tn_isolate_unref(struct tn_isolate *iso)
{
    if (iso && --iso->refs == 0) destroy(iso);
}

static void drained(void *arg)
{
    tn_task_cancel_all(arg);
}

void tn_isolate_retire(struct tn_isolate *iso, int drain_ms)
{
    iso->retired = true;
    if (iso->stats.tasks && !iso->drain) {
        iso->drain = tn_timer_new(iso->host->loop, drained, iso);
        tn_timer_set(iso->drain, drain_ms);
    }
    tn_isolate_unref(iso);
}

/* ---- questions ---- */

const char *tn_isolate_name(const struct tn_isolate *iso)
{
    return iso->name;
}

struct tn_host *tn_isolate_host(const struct tn_isolate *iso)
{
    return iso->host;
}

void *tn_isolate_context(const struct tn_isolate *iso)
{
    return iso->context;
}

struct tn_isolate *tn_isolate_of(lua_State *L)
{
    return *(struct tn_isolate **)lua_getextraspace(L);
}

void tn_isolate_stats(const struct tn_isolate *iso, struct tn_isolate_stats *out)
{
    *out = iso->stats;
}

const char *tn_isolate_trace(const struct tn_isolate *iso)
{
    return iso->trace;
}

size_t tn_isolate_files(const struct tn_isolate *iso)
{
    return iso->n_files;
}

void tn_isolate_file(const struct tn_isolate *iso, size_t i, const char **path, struct tn_str *text)
{
    *path = iso->files[i].path;
    *text = (struct tn_str){iso->files[i].text, iso->files[i].n};
}

bool tn_isolate_text(const struct tn_isolate *iso, const char *path, struct tn_str *text)
{
    for (size_t i = 0; i < iso->n_files; i++) {
        if (strcmp(iso->files[i].path, path) != 0) continue;
        *text = (struct tn_str){iso->files[i].text, iso->files[i].n};
        return true;
    }
    return false;
}

/* ---- calls ---- */

struct call {
    int ref;
    tn_push_fn push;
    tn_take_fn take;
    void *arg;
};

static void make_call(lua_State *L, void *arg)
{
    const struct call *call = arg;
    tn_isolate_push(L, call->ref);
    int n = call->push ? call->push(L, call->arg) : 0;
    lua_call(L, n, call->take ? LUA_MULTRET : 0);
    if (call->take) call->take(L, lua_gettop(L), call->arg);
}

bool tn_isolate_call(struct tn_isolate *iso, int ref, tn_push_fn push, tn_take_fn take, void *arg,
                     struct tn_err *err)
{
    return tn_isolate_call_within(iso, iso->call_ms, ref, push, take, arg, err);
}

bool tn_isolate_call_within(struct tn_isolate *iso, int ms, int ref, tn_push_fn push,
                            tn_take_fn take, void *arg, struct tn_err *err)
{
    struct call call = {ref, push, take, arg};
    return run(iso, TN_ENTRY_call, ms < iso->call_ms ? ms : iso->call_ms, make_call, &call, err);
}

void tn_isolate_release(struct tn_isolate *iso, int ref)
{
    if (lua_checkstack(iso->L, 4)) luaL_unref(iso->L, LUA_REGISTRYINDEX, ref);
}

int tn_isolate_keep(lua_State *L)
{
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void tn_isolate_push(lua_State *L, int ref)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}

void tn_isolate_poll(lua_State *L)
{
    if (tn_watchdog_expired(tn_isolate_of(L)->host->dog)) tn_failure_hook(L, NULL);
}
