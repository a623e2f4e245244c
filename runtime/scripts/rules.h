/* SPDX-License-Identifier: MIT */
/* rules.h - rules in Lua as a sink of events (events/sink.h). Rules have an isolate of their own,
 * which is made when the first event matches one, and again after the rules changed.  A run is a
 * task in this isolate; a run that began with an older set of rules ends with it.
 * Life: new; units after each reload; free (no run is under way). Worker process. */
#ifndef TN_SCRIPTS_RULES_H
#define TN_SCRIPTS_RULES_H

#include "scripts/units.h"
#include "events/sink.h"

struct tn_rules;

/* self is a struct tn_rules. */
extern const struct tn_sink tn_rules_sink;

/* quarantined (may be NULL) tells whether the rules are in quarantine now. */
struct tn_rules *tn_rules_new(const struct bind_env *env, bool (*quarantined)(void *arg),
                              void *arg);
void tn_rules_free(struct tn_rules *r); /* NULL does nothing */
/* Uses the rules of this set from now on. Takes a reference. */
void tn_rules_units(struct tn_rules *r, struct tn_units *units);
/* The isolate for new runs; NULL: no event needed it yet. */
struct tn_isolate *tn_rules_isolate(const struct tn_rules *r);

#endif
