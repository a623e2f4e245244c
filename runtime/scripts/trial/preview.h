/* SPDX-License-Identifier: MIT */
/* preview.h - tells the effects of a change before it is made: maps the kept records
 * (evidence.h) with the serving mappings and with those of the candidate, which is the changed
 * set. Both sets are loaded anew into isolates that nothing else uses and that reach neither
 * network nor store. Works in slices of a few milliseconds. Life: start; done is called once, in
 * a later turn; free (before done: the preview is dropped). */
#ifndef TN_SCRIPTS_TRIAL_PREVIEW_H
#define TN_SCRIPTS_TRIAL_PREVIEW_H

#include "scripts/units.h"

struct tn_preview;

struct tn_preview_options {
    struct tn_loop *loop;
    const struct bind_env *env;   /* store and secrets: for evidence and keys */
    int64_t team;                 /* whose kept records are mapped */
    struct tn_fileset *from, *to; /* the serving set, and the candidate */
    /* answer: JSON, borrowed for the call. err: with file and line, as for a reload. */
    void (*done)(void *arg, struct tn_str answer, const struct tn_err *err);
    void *arg;
};
struct tn_preview *tn_preview_start(const struct tn_preview_options *o);
void tn_preview_free(struct tn_preview *p); /* NULL does nothing */

#endif
