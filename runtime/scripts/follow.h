/* SPDX-License-Identifier: MIT */
/* follow.h - follows the changes that other workers activate. When a set does not load in this
 * worker, the log says so once, the old set goes on serving, and the new one is tried again from
 * time to time. Life: new; begin whenever the stored serving set (active.h) may have changed;
 * free. Worker process. */
#ifndef TN_SCRIPTS_FOLLOW_H
#define TN_SCRIPTS_FOLLOW_H

#include "scripts/serving.h"

struct tn_follow;
struct tn_loop;

/* Called in a later turn. more true: this worker has followed, or failed to, or it is time to
 * try again, so the caller has to begin once more. more false: this worker serves the stored
 * set, unless that does not load. */
typedef void (*tn_follow_fn)(void *arg, bool more);
struct tn_follow *tn_follow_new(struct tn_loop *loop, const struct bind_env *env,
                                struct tn_serving *serving, tn_follow_fn done, void *arg);
void tn_follow_free(struct tn_follow *f); /* NULL does nothing */
/* Reads the stored serving set and, if another worker activated it, loads it; then calls done. */
void tn_follow_begin(struct tn_follow *f);
/* The version of the stored serving set when it was last read. */
int64_t tn_follow_version(const struct tn_follow *f);

#endif
