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

bool tn_store_get(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                  struct tn_row *row, struct tn_buf *hold, struct tn_err *err)
{
    return s->ops->get(s, team, table, id, row, hold, err);
}

bool tn_store_get_by_key(struct tn_store *s, int64_t team, const char *table,
                         const struct tn_str *key, size_t count, struct tn_row *row,
                         struct tn_buf *hold, struct tn_err *err)
{
    return s->ops->get_by_key(s, team, table, key, count, row, hold, err);
}

bool tn_store_get_by_link(struct tn_store *s, int64_t team, const char *table,
                          const struct tn_origin *source, struct tn_str external_id,
                          struct tn_row *row, struct tn_buf *hold, struct tn_err *err)
{
    return s->ops->get_by_link(s, team, table, source, external_id, row, hold, err);
}

void tn_page_init(struct tn_page *page)
{
    *page = (struct tn_page){.total = -1};
    tn_buf_init(&page->next, 16 * TN_KIB);
}

void tn_page_clear(struct tn_page *page)
{
    tn_buf_clear(&page->next);
}

bool tn_store_query(struct tn_store *s, const struct tn_query *q, tn_row_fn fn, void *arg,
                    struct tn_page *page, struct tn_err *err)
{
    struct tn_query bounded = *q;
    if (bounded.limit == 0 || bounded.limit > TN_LIMIT_PAGE) bounded.limit = TN_LIMIT_PAGE;
    tn_buf_reset(&page->next);
    page->count = 0;
    page->more = page->total_capped = false;
    page->total = -1;
    if (q->filter_count > TN_STORE_FILTERS_MAX || q->sort_count > TN_STORE_SORT_MAX)
        return tn_fail(err, TN_E_invalid, "a query may have %d filters and %d sort columns",
                       TN_STORE_FILTERS_MAX, TN_STORE_SORT_MAX);
    if (q->offset > 100000)
        return tn_fail(err, TN_E_invalid, "an offset may be up to 100000: use the cursor beyond");
    return s->ops->query(s, &bounded, fn, arg, page, err);
}

bool tn_store_count(struct tn_store *s, int64_t team, const char *table, int64_t *count,
                    struct tn_err *err)
{
    return s->ops->count(s, team, table, count, err);
}

bool tn_store_link_hashes(struct tn_store *s, int64_t team, const struct tn_origin *source,
                          const struct tn_str *external_ids, size_t count,
                          unsigned char (*hashes)[TN_HASH_LEN], bool *found, struct tn_err *err)
{
    return s->ops->link_hashes(s, team, source, external_ids, count, hashes, found, err);
}

bool tn_store_link(struct tn_store *s, int64_t team, const struct tn_origin *source,
                   struct tn_str external_id, struct tn_link *link, struct tn_buf *hold,
                   struct tn_err *err)
{
    return s->ops->link(s, team, source, external_id, link, hold, err);
}

bool tn_store_links(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                    tn_link_fn fn, void *arg, struct tn_err *err)
{
    return s->ops->links(s, team, table, id, fn, arg, err);
}

bool tn_store_source_links(struct tn_store *s, int64_t team, const struct tn_origin *source,
                           struct tn_str after, size_t limit, tn_link_fn fn, void *arg,
                           struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    return s->ops->source_links(s, team, source, after, limit, fn, arg, err);
}

bool tn_store_versions(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                       size_t limit, tn_version_fn fn, void *arg, struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    return s->ops->versions(s, team, table, id, limit, fn, arg, err);
}

bool tn_store_as_of(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                    int64_t version, int64_t at_ms, struct tn_row *row, struct tn_buf *hold,
                    struct tn_err *err)
{
    return s->ops->as_of(s, team, table, id, version, at_ms, row, hold, err);
}

bool tn_store_tail(struct tn_store *s, int64_t team, int64_t after, size_t limit, tn_event_fn fn,
                   void *arg, struct tn_tail *tail, struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    *tail = (struct tn_tail){.last = after};
    return s->ops->tail(s, team, after, limit, fn, arg, tail, err);
}

bool tn_store_kv_get(struct tn_store *s, int64_t team, const char *space, struct tn_str key,
                     struct tn_buf *value, int64_t *version, struct tn_err *err)
{
    return s->ops->kv_get(s, team, space, key, value, version, err);
}

bool tn_store_kv_list(struct tn_store *s, int64_t team, const char *space, struct tn_str prefix,
                      struct tn_str after, size_t limit, tn_kv_fn fn, void *arg, struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    return s->ops->kv_list(s, team, space, prefix, after, limit, fn, arg, err);
}

void tn_store_commit(struct tn_store *s, struct tn_commit *commit_give, tn_commit_fn done,
                     void *arg)
{
    s->ops->commit(s, commit_give, done, arg);
}

size_t tn_store_pending(const struct tn_store *s)
{
    return s->ops->pending(s);
}

void tn_store_claim(struct tn_store *s, const char *queue, size_t max, int64_t lease_ms,
                    tn_claim_fn done, void *arg)
{
    if (max == 0 || max > TN_LIMIT_PAGE) max = TN_LIMIT_PAGE;
    s->ops->claim(s, queue, max, lease_ms, done, arg);
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
