/* SPDX-License-Identifier: MIT */
/* follow.h - follows changes that another worker activated. A set that does not load here is logged
 * once and tried again from time to time, while the old set goes on serving. Life: new; begin
 * whenever the store's word may have changed; free.  Worker process. */
#ifndef TN_SCRIPTS_FOLLOW_H
#define TN_SCRIPTS_FOLLOW_H

#include "scripts/serving.h"

struct tn_follow;
struct tn_loop;

/* done(arg) is called in a later turn when this worker has followed, when it could not, or when it
 * is time to try again. */
struct tn_follow *tn_follow_new(struct tn_loop *loop, const struct bind_env *env,
                                struct tn_serving *serving, void (*done)(void *arg), void *arg);
void tn_follow_free(struct tn_follow *f); /* NULL does nothing */
/* True: a set that another worker activated is being loaded, and done is called after it. */
bool tn_follow_begin(struct tn_follow *f);

#endif
