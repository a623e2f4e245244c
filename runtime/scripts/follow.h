/* SPDX-License-Identifier: MIT */
/* follow.h - this worker comes along with what another one activated.  What does not load here is
 * said once and tried again from time to time, while what served goes on.
 * Life: new; begin whenever the store's word may have changed; free.  Worker process. */
#ifndef TN_SCRIPTS_FOLLOW_H
#define TN_SCRIPTS_FOLLOW_H

#include "scripts/serving.h"

struct tn_follow;
struct tn_loop;

/* done(arg): it came along, or it could not, or it is time to try again; in a later turn. */
struct tn_follow *tn_follow_new(struct tn_loop *loop, const struct bind_env *env,
                                struct tn_serving *serving, void (*done)(void *arg), void *arg);
void tn_follow_free(struct tn_follow *f); /* NULL does nothing */
/* True: what another worker activated is being loaded, and done comes after it. */
bool tn_follow_begin(struct tn_follow *f);

#endif
