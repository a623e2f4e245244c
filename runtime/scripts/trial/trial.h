/* SPDX-License-Identifier: MIT */
/* trial.h - previews changes without activating them, one at a time. Life: new; start any number
 * of times; free. Worker process. */
#ifndef TN_SCRIPTS_TRIAL_TRIAL_H
#define TN_SCRIPTS_TRIAL_TRIAL_H

#include "scripts/asked.h"

struct tn_loop;
struct tn_trial;

/* The scripts to be previewed: the site folder, or these files over it. */
struct tn_trial_wish {
    const char *who;
    int64_t team; /* the team whose kept records are mapped */
    bool whole;   /* the files replace the site folder */
    const struct tn_wish_file *files;
    size_t count;
};
/* answer: JSON; or err. Both are borrowed for the call. */
typedef void (*tn_trial_fn)(void *arg, struct tn_str answer, const struct tn_err *err);

struct tn_trial *tn_trial_new(struct tn_loop *loop, const struct bind_env *env,
                              const struct tn_terms *terms);
void tn_trial_free(struct tn_trial *t); /* NULL does nothing; done is not called any more */
/* Starts a preview of the wish. Copies wish; done is called once, in a later turn. */
void tn_trial_start(struct tn_trial *t, const struct tn_trial_wish *wish, tn_trial_fn done,
                    void *arg);

#endif
