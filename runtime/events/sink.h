/* SPDX-License-Identifier: MIT */
/* sink.h - where the events of a consumer go: rules, later webhooks, brokers, live clients.  A sink
 * is one const struct; the consumer (consumer.h) gives it events in order, tries again what fails,
 * and keeps what it gives up.  docs/how-to/add-a-sink.md shows one. */
#ifndef TN_EVENTS_SINK_H
#define TN_EVENTS_SINK_H

#include "base/backoff.h"
#include "store/store.h"

/* One event for one target of the sink (a rule, a subscription). */
struct tn_delivery {
    const struct tn_event *event; /* it and its texts live until the delivery has ended */
    const char *target;
    int failed; /* tries before this one that failed */
};

/* How a try ended. */
enum tn_delivery_end {
    TN_DELIVERY_done,
    TN_DELIVERY_failed,  /* err says why; tried again after the next pause of the back-off */
    TN_DELIVERY_refused, /* err says why; to try again would not help: it is given up */
    /* Another delivery's fault ended it: tried again soon, for ever, and no try is counted.  A
     * receiver that is down has failed. */
    TN_DELIVERY_disturbed,
    TN_DELIVERY_gone /* the target does not exist any more: nothing is to be done */
};
/* Called once, in a later turn than start, unless the delivery was cancelled.  wait_ms: the next
 * try comes no earlier (a receiver's Retry-After); 0: the back-off alone decides. */
typedef void (*tn_delivered_fn)(void *arg, enum tn_delivery_end end, int64_t wait_ms,
                                const struct tn_err *err);

typedef void (*tn_target_fn)(void *arg, const char *target);

enum tn_sink_order {
    TN_ORDER_none,  /* the events of a target go side by side */
    TN_ORDER_record /* those of one record go to a target one after the other; one that fails holds
                     * back the later ones until it is done or given up */
};

struct tn_sink {
    const char *name; /* "rules": names the position, the tickets, the log lines, the metrics */
    const char *noun; /* "rule": of a target, in sentences; no two sinks have the same, since what
                         is given up and the ids of `once` are found by it */
    enum tn_sink_order order;
    unsigned at_once; /* deliveries under way in one worker process */
    int64_t limit_ms; /* a delivery that has not ended by then is cancelled and has failed */

    bool (*any)(void *self); /* are there targets at all?  NULL: yes */
    /* May deliveries to any target begin now?  If not, the consumer asks again soon.  One target
     * that is down is no reason to say no: its deliveries fail.  NULL: yes. */
    bool (*ready)(void *self);
    /* Calls fn with the name of each target that wants the event.  Waits for nothing.  The events
     * are those of every team: a target that belongs to one compares e->team. */
    void (*targets)(void *self, const struct tn_event *e, tn_target_fn fn, void *arg);
    /* Appends the id under which the target gets only one event (any bytes), and those with one id
     * one after the other.  False: it gets each event.  NULL: no target has such ids. */
    bool (*once)(void *self, const struct tn_delivery *d, struct tn_buf *id);
    /* The pauses between tries.  NULL: tn_backoff_hours. */
    const struct tn_backoff *(*backoff)(void *self, const char *target);
    /* Starts a try; only in a turn in which ready was true.  Returns a handle for cancel.  NULL: it
     * did not begin; end and err say why, done is not called. */
    void *(*start)(void *self, const struct tn_delivery *d, tn_delivered_fn done, void *arg,
                   enum tn_delivery_end *end, struct tn_err *err);
    void (*cancel)(void *handle); /* done is not called any more */
    /* The name of the entity whose records are in the event's table, for people.  NULL: the table's
     * name. */
    const char *(*resource)(void *self, const struct tn_event *e);
    /* The hash of the scripts that the targets come from.  NULL: they come from none. */
    const char *(*generation)(void *self);
};

#endif
