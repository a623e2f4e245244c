/* SPDX-License-Identifier: MIT */
/* dispatch.h - runs rules on events. One worker at a time (the one that leases the only entry of
 * queue "rules") reads the numbered log behind a stored cursor. Each rule runs at least once for an
 * event, and for one record in the order of its events.  A run that fails is tried again with
 * growing pauses, then becomes a row of table "quarantine", and the events after it go on.  It
 * knows rules only as a struct of functions. Life: open; wake after the rules changed; close.
 * Worker process. */
#ifndef TN_EVENTS_DISPATCH_H
#define TN_EVENTS_DISPATCH_H

#include "store/store.h"

struct tn_dispatch;
struct tn_log;
struct tn_loop;

/* Called once, in a later turn, unless the run was cancelled.  err NULL: it went well.  innocent:
 * the fault of another run ended this one, which is to be run again. */
typedef void (*tn_rule_done_fn)(void *arg, const struct tn_err *err, bool innocent);

typedef void (*tn_rule_name_fn)(void *arg, const char *rule);

struct tn_rule_ops {
    bool (*any)(void *self);   /* are there rules at all? */
    bool (*ready)(void *self); /* may they run now? If not, the dispatcher asks again soon. */
    /* Calls fn with the name of each rule that the event concerns. */
    void (*concerned)(void *self, const struct tn_event *e, tn_rule_name_fn fn, void *arg);
    /* Appends the id by which the rule runs once for the event.  False: it may run any number of
     * times. */
    bool (*once)(void *self, const char *rule, const struct tn_event *e, struct tn_buf *out);
    /* Starts a rule; called only in a turn in which ready was true. NULL: err says why; kind
     * not_found: the rule does not exist any more. */
    void *(*start)(void *self, const char *rule, const struct tn_event *e, tn_rule_done_fn done,
                   void *arg, struct tn_err *err);
    void (*cancel)(void *run);
    /* json writes the event; generation gives the hash of the rules' files. */
    void (*json)(void *self, const struct tn_event *e, struct tn_buf *out);
    const char *(*generation)(void *self);
};

struct tn_dispatch_options {
    struct tn_loop *loop;
    struct tn_store *store;
    struct tn_log *log; /* may be NULL */
    const struct tn_rule_ops *rules;
    void *rules_self;
    /* Encrypts a payload: appends the stored form to out. NULL: payloads are stored in clear. */
    bool (*seal)(void *arg, struct tn_str payload, struct tn_buf *out, struct tn_err *err);
    void *seal_arg;
    int pause_ms; /* ms before the second try; 0: 500; each further pause is twice as long */
};
/* Everything that the options point to outlives the dispatcher. If there were no rules before, the
 * present ones begin with the next event. */
struct tn_dispatch *tn_dispatch_open(const struct tn_dispatch_options *o);
void tn_dispatch_wake(struct tn_dispatch *d);
/* Cancels the runs under way; another worker runs them again. */
void tn_dispatch_close(struct tn_dispatch *d); /* NULL does nothing */

#endif
