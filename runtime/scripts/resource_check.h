/* SPDX-License-Identifier: MIT */
/* resource_check.h - do resources fit beside what is Tenon's own, and beside each other?  And the
 * table of one. */
#ifndef TN_SCRIPTS_RESOURCE_CHECK_H
#define TN_SCRIPTS_RESOURCE_CHECK_H

#include "scripts/declared.h"
#include "scripts/faults.h"

struct tn_column;
struct tn_table;

/* Adds what is wrong with them. */
void tn_resource_check(const struct tn_decl *const *resources, size_t n, struct tn_faults *faults);

/* The table of a resource; columns has room for TN_STORE_COLUMNS_MAX, and both borrow from decl. */
void tn_resource_table(const struct tn_decl *decl, struct tn_column *columns, struct tn_table *out);

#endif
