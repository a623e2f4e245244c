/* SPDX-License-Identifier: MIT */
#include "events/delivery.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "events/event.h"
#include "events/position.h"
#include "events/position.h"
#include "loop/loop.h"
#include "store/commit.h"

enum { SOON_MS = 500, ONCE_SPACE = 64 };

/* ---- life ---- */

static char *copy(struct tn_str s)
{
    return tn_strndup(s.n ? s.p : "", s.n);
}

static struct tn_delivery told(const struct delivery *d)
{
    return (struct tn_delivery){.event = &d->e, .target = d->target, .failed = d->failed};
}

/* An id of `once` has any length and any bytes, so its digest is the key. */
static void read_once(struct delivery *d)
{
    const struct tn_delivery t = told(d);
    struct tn_buf id, name;
    char hex[TN_SHA256_HEX];
    if (!d->env->sink->once) return;
    tn_buf_init(&id, 2 * TN_LIMIT_RECORD);
    tn_buf_init(&name, TN_KIB);
    if (d->env->sink->once(d->env->self, &t, &id)) {
        tn_sha256_hex(id.p, id.n, hex);
        tn_buf_addf(&name, "%s/%s", d->target, hex);
        d->once = tn_strndup(name.p, name.n);
    }
    tn_buf_clear(&id);
    tn_buf_clear(&name);
}

static void read_order(struct delivery *d)
{
    static const struct tn_id none;
    char id[TN_ID_LEN + 1];
    struct tn_buf text;
    if (d->once) {
        d->order = tn_strdup(d->once);
        return;
    }
    if (d->env->sink->order != TN_ORDER_record || tn_id_eq(&d->e.record, &none)) return;
    tn_id_text(&d->e.record, id);
    tn_buf_init(&text, TN_KIB);
    tn_buf_addf(&text, "%s %s", d->target, id);
    d->order = tn_strndup(text.p, text.n);
    tn_buf_clear(&text);
}

struct delivery *delivery_new(const struct delivery_env *env, const struct tn_event *e,
                              const char *target, int failed)
{
    struct delivery *d = TN_NEW(struct delivery);
    *d = (struct delivery){.env = env, .e = *e, .target = tn_strdup(target), .failed = failed};
    d->e.type = (struct tn_str){d->type = copy(e->type), e->type.n};
    d->e.table = (struct tn_str){d->table = copy(e->table), e->table.n};
    d->e.data = (struct tn_str){d->data = copy(e->data), e->data.n};
    read_once(d);
    read_order(d);
    return d;
}

void delivery_free(struct delivery *d)
{
    if (!d) return;
    tn_call_cancel(d->call);
    if (d->handle) d->env->sink->cancel(d->handle);
    tn_timer_free(d->limit);
    tn_free(d->target);
    tn_free(d->type);
    tn_free(d->table);
    tn_free(d->data);
    tn_free(d->once);
    tn_free(d->order);
    tn_free(d);
}

/* FNV-1a.  Positions are stored by partition, so this must not change between releases. */
static uint32_t hash(uint32_t h, const void *p, size_t n)
{
    const unsigned char *at = p;
    for (size_t i = 0; i < n; i++) h = (h ^ at[i]) * 16777619u;
    return h;
}

unsigned delivery_partition(const struct delivery_env *env, const struct tn_event *e,
                            const char *target)
{
    static const struct tn_id none;
    const struct tn_delivery t = {.event = e, .target = target};
    struct tn_buf id;
    uint32_t h = hash(2166136261u, target, strlen(target));
    tn_buf_init(&id, 2 * TN_LIMIT_RECORD);
    if (env->sink->once && env->sink->once(env->self, &t, &id))
        h = hash(h, id.p, id.n);
    else if (env->sink->order == TN_ORDER_record && !tn_id_eq(&e->record, &none))
        h = hash(h, e->record.b, sizeof e->record.b);
    else
        h = hash(h, &e->seq, sizeof e->seq);
    tn_buf_clear(&id);
    return (h ^ h >> 16) % TN_PARTITIONS;
}

/* ---- how a try ended ---- */

static void end_with(struct delivery *d, enum delivery_outcome outcome)
{
    d->state = DELIVERY_ended;
    d->outcome = outcome;
    d->ended(d->arg, d);
}

static void say(const struct delivery *d, enum tn_level level, const char *what)
{
    const struct tn_sink *s = d->env->sink;
    char place[160] = "";
    if (d->err.file[0]) snprintf(place, sizeof place, "%s:%d: ", d->err.file, d->err.line);
    tn_log(d->env->log, level, s->name, "%s %s %s: event %lld (%s), try %d: %s%s", s->noun,
           d->target, what, (long long)d->e.seq, d->type, d->failed, place, d->err.text);
}

static void bury(struct delivery *d)
{
    say(d, TN_LOG_error, "is given up");
    end_with(d, OUTCOME_dead);
}

