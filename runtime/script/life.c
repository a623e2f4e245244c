/* SPDX-License-Identifier: MIT */
/* life.c - makes and frees isolates, counts their memory, and answers questions about them. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "script/away.h"
#include "script/call.h"
#include "script/failure.h"
#include "script/sandbox.h"
#include "script/state.h"

/* ---- memory ---- */

/* Only one thread at a time writes these two fields, so relaxed atomics are enough. */
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

/* Notes that the cap was reached, and where the script is: Lua calls no message handler when memory
 * runs out. Allocates nothing. */
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
    /* Lua relies on shrinking to succeed, so the fault only fails growth. */
    if (new > old && TN_FAULT("script.alloc")) return NULL;
    void *q = realloc(p, new);
    if (!q) return new <= old ? p : NULL;
    set_bytes(iso, bytes_of(iso) + new - old);
    return q;
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
        tn_fail(err, TN_E_budget, "a script does not fit into %zu bytes of memory", iso->max_bytes);
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

static void bury(struct tn_isolate *iso)
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

static struct tn_isolate *of_chore(struct tn_side_job *job)
{
    return (struct tn_isolate *)((char *)job - offsetof(struct tn_isolate, chore));
}

static void close_beside(struct tn_side_job *job)
{
    lua_close(of_chore(job)->L);
}

static void closed(struct tn_side_job *job)
{
    struct tn_isolate *iso = of_chore(job);
    tn_isolate_home(iso);
    bury(iso);
}

static void destroy(struct tn_isolate *iso)
{
    iso->chore = (struct tn_side_job){.run = close_beside, .home = closed};
    if (tn_isolate_large(iso) && tn_isolate_send(iso, &iso->chore)) return;
    if (iso->L) lua_close(iso->L);
    bury(iso);
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

bool tn_isolate_spent(const struct tn_isolate *iso)
{
    return iso->spent;
}

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
