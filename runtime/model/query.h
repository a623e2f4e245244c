/* SPDX-License-Identifier: MIT */
/* query.h - a question for a list of records, in the names that people use: fields of the entity
 * and of the system, values as text.  One form for REST, scripts, export and live filters; it
 * becomes a query of the store. Life: init; filters, sorts and a page in any order; clear. */
#ifndef TN_MODEL_QUERY_H
#define TN_MODEL_QUERY_H

#include "base/alloc.h"
#include "model/entity.h"

struct tn_list_query {
    const struct tn_entity *entity;
    bool declared; /* only what the entity's lists are declared to take */
    struct tn_query q;
    struct tn_filter filters[TN_STORE_FILTERS_MAX];
    struct tn_arena texts; /* copies of values */
};
/* team: whose records, if they are a team's. */
void tn_list_query_init(struct tn_list_query *l, const struct tn_entity *e, int64_t team,
                        bool declared);
void tn_list_query_clear(struct tn_list_query *l);

/* All copy what they are given.  False: kind syntax (the query cannot be asked), code parameter,
 * and the field is the name of the parameter at fault. */

/* "eq", "ne", "in", "lt", "le", "gt", "ge", "prefix", "contains": TN_FILTER_...; false: no such. */
bool tn_filter_op_of(struct tn_str word, enum tn_filter_op *out);
TN_MUST_CHECK bool tn_list_query_where(struct tn_list_query *l, struct tn_str field,
                                       enum tn_filter_op op, const struct tn_str *values, size_t n,
                                       struct tn_err *err);
TN_MUST_CHECK bool tn_list_query_sort(struct tn_list_query *l, struct tn_str field, bool descending,
                                      struct tn_err *err);
/* limit 0: the entity's usual page; above its largest: that.  cursor may be absent. */
void tn_list_query_page(struct tn_list_query *l, size_t limit, size_t offset, struct tn_str cursor,
                        bool total);

#endif
