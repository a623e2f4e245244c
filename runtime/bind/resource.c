/* SPDX-License-Identifier: MIT */
#include "bind/resource.h"

#include <string.h>

const struct tn_resource *bind_resources_find(const struct bind_resources *all, const char *name)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (strcmp(all->v[i]->name, name) == 0) return all->v[i];
    return NULL;
}

const struct tn_resource *bind_resources_of_table(const struct bind_resources *all,
                                                  const char *table)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (strcmp(all->v[i]->plural, table) == 0) return all->v[i];
    return NULL;
}
