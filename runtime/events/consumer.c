/* SPDX-License-Identifier: MIT */
#include "events/consumer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "events/partition.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/work.h"

enum {
    SOON_MS = 500,     /* between two looks at a sink that is not ready */
    SAVE_MS = 5000,    /* a position that only passed by events is stored this late */
    BALANCE_MS = 1000, /* between two looks at who has which partitions */
    BATCH = 200        /* events of a read */
};

struct tn_consumer {
    struct tn_consumer_options o;
    struct delivery_env env;
    struct partition parts[TN_PARTITIONS];
    struct tn_work_ops lease_ops, ticket_ops;
    struct tn_work *leases, *tickets;
    struct tn_timer *turn, *save, *balance;
    struct tn_call *putting, *log_call, *calm_call;
    char lease_queue[TN_POSITION_NAME];
    bool had_any;
    int64_t since;    /* the newest event when this process got to know targets */
    int64_t head;     /* the newest event that this process knows of */
    bool calm;        /* there are no tickets */
    bool stirred;     /* there may be some since the store was asked */
    unsigned turn_at; /* the partition that is served first in the next turn */
};

static void turn_soon(void *arg)
{
    const struct tn_consumer *c = arg;
    tn_timer_set(c->turn, 0);
}

/* ---- reading the log ---- */

static bool has_room(const struct partition *p)
{
    return p->begun && !p->idle && !p->leaving && p->count < TN_LIMIT_AHEAD &&
           p->bytes < TN_LIMIT_AHEAD_BYTES;
}

struct taking {
    struct tn_consumer *c;
    const struct tn_event *e;
};

static void take_target(void *arg, const char *target)
{
    const struct taking *t = arg;
    struct partition *p = &t->c->parts[delivery_partition(&t->c->env, t->e, target)];
    if (p->reading) partition_take(p, t->e, target);
}

/* Partitions without room stop here and read on later. */
static void take_event(struct tn_consumer *c, const struct tn_event *e)
{
    struct taking t = {c, e};
    bool any = false;
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        struct partition *p = &c->parts[i];
        p->reading = p->reading && has_room(p);
        any = any || p->reading;
    }
    if (any) c->o.sink->targets(c->o.self, e, take_target, &t);
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        if (!c->parts[i].reading) continue;
        c->parts[i].scanned = e->seq;
        c->parts[i].unsaved = true;
    }
}

static void log_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_consumer *c = arg;
    const struct tn_event *e;
    c->log_call = NULL;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        tn_log(c->o.log, TN_LOG_warn, c->o.sink->name, "the log cannot be read: %s", err->text);
        tn_timer_set(c->turn, SOON_MS);
        return;
    }
    const struct tn_tail *tail = tn_found_tail(found, 0);
    if (tail->gap)
        tn_log(c->o.log, TN_LOG_error, c->o.sink->name,
               "retention removed events before every %s had seen them", c->o.sink->noun);
    if (tail->head > c->head) c->head = tail->head;
    for (size_t i = 0; (e = tn_found_event(found, 0, i)); i++) take_event(c, e);
    turn_soon(c);
}

/* Reads for the partitions that are furthest behind and have room; usually all are at one place. */
static void read_log(struct tn_consumer *c)
{
    int64_t from = INT64_MAX;
    if (c->log_call) return;
    for (unsigned i = 0; i < TN_PARTITIONS; i++)
        if (has_room(&c->parts[i]) && c->parts[i].scanned < from) from = c->parts[i].scanned;
    if (from >= c->head) return;
    for (unsigned i = 0; i < TN_PARTITIONS; i++)
        c->parts[i].reading = has_room(&c->parts[i]) && c->parts[i].scanned == from;
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    tn_read_tail(read, TN_PARTITION_DEFAULT, from, BATCH);
    c->log_call = tn_store_read(c->o.store, read, NULL, log_found, c);
}

/* ---- are there tickets? ---- */

static void calm_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_consumer *c = arg;
    c->calm_call = NULL;
    c->calm = !err && !c->stirred && tn_found_queue(found, 0)->entries == 0;
}

/* While there are none, deliveries need not look for earlier ones of their order. */
static void look_for_tickets(struct tn_consumer *c)
{
    if (c->calm || c->calm_call) return;
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    c->stirred = false;
    tn_read_queue(read, c->o.sink->name, TN_STR(""), 1);
    c->calm_call = tn_store_read(c->o.store, read, NULL, calm_found, c);
}

/* ---- starting ---- */

/* Puts name into the set; false: it was in it.  NULL is never in it. */
static bool first_of(struct tn_map *set, const char *name)
{
    static char there;
    if (!name) return true;
    if (tn_map_get(set, tn_str(name))) return false;
    tn_map_put(set, tn_str(name), &there);
    return true;
}

