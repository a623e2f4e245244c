/* SPDX-License-Identifier: MIT */
/* consumer.h - reads the numbered log for one sink (sink.h) and gives it each event at least once.
 *
 * The work is cut into TN_PARTITIONS partitions: by record, or by the id of `once`, so that what
 * has to stay in order is in one of them.  Each partition has a position in the log, stored with
 * what became of its events in one commit, and a lease: the worker processes of a server share the
 * partitions evenly, and take over those of one that died.
 *
 * A delivery that fails becomes a ticket (store/work.h) in the queue that bears the sink's name: it
 * is tried again by any worker, after the pauses of the back-off, while the log goes on.  With
 * TN_ORDER_record, later events of its record wait behind it.  What is given up becomes a row of
 * table "quarantine", which can be sent again (tn_consumer_resend).  So a sink that fails costs
 * room in the store, not memory.
 *
 * Life: open; wake after the targets changed; close.  Worker process. */
#ifndef TN_EVENTS_CONSUMER_H
#define TN_EVENTS_CONSUMER_H

#include "events/position.h"
#include "events/sink.h"

struct tn_consumer;
struct tn_log;
struct tn_loop;

struct tn_consumer_options {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_log *log; /* may be NULL */
    const struct tn_sink *sink;
    void *self; /* of the sink */
    /* How many processes share the partitions at this moment.  NULL: this one alone. */
    unsigned (*workers)(void *arg);
    void *workers_arg;
    int64_t save_ms; /* how late a position is stored that only passed by events; 0: 5,000 */
    /* Encrypts the payload of a row of the quarantine: appends the stored form.  NULL: in clear. */
    bool (*seal)(void *arg, struct tn_str payload, struct tn_buf *out, struct tn_err *err);
    void *seal_arg;
};
/* Everything that the options point to outlives the consumer.  If there were no targets before, the
 * present ones begin with the next event. */
struct tn_consumer *tn_consumer_open(const struct tn_consumer_options *o);
void tn_consumer_wake(struct tn_consumer *c);
/* Cancels what is under way; another worker does it again. */
void tn_consumer_close(struct tn_consumer *c); /* NULL does nothing */

/* A delivery that was given up, as its row of the quarantine has it. */
struct tn_given_up {
    int64_t team;
    const char *queue, *target;
    struct tn_str order; /* may be absent */
    struct tn_str event; /* the payload: JSON */
};
/* Adds a ticket to the commit, by which any worker makes all its tries again. */
TN_MUST_CHECK bool tn_consumer_resend(struct tn_commit *commit, const struct tn_given_up *g,
                                      struct tn_err *err);

#endif
