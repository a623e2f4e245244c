/* SPDX-License-Identifier: MIT */
/* ground.h - reads from the store the state from which a change begins: the serving set (active.h)
 * and the units that were rolled back (pins.h).
 * Life: read; done is called once, in a later turn, and the grounding is freed. */
#ifndef TN_SCRIPTS_GROUND_H
#define TN_SCRIPTS_GROUND_H

#include "scripts/active.h"
#include "scripts/pins.h"

struct tn_grounding;
struct tn_store;

struct tn_ground {
    struct tn_active active;
    struct tn_pins pins;
};
/* One of ground and err is NULL. ground is borrowed for the call, but the callee may move its
 * pins out. */
typedef void (*tn_ground_fn)(void *arg, struct tn_ground *ground, const struct tn_err *err);
struct tn_grounding *tn_ground_read(struct tn_store *store, tn_ground_fn done, void *arg);
/* Cancels: done will not be called. Must not be called after done. NULL does nothing. */
void tn_grounding_stop(struct tn_grounding *g);

#endif
