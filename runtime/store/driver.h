/* SPDX-License-Identifier: MIT */
/* driver.h - a driver of the store: its table of functions, and the struct that every driver begins
 * with. The functions of store.h call through it. For store/ alone. */
#ifndef TN_STORE_DRIVER_H
#define TN_STORE_DRIVER_H

#include "base/embed.h"
#include "base/json.h"
#include "store/store.h"

struct tn_shape;

extern const struct tn_embedded tn_schema[]; /* schema/NNN_name.sql, sorted */

#define TN_STORE_APPLICATION 0x544E4E31 /* "TNN1": PRAGMA application_id */

struct tn_read_call;

/* What every call under way begins with: its owner may take itself out of it. */
struct tn_call {
    bool cancelled; /* nobody is told of its end */
};

/* A driver.  Arguments were checked against the rules of store.h before. */
struct tn_store_ops {
    void (*stop)(struct tn_store *s);
    void (*close)(struct tn_store *s); /* stops it, too */
    bool (*ready)(const struct tn_store *s);
    /* Gives the declaration of a stored table; valid until the next call. NULL: kind not_found. */
    struct tn_shape *(*decl)(struct tn_store *s, const char *table, struct tn_err *err);
    void (*define)(struct tn_store *s, const struct tn_table *table, tn_store_done_fn done,
                   void *arg);
    /* Takes a read value; the driver answers it by tn_read_answer (question.h) in a later turn. */
    void (*read)(struct tn_store *s, struct tn_read_call *call_give);
    struct tn_call *(*commit)(struct tn_store *s, struct tn_commit *commit_give, tn_commit_fn done,
                              void *arg);
    size_t (*pending)(const struct tn_store *s);
    struct tn_call *(*claim)(struct tn_store *s, const char *queue, size_t max, int64_t lease_ms,
                             tn_claim_fn done, void *arg);
    void (*release)(struct tn_store *s, const struct tn_id *holder, tn_store_done_fn done,
                    void *arg);
    void (*retain)(struct tn_store *s, enum tn_retain what, int64_t before_ms,
                   tn_store_done_fn done, void *arg);
    void (*backup)(struct tn_store *s, const char *path, tn_store_done_fn done, void *arg);
    void (*stats)(struct tn_store *s, tn_stats_fn done, void *arg);
};

struct tn_listener {
    struct tn_listener *next;
    tn_change_fn change; /* one of the two is set; neither: the listener was removed */
    tn_store_fn ready;
    void *arg;
    bool told; /* it was called since the store became ready */
};

/* Every driver begins with this struct. */
struct tn_store {
    const struct tn_store_ops *ops;
    struct tn_loop *loop;
    struct tn_log *log;
    const struct tn_clock *clock;
    struct tn_json *json; /* for one parse at a time */
    struct tn_listener *listeners;
    int64_t head;              /* the newest event that is known */
    struct tn_timer *announce; /* calls listeners that were added when the store was ready
                                  already */
};
void tn_store_init(struct tn_store *s, const struct tn_store_ops *ops, struct tn_loop *loop,
                   const struct tn_store_options *o);
void tn_store_clear(struct tn_store *s);
void tn_store_tell_ready(struct tn_store *s); /* calls each listener once, in a later turn */
void tn_store_lost(struct tn_store *s);       /* the store is not ready any more; the next time,
                                                 listeners are called again */
void tn_store_tell_changes(struct tn_store *s, const struct tn_changes *changes);

#endif