static void fail_once_more(struct delivery *d, int64_t wait_ms)
{
    const struct tn_sink *s = d->env->sink;
    const struct tn_backoff *b = s->backoff ? s->backoff(d->env->self, d->target) : NULL;
    int64_t pause = tn_backoff_pause(b ? b : &tn_backoff_hours, ++d->failed);
    if (pause < 0) {
        bury(d);
        return;
    }
    d->pause_ms = pause > wait_ms ? pause : wait_ms;
    say(d, TN_LOG_warn, "failed and is tried again later");
    end_with(d, OUTCOME_retry);
}

static void finish(struct delivery *d, enum tn_delivery_end end, int64_t wait_ms)
{
    tn_timer_cancel(d->limit);
    switch (end) {
    case TN_DELIVERY_gone:
        say(d, TN_LOG_warn, "does not exist any more, so the event is dropped");
        /* fallthrough */
    case TN_DELIVERY_done: end_with(d, OUTCOME_done); break;
    case TN_DELIVERY_failed: fail_once_more(d, wait_ms); break;
    case TN_DELIVERY_refused:
        d->failed++;
        bury(d);
        break;
    case TN_DELIVERY_disturbed:
        d->pause_ms = SOON_MS;
        end_with(d, OUTCOME_again);
        break;
    }
}

static void delivered(void *arg, enum tn_delivery_end end, int64_t wait_ms,
                      const struct tn_err *err)
{
    struct delivery *d = arg;
    d->handle = NULL;
    if (err) d->err = *err;
    finish(d, end, wait_ms);
}

static void too_long(void *arg)
{
    struct delivery *d = arg;
    if (d->handle) d->env->sink->cancel(d->handle);
    d->handle = NULL;
    tn_fail(&d->err, TN_E_timeout, "there was no end within %lld seconds",
            (long long)(d->env->sink->limit_ms / 1000));
    finish(d, TN_DELIVERY_failed, 0);
}

/* ---- a try ---- */

static void try_now(struct delivery *d)
{
    const struct tn_delivery t = told(d);
    enum tn_delivery_end end = TN_DELIVERY_failed;
    d->state = DELIVERY_runs;
    tn_err_clear(&d->err);
    d->handle = d->env->sink->start(d->env->self, &t, delivered, d, &end, &d->err);
    if (!d->handle)
        finish(d, end, 0);
    else if (d->env->sink->limit_ms)
        tn_timer_set(d->limit, d->env->sink->limit_ms);
}

static void looked(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct delivery *d = arg;
    d->call = NULL;
    if (err) {
        d->err = *err;
        finish(d, TN_DELIVERY_disturbed, 0);
    } else if (d->once && tn_found_kv(found, d->once_question, 0)) {
        end_with(d, OUTCOME_done);
    } else if (d->order && !d->ticket && tn_found_queue(found, d->order_question)->entries) {
        end_with(d, OUTCOME_behind);
    } else {
        try_now(d);
    }
}

/* The space of the ids that are done: "rule.once". */
static void once_space(const struct delivery *d, char out[ONCE_SPACE])
{
    snprintf(out, ONCE_SPACE, "%s.once", d->env->sink->noun);
}

void delivery_go(struct delivery *d, bool tickets)
{
    struct tn_read *read = NULL;
    char space[ONCE_SPACE];
    once_space(d, space);
    if (!d->limit) d->limit = tn_timer_new(d->env->loop, too_long, d);
    if (!d->once && (!d->order || !tickets || d->ticket)) {
        try_now(d);
        return;
    }
    read = tn_read_new(d->e.team);
    if (d->once) d->once_question = tn_read_kv(read, space, tn_str(d->once));
    if (d->order && !d->ticket)
        d->order_question = tn_read_queue(read, d->env->sink->name, tn_str(d->order), 1);
    d->state = DELIVERY_looks;
    d->call = tn_store_read(d->env->store, read, NULL, looked, d);
}

/* ---- what remains of it ---- */

bool delivery_add_once(const struct delivery *d, struct tn_commit *c, struct tn_err *err)
{
    char space[ONCE_SPACE];
    once_space(d, space);
    int64_t until =
        tn_store_now(d->env->store) + (int64_t)TN_LIMIT_RULE_ONCE_DAYS * 24 * 3600 * 1000;
    return !d->once ||
           tn_commit_kv_set(c, d->e.team, space, tn_str(d->once), TN_STR("1"), TN_ANY, until, err);
}

static void write_event(const struct delivery *d, struct tn_buf *out)
{
    const struct tn_sink *s = d->env->sink;
    tn_event_json(&d->e, s->resource ? s->resource(d->env->self, &d->e) : d->table, out);
}