/* One that ended well lets the next of its order begin, but for an id of `once`, which the store
 * knows only later; one that failed has its ticket in the store first. */
static bool passed(const struct job *j)
{
    const struct delivery *d = j->d;
    return j->noted || (d->state == DELIVERY_ended && d->outcome == OUTCOME_done && !d->once);
}

static unsigned under_way(const struct tn_consumer *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < TN_PARTITIONS; i++)
        for (const struct job *j = c->parts[i].first; j; j = j->next)
            n += j->d->state == DELIVERY_looks || j->d->state == DELIVERY_runs;
    return n;
}

/* Starts what may begin; *wait_ms: until another one may, or -1. */
static void start_jobs(struct tn_consumer *c, struct partition *p, unsigned *room, int64_t *wait_ms)
{
    struct tn_map orders;
    int64_t now = tn_now_ms();
    tn_map_init(&orders);
    for (struct job *j = p->first; j && *room; j = j->next) {
        bool turn = passed(j) || first_of(&orders, j->d->order);
        if (j->d->state != DELIVERY_waits || !turn) continue;
        if (j->due_ms <= now) {
            (*room)--;
            delivery_go(j->d, !c->calm);
        } else if (*wait_ms < 0 || j->due_ms - now < *wait_ms) {
            *wait_ms = j->due_ms - now;
        }
    }
    tn_map_clear(&orders, NULL);
}

static int64_t start_all(struct tn_consumer *c)
{
    unsigned busy = under_way(c), room = busy < c->o.sink->at_once ? c->o.sink->at_once - busy : 0;
    int64_t wait_ms = -1;
    for (unsigned i = 0; i < TN_PARTITIONS; i++)
        start_jobs(c, &c->parts[(c->turn_at + i) % TN_PARTITIONS], &room, &wait_ms);
    c->turn_at = (c->turn_at + 1) % TN_PARTITIONS;
    return wait_ms;
}

/* ---- a turn ---- */

static bool any_jobs(const struct tn_consumer *c)
{
    for (unsigned i = 0; i < TN_PARTITIONS; i++)
        if (c->parts[i].first) return true;
    return false;
}

/* A partition that other workers are to have goes when nothing of it is under way. */
static void hand_on(struct partition *p)
{
    struct tn_ticket *lease = p->lease;
    if (!p->leaving || p->first || p->storing) return;
    if (p->unsaved) {
        partition_store(p, false);
        return;
    }
    partition_drop(p);
    tn_ticket_later(lease, 0, (struct tn_str){NULL, 0}, NULL);
}

/* There are targets for the first time, or none any more: the positions say so. */
static void note_idle(struct tn_consumer *c)
{
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        struct partition *p = &c->parts[i];
        if (!p->begun || p->storing || p->first || p->idle != c->had_any) continue;
        if (c->had_any) p->scanned = c->since;
        partition_store(p, !c->had_any);
    }
}

static void store_news(struct tn_consumer *c)
{
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        struct partition *p = &c->parts[i];
        if (partition_has_news(p)) partition_store(p, false);
        hand_on(p);
        if (p->unsaved && p->begun && !tn_timer_armed(c->save)) tn_timer_set(c->save, c->o.save_ms);
    }
}

/* The ms until a partition may try to store again, if that is before wait_ms (-1: never). */
static int64_t sooner(const struct tn_consumer *c, int64_t wait_ms)
{
    int64_t now = tn_now_ms();
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        int64_t in = c->parts[i].not_before_ms - now;
        if (in > 0 && (wait_ms < 0 || in < wait_ms)) wait_ms = in;
    }
    return wait_ms;
}

static bool is_ready(struct tn_consumer *c)
{
    return !c->o.sink->ready || c->o.sink->ready(c->o.self);
}

static void turn(void *arg)
{
    struct tn_consumer *c = arg;
    int64_t wait_ms = -1;
    bool ready = c->had_any && is_ready(c);
    tn_work_at_once(c->tickets, ready ? c->o.sink->at_once : 0);
    note_idle(c);
    if (c->had_any) {
        read_log(c);
        if (any_jobs(c)) look_for_tickets(c);
        wait_ms = ready ? start_all(c) : SOON_MS;
    }
    store_news(c);
    wait_ms = sooner(c, wait_ms);
    if (wait_ms >= 0) tn_timer_set(c->turn, wait_ms);
}

static void save(void *arg)
{
    struct tn_consumer *c = arg;
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        struct partition *p = &c->parts[i];
        if (p->begun && p->unsaved && !p->storing && !p->idle && p->not_before_ms <= tn_now_ms())
            partition_store(p, false);
    }
}

/* ---- partitions ---- */

