/* SPDX-License-Identifier: MIT */
/* follow.h - this worker comes along with what another one activated.  What does not load here is
 * said once and tried again from time to time, while what served goes on.
 * Life: new; begin whenever the store's word may have changed; free.  Worker process. */
#ifndef TN_SCRIPTS_FOLLOW_H
#define TN_SCRIPTS_FOLLOW_H

#include "scripts/serving.h"

struct tn_follow;
struct tn_loop;

/* In a later turn.  more: it came along, or it could not, or it is time to try again: look once
 * more.  Else this worker is where the store is, as far as it can be. */
typedef void (*tn_follow_fn)(void *arg, bool more);
struct tn_follow *tn_follow_new(struct tn_loop *loop, const struct bind_env *env,
                                struct tn_serving *serving, tn_follow_fn done, void *arg);
void tn_follow_free(struct tn_follow *f); /* NULL does nothing */
/* Reads the store's word, loads what another worker activated; done comes after it. */
void tn_follow_begin(struct tn_follow *f);
/* Of the store's word, when it was last read. */
int64_t tn_follow_version(const struct tn_follow *f);

#endif
