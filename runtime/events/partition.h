/* SPDX-License-Identifier: MIT */
/* partition.h - for events/ alone: one partition of a consumer: its position in the log, the
 * deliveries that it took on and what became of them.  Position and outcomes are stored in one
 * commit, so after a crash the next holder goes on without a gap; what had ended and was not stored
 * is done again.
 * Life: begin when the lease was got; jobs come and end; drop when the lease goes. */
#ifndef TN_EVENTS_PARTITION_H
#define TN_EVENTS_PARTITION_H

#include "base/map.h"
#include "events/delivery.h"

struct partition;
struct tn_ticket;

/* One delivery of a partition. */
struct job {
    struct job *next;
    struct partition *p;
    struct delivery *d;
    bool storing, noted; /* its end is part of the commit under way; of one that was stored */
    int64_t due_ms;
};

struct partition_ops {
    void (*turn)(void *arg); /* something has changed: look at all in a later turn */
    /* The position cannot be read, or another worker has moved it: the lease has to go. */
    void (*lost)(void *arg, struct partition *p);
};

struct partition {
    const struct delivery_env *env;
    const struct partition_ops *ops;
    void *arg;
    unsigned number;
    struct tn_ticket *lease; /* NULL: another worker has it */
    bool begun;              /* its position is known */
    bool leaving;            /* it takes on no more, and is handed on when nothing is under way */
    bool reading;            /* it takes part in the read of the log that is under way */
    bool unsaved;            /* scanned has moved since it was stored */
    struct job *first, **last;
    size_t count, bytes;  /* of jobs, and of their events */
    int64_t scanned;      /* all events up to here became jobs or concern no target */
    int64_t version;      /* of the stored position */
    bool idle;            /* as stored: there was no target */
    struct tn_call *call; /* reading or storing the position */
    bool storing;
    int64_t not_before_ms;  /* storing failed: not again before then */
    struct tn_map finished; /* read with the position: "seq:target" of what need not be repeated */
};

void partition_init(struct partition *p, const struct delivery_env *env,
                    const struct partition_ops *ops, void *arg, unsigned number);
void partition_clear(struct partition *p);
/* Reads the position.  If there was no target until now, it begins behind event `since`. */
void partition_begin(struct partition *p, struct tn_ticket *lease, int64_t since);
/* Forgets all jobs, cancels what is under way, and has no lease any more. */
void partition_drop(struct partition *p);
/* Takes on an event for a target, unless that was done before a crash. */
void partition_take(struct partition *p, const struct tn_event *e, const char *target);
/* Has something ended that is not stored yet, while no commit is under way? */
bool partition_has_news(const struct partition *p);
/* Stores the position, with all that has ended.  idle: there is no target now. */
void partition_store(struct partition *p, bool idle);

#endif
