/* SPDX-License-Identifier: MIT */
/* resource_check.h - checks that the names of resources clash neither with Tenon's own names nor
 * with each other. */
#ifndef TN_SCRIPTS_RESOURCE_CHECK_H
#define TN_SCRIPTS_RESOURCE_CHECK_H

#include "scripts/declared.h"
#include "scripts/load_faults.h"

/* Adds to faults those that it finds. */
void tn_resource_check(const struct tn_decl *const *resources, size_t n,
                       struct tn_load_faults *faults);

#endif
