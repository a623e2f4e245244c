/* SPDX-License-Identifier: MIT */
/* reload.h - makes the changes of scripts in this worker, one at a time: those that a caller
 * asked for and, before each of them, those that other workers activated. Life: new; boot; ask
 * any number of times; free. Worker process. */
#ifndef TN_SCRIPTS_RELOAD_H
#define TN_SCRIPTS_RELOAD_H

#include "scripts/activation.h"

struct tn_reload;

/* Called with the report of the change. err: nothing has changed, and why. Both are borrowed for
 * the call. */
typedef void (*tn_reload_fn)(void *arg, const struct tn_activation_report *report,
                             const struct tn_err *err);

/* Copies o, but not the things to which it points. rest(arg) is called each time when no change
 * is under way and this worker serves the set that the store names (unless that does not load). */
struct tn_reload *tn_reload_new(const struct tn_activation_options *o, void (*rest)(void *arg),
                                void *arg);
void tn_reload_free(struct tn_reload *r); /* NULL does nothing; no done is called any more */

/* first: no worker has served since the start (boot.h). */
void tn_reload_boot(struct tn_reload *r, bool first, tn_reload_fn done, void *arg);
/* Copies wish.  done is called once, in a later turn. */
void tn_reload_ask(struct tn_reload *r, const struct tn_wish *wish, tn_reload_fn done, void *arg);
/* To be called when the stored serving set (active.h) may have changed. */
void tn_reload_look(struct tn_reload *r);

#endif
