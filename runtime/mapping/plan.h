/* SPDX-License-Identifier: MIT */
/* plan.h - compiles a mapping, given as data (a spec), into a plan. It knows no Lua: for a field
 * that is a function, the plan has a number, which it passes to a callback. Life: tn_plan_new from
 * a spec; any number of tn_apply_record over the plan; tn_plan_free. A plan never changes; the spec
 * may be freed when tn_plan_new has returned. */
#ifndef TN_MAPPING_PLAN_H
#define TN_MAPPING_PLAN_H

#include "mapping/spec.h"

struct tn_plan;
struct tn_json_pick;

/* NULL: err has file, line, field (the target), and what was expected. */
TN_MUST_CHECK struct tn_plan *tn_plan_new(const struct tn_spec *spec, struct tn_err *err);
void tn_plan_free(struct tn_plan *plan); /* NULL does nothing */

const char *tn_plan_file(const struct tn_plan *plan); /* the file of its spec; the plan owns the
                                                         text */
/* Number of fields that are functions; with none, the plan never calls Lua. */
size_t tn_plan_functions(const struct tn_plan *plan);
/* The members of a record that this plan reads, for tn_json_rows; the plan owns the result. NULL:
 * it needs the whole record, because a function may ask for any member. */
const struct tn_json_pick *tn_plan_pick(const struct tn_plan *plan);
/* Gives at most `room` of the target fields, in order; returns how many there are. */
size_t tn_plan_targets(const struct tn_plan *plan, struct tn_str *names, size_t room);
/* The line that declares the field to which a path of the output ("lines[2].unit") belongs; 0: none
 * does. */
int tn_plan_line(const struct tn_plan *plan, struct tn_str path);
/* Appends one line for each target field: target, source path, operators, file:line, with tabs
 * between. */
void tn_plan_explain(const struct tn_plan *plan, struct tn_buf *out);

#endif
