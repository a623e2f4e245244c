/* SPDX-License-Identifier: MIT */
/* resource.h - a resource as scripts that work with its records see it: plain data, filled by who
 * reads declarations (scripts/decl.h), which outlives whoever looks it up here. */
#ifndef TN_BIND_RESOURCE_H
#define TN_BIND_RESOURCE_H

#include "base/field.h"

struct tn_entity_fn;
struct tn_pair;

struct tn_resource {
    const char *name;       /* "item" */
    const char *title;      /* NULL: none */
    const char *path;       /* "/api/v1/items" */
    const char *scope;      /* "team" or "global" */
    const char *plural;     /* member that holds the rows of a list; NULL: name + "s" */
    const char *const *key; /* fields that identify a record from outside; NULL ends */
    const struct tn_field *fields;
    size_t n_fields;
    const char *const *filter, *const *sort; /* NULL ends */
    int page, page_max;
    const struct tn_pair *events;       /* what happened -> event name; key NULL ends */
    const struct tn_entity_fn *actions; /* entity NULL ends */
};

/* Those that an isolate goes by, in the order of their files. */
struct bind_resources {
    const struct tn_resource **v;
    size_t n;
};
/* NULL: there is none.  all may be NULL. */
const struct tn_resource *bind_resources_find(const struct bind_resources *all, const char *name);
const struct tn_resource *bind_resources_of_table(const struct bind_resources *all,
                                                  const char *table);

#endif
