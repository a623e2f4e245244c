/* SPDX-License-Identifier: MIT */
/* at_once.h - how a driver that can answer inside a call hands over what it found: sqlite.h has the
 * functions. For store/ alone: everything above reads by read.h, and .ci/check-layers refuses an
 * include of this file there. Tests and benches look into the store by tests/unit/at_once.h. */
#ifndef TN_STORE_AT_ONCE_H
#define TN_STORE_AT_ONCE_H

#include "store/store.h"

/* Gets each row in turn; body and all are borrowed for the call.  False stops.  Inside, anything
 * may be read but by the same call with the same shape. */
typedef bool (*tn_row_fn)(void *arg, const struct tn_row *row);

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

typedef bool (*tn_link_fn)(void *arg, const struct tn_link *link);

typedef bool (*tn_version_fn)(void *arg, const struct tn_version *v);

typedef bool (*tn_event_fn)(void *arg, const struct tn_event *e);

typedef bool (*tn_kv_fn)(void *arg, struct tn_str key, struct tn_str value, int64_t version);

#endif