/* Leaves out a payload that is too large or cannot be sealed; the row has the event's number. */
static void write_payload(const struct delivery *d, struct tn_buf *out)
{
    struct tn_buf plain;
    struct tn_err err;
    tn_buf_init(&plain, 2 * TN_LIMIT_RECORD);
    write_event(d, &plain);
    bool ok = tn_buf_ok(&plain, "an event", &err);
    if (ok && d->env->seal)
        ok = d->env->seal(d->env->seal_arg, tn_buf_str(&plain), out, &err);
    else
        tn_buf_addstr(out, tn_buf_str(&plain));
    if (!ok || !tn_buf_ok(out, "an event", &err)) tn_buf_reset(out);
    tn_buf_clear(&plain);
}

static void write_dead(const struct delivery *d, struct tn_str payload, struct tn_buf *out)
{
    const struct tn_sink *s = d->env->sink;
    char seq[24];
    struct tn_jw w;
    snprintf(seq, sizeof seq, "%lld", (long long)d->e.seq);
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "operation", s->noun);
    tn_jw_kz(&w, "queue", s->name);
    tn_jw_kz(&w, "entity", d->target);
    tn_jw_kz(&w, "external_id", seq);
    if (d->order) tn_jw_kz(&w, "order", d->order);
    tn_jw_kz(&w, "type", d->type);
    tn_jw_kz(&w, "status", "open");
    tn_jw_kz(&w, "reason", d->err.text);
    tn_jw_kz(&w, "kind", tn_kind_name(d->err.kind));
    tn_jw_kz(&w, "field", d->err.field);
    tn_jw_kz(&w, "file", d->err.file);
    tn_jw_kint(&w, "line", d->err.line);
    tn_jw_kint(&w, "attempts", d->failed);
    tn_jw_kz(&w, "generation", s->generation ? s->generation(d->env->self) : "");
    tn_jw_kbool(&w, "sealed", d->env->seal != NULL);
    tn_jw_kstr(&w, "payload", payload);
    tn_jw_end(&w);
}

bool delivery_add_dead(const struct delivery *d, struct tn_commit *c, struct tn_err *err)
{
    struct tn_buf row, payload;
    tn_buf_init(&row, 4 * TN_LIMIT_RECORD);
    tn_buf_init(&payload, 2 * TN_LIMIT_RECORD);
    write_payload(d, &payload);
    write_dead(d, tn_buf_str(&payload), &row);
    bool ok = tn_buf_ok(&row, "a row of the quarantine", err) &&
              tn_commit_put(c, d->e.team, "quarantine", NULL, tn_buf_str(&row), TN_NEW_ONLY, err);
    tn_buf_clear(&row);
    tn_buf_clear(&payload);
    return ok;
}

/* ---- tickets ---- */

void delivery_write_ticket(const char *target, int failed, struct tn_str event, struct tn_buf *out)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "target", target);
    tn_jw_kint(&w, "failed", failed);
    tn_jw_kraw(&w, "event", event);
    tn_jw_end(&w);
}

void delivery_write(const struct delivery *d, struct tn_buf *out)
{
    struct tn_buf event;
    tn_buf_init(&event, 2 * TN_LIMIT_RECORD);
    write_event(d, &event);
    delivery_write_ticket(d->target, d->failed, tn_buf_str(&event), out);
    tn_buf_clear(&event);
}

struct delivery *delivery_read(const struct delivery_env *env, int64_t team, struct tn_str payload,
                               struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    struct delivery *d = NULL;
    struct tn_arena arena;
    struct tn_str target;
    struct tn_event e;
    int64_t failed = 0;
    tn_arena_init(&arena);
    bool ok = tn_json_parse(json, payload, err);
    struct tn_jval root = ok ? tn_json_root(json) : (struct tn_jval){0};
    if (ok && !(tn_jtext(tn_jget_z(root, "target"), &arena, &target) &&
                tn_jint(tn_jget_z(root, "failed"), &failed)))
        ok = tn_fail(err, TN_E_invalid, "this is no ticket of a delivery");
    if (ok && tn_event_read(tn_jget_z(root, "event"), &arena, &e, err)) {
        e.team = team;
        d = delivery_new(env, &e, tn_arena_strndup(&arena, target.p, target.n), (int)failed);
        d->ticket = true;
    }
    tn_arena_clear(&arena);
    tn_json_free(json);
    return d;
}

bool delivery_add_ticket(const struct delivery *d, struct tn_commit *c, int64_t in_ms,
                         struct tn_err *err)
{
    struct tn_buf payload;
    tn_buf_init(&payload, 4 * TN_LIMIT_RECORD);
    delivery_write(d, &payload);
    const struct tn_queue_put q = {.team = d->e.team,
                                   .queue = d->env->sink->name,
                                   .order = tn_str(d->order ? d->order : ""),
                                   .due_ms = tn_store_now(d->env->store) + in_ms,
                                   .payload = tn_buf_str(&payload)};
    bool ok = tn_buf_ok(&payload, "a ticket", err) && tn_commit_queue_put(c, &q, err);
    tn_buf_clear(&payload);
    return ok;
}
