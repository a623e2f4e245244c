/* SPDX-License-Identifier: MIT */
/* compare.h - maps records with the mappings of two sets of scripts and collects the
 * differences. Both sets are loaded into isolates of their own that reach neither network nor
 * store. Life: new; sample, then step until the sample is done, any number of times; free. The
 * findings outlive the comparison. */
#ifndef TN_SCRIPTS_TRIAL_COMPARE_H
#define TN_SCRIPTS_TRIAL_COMPARE_H

#include "scripts/units.h"

struct tn_compare;
struct tn_findings;
struct tn_found;
struct tn_read;

/* Records of one operation. The texts are borrowed until the sample is done. */
struct tn_sample {
    const char *integration, *operation; /* id; name */
    const char *mapping;                 /* "oracle_fusion/item" */
    struct tn_str text, rows;            /* JSON, and the path of the list in it */
};

/* Keeps references to the files. wake(arg) is called, in a later turn, when a step that answered
 * `waits` can go on. NULL: err, with file and line. */
TN_MUST_CHECK struct tn_compare *tn_compare_new(struct tn_host *host, struct tn_fileset *from,
                                                struct tn_fileset *to, void (*wake)(void *arg),
                                                void *arg, struct tn_err *err);
void tn_compare_free(struct tn_compare *c); /* NULL does nothing */
/* The units that were loaded; borrowed. */
const struct tn_units *tn_compare_from(const struct tn_compare *c);
const struct tn_units *tn_compare_to(const struct tn_compare *c);
/* Does the mapping differ between the two? */
bool tn_compare_differs(const struct tn_compare *c, const char *mapping);
/* False: there is nothing to compare, because the mapping is the same in both sets or missing in
 * one. */
bool tn_compare_sample(struct tn_compare *c, const struct tn_sample *s, struct tn_findings *into);
/* Works until the sample is done, the time is up, or a function that computes for long was
 * paused. */
enum tn_compared { TN_COMPARED_all, TN_COMPARED_more, TN_COMPARED_waits };
enum tn_compared tn_compare_step(struct tn_compare *c, int64_t until_us);
/* Writes the members `changed` (units), `unchanged` and `adaptersNotRun` (changed adapters,
 * which were loaded but not run). */
void tn_compare_changes(const struct tn_compare *c, struct tn_jw *w);

struct tn_findings *tn_findings_new(void);
void tn_findings_free(struct tn_findings *f); /* NULL does nothing */
/* Asks, in a read of its own (of their team), for the names of the integrations in the findings.
 * Returns the number of questions; 0: there is nothing to read. */
size_t tn_findings_ask(const struct tn_findings *f, struct tn_read *read);
/* write gives the member `mappings`. names: the answer to tn_findings_ask; NULL: integrations
 * appear with their ids alone. add takes an object with that member and adds it to the findings. */
void tn_findings_write(const struct tn_findings *f, const struct tn_found *names, struct tn_jw *w);
void tn_findings_read(struct tn_findings *f, struct tn_jval written);

struct tn_findings_sum {
    int64_t records, same, changed, failing, fixed;
};
void tn_findings_sum(const struct tn_findings *f, struct tn_findings_sum *sum);

#endif