static void begin_lease(void *self, struct tn_ticket *t)
{
    struct tn_consumer *c = self;
    unsigned number = (unsigned)strtoul(t->key.p, NULL, 10);
    if (number >= TN_PARTITIONS || c->parts[number].lease) {
        tn_ticket_done(t, NULL);
        return;
    }
    t->mine = &c->parts[number];
    partition_begin(&c->parts[number], t, c->since);
}

static void drop_lease(void *self, struct tn_ticket *t)
{
    (void)self;
    partition_drop(t->mine);
}

static void lost(void *arg, struct partition *p)
{
    struct tn_ticket *lease = p->lease;
    (void)arg;
    partition_drop(p);
    tn_ticket_later(lease, BALANCE_MS, (struct tn_str){NULL, 0}, NULL);
}

/* The partitions that this process should have. */
static unsigned share_of(const struct tn_consumer *c)
{
    unsigned workers = c->o.workers ? c->o.workers(c->o.workers_arg) : 1;
    return workers ? (TN_PARTITIONS + workers - 1) / workers : TN_PARTITIONS;
}

static void balance(void *arg)
{
    struct tn_consumer *c = arg;
    unsigned share = share_of(c), held = 0;
    tn_work_at_once(c->leases, share);
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        struct partition *p = &c->parts[i];
        held += p->lease != NULL;
        if (p->lease && p->begun) p->leaving = held > share;
    }
    if (held > share) turn_soon(c);
    tn_timer_set(c->balance, BALANCE_MS);
}

static void put(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_consumer *c = arg;
    (void)done;
    c->putting = NULL;
    if (err)
        tn_log(c->o.log, TN_LOG_warn, c->o.sink->name, "its partitions cannot be made: %s",
               err->text);
}

/* Makes the entries by which partitions are leased; those that exist stay. */
static void put_partitions(struct tn_consumer *c)
{
    struct tn_commit *commit = tn_commit_new(c->o.store);
    struct tn_err err;
    bool ok = true;
    for (unsigned i = 0; ok && i < TN_PARTITIONS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        const struct tn_queue_put q = {.team = TN_TEAM_SYSTEM,
                                       .queue = c->lease_queue,
                                       .key = tn_str(key),
                                       .due_ms = tn_store_now(c->o.store),
                                       .payload = TN_STR("{}")};
        ok = tn_commit_queue_put(commit, &q, &err);
    }
    if (ok) {
        c->putting = tn_store_commit(c->o.store, commit, put, c);
        return;
    }
    tn_commit_free(commit);
    put(c, NULL, &err);
}

/* ---- tickets ---- */

struct ticket {
    struct tn_consumer *c;
    struct tn_ticket *t;
    struct delivery *d;
};

static void ticket_free(struct ticket *k)
{
    delivery_free(k->d);
    tn_free(k);
}

static void put_off(struct ticket *k)
{
    struct tn_buf payload;
    tn_buf_init(&payload, 4 * TN_LIMIT_RECORD);
    delivery_write(k->d, &payload);
    struct tn_str text = payload.failed ? k->t->payload : tn_buf_str(&payload);
    tn_ticket_later(k->t, k->d->pause_ms, text, NULL);
    tn_buf_clear(&payload);
}

static void ticket_ended(void *arg, struct delivery *d)
{
    struct ticket *k = arg;
    struct tn_err err;
    if (d->outcome == OUTCOME_retry || d->outcome == OUTCOME_again) {
        put_off(k);
        ticket_free(k);
        return;
    }
    struct tn_commit *c = tn_commit_new(k->c->o.store);
    bool ok =
        d->outcome == OUTCOME_dead ? delivery_add_dead(d, c, &err) : delivery_add_once(d, c, &err);
    if (ok) {
        tn_ticket_done(k->t, c);
    } else {
        tn_log(k->c->o.log, TN_LOG_error, k->c->o.sink->name, "event %lld for %s %s: %s",
               (long long)d->e.seq, k->c->o.sink->noun, d->target, err.text);
        tn_commit_free(c);
        tn_ticket_later(k->t, SAVE_MS, (struct tn_str){NULL, 0}, NULL);
    }
    ticket_free(k);
}

static void start_ticket(void *self, struct tn_ticket *t)
{
    struct tn_consumer *c = self;
    struct tn_err err;
    struct delivery *d = delivery_read(&c->env, t->team, t->payload, &err);
    if (!d) {
        tn_log(c->o.log, TN_LOG_error, c->o.sink->name, "a ticket was thrown away: %s", err.text);
        tn_ticket_done(t, NULL);
        return;
    }
    if (!c->had_any || !is_ready(c)) {
        delivery_free(d);
        tn_ticket_later(t, SOON_MS, (struct tn_str){NULL, 0}, NULL);
        return;
    }
    struct ticket *k = TN_NEW(struct ticket);
    *k = (struct ticket){c, t, d};
    t->mine = k;
    d->ended = ticket_ended;
    d->arg = k;
    delivery_go(d, false);
}

