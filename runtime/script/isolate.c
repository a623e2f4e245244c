/* SPDX-License-Identifier: MIT */
#include "script/internal.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "loop/loop.h"

/* ---- memory ---- */

/* One thread at a time writes them: no more than plain stores. */
static inline size_t bytes_of(const struct tn_isolate *iso)
{
    return atomic_load_explicit(&iso->bytes, memory_order_relaxed);
}

static inline void set_bytes(struct tn_isolate *iso, size_t n)
{
    atomic_store_explicit(&iso->bytes, n, memory_order_relaxed);
    if (n > atomic_load_explicit(&iso->peak_bytes, memory_order_relaxed))
        atomic_store_explicit(&iso->peak_bytes, n, memory_order_relaxed);
}

static bool over_cap(struct tn_isolate *iso, size_t old, size_t new)
{
    return new > old &&
           (new - old > iso->max_bytes || bytes_of(iso) > iso->max_bytes - (new - old));
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
        set_bytes(iso, bytes_of(iso) - old);
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
    set_bytes(iso, bytes_of(iso) + new - old);
    return q;
}

/* ---- entering and leaving ---- */

void tn_isolate_check_in(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms,
                         int us, struct tn_task *task)
{
    struct tn_host *host = iso->host;
    entry->outer = iso->innermost;
    entry->task = iso->current;
    entry->pinned = iso->pinned;
    entry->ms = ms;
    entry->us = us ? us : tn_watchdog_budget(ms);
    entry->kind = TN_ENTRY_other;
    entry->sliced = false;
    entry->frame.running = L;
    iso->pinned = 0;
    iso->current = task;
    iso->innermost = entry;
    iso->fault_line = 0;
    if (!entry->outer) {
        iso->refused = false;
        iso->stop_line = 0;
    }
    if (!us) iso->stats.calls++;
    iso->refs++;
    if (host->slot) memcpy(host->slot, iso->slot, TN_HOST_SLOT);
}

