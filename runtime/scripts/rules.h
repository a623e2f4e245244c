/* SPDX-License-Identifier: MIT */
/* rules.h - rules in Lua as a sink of events (events/sink.h). Rules have an isolate of
 * their own, made when the first event concerns one and made again after they changed; a run is a
 * task in it. A run that began with an older set ends on it. Life: new; units after each reload;
 * free (nothing is under way).  Worker. */
#ifndef TN_SCRIPTS_RULES_H
#define TN_SCRIPTS_RULES_H

#include "scripts/units.h"
#include "events/sink.h"

struct tn_rules;

/* self is a struct tn_rules. */
extern const struct tn_sink tn_rules_sink;

/* quarantined (may be NULL) says whether the rules are in quarantine now. */
struct tn_rules *tn_rules_new(const struct bind_env *env, bool (*quarantined)(void *arg),
                              void *arg);
void tn_rules_free(struct tn_rules *r); /* NULL does nothing */
/* Uses the rules of this set from now on. Takes a reference. */
void tn_rules_units(struct tn_rules *r, struct tn_units *units);
/* The isolate that new runs use; NULL: none was needed yet. */
struct tn_isolate *tn_rules_isolate(const struct tn_rules *r);

#endif
