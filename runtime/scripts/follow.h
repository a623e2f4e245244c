/* SPDX-License-Identifier: MIT */
/* follow.h - follows changes that another worker activated. A set that does not load here is logged
 * once and tried again from time to time, while the old set goes on serving. Life: new; begin
 * whenever the store's word may have changed; free.  Worker process. */
#ifndef TN_SCRIPTS_FOLLOW_H
#define TN_SCRIPTS_FOLLOW_H

#include "scripts/serving.h"

struct tn_follow;
struct tn_loop;

/* Is called in a later turn. more: this worker has followed, or it could not, or it is time to try
 * again: the caller looks once more. Else this worker is where the store is, as far as it can be.
 */
typedef void (*tn_follow_fn)(void *arg, bool more);
struct tn_follow *tn_follow_new(struct tn_loop *loop, const struct bind_env *env,
                                struct tn_serving *serving, tn_follow_fn done, void *arg);
void tn_follow_free(struct tn_follow *f); /* NULL does nothing */
/* Reads the store's word and loads the set that another worker activated; done is called after it.
 */
void tn_follow_begin(struct tn_follow *f);
/* The version of the store's word, when it was last read. */
int64_t tn_follow_version(const struct tn_follow *f);

#endif
