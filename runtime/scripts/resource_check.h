/* SPDX-License-Identifier: MIT */
/* resource_check.h - do resources clash with Tenon's own names, or with each other? */
#ifndef TN_SCRIPTS_RESOURCE_CHECK_H
#define TN_SCRIPTS_RESOURCE_CHECK_H

#include "scripts/declared.h"
#include "scripts/load_faults.h"

/* Adds the faults that it finds. */
void tn_resource_check(const struct tn_decl *const *resources, size_t n,
                       struct tn_load_faults *faults);

#endif
