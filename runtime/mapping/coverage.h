/* SPDX-License-Identifier: MIT */
/* coverage.h - finds the fields of records that a mapping never reads. Life: new over a plan (which
 * must outlive it); add records; ask; free. */
#ifndef TN_MAPPING_COVERAGE_H
#define TN_MAPPING_COVERAGE_H

#include "mapping/plan.h"

struct tn_coverage;

struct tn_coverage *tn_coverage_new(const struct tn_plan *plan); /* borrows the plan */
void tn_coverage_free(struct tn_coverage *c);                    /* NULL does nothing */
void tn_coverage_add(struct tn_coverage *c, struct tn_jval record);
/* Gets each field that was seen and is never read, in the order of first appearance: its path
 * (without the indexes of lists), and how often it had a value. */
typedef void (*tn_unread_fn)(void *arg, struct tn_str path, uint64_t count);
void tn_coverage_unread(const struct tn_coverage *c, tn_unread_fn each, void *arg);
/* Counts at most so many distinct fields; further ones are left out. */
enum { TN_COVERAGE_FIELDS = 10000 };
size_t tn_coverage_seen(const struct tn_coverage *c);

#endif
