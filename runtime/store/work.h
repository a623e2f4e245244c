/* SPDX-License-Identifier: MIT */
/* work.h - tickets: pieces of work that survive whoever does them.  A ticket is an entry of a queue
 * (tn_commit_queue_put).  Each worker process opens the queues whose work it can do; the store
 * gives a due ticket to one of them under a lease, and to another one when that process dies.
 *
 * Life: open; the queue calls start for each ticket; the worker ends each ticket with one of the
 * three functions below, inside start or in any later turn; close.  A ticket may be freed by its
 * end, so its worker does not touch it afterwards. */
#ifndef TN_STORE_WORK_H
#define TN_STORE_WORK_H

#include "store/store.h"

struct tn_work;

struct tn_ticket {
    struct tn_id id;
    int64_t team, lease;
    int64_t attempts;                  /* claims so far, this one included */
    struct tn_str key, order, payload; /* its own copies */
    void *mine;                        /* the worker's, from start to the end */
};

struct tn_work_ops {
    const char *queue; /* also the area of log lines */
    void (*start)(void *self, struct tn_ticket *t);
    /* The ticket is lost (the queue closes, or its lease was): free what `mine` holds and stop the
     * work.  Not called once the ticket was ended. */
    void (*drop)(void *self, struct tn_ticket *t);
};
struct tn_work_options {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_log *log; /* may be NULL */
    const struct tn_work_ops *ops;
    void *self;
    unsigned at_once; /* tickets that this process works on at once */
};
/* Everything that the options point to outlives the work. */
struct tn_work *tn_work_open(const struct tn_work_options *o);
/* Another number at once; 0: no ticket is claimed until it grows. */
void tn_work_at_once(struct tn_work *w, unsigned at_once);
unsigned tn_work_active(const struct tn_work *w); /* tickets that were not ended yet */
/* Drops all tickets; they are due again at once, here or elsewhere.  NULL does nothing. */
void tn_work_close(struct tn_work *w);

/* The ticket's work is done: it leaves its queue.  What belongs to its end is in with_give (NULL:
 * nothing), in one commit.  When that commit fails, the work is not done: the ticket is started
 * again after a pause, unless its lease was lost. */
void tn_ticket_done(struct tn_ticket *t, struct tn_commit *with_give);
/* It is due again in in_ms, with this payload ({NULL, 0}: the same as before). */
void tn_ticket_later(struct tn_ticket *t, int64_t in_ms, struct tn_str payload,
                     struct tn_commit *with_give);
/* The worker's own commit ended the ticket (tn_commit_settle, tn_commit_reschedule) or lost it. */
void tn_ticket_left(struct tn_ticket *t);

#endif
