/* SPDX-License-Identifier: MIT */
/* delivery.h - for events/ alone: one event on its way to one target, from the log or from a
 * ticket.  It knows whether it may run (its `once` id, earlier tickets of its order), runs one try
 * and says how that ended.
 * Life: new; go, again when its outcome is `again`; the owner hears of each end; free at any time.
 */
#ifndef TN_EVENTS_DELIVERY_H
#define TN_EVENTS_DELIVERY_H

#include "base/buf.h"
#include "events/sink.h"
#include "store/read.h"

struct tn_commit;

/* What all deliveries of a consumer share; outlives them. */
struct delivery_env {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_log *log;
    const struct tn_sink *sink;
    void *self;
    bool (*seal)(void *arg, struct tn_str payload, struct tn_buf *out, struct tn_err *err);
    void *seal_arg;
};

enum delivery_state {
    DELIVERY_waits,
    DELIVERY_looks, /* the store is asked */
    DELIVERY_runs,
    DELIVERY_ended /* end and err say how */
};
enum delivery_outcome {
    OUTCOME_done,   /* also: it had been done before, or the target is gone */
    OUTCOME_behind, /* an earlier ticket of its order is there: it has to go behind it */
    OUTCOME_again,  /* the try does not count: the next one comes soon */
    OUTCOME_retry,  /* pause_ms until the next try; err says why */
    OUTCOME_dead    /* given up; err says why */
};

struct delivery {
    const struct delivery_env *env;
    struct tn_event e; /* texts are its own */
    char *target, *type, *table, *data;
    char *once;  /* key of its id; NULL: it has none */
    char *order; /* what it has in common with those that it must not overtake; NULL: nothing */
    bool ticket; /* it comes from a ticket, so it does not look for others */
    enum delivery_state state;
    enum delivery_outcome outcome;
    struct tn_err err;
    int failed;
    int64_t pause_ms;
    struct tn_call *call;
    size_t once_question, order_question;
    void *handle; /* the sink's */
    struct tn_timer *limit;
    void (*ended)(void *arg, struct delivery *d); /* also inside delivery_go; may free it */
    void *arg;
};

/* Copies the event and the target. */
struct delivery *delivery_new(const struct delivery_env *env, const struct tn_event *e,
                              const char *target, int failed);
void delivery_free(struct delivery *d); /* cancels what is under way; NULL does nothing */
/* Which of TN_PARTITIONS partitions the event belongs to for this target. */
unsigned delivery_partition(const struct delivery_env *env, const struct tn_event *e,
                            const char *target);
/* tickets: earlier tickets may be there, so the store is asked for them. */
void delivery_go(struct delivery *d, bool tickets);

/* Adds to a commit what remains of a delivery that has ended.  done: its id of `once`.  dead: a row
 * of the quarantine. */
TN_MUST_CHECK bool delivery_add_once(const struct delivery *d, struct tn_commit *c,
                                     struct tn_err *err);
TN_MUST_CHECK bool delivery_add_dead(const struct delivery *d, struct tn_commit *c,
                                     struct tn_err *err);
/* The payload of its ticket, and the way back. */
void delivery_write_ticket(const char *target, int failed, struct tn_str event, struct tn_buf *out);
void delivery_write(const struct delivery *d, struct tn_buf *out);
struct delivery *delivery_read(const struct delivery_env *env, int64_t team, struct tn_str payload,
                               struct tn_err *err);
/* Adds a ticket that is due in in_ms. */
TN_MUST_CHECK bool delivery_add_ticket(const struct delivery *d, struct tn_commit *c, int64_t in_ms,
                                       struct tn_err *err);

#endif
