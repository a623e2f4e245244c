/* SPDX-License-Identifier: MIT */
/* inbound.h - events that another system sent: stored first, then they start syncs.
 * An event is a row of table "inbound".  When it asks for a run, it is also a ticket (store/work.h)
 * of queue "inbound", put in the same commit before the sender is answered; any worker works it
 * off.  The ticket ends when a run that began after the event has ended well.  A run that fails is
 * started again after the event's pauses; then the event is a row of table "quarantine".
 * Life: open; close.  Worker process. */
#ifndef TN_SYNC_INBOUND_H
#define TN_SYNC_INBOUND_H

#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct tn_backoff;
struct tn_commit;
struct tn_inbound;
struct tn_log;
struct tn_loop;
struct tn_runner;
struct tn_store;

#define TN_INBOUND_QUEUE "inbound"

/* Status of a row. */
#define TN_INBOUND_ignored  "IGNORED"  /* its type starts nothing */
#define TN_INBOUND_accepted "ACCEPTED" /* its ticket waits for its first run */
#define TN_INBOUND_waiting  "WAITING"  /* a run failed (reason, failed): another try comes */
#define TN_INBOUND_done     "DONE"     /* a run that began after the event ended well (run) */
#define TN_INBOUND_failed   "FAILED"   /* given up: see table "quarantine" */

struct tn_inbound_event {
    int64_t team;
    struct tn_id id, integration;
    struct tn_str delivery; /* for people: digest of the body, or the id that the sender gave */
    struct tn_str type;     /* "oracle.apps.scm.items.itemUpdated"; may be absent */
    const char *operation;  /* the sync that it starts; NULL: it is only kept */
    struct tn_str filters;  /* of the run: what the event names; JSON object, or absent */
    const char *since;      /* filter that takes the time of the last good run; NULL: none */
    struct tn_str same;     /* what deliveries of the same event have in common; absent: nothing */
    int64_t same_ms;        /* how long such a delivery is a repetition */
    const struct tn_backoff *retry; /* pauses after runs that fail; NULL: tn_backoff_hours */
    struct tn_str payload;          /* as it is stored (sealed); JSON string content */
};
/* Adds the event to the commit, which is a conflict when the event is a repetition. */
TN_MUST_CHECK bool tn_inbound_put(struct tn_commit *commit, const struct tn_inbound_event *e,
                                  struct tn_err *err);
/* Adds a new ticket for an event that was given up.  ticket: member "ticket" of its row in
 * quarantine (JSON). */
TN_MUST_CHECK bool tn_inbound_resend(struct tn_commit *commit, int64_t team, struct tn_str event_id,
                                     struct tn_str ticket, struct tn_err *err);

/* All outlive it. */
struct tn_inbound *tn_inbound_open(struct tn_loop *loop, struct tn_store *store,
                                   struct tn_runner *runner, struct tn_log *log);
void tn_inbound_close(struct tn_inbound *in); /* NULL does nothing */

#endif
