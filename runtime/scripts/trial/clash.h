/* SPDX-License-Identifier: MIT */
/* clash.h - would two records have the same key?  Where a resource is to have another key, its
 * records are read page by page; nothing is written.  The store has the last word when
 * the change is activated: records may come meanwhile.
 * Life: new; step, again after each wake, until it is false; write; free. */
#ifndef TN_SCRIPTS_TRIAL_CLASH_H
#define TN_SCRIPTS_TRIAL_CLASH_H

#include "base/json.h"
#include "scripts/units.h"

struct tn_clash;

/* Borrows all three.  wake(arg): go on with the next step; in a later turn than the step. */
struct tn_clash *tn_clash_new(struct tn_store *store, const struct tn_units *from,
                              const struct tn_units *to, void (*wake)(void *arg), void *arg);
void tn_clash_free(struct tn_clash *c); /* NULL does nothing; nobody is woken any more */
/* True: records are being read.  False: it is done; err says which table keeps its shape, and why;
 * its kind is none when there is no clash. */
bool tn_clash_step(struct tn_clash *c, struct tn_err *err);
/* The member `keysNotChecked`: tables that have too many records for it. */
void tn_clash_write(const struct tn_clash *c, struct tn_jw *w);

#endif
