/* SPDX-License-Identifier: MIT */
/* pins.h - a pin is a unit that was rolled back. The store keeps for each which files the site
 * folder had of it then; the roll back holds until the folder has other files of the unit. Life: a
 * list is zeroed, filled, cleared. */
#ifndef TN_SCRIPTS_PINS_H
#define TN_SCRIPTS_PINS_H

#include "scripts/split.h"

struct tn_commit;
struct tn_found;
struct tn_read;

struct tn_pin {
    char unit[TN_UNIT_NAME];
    char site[65];       /* generation of the unit by the site folder; "": the pin is to go */
    char generation[65]; /* the generation that serves instead; "": not known */
};
struct tn_pins {
    struct tn_pin *v;
    size_t n;
};
void tn_pins_clear(struct tn_pins *pins);
void tn_pins_drop(struct tn_pins *pins, const char *unit); /* out of the list, if it is in it */

/* A question of the system's (team TN_TEAM_SYSTEM) for those behind what pins has, and its answer,
 * which is added.  False: err; more: there are others behind them. */
size_t tn_pins_ask(const struct tn_pins *pins, struct tn_read *read);
TN_MUST_CHECK bool tn_pins_found(struct tn_pins *pins, const struct tn_found *found,
                                 size_t question, bool *more, struct tn_err *err);
/* Adds to commit that these are noted, or go. */
TN_MUST_CHECK bool tn_pins_write(const struct tn_pins *changes, struct tn_commit *commit,
                                 struct tn_err *err);

/* The effect of roll backs on a set. */
struct tn_rollbacks {
    struct tn_pins hold;    /* units that go by older files than the site folder has */
    struct tn_pins changes; /* for tn_pins_write, once the set serves */
};
void tn_rollbacks_clear(struct tn_rollbacks *r); /* may be used again */

/* site_give (the site folder over the shipped files) with the units of pins that still hold, which
 * go by the files that serving has pinned.  Adds to out. */
struct tn_fileset *tn_pins_apply(const struct tn_pins *pins, const struct tn_fileset *serving,
                                 struct tn_fileset *site_give, struct tn_rollbacks *out);
/* Makes the serving set with the files `old`, a generation of the unit, for that unit. Adds to out.
 */
struct tn_fileset *tn_pins_roll_back(const struct tn_fileset *serving,
                                     const struct tn_fileset *site, const char *unit,
                                     const struct tn_fileset *old, struct tn_rollbacks *out);

#endif
