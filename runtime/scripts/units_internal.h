/* SPDX-License-Identifier: MIT */
/* units_internal.h - a set of units from inside; for units.c and surface.c alone. */
#ifndef TN_SCRIPTS_UNITS_INTERNAL_H
#define TN_SCRIPTS_UNITS_INTERNAL_H

#include "scripts/surface.h"
#include "scripts/units.h"

struct tn_decl_list {
    const struct tn_decl **v;
    size_t n;
};

struct tn_units {
    unsigned refs;
    struct tn_fileset *files;
    struct tn_unit **v; /* sorted by name */
    size_t n;
    struct tn_decl_list lists[TN_DECL_kinds];
    struct tn_surface_row *rows;
    size_t n_rows;
    struct tn_arena texts; /* of the rows */
};

const struct tn_decl *tn_unit_decl(const struct tn_unit *unit, enum tn_decl_kind kind,
                                   const char *name);
void tn_surface_make_rows(struct tn_units *units);

#endif
