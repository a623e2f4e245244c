/* SPDX-License-Identifier: MIT */
/* query.h - a query for a list of records, in the names that people use: fields of the entity
 * and system fields, with values as text. REST, scripts, export and live filters use it; it
 * becomes a query of the store. Life: init; filters, sorts and a page in any order; clear. */
#ifndef TN_MODEL_QUERY_H
#define TN_MODEL_QUERY_H

#include "base/alloc.h"
#include "model/entity.h"

struct tn_list_query {
    const struct tn_entity *entity;
    bool declared; /* permits only the filters and sorts that the entity declares */
    struct tn_query q;
    struct tn_filter filters[TN_STORE_FILTERS_MAX];
    struct tn_arena texts; /* copies of values */
};
/* team: the team that asks. */
void tn_list_query_init(struct tn_list_query *l, const struct tn_entity *e, int64_t team,
                        bool declared);
void tn_list_query_clear(struct tn_list_query *l);

/* All copy their arguments. False: kind syntax, code parameter; the field is the name of the
 * parameter at fault. */

/* Turns the word "eq", "ne", "in", "lt", "le", "gt", "ge", "prefix" or "contains" into
 * TN_FILTER_...; false: there is no such word. */
bool tn_filter_op_of(struct tn_str word, enum tn_filter_op *out);
TN_MUST_CHECK bool tn_list_query_where(struct tn_list_query *l, struct tn_str field,
                                       enum tn_filter_op op, const struct tn_str *values, size_t n,
                                       struct tn_err *err);
TN_MUST_CHECK bool tn_list_query_sort(struct tn_list_query *l, struct tn_str field, bool descending,
                                      struct tn_err *err);
/* limit 0: the entity's usual page; a limit above its largest page counts as that. cursor may be
 * absent. */
void tn_list_query_page(struct tn_list_query *l, size_t limit, size_t offset, struct tn_str cursor,
                        bool total);

#endif
