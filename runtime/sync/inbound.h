/* SPDX-License-Identifier: MIT */
/* inbound.h - events that another system sent: stored first, then they start syncs.
 * An event is a row of "inbound" and, when it asks for a run, an entry of the queue "inbound", put
 * in one commit before the sender is answered; any worker may work it off.
 * Life: open; close.  Worker process. */
#ifndef TN_SYNC_INBOUND_H
#define TN_SYNC_INBOUND_H

#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct tn_commit;
struct tn_inbound;
struct tn_log;
struct tn_loop;
struct tn_runner;
struct tn_store;

struct tn_inbound_event {
    int64_t team;
    struct tn_id id, integration;
    struct tn_str delivery; /* the same for the same event, however often it is sent */
    struct tn_str type;     /* "oracle.apps.scm.items.itemUpdated"; may be absent */
    const char *operation;  /* the sync that it starts; NULL: it is only kept */
    struct tn_str payload;  /* as it is stored (sealed); JSON string content */
};
/* Adds the event to the commit.  The commit is a conflict when this delivery was stored before. */
TN_MUST_CHECK bool tn_inbound_put(struct tn_commit *commit, const struct tn_inbound_event *e,
                                  struct tn_err *err);

/* Starts the runs that events ask for.  A run of the same operation that is under way is waited
 * for: it may have read past what changed.  All outlive it. */
struct tn_inbound *tn_inbound_open(struct tn_loop *loop, struct tn_store *store,
                                   struct tn_runner *runner, struct tn_log *log);
void tn_inbound_close(struct tn_inbound *in); /* NULL does nothing */

#endif
