/* SPDX-License-Identifier: MIT */
#include "store/work.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"

enum { AGAIN_MS = 1000, LATE_MS = 60000 };
/* A lease ends with its holder; this is the last resort. */
#define LEASE_MS (7LL * 24 * 3600 * 1000)

/* A ticket of this process: it is being worked on, or its end is being stored, or it waits to be
 * started again. */
struct holding {
    struct tn_ticket t; /* first */
    struct holding *next, **link;
    struct tn_work *w;
    struct tn_call *ending; /* not NULL: its end is being stored */
    struct tn_timer *again; /* not NULL: its end could not be stored */
};

struct tn_work {
    struct tn_work_options o;
    struct tn_timer *look;
    struct tn_call *claiming;
    bool news; /* tickets may have become due since the claim under way */
    struct holding *held;
    unsigned count;
};

static void hold_free(struct holding *h)
{
    struct tn_work *w = h->w;
    *h->link = h->next;
    if (h->next) h->next->link = h->link;
    tn_call_cancel(h->ending);
    tn_timer_free(h->again);
    tn_free((char *)h->t.key.p);
    tn_free((char *)h->t.order.p);
    tn_free((char *)h->t.payload.p);
    tn_free(h);
    if (w->count-- >= w->o.at_once) tn_timer_set(w->look, 0);
}

static struct tn_str own(struct tn_str s)
{
    return (struct tn_str){tn_strndup(s.n ? s.p : "", s.n), s.n};
}

static struct holding *hold(struct tn_work *w, const struct tn_entry *e)
{
    struct holding *h = TN_NEW(struct holding);
    h->t = (struct tn_ticket){.id = e->id,
                              .team = e->team,
                              .lease = e->lease,
                              .attempts = e->attempts,
                              .key = own(e->key),
                              .order = own(e->order),
                              .payload = own(e->payload)};
    h->w = w;
    h->next = w->held;
    h->link = &w->held;
    if (w->held) w->held->link = &h->next;
    w->held = h;
    w->count++;
    return h;
}

static void start(struct holding *h)
{
    h->w->o.ops->start(h->w->o.self, &h->t);
}

/* ---- claiming ---- */

static void claimed(void *arg, const struct tn_entry *entries, size_t count, int64_t next_due_ms,
                    const struct tn_err *err)
{
    struct tn_work *w = arg;
    int64_t wait = next_due_ms ? next_due_ms - tn_store_now(w->o.store) : LATE_MS;
    bool more = w->news || count > 0;
    w->claiming = NULL;
    if (err) wait = AGAIN_MS;
    if (more && !err) wait = 0;
    if (wait > LATE_MS) wait = LATE_MS;
    tn_timer_set(w->look, wait > 0 ? wait : 0);
    for (size_t i = 0; !err && i < count; i++) start(hold(w, &entries[i]));
}

static void look(void *arg)
{
    struct tn_work *w = arg;
    if (w->claiming || w->count >= w->o.at_once) return;
    w->news = false;
    w->claiming =
        tn_store_claim(w->o.store, w->o.ops->queue, w->o.at_once - w->count, LEASE_MS, claimed, w);
}

static void changed(void *arg, const struct tn_changes *changes)
{
    struct tn_work *w = arg;
    bool ours = changes->all;
    for (size_t i = 0; !ours && i < changes->count; i++)
        ours = changes->items[i].kind == TN_CHANGED_queue &&
               tn_str_is(changes->items[i].name, w->o.ops->queue);
    if (!ours) return;
    w->news = true;
    if (!w->claiming) tn_timer_set(w->look, 0);
}

/* ---- ends ---- */

static void start_again(void *arg)
{
    struct holding *h = arg;
    tn_timer_free(h->again);
    h->again = NULL;
    start(h);
}

static void ended(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct holding *h = arg;
    (void)done;
    h->ending = NULL;
    if (!err || err->kind == TN_E_conflict || err->kind == TN_E_cancelled) {
        if (err && err->kind == TN_E_conflict)
            tn_log(h->w->o.log, TN_LOG_warn, h->w->o.ops->queue, "a ticket was lost: %s",
                   err->text);
        hold_free(h);
        return;
    }
    tn_log(h->w->o.log, TN_LOG_warn, h->w->o.ops->queue,
           "the end of a ticket cannot be stored, so its work is done again: %s", err->text);
    h->again = tn_timer_new(h->w->o.loop, start_again, h);
    tn_timer_set(h->again, AGAIN_MS);
}

static void end(struct holding *h, struct tn_commit *commit_give, bool ok, struct tn_err *err)
{
    h->t.mine = NULL;
    if (ok) {
        h->ending = tn_store_commit(h->w->o.store, commit_give, ended, h);
        return;
    }
    tn_commit_free(commit_give);
    ended(h, NULL, err);
}

void tn_ticket_done(struct tn_ticket *t, struct tn_commit *with_give)
{
    struct holding *h = (struct holding *)t;
    struct tn_commit *c = with_give ? with_give : tn_commit_new(h->w->o.store);
    struct tn_err err;
    bool ok = tn_commit_settle(c, &t->id, t->lease, &err);
    end(h, c, ok, &err);
}

void tn_ticket_later(struct tn_ticket *t, int64_t in_ms, struct tn_str payload,
                     struct tn_commit *with_give)
{
    struct holding *h = (struct holding *)t;
    struct tn_commit *c = with_give ? with_give : tn_commit_new(h->w->o.store);
    struct tn_err err;
    bool ok = tn_commit_reschedule(c, &t->id, t->lease, tn_store_now(h->w->o.store) + in_ms,
                                   payload, &err);
    end(h, c, ok, &err);
}

void tn_ticket_left(struct tn_ticket *t)
{
    hold_free((struct holding *)t);
}

/* ---- life ---- */

struct tn_work *tn_work_open(const struct tn_work_options *o)
{
    struct tn_work *w = TN_NEW(struct tn_work);
    w->o = *o;
    w->look = tn_timer_new(o->loop, look, w);
    tn_store_on_change(o->store, changed, w);
    tn_timer_set(w->look, 0); /* also what a dead process left behind */
    return w;
}

void tn_work_at_once(struct tn_work *w, unsigned at_once)
{
    if (at_once > w->o.at_once) tn_timer_set(w->look, 0);
    w->o.at_once = at_once;
}

unsigned tn_work_active(const struct tn_work *w)
{
    return w->count;
}

static void hand_back(struct holding *h)
{
    struct tn_store *store = h->w->o.store;
    struct tn_commit *c = tn_commit_new(store);
    const struct tn_str as_it_was = {NULL, 0};
    struct tn_err err;
    if (tn_commit_reschedule(c, &h->t.id, h->t.lease, tn_store_now(store), as_it_was, &err))
        tn_store_commit(store, c, NULL, NULL);
    else
        tn_commit_free(c);
}

void tn_work_close(struct tn_work *w)
{
    if (!w) return;
    tn_store_off_change(w->o.store, changed, w);
    tn_call_cancel(w->claiming);
    while (w->held) {
        struct holding *h = w->held;
        bool at_work = !h->ending && !h->again;
        if (at_work) w->o.ops->drop(w->o.self, &h->t);
        if (!h->ending) hand_back(h);
        hold_free(h);
    }
    tn_timer_free(w->look);
    tn_free(w);
}
