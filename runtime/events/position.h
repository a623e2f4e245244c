/* SPDX-License-Identifier: MIT */
/* position.h - what the store knows of a consumer: the position of each partition, a key-value of
 * TN_TEAM_SYSTEM, and the queue of its leases.  partition.c writes positions; who tells how far a
 * consumer is reads them. */
#ifndef TN_EVENTS_POSITION_H
#define TN_EVENTS_POSITION_H

#include "base/json.h"
#include "events/sink.h"

/* A constant: it does not depend on the number of workers. */
enum { TN_PARTITIONS = 16 };

#define TN_POSITION_SPACE "consumer"
enum { TN_POSITION_NAME = 300 };

struct tn_position {
    int64_t seq; /* all events up to here are done, given up, tickets, or concern no target */
    bool idle;   /* there was no target, so seq means nothing */
};

/* The key of a partition's position. */
void tn_position_key(const struct tn_sink *sink, unsigned partition, char out[TN_POSITION_NAME]);
/* The queue that has an entry for each partition, leased by the worker that reads it. */
void tn_position_leases(const struct tn_sink *sink, char out[TN_POSITION_NAME]);
/* root: of the stored value. */
struct tn_position tn_position_of(struct tn_jval root);

#endif
