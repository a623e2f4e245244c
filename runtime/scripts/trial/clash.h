/* SPDX-License-Identifier: MIT */
/* clash.h - checks whether two records would have the same key under a change. For each resource
 * that gets another key it reads the records page by page; it writes nothing. The store checks
 * again when the change is activated, because records may arrive in between.
 * Life: new; step, again after each wake, until it is false; write; free. */
#ifndef TN_SCRIPTS_TRIAL_CLASH_H
#define TN_SCRIPTS_TRIAL_CLASH_H

#include "base/json.h"
#include "scripts/units.h"

struct tn_clash;

/* Borrows all three. wake(arg) is called when the next step can be made, in a later turn than
 * the last one. */
struct tn_clash *tn_clash_new(struct tn_store *store, const struct tn_units *from,
                              const struct tn_units *to, void (*wake)(void *arg), void *arg);
void tn_clash_free(struct tn_clash *c); /* NULL does nothing; wake is not called any more */
/* True: records are being read. False: the check is over; err has the clash, with the name of
 * the table, or kind none when there is no clash. */
bool tn_clash_step(struct tn_clash *c, struct tn_err *err);
/* Writes the member `keysNotChecked`: the tables that have too many records to be checked. */
void tn_clash_write(const struct tn_clash *c, struct tn_jw *w);

#endif
