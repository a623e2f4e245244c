/* SPDX-License-Identifier: MIT */
/* shadowing.h - runs the shadow (shadow.h) in this worker for as long as the store asks for it
 * and this worker serves the set for which it was asked. Life: new; follow whenever the store or
 * the scripts changed; free. Worker process. */
#ifndef TN_SCRIPTS_TRIAL_SHADOWING_H
#define TN_SCRIPTS_TRIAL_SHADOWING_H

#include "scripts/serving.h"
#include "scripts/trial/shadow.h"

struct tn_commit;
struct tn_loop;
struct tn_shadowing;

struct tn_shadowing_options {
    struct tn_loop *loop;
    const struct bind_env *env;
    const struct tn_serving *serving;
    int worker;
    int64_t days; /* how long findings are kept */
};
struct tn_shadowing *tn_shadowing_new(const struct tn_shadowing_options *o);
void tn_shadowing_free(struct tn_shadowing *s); /* NULL does nothing */

void tn_shadowing_follow(struct tn_shadowing *s);
/* Watches a source that was just opened, if a shadow runs. */
void tn_shadowing_watch(struct tn_shadowing *s, const struct tn_run_request *r,
                        struct tn_source *source);
/* Gives the findings of the last shadow for a team as a JSON object; done is called once, in a
 * later turn. Kind not_found: there was no shadow. */
void tn_shadowing_show(struct tn_shadowing *s, int64_t team, tn_shadow_shown_fn done, void *arg);
/* Reads the answer to tn_shadow_ask and adds to commit that the running shadow ends. Kind
 * not_found: none is running. */
TN_MUST_CHECK bool tn_shadowing_end(const struct tn_shadowing *s, const struct tn_found *found,
                                    size_t question, struct tn_commit *commit, struct tn_err *err);

#endif
