/* SPDX-License-Identifier: MIT */
#include "sync/inbound.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/store.h"
#include "sync/runner.h"

static const char queue[] = "inbound", table[] = "inbound";
enum {
    LEASE_MS = 60000,
    AT_ONCE = 16,
    BUSY_MS = 1000,
    FAILED_MS = 30000,
    OVERLAP_MS = 600000,
    ATTEMPTS_MAX = 20
};

struct tn_inbound {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_runner *runner;
    struct tn_log *log;
    struct tn_timer *look;
    struct work *works;
    bool claiming, again;
};

/* One entry that is being worked off. */
struct work {
    struct work *next;
    struct tn_inbound *in; /* NULL: closed meanwhile */
    struct tn_id entry;
    int64_t lease, team, attempts;
    char integration[TN_ID_LEN + 1], operation[64];
};

/* ---- storing ---- */

static void write_row(struct tn_buf *out, const struct tn_inbound_event *e)
{
    struct tn_jw w;
    char integration[TN_ID_LEN + 1], now[TN_TIME_LEN + 1];
    tn_id_text(&e->integration, integration);
    tn_time_text(tn_now_ms(), now);
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "integration", integration);
    tn_jw_kstr(&w, "delivery", e->delivery);
    tn_jw_kz(&w, "status", e->operation ? "ACCEPTED" : "IGNORED");
    tn_jw_kz(&w, "received_at", now);
    if (e->type.p) tn_jw_kstr(&w, "type", e->type);
    tn_jw_kstr(&w, "payload", e->payload);
    tn_jw_end(&w);
}

static void write_entry(struct tn_buf *out, const struct tn_inbound_event *e)
{
    struct tn_jw w;
    char integration[TN_ID_LEN + 1];
    tn_id_text(&e->integration, integration);
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "integration", integration);
    tn_jw_kz(&w, "operation", e->operation);
    tn_jw_end(&w);
}

bool tn_inbound_put(struct tn_commit *commit, const struct tn_inbound_event *e, struct tn_err *err)
{
    struct tn_buf row, entry;
    char key[TN_ID_LEN + 1];
    tn_buf_init(&row, 4 * TN_MIB);
    tn_buf_init(&entry, 4 * TN_KIB);
    tn_id_text(&e->id, key);
    write_row(&row, e);
    if (e->operation) write_entry(&entry, e);
    const struct tn_queue_put q = {.team = e->team,
                                   .queue = queue,
                                   .key = tn_str(key),
                                   .due_ms = tn_now_ms(),
                                   .payload = tn_buf_str(&entry)};
    bool ok = tn_buf_ok(&row, "the event", err) &&
              tn_commit_put(commit, e->team, table, &e->id, tn_buf_str(&row), TN_NEW_ONLY, err) &&
              (!e->operation || tn_commit_queue_put(commit, &q, err));
    tn_buf_clear(&row);
    tn_buf_clear(&entry);
    return ok;
}

/* ---- working off ---- */

static void work_free(struct work *w)
{
    for (struct work **at = w->in ? &w->in->works : NULL; at && *at; at = &(*at)->next) {
        if (*at != w) continue;
        *at = w->next;
        break;
    }
    tn_free(w);
}

static void settled(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct work *w = arg;
    (void)done;
    if (err && w->in)
        tn_log(w->in->log, TN_LOG_warn, "webhook", "an event could not be settled: %s", err->text);
    work_free(w);
}

/* Ends the entry, or puts it off. */
static void settle(struct work *w, int64_t again_ms)
{
    struct tn_commit *commit = tn_commit_new(w->in->store);
    struct tn_err err;
    bool ok = again_ms ? tn_commit_reschedule(commit, &w->entry, w->lease, tn_now_ms() + again_ms,
                                              (struct tn_str){0}, &err)
                       : tn_commit_settle(commit, &w->entry, w->lease, &err);
    if (ok) {
        tn_store_commit(w->in->store, commit, settled, w);
        return;
    }
    tn_commit_free(commit);
    settled(w, NULL, &err);
}

