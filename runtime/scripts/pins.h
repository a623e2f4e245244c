/* SPDX-License-Identifier: MIT */
/* pins.h - a pin holds a unit back at older files: it was rolled back. For each pin the store
 * keeps the generation that the site folder had of the unit at that time. The roll back ends
 * when the folder has other files of the unit. Life: a list is zeroed, filled, cleared. */
#ifndef TN_SCRIPTS_PINS_H
#define TN_SCRIPTS_PINS_H

#include "scripts/split.h"

struct tn_commit;
struct tn_found;
struct tn_read;

struct tn_pin {
    char unit[TN_UNIT_NAME];
    char site[65];       /* generation of the unit in the site folder; "": remove the pin */
    char generation[65]; /* the generation that serves instead; "": not known */
};
struct tn_pins {
    struct tn_pin *v;
    size_t n;
};
void tn_pins_clear(struct tn_pins *pins);
void tn_pins_drop(struct tn_pins *pins, const char *unit); /* removes the unit, if it is listed */

/* tn_pins_ask adds a question to a read of the team TN_TEAM_SYSTEM, for the pins that follow the
 * last one of the list, and returns the question's number. tn_pins_found appends the answer to
 * the list. more: further pins follow. False: err. */
size_t tn_pins_ask(const struct tn_pins *pins, struct tn_read *read);
TN_MUST_CHECK bool tn_pins_found(struct tn_pins *pins, const struct tn_found *found,
                                 size_t question, bool *more, struct tn_err *err);
/* Adds to commit that the pins of the list are stored, or removed (see `site`). */
TN_MUST_CHECK bool tn_pins_write(const struct tn_pins *changes, struct tn_commit *commit,
                                 struct tn_err *err);

/* How roll backs change a set. */
struct tn_rollbacks {
    struct tn_pins hold;    /* units that serve with older files than the site folder has */
    struct tn_pins changes; /* for tn_pins_write, once the set serves */
};
void tn_rollbacks_clear(struct tn_rollbacks *r); /* may be used again */

/* Makes a set of site_give, which is the site folder over the shipped files. The units whose
 * pins still hold get the files that `serving` has pinned. Adds to out. */
struct tn_fileset *tn_pins_apply(const struct tn_pins *pins, const struct tn_fileset *serving,
                                 struct tn_fileset *site_give, struct tn_rollbacks *out);
/* Makes the serving set in which the unit has the files `old` of an older generation. Adds to
 * out. */
struct tn_fileset *tn_pins_roll_back(const struct tn_fileset *serving,
                                     const struct tn_fileset *site, const char *unit,
                                     const struct tn_fileset *old, struct tn_rollbacks *out);

#endif