static void enter(struct tn_isolate *iso, struct tn_entry *entry, lua_State *L, int ms)
{
    tn_isolate_check_in(iso, entry, L, ms, 0, NULL);
    tn_watchdog_enter(iso->host->dog, &entry->frame, L, entry->us);
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

/* What was stopped because nobody wants it any more has overrun nothing. */
static void count(struct tn_isolate *iso, const struct tn_entry *entry, bool ok)
{
    const struct tn_frame *frame = &entry->frame;
    bool expired = frame->expired && !tn_watchdog_stopped(frame->dog);
    bool overrun = !ok && (expired || iso->refused);
    iso->cpu_us += (uint64_t)(entry->us - frame->left_us);
    count_row(iso, entry->kind, overrun);
    if (!ok) iso->stats.errors++;
    if (!overrun) {
        iso->stats.overruns_in_row = 0;
        return;
    }
    iso->stats.overruns++;
    iso->stats.overruns_in_row++;
}

/* Whose name stands in the slot when a nested call ends: that of the isolate around it, or of one
 * that runs beside the loop. */
static void restore_slot(struct tn_host *host, const struct tn_frame *outer)
{
    const struct tn_isolate *iso = outer ? tn_isolate_of(outer->running) : NULL;
    if (!host->slot) return;
    if (!iso && host->away)
        for (iso = host->isolates; iso && !iso->away;) iso = iso->next;
    if (iso)
        memcpy(host->slot, iso->slot, TN_HOST_SLOT);
    else
        host->slot[0] = '\0';
}

void tn_isolate_check_out(struct tn_isolate *iso, struct tn_entry *entry, bool ok)
{
    restore_slot(iso->host, entry->frame.outer);
    iso->innermost = entry->outer;
    iso->current = entry->task;
    iso->pinned = entry->pinned;
    count(iso, entry, ok);
    /* Now, while nothing of the call is on the stack: what it filled memory with may lie in dead
     * registers that the next call's frame would cover, and so keep. */
    if (!ok && iso->refused && !entry->outer) tn_isolate_collect(iso);
    tn_isolate_unref(iso);
}

static void leave(struct tn_isolate *iso, struct tn_entry *entry, bool ok)
{
    tn_watchdog_leave(&entry->frame);
    tn_isolate_check_out(iso, entry, ok);
}

lua_State *tn_isolate_state(const struct tn_isolate *iso)
{
    return iso->innermost ? iso->innermost->frame.running : iso->L;
}

bool tn_isolate_late(const struct tn_isolate *iso)
{
    return iso->innermost && tn_watchdog_expired(&iso->innermost->frame);
}

bool tn_isolate_held_out(const struct tn_isolate *iso)
{
    return iso->innermost && tn_watchdog_held_out(&iso->innermost->frame);
}

/* ---- calls ---- */

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

bool tn_isolate_refuse(const struct tn_isolate *iso, struct tn_err *err)
{
    return tn_fail(err, TN_E_budget, "%s is in quarantine: it overran its budget %u times in a row",
                   iso->name, iso->max_overruns);
}

bool tn_isolate_spent(const struct tn_isolate *iso)
{
    return iso->spent;
}

static bool attempt(struct tn_isolate *iso, lua_State *L, struct tn_entry *entry, struct job *job,
                    struct tn_err *err)
{
    lua_pushcfunction(L, tn_failure_handler);
    int handler = lua_gettop(L);
    lua_pushcfunction(L, run_job);
    lua_pushlightuserdata(L, job);
    int mark = tn_floor_mark(L), status = lua_pcall(L, 1, 0, handler);
    if (status != LUA_OK) {
        tn_floor_restore(L, mark);
        tn_failure_read(iso, L, status, entry, err);
    }
    lua_remove(L, handler);
    return status == LUA_OK;
}

/* An errand goes without the floor while it is in a script, which nobody else has as yet. */
static bool attempt_lending(struct tn_isolate *iso, lua_State *L, struct tn_entry *entry,
                            struct job *job, struct tn_err *err)
{
    struct tn_side *side = iso->host->side;
    struct tn_side_job here = {.side = side};
    iso->away = &here;
    iso->host->away++;
    tn_side_leave(side);
    bool ok = attempt(iso, L, entry, job, err);
    tn_side_restore(side, 0);
    tn_side_enter(side);
    tn_isolate_home(iso);
    return ok;
}

static bool run(struct tn_isolate *iso, enum tn_entry_kind kind, enum tn_place place, int ms,
                void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err)
{
    tn_isolate_call_home(iso);
    lua_State *L = tn_isolate_state(iso);
    struct tn_host *host = iso->host;
    struct job job = {fn, arg};
    struct tn_entry entry;
    bool lends = host->side && tn_side_lends(host->side);
    if (!lua_checkstack(L, 8))
        return tn_fail(err, TN_E_budget, "the script calls itself too deeply");
    if (iso->spent) return tn_isolate_refuse(iso, err);
    if (lends && tn_watchdog_stopped(host->dog))
        return tn_fail(err, TN_E_cancelled, "nobody waits for this any more");
    enter(iso, &entry, L, ms);
    entry.kind = kind;
    tn_watchdog_place(&entry.frame, place);
    bool ok = (lends ? attempt_lending : attempt)(iso, L, &entry, &job, err);
    leave(iso, &entry, ok);
    return ok;
}

bool tn_isolate_run(struct tn_isolate *iso, enum tn_place place, int ms,
                    void (*fn)(lua_State *L, void *arg), void *arg, struct tn_err *err)
{
    return run(iso, TN_ENTRY_other, place, ms, fn, arg, err);
}

bool tn_isolate_protect(struct tn_isolate *iso, void (*fn)(lua_State *L, void *arg), void *arg,
                        struct tn_err *err)
{
    return tn_isolate_run(iso, TN_IN_HOST, iso->call_ms, fn, arg, err);
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
    iso->waiting.prev = iso->waiting.next = &iso->waiting;
    take_options(iso, o);
    link_to(host, iso);
    iso->L = lua_newstate(counted, iso);
    if (!iso->L) {
        tn_fail(err, TN_E_budget, "no room for a script in %zu bytes", iso->max_bytes);
        goto out;
    }
    *(struct tn_isolate **)lua_getextraspace(iso->L) = iso;
    if (!tn_isolate_run(iso, TN_IN_HOST, iso->load_ms, open_all, NULL, err)) goto out;
    memset(&iso->stats.calls, 0, sizeof iso->stats.calls);
    return iso;
out:
    tn_isolate_unref(iso);
    return NULL;
}

void tn_isolate_bury(struct tn_isolate *iso)
{
    unlink_from(iso->host, iso);
    for (size_t i = 0; i < iso->n_files; i++) {
        tn_free(iso->files[i].path);
        tn_free(iso->files[i].text);
    }
    tn_free(iso->files);
    tn_free(iso->dropped);
    tn_free(iso->name);
    tn_free(iso);
}

static void destroy(struct tn_isolate *iso)
{
    if (tn_isolate_large(iso) && tn_isolate_end_beside(iso)) return;
    if (iso->L) lua_close(iso->L);
    tn_isolate_bury(iso);
}

void tn_isolate_ref(struct tn_isolate *iso)
{
    iso->refs++;
}

void tn_isolate_unref(struct tn_isolate *iso)
{
    if (iso && --iso->refs == 0) destroy(iso);
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
    out->bytes = bytes_of(iso);
    out->peak_bytes = iso->peak_bytes;
    out->cpu_ms = iso->cpu_us / 1000;
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
    return run(iso, TN_ENTRY_call, TN_IN_SCRIPT, ms < iso->call_ms ? ms : iso->call_ms, make_call,
               &call, err);
}

void tn_isolate_release(struct tn_isolate *iso, int ref)
{
    if (ref == LUA_NOREF || ref == LUA_REFNIL) return;
    if (iso->away)
        tn_isolate_release_later(iso, ref);
    else if (lua_checkstack(iso->L, 4))
        luaL_unref(iso->L, LUA_REGISTRYINDEX, ref);
}

int tn_isolate_keep(lua_State *L)
{
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void tn_isolate_push(lua_State *L, int ref)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}

void tn_script_found(const struct tn_isolate *iso)
{
    if (iso->innermost) tn_watchdog_found_script(&iso->innermost->frame);
}

void tn_script_poll(lua_State *L)
{
    tn_script_found(tn_isolate_of(L));
    tn_isolate_poll(L);
}

void tn_isolate_poll(lua_State *L)
{
    const struct tn_isolate *iso = tn_isolate_of(L);
    if (tn_isolate_late(iso) || (!tn_isolate_may_give_way(iso, L) && tn_isolate_held_out(iso)))
        tn_failure_hook(L, NULL);
}