static void started(void *arg, const char *run_id, const struct tn_err *err)
{
    struct work *w = arg;
    if (!w->in) {
        work_free(w);
    } else if (!err || err->kind == TN_E_none) {
        tn_log(w->in->log, TN_LOG_info, "webhook", "an event started %s of integration %s: run %s",
               w->operation, w->integration, run_id);
        settle(w, 0);
    } else if (err->kind == TN_E_busy) {
        settle(w, BUSY_MS);
    } else if (w->attempts < ATTEMPTS_MAX) {
        settle(w, FAILED_MS);
    } else {
        tn_log(w->in->log, TN_LOG_error, "webhook", "an event is given up after %lld attempts: %s",
               (long long)w->attempts, err->text);
        settle(w, 0);
    }
}

/* The sync begins a little earlier than the event: clocks differ, and events come late. */
static void start(struct work *w)
{
    char since[TN_TIME_LEN + 1], filters[64];
    tn_time_text(tn_now_ms() - OVERLAP_MS, since);
    int n = snprintf(filters, sizeof filters, "{\"modifiedSince\":\"%s\"}", since);
    struct tn_runner_request q = {.team = w->team,
                                  .integration = w->integration,
                                  .operation = w->operation,
                                  .filters = {filters, (size_t)n},
                                  .trigger = "WEBHOOK"};
    tn_runner_start(w->in->runner, &q, started, w);
}

static bool read_entry(struct work *w, const struct tn_entry *e)
{
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    struct tn_str integration, operation;
    struct tn_err err;
    tn_arena_init(&arena);
    bool ok = tn_json_parse(json, e->payload, &err) &&
              tn_jtext(tn_jget_z(tn_json_root(json), "integration"), &arena, &integration) &&
              tn_jtext(tn_jget_z(tn_json_root(json), "operation"), &arena, &operation);
    if (ok) {
        snprintf(w->integration, sizeof w->integration, "%.*s", TN_FMT(integration));
        snprintf(w->operation, sizeof w->operation, "%.*s", TN_FMT(operation));
    }
    tn_arena_clear(&arena);
    tn_json_free(json);
    return ok;
}

static void look(void *arg);

static void claimed(void *arg, const struct tn_entry *entries, size_t count, int64_t next_due_ms,
                    const struct tn_err *err)
{
    struct work *first = arg; /* carries the inbound through a close */
    struct tn_inbound *in = first->in;
    work_free(first);
    if (!in) return;
    in->claiming = false;
    for (size_t i = 0; !err && i < count; i++) {
        struct work *w = TN_NEW(struct work);
        *w = (struct work){.next = in->works,
                           .in = in,
                           .entry = entries[i].id,
                           .lease = entries[i].lease,
                           .team = entries[i].team,
                           .attempts = entries[i].attempts};
        in->works = w;
        if (read_entry(w, &entries[i]))
            start(w);
        else
            settle(w, 0);
    }
    int64_t wait = next_due_ms ? next_due_ms - tn_now_ms() : -1;
    if (err) wait = BUSY_MS;
    if (in->again || count == AT_ONCE) wait = 0;
    in->again = false;
    if (wait >= 0) tn_timer_set(in->look, wait);
}

static void look(void *arg)
{
    struct tn_inbound *in = arg;
    if (in->claiming) {
        in->again = true;
        return;
    }
    struct work *w = TN_NEW(struct work);
    *w = (struct work){.next = in->works, .in = in};
    in->works = w;
    in->claiming = true;
    tn_store_claim(in->store, queue, AT_ONCE, LEASE_MS, claimed, w);
}

static void changed(void *arg, const struct tn_changes *changes)
{
    struct tn_inbound *in = arg;
    bool ours = changes->all;
    for (size_t i = 0; i < changes->count; i++)
        ours = ours || (changes->items[i].kind == TN_CHANGED_queue &&
                        tn_str_is(changes->items[i].name, queue));
    if (ours) tn_timer_set(in->look, 0);
}

struct tn_inbound *tn_inbound_open(struct tn_loop *loop, struct tn_store *store,
                                   struct tn_runner *runner, struct tn_log *log)
{
    struct tn_inbound *in = TN_NEW(struct tn_inbound);
    *in = (struct tn_inbound){.loop = loop, .store = store, .runner = runner, .log = log};
    in->look = tn_timer_new(loop, look, in);
    tn_store_on_change(store, changed, in);
    tn_timer_set(in->look, 0); /* what a dead process left behind */
    return in;
}

void tn_inbound_close(struct tn_inbound *in)
{
    if (!in) return;
    tn_store_off_change(in->store, changed, in);
    tn_timer_free(in->look);
    for (struct work *w = in->works; w; w = w->next) w->in = NULL; /* their callbacks free them */
    tn_free(in);
}