static void drop_ticket(void *self, struct tn_ticket *t)
{
    (void)self;
    ticket_free(t->mine);
}

bool tn_consumer_resend(struct tn_commit *commit, const struct tn_given_up *g, struct tn_err *err)
{
    struct tn_buf payload;
    tn_buf_init(&payload, 4 * TN_LIMIT_RECORD);
    delivery_write_ticket(g->target, 0, g->event, &payload);
    const struct tn_queue_put q = {.team = g->team,
                                   .queue = g->queue,
                                   .order = g->order.p ? g->order : TN_STR(""),
                                   .due_ms = tn_now_ms(),
                                   .payload = tn_buf_str(&payload)};
    bool ok = tn_buf_ok(&payload, "a ticket", err) && tn_commit_queue_put(commit, &q, err);
    tn_buf_clear(&payload);
    return ok;
}

/* ---- life ---- */

static void changed(void *arg, const struct tn_changes *changes)
{
    struct tn_consumer *c = arg;
    bool stirred = changes->all;
    for (size_t i = 0; !stirred && i < changes->count; i++)
        stirred = changes->items[i].kind == TN_CHANGED_queue &&
                  tn_str_is(changes->items[i].name, c->o.sink->name);
    if (stirred) {
        c->calm = false;
        c->stirred = true;
    }
    if (changes->head > c->head) {
        c->head = changes->head;
        turn_soon(c);
    }
}

/* Notes whether there are targets. */
static void note_targets(struct tn_consumer *c)
{
    bool any = !c->o.sink->any || c->o.sink->any(c->o.self);
    if (any && !c->had_any) c->since = tn_store_head(c->o.store);
    c->had_any = any;
}

void tn_consumer_wake(struct tn_consumer *c)
{
    note_targets(c);
    turn_soon(c);
}

static struct delivery_env env_of(const struct tn_consumer_options *o)
{
    return (struct delivery_env){.loop = o->loop,
                                 .store = o->store,
                                 .log = o->log,
                                 .sink = o->sink,
                                 .self = o->self,
                                 .seal = o->seal,
                                 .seal_arg = o->seal_arg};
}

static const struct partition_ops partition_ops = {.turn = turn_soon, .lost = lost};

static void open_works(struct tn_consumer *c)
{
    struct tn_work_options w = {.loop = c->o.loop, .store = c->o.store, .log = c->o.log, .self = c};
    tn_position_leases(c->o.sink, c->lease_queue);
    c->lease_ops = (struct tn_work_ops){c->lease_queue, begin_lease, drop_lease};
    c->ticket_ops = (struct tn_work_ops){c->o.sink->name, start_ticket, drop_ticket};
    w.ops = &c->lease_ops;
    w.at_once = share_of(c);
    c->leases = tn_work_open(&w);
    w.ops = &c->ticket_ops;
    w.at_once = 0; /* until the sink is ready */
    c->tickets = tn_work_open(&w);
}

struct tn_consumer *tn_consumer_open(const struct tn_consumer_options *o)
{
    struct tn_consumer *c = TN_NEW(struct tn_consumer);
    c->o = *o;
    if (!c->o.save_ms) c->o.save_ms = SAVE_MS;
    c->env = env_of(o);
    for (unsigned i = 0; i < TN_PARTITIONS; i++)
        partition_init(&c->parts[i], &c->env, &partition_ops, c, i);
    c->turn = tn_timer_new(o->loop, turn, c);
    c->save = tn_timer_new(o->loop, save, c);
    c->balance = tn_timer_new(o->loop, balance, c);
    c->head = tn_store_head(o->store);
    tn_store_on_change(o->store, changed, c);
    note_targets(c);
    open_works(c);
    put_partitions(c);
    tn_timer_set(c->balance, BALANCE_MS);
    turn_soon(c);
    return c;
}

void tn_consumer_close(struct tn_consumer *c)
{
    if (!c) return;
    tn_store_off_change(c->o.store, changed, c);
    tn_call_cancel(c->putting);
    tn_call_cancel(c->log_call);
    tn_call_cancel(c->calm_call);
    tn_work_close(c->tickets);
    tn_work_close(c->leases);
    for (unsigned i = 0; i < TN_PARTITIONS; i++) partition_clear(&c->parts[i]);
    tn_timer_free(c->turn);
    tn_timer_free(c->save);
    tn_timer_free(c->balance);
    tn_free(c);
}
