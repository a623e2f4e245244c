/* SPDX-License-Identifier: MIT */
/* at_once.h - reads that the store answers inside the call. Only a store that is a file on this
 * machine can do so. Code above store/ reads by read.h, and .ci/check-layers refuses an include of
 * this file there; tests and benches use it to look into the store. */
#ifndef TN_STORE_AT_ONCE_H
#define TN_STORE_AT_ONCE_H

#include "store/store.h"

/* ------------------------------------------------------------------ records */

/* Gets each row in turn; all that the row points to is borrowed for the call. False stops the read.
 * Inside, every read is permitted except the same one on a table of the same declaration. */
typedef bool (*tn_row_fn)(void *arg, const struct tn_row *row);

/* Reads one record into *row, whose body points into hold (initialised by the caller; its bytes are
 * replaced). False, kind not_found: the record does not exist, or belongs to another team. */
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
    size_t count; /* rows that were handed over */
    bool more;
    int64_t total;      /* number of all rows; -1: not asked for */
    bool total_capped;  /* total is 100,000, and there may be more */
    struct tn_buf next; /* cursor of the next page, set if more; opaque, URL-safe; stays valid
                           when records are inserted */
};
void tn_page_init(struct tn_page *page);
void tn_page_clear(struct tn_page *page);
/* False: kind not_found (no such table), invalid (unknown column, bad value or cursor, a query that
 * would read far too much) or unavailable. The caller initialises page. */
TN_MUST_CHECK bool tn_store_query(struct tn_store *store, const struct tn_query *q, tn_row_fn fn,
                                  void *arg, struct tn_page *page, struct tn_err *err);
/* Counts the records of a team (or TN_TEAM_ALL) in a table, in constant time. */
TN_MUST_CHECK bool tn_store_count(struct tn_store *store, int64_t team, const char *table,
                                  int64_t *count, struct tn_err *err);

/* ------------------------------------------------------------------ links */

typedef bool (*tn_link_fn)(void *arg, const struct tn_link *link);
/* For a page of external ids: sets found[i] and, where that is true, hashes[i], so that unchanged
 * records need not be sent. If the source is unknown, none is found. */
TN_MUST_CHECK bool tn_store_link_hashes(struct tn_store *store, int64_t team,
                                        const struct tn_origin *source,
                                        const struct tn_str *external_ids, size_t count,
                                        unsigned char (*hashes)[TN_HASH_LEN], bool *found,
                                        struct tn_err *err);
/* Reads one link; its texts point into hold. False: kind not_found, or another failure. */
TN_MUST_CHECK bool tn_store_link(struct tn_store *store, int64_t team,
                                 const struct tn_origin *source, struct tn_str external_id,
                                 struct tn_link *link, struct tn_buf *hold, struct tn_err *err);
/* Reads all links of a record. */
TN_MUST_CHECK bool tn_store_links(struct tn_store *store, int64_t team, const char *table,
                                  const struct tn_id *id, tn_link_fn fn, void *arg,
                                  struct tn_err *err);
/* Reads the links of a source in the order of external ids, after `after` ("": from the start),
 * with the limit of a query: to find records that the source no longer has. */
TN_MUST_CHECK bool tn_store_source_links(struct tn_store *store, int64_t team,
                                         const struct tn_origin *source, struct tn_str after,
                                         size_t limit, tn_link_fn fn, void *arg,
                                         struct tn_err *err);

/* ------------------------------------------------------------------ history */

typedef bool (*tn_version_fn)(void *arg, const struct tn_version *v);
/* Reads the versions of a record, newest first, also of a deleted record. A table without history
 * has only the current version, or the last one. */
TN_MUST_CHECK bool tn_store_versions(struct tn_store *store, int64_t team, const char *table,
                                     const struct tn_id *id, size_t limit, tn_version_fn fn,
                                     void *arg, struct tn_err *err);
/* Reads the record as it was at a time, or in a version (at_ms is ignored when version > 0). Kind
 * not_found: it did not exist then, or retention has removed that version. */
TN_MUST_CHECK bool tn_store_as_of(struct tn_store *store, int64_t team, const char *table,
                                  const struct tn_id *id, int64_t version, int64_t at_ms,
                                  struct tn_row *row, struct tn_buf *hold, struct tn_err *err);

/* ------------------------------------------------------------------ events */

typedef bool (*tn_event_fn)(void *arg, const struct tn_event *e);
TN_MUST_CHECK bool tn_store_tail(struct tn_store *store, int64_t team, int64_t after, size_t limit,
                                 tn_event_fn fn, void *arg, struct tn_tail *tail,
                                 struct tn_err *err);

/* ------------------------------------------------------------------ key-values */

/* Reads the bytes under (team, space, key). Kind not_found also when they have expired. version may
 * be NULL. */
TN_MUST_CHECK bool tn_store_kv_get(struct tn_store *store, int64_t team, const char *space,
                                   struct tn_str key, struct tn_buf *value, int64_t *version,
                                   struct tn_err *err);
typedef bool (*tn_kv_fn)(void *arg, struct tn_str key, struct tn_str value, int64_t version);
/* Lists the keys that begin with prefix and follow `after`, in byte order. */
TN_MUST_CHECK bool tn_store_kv_list(struct tn_store *store, int64_t team, const char *space,
                                    struct tn_str prefix, struct tn_str after, size_t limit,
                                    tn_kv_fn fn, void *arg, struct tn_err *err);

#endif
