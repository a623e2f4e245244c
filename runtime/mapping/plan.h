/* SPDX-License-Identifier: MIT */
/* plan.h - a mapping compiled once, from its declaration as data (a spec), into a plan.
 * It knows no Lua: a field given as a function is a number that a callback gets.
 * Life: tn_plan_new from a spec; any number of tn_apply_record over it; tn_plan_free.  A plan never
 * changes after it was made; the spec may go as soon as tn_plan_new has returned. */
#ifndef TN_MAPPING_PLAN_H
#define TN_MAPPING_PLAN_H

#include "mapping/spec.h"

struct tn_plan;
struct tn_json_pick;

/* NULL: err has file, line, field (the target) and what was expected. */
TN_MUST_CHECK struct tn_plan *tn_plan_new(const struct tn_spec *spec, struct tn_err *err);
void tn_plan_free(struct tn_plan *plan); /* NULL does nothing */

const char *tn_plan_file(const struct tn_plan *plan); /* of its spec; the plan's */
/* Number of functions: a plan without any never leaves C. */
size_t tn_plan_functions(const struct tn_plan *plan);
/* The parts of a record that this plan reads, for tn_json_rows; the plan owns it.  NULL: all of the
 * record, for a function may ask for any member. */
const struct tn_json_pick *tn_plan_pick(const struct tn_plan *plan);
/* The target fields in their order, at most `room` of them; how many there are. */
size_t tn_plan_targets(const struct tn_plan *plan, struct tn_str *names, size_t room);
/* Where the field that a path in the output ("lines[2].unit") belongs to is declared; 0: nowhere.
 */
int tn_plan_line(const struct tn_plan *plan, struct tn_str path);
/* One line a target field: target, source path, operators, file:line; tabs between. */
void tn_plan_explain(const struct tn_plan *plan, struct tn_buf *out);

#endif
