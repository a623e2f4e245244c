/* SPDX-License-Identifier: MIT */
#include "store/driver.h"

#include "base/limits.h"
#include "loop/loop.h"

static void announce(void *arg)
{
    struct tn_store *s = arg;
    for (struct tn_listener *l = s->listeners; l && s->ops->ready(s); l = l->next) {
        if (!l->ready || l->told) continue;
        l->told = true;
        l->ready(l->arg);
    }
}

void tn_store_init(struct tn_store *s, const struct tn_store_ops *ops, struct tn_loop *loop,
                   const struct tn_store_options *o)
{
    s->ops = ops;
    s->loop = loop;
    s->log = o->log;
    s->clock = o->clock;
    s->json = tn_json_new();
    s->listeners = NULL;
    s->announce = tn_timer_new(loop, announce, s);
}

int64_t tn_store_head(const struct tn_store *s)
{
    return s->head;
}

int64_t tn_store_now(const struct tn_store *s)
{
    return tn_clock_ms(s->clock);
}

void tn_store_clear(struct tn_store *s)
{
    for (struct tn_listener *l = s->listeners, *next; l; l = next) {
        next = l->next;
        tn_free(l);
    }
    s->listeners = NULL;
    tn_timer_free(s->announce);
    tn_json_free(s->json);
}

void tn_store_tell_ready(struct tn_store *s)
{
    tn_timer_set(s->announce, 0);
}

void tn_store_lost(struct tn_store *s)
{
    for (struct tn_listener *l = s->listeners; l; l = l->next) l->told = false;
}

void tn_store_tell_changes(struct tn_store *s, const struct tn_changes *changes)
{
    if (changes->head > s->head) s->head = changes->head;
    for (struct tn_listener *l = s->listeners; l; l = l->next)
        if (l->change) l->change(l->arg, changes);
    for (struct tn_listener **at = &s->listeners, *l; (l = *at);) {
        if (l->change || l->ready) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        tn_free(l);
    }
}

static void listen_to(struct tn_store *s, tn_change_fn change, tn_store_fn ready, void *arg)
{
    struct tn_listener *l = TN_NEW(struct tn_listener), **end = &s->listeners;
    *l = (struct tn_listener){.change = change, .ready = ready, .arg = arg};
    while (*end) end = &(*end)->next;
    *end = l;
}

void tn_store_on_ready(struct tn_store *s, tn_store_fn fn, void *arg)
{
    listen_to(s, NULL, fn, arg);
    tn_store_tell_ready(s);
}

void tn_store_on_change(struct tn_store *s, tn_change_fn fn, void *arg)
{
    listen_to(s, fn, NULL, arg);
}

void tn_store_off_change(struct tn_store *s, tn_change_fn fn, void *arg)
{
    for (struct tn_listener *l = s->listeners; l; l = l->next)
        if (l->change == fn && l->arg == arg) l->change = NULL;
}

void tn_store_stop(struct tn_store *s)
{
    if (s) s->ops->stop(s);
}

void tn_store_close(struct tn_store *s)
{
    if (s) s->ops->close(s);
}

bool tn_store_ready(const struct tn_store *s)
{
    return s->ops->ready(s);
}

void tn_store_define(struct tn_store *s, const struct tn_table *table, tn_store_done_fn done,
                     void *arg)
{
    s->ops->define(s, table, done, arg);
}

struct tn_call *tn_store_commit(struct tn_store *s, struct tn_commit *commit_give,
                                tn_commit_fn done, void *arg)
{
    return s->ops->commit(s, commit_give, done, arg);
}

size_t tn_store_pending(const struct tn_store *s)
{
    return s->ops->pending(s);
}

struct tn_call *tn_store_claim(struct tn_store *s, const char *queue, size_t max, int64_t lease_ms,
                               tn_claim_fn done, void *arg)
{
    if (max == 0 || max > TN_LIMIT_PAGE) max = TN_LIMIT_PAGE;
    return s->ops->claim(s, queue, max, lease_ms, done, arg);
}

void tn_store_release(struct tn_store *s, const struct tn_id *holder, tn_store_done_fn done,
                      void *arg)
{
    s->ops->release(s, holder, done, arg);
}

void tn_store_retain(struct tn_store *s, enum tn_retain what, int64_t before_ms,
                     tn_store_done_fn done, void *arg)
{
    s->ops->retain(s, what, before_ms, done, arg);
}

void tn_store_backup(struct tn_store *s, const char *path, tn_store_done_fn done, void *arg)
{
    s->ops->backup(s, path, done, arg);
}

void tn_store_stats(struct tn_store *s, tn_stats_fn done, void *arg)
{
    s->ops->stats(s, done, arg);
}
