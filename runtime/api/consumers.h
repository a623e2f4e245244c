/* SPDX-License-Identifier: MIT */
/* consumers.h - how far the consumers of the event log are, and what waits in queues.  All of it is
 * read from the store, so every worker tells the same of the whole server. */
#ifndef TN_API_CONSUMERS_H
#define TN_API_CONSUMERS_H

#include "api/handler.h"
#include "events/position.h"

enum { API_CONSUMERS_MAX = 8, API_QUEUES_MAX = 8 };

struct api_consumer {
    const struct tn_sink *sink;
    struct tn_position parts[TN_PARTITIONS]; /* idle too where none is stored yet */
    int64_t head;                            /* the newest event */
    int64_t position;  /* the least of those partitions that are not idle; -1: all are */
    int64_t oldest_ms; /* time of the event after position; 0: there is none */
    struct tn_queue_state retries, leases;
    int64_t dead; /* open rows of quarantine */
};
struct api_queue {
    const char *name;
    struct tn_queue_state state;
};
struct api_consumers {
    int64_t now_ms; /* by the clock of the store */
    struct api_consumer list[API_CONSUMERS_MAX];
    size_t count;
    struct api_queue queues[API_QUEUES_MAX];
    size_t queue_count;
};

/* c is borrowed for the call; NULL: err says why. */
typedef void (*api_consumers_fn)(void *arg, const struct api_consumers *c,
                                 const struct tn_err *err);
/* done comes in a later turn. */
void api_consumers_look(struct tn_api *api, api_consumers_fn done, void *arg);
/* Appends the metrics: of consumers and of queues. */
void api_consumers_metrics(const struct api_consumers *c, struct tn_buf *out);

/* GET /api/v1/consumers */
void api_consumers_list(void *api, struct tn_http_exchange *x);

#endif
