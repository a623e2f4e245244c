/* SPDX-License-Identifier: MIT */
/* at_once.h - looks into the store inside the call, as SQLite can: for tests and benches. The
 * program itself reads by store/read.h. */
#ifndef TESTS_AT_ONCE_H
#define TESTS_AT_ONCE_H

#include "base/limits.h"
#include "store/sqlite.h"

/* Reads one record into *row, whose body points into hold (the caller initialised it; its bytes are
 * replaced). False with kind not_found: it does not exist, or belongs to another team. */
static inline bool tn_store_get(struct tn_store *s, int64_t team, const char *table,
                                const struct tn_id *id, struct tn_row *row, struct tn_buf *hold,
                                struct tn_err *err)
{
    return tn_sqlite_get(s, team, table, id, row, hold, err);
}

/* Finds a record by the table's key columns, in their order, as text (see tn_filter). */
static inline bool tn_store_get_by_key(struct tn_store *s, int64_t team, const char *table,
                                       const struct tn_str *key, size_t count, struct tn_row *row,
                                       struct tn_buf *hold, struct tn_err *err)
{
    return tn_sqlite_get_by_key(s, team, table, key, count, row, hold, err);
}

static inline bool tn_store_get_by_link(struct tn_store *s, int64_t team, const char *table,
                                        const struct tn_origin *source, struct tn_str external_id,
                                        struct tn_row *row, struct tn_buf *hold, struct tn_err *err)
{
    return tn_sqlite_get_by_link(s, team, table, source, external_id, row, hold, err);
}

/* Kinds: not_found (no such table), invalid (unknown column, bad value or cursor, a query that
 * would read far too much), unavailable.  page was initialised by the caller. */
static inline bool tn_store_query(struct tn_store *s, const struct tn_query *q, tn_row_fn fn,
                                  void *arg, struct tn_page *page, struct tn_err *err)
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
    return tn_sqlite_query(s, &bounded, fn, arg, page, err);
}

/* Records of a team (or TN_TEAM_ALL) in a table; constant time. */
static inline bool tn_store_count(struct tn_store *s, int64_t team, const char *table,
                                  int64_t *count, struct tn_err *err)
{
    return tn_sqlite_count(s, team, table, count, err);
}

/* For a page of external ids: sets found[i] and, where it is true, hashes[i], so that unchanged
 * records need not travel. For an unknown source all are not found. */
static inline bool tn_store_link_hashes(struct tn_store *s, int64_t team,
                                        const struct tn_origin *source,
                                        const struct tn_str *external_ids, size_t count,
                                        unsigned char (*hashes)[TN_HASH_LEN], bool *found,
                                        struct tn_err *err)
{
    return tn_sqlite_link_hashes(s, team, source, external_ids, count, hashes, found, err);
}

/* One link; link's texts point into hold.  Kind not_found. */
static inline bool tn_store_link(struct tn_store *s, int64_t team, const struct tn_origin *source,
                                 struct tn_str external_id, struct tn_link *link,
                                 struct tn_buf *hold, struct tn_err *err)
{
    return tn_sqlite_link(s, team, source, external_id, link, hold, err);
}

/* All links of a record. */
static inline bool tn_store_links(struct tn_store *s, int64_t team, const char *table,
                                  const struct tn_id *id, tn_link_fn fn, void *arg,
                                  struct tn_err *err)
{
    return tn_sqlite_links(s, team, table, id, fn, arg, err);
}

/* The links of a source in the order of external id, after `after` ("" from the start), limit as
 * for queries: to find what the source no longer has. */
static inline bool tn_store_source_links(struct tn_store *s, int64_t team,
                                         const struct tn_origin *source, struct tn_str after,
                                         size_t limit, tn_link_fn fn, void *arg, struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    return tn_sqlite_source_links(s, team, source, after, limit, fn, arg, err);
}

/* Newest first, also of a deleted record.  Tables without history have the current one, or the last
 * one, only. */
static inline bool tn_store_versions(struct tn_store *s, int64_t team, const char *table,
                                     const struct tn_id *id, size_t limit, tn_version_fn fn,
                                     void *arg, struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    return tn_sqlite_versions(s, team, table, id, limit, fn, arg, err);
}

/* The record as it was at a time, or in a version (at_ms ignored when version > 0).  not_found
 * when it did not exist then, or retention has taken it. */
static inline bool tn_store_as_of(struct tn_store *s, int64_t team, const char *table,
                                  const struct tn_id *id, int64_t version, int64_t at_ms,
                                  struct tn_row *row, struct tn_buf *hold, struct tn_err *err)
{
    return tn_sqlite_as_of(s, team, table, id, version, at_ms, row, hold, err);
}

static inline bool tn_store_tail(struct tn_store *s, int64_t team, int64_t after, size_t limit,
                                 tn_event_fn fn, void *arg, struct tn_tail *tail,
                                 struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    *tail = (struct tn_tail){.last = after};
    return tn_sqlite_tail(s, team, after, limit, fn, arg, tail, err);
}

/* Bytes under (team, space, key).  not_found also when it has expired.  version may be NULL. */
static inline bool tn_store_kv_get(struct tn_store *s, int64_t team, const char *space,
                                   struct tn_str key, struct tn_buf *value, int64_t *version,
                                   struct tn_err *err)
{
    return tn_sqlite_kv_get(s, team, space, key, value, version, err);
}

/* Keys after `after` that begin with prefix, in byte order. */
static inline bool tn_store_kv_list(struct tn_store *s, int64_t team, const char *space,
                                    struct tn_str prefix, struct tn_str after, size_t limit,
                                    tn_kv_fn fn, void *arg, struct tn_err *err)
{
    if (limit == 0 || limit > TN_LIMIT_PAGE) limit = TN_LIMIT_PAGE;
    return tn_sqlite_kv_list(s, team, space, prefix, after, limit, fn, arg, err);
}

#endif
