/* SPDX-License-Identifier: MIT */
/* at_once.h - reads that the store answers inside the call. Only a store that is a file can answer
 * so: everything above store/ reads by read.h, and .ci/check-layers refuses an include of this file
 * there. Tests and benches look into the store with it. */
#ifndef TN_STORE_AT_ONCE_H
#define TN_STORE_AT_ONCE_H

#include "store/store.h"

/* ------------------------------------------------------------------ records */

/* Gets each row in turn; body and all are borrowed for the call.  False stops.  Inside, anything
 * may be read but by the same call with the same shape. */
typedef bool (*tn_row_fn)(void *arg, const struct tn_row *row);

/* Reads one record into *row, whose body points into hold (the caller initialised it; its bytes are
 * replaced). False with kind not_found: it does not exist, or belongs to another team. */
TN_MUST_CHECK bool tn_store_get(struct tn_store *store, int64_t team, const char *table,
                                const struct tn_id *id, struct tn_row *row, struct tn_buf *hold,
                                struct tn_err *err);
/* Finds a record by the table's key columns, in their order, as text (see tn_filter). */
TN_MUST_CHECK bool tn_store_get_by_key(struct tn_store *store, int64_t team, const char *table,
                                       const struct tn_str *key, size_t count, struct tn_row *row,
                                       struct tn_buf *hold, struct tn_err *err);
TN_MUST_CHECK bool tn_store_get_by_link(struct tn_store *store, int64_t team, const char *table,
                                        const struct tn_origin *source, struct tn_str external_id,
                                        struct tn_row *row, struct tn_buf *hold,
                                        struct tn_err *err);

struct tn_page {
    size_t count; /* rows handed over */
    bool more;
    int64_t total;      /* -1: not asked for */
    bool total_capped;  /* there are at least total (which is then 100,000) */
    struct tn_buf next; /* set when more; opaque, URL-safe; stays good under inserts */
};
void tn_page_init(struct tn_page *page);
void tn_page_clear(struct tn_page *page);
/* Kinds: not_found (no such table), invalid (unknown column, bad value or cursor, a query that
 * would read far too much), unavailable.  page was initialised by the caller. */
TN_MUST_CHECK bool tn_store_query(struct tn_store *store, const struct tn_query *q, tn_row_fn fn,
                                  void *arg, struct tn_page *page, struct tn_err *err);
/* Records of a team (or TN_TEAM_ALL) in a table; constant time. */
TN_MUST_CHECK bool tn_store_count(struct tn_store *store, int64_t team, const char *table,
                                  int64_t *count, struct tn_err *err);

/* ------------------------------------------------------------------ links */

typedef bool (*tn_link_fn)(void *arg, const struct tn_link *link);
/* For a page of external ids: sets found[i] and, where it is true, hashes[i], so that unchanged
 * records need not travel. For an unknown source all are not found. */
TN_MUST_CHECK bool tn_store_link_hashes(struct tn_store *store, int64_t team,
                                        const struct tn_origin *source,
                                        const struct tn_str *external_ids, size_t count,
                                        unsigned char (*hashes)[TN_HASH_LEN], bool *found,
                                        struct tn_err *err);
/* One link; link's texts point into hold.  Kind not_found. */
TN_MUST_CHECK bool tn_store_link(struct tn_store *store, int64_t team,
                                 const struct tn_origin *source, struct tn_str external_id,
                                 struct tn_link *link, struct tn_buf *hold, struct tn_err *err);
/* All links of a record. */
TN_MUST_CHECK bool tn_store_links(struct tn_store *store, int64_t team, const char *table,
                                  const struct tn_id *id, tn_link_fn fn, void *arg,
                                  struct tn_err *err);
/* The links of a source in the order of external id, after `after` ("" from the start), limit as
 * for queries: to find what the source no longer has. */
TN_MUST_CHECK bool tn_store_source_links(struct tn_store *store, int64_t team,
                                         const struct tn_origin *source, struct tn_str after,
                                         size_t limit, tn_link_fn fn, void *arg,
                                         struct tn_err *err);

/* ------------------------------------------------------------------ history */

typedef bool (*tn_version_fn)(void *arg, const struct tn_version *v);
/* Newest first, also of a deleted record.  Tables without history have the current one, or the last
 * one, only. */
TN_MUST_CHECK bool tn_store_versions(struct tn_store *store, int64_t team, const char *table,
                                     const struct tn_id *id, size_t limit, tn_version_fn fn,
                                     void *arg, struct tn_err *err);
/* The record as it was at a time, or in a version (at_ms ignored when version > 0).  not_found
 * when it did not exist then, or retention has taken it. */
TN_MUST_CHECK bool tn_store_as_of(struct tn_store *store, int64_t team, const char *table,
                                  const struct tn_id *id, int64_t version, int64_t at_ms,
                                  struct tn_row *row, struct tn_buf *hold, struct tn_err *err);

/* ------------------------------------------------------------------ events */

typedef bool (*tn_event_fn)(void *arg, const struct tn_event *e);
TN_MUST_CHECK bool tn_store_tail(struct tn_store *store, int64_t team, int64_t after, size_t limit,
                                 tn_event_fn fn, void *arg, struct tn_tail *tail,
                                 struct tn_err *err);

/* ------------------------------------------------------------------ key-values */

/* Bytes under (team, space, key).  not_found also when it has expired.  version may be NULL. */
TN_MUST_CHECK bool tn_store_kv_get(struct tn_store *store, int64_t team, const char *space,
                                   struct tn_str key, struct tn_buf *value, int64_t *version,
                                   struct tn_err *err);
typedef bool (*tn_kv_fn)(void *arg, struct tn_str key, struct tn_str value, int64_t version);
/* Keys after `after` that begin with prefix, in byte order. */
TN_MUST_CHECK bool tn_store_kv_list(struct tn_store *store, int64_t team, const char *space,
                                    struct tn_str prefix, struct tn_str after, size_t limit,
                                    tn_kv_fn fn, void *arg, struct tn_err *err);

#endif
