/* SPDX-License-Identifier: MIT */
/* units.h - all script files of a worker, loaded and checked. tenon serve, check and map use it.
 * Life: load gives a whole new set or nothing; ref and unref. Code that works with a set holds a
 * reference, because a newer set may take its place. A set belongs to one process; do not load
 * while one of its scripts runs. */
#ifndef TN_SCRIPTS_UNITS_H
#define TN_SCRIPTS_UNITS_H

#include "scripts/split.h"
#include "scripts/unit.h"

struct tn_units;

/* Loads every unit of files (split.h, unit.h) and checks that their resources do not clash.
 * Units whose files did not change since old (may be NULL) are used again. NULL: err is the
 * first fault, with file and line. each (may be NULL) gets all faults; loading then goes on as
 * far as it makes sense. */
TN_MUST_CHECK struct tn_units *tn_units_load(const struct bind_env *env, struct tn_fileset *files,
                                             struct tn_units *old, tn_fault_fn each, void *arg,
                                             struct tn_err *err);
/* Loads whatever loads: leaves out a file that has faults, and gives each fault to each. For
 * commands that try one file while others are being written. Never NULL. */
struct tn_units *tn_units_salvage(const struct bind_env *env, struct tn_fileset *files,
                                  tn_fault_fn each, void *arg);
/* Finds the units, other than core, that do not load: calls fn for each with its first fault.
 * False: core does not load, or resources clash; err says why. */
typedef void (*tn_unit_fault_fn)(void *arg, const char *unit, const struct tn_err *fault);
TN_MUST_CHECK bool tn_units_try(const struct bind_env *env, struct tn_fileset *files,
                                struct tn_units *old, tn_unit_fault_fn fn, void *arg,
                                struct tn_err *err);
struct tn_units *tn_units_ref(struct tn_units *units);
void tn_units_unref(struct tn_units *units);                     /* NULL does nothing */
struct tn_fileset *tn_units_files(const struct tn_units *units); /* borrowed */

/* ---- units ---- */

size_t tn_units_count(const struct tn_units *units);
struct tn_unit *tn_units_at(const struct tn_units *units, size_t i);           /* sorted by name */
struct tn_unit *tn_units_find(const struct tn_units *units, const char *name); /* or NULL */
/* The unit that holds the declaration; NULL: it is not of this set. */
struct tn_unit *tn_units_of(const struct tn_units *units, const struct tn_decl *decl);

/* A change between two sets, for the answer to a reload. */
struct tn_unit_change {
    const char *name;
    const char *generation; /* NULL: the unit is gone */
    const char *previous;   /* NULL: the unit is new */
};
typedef void (*tn_unit_change_fn)(void *arg, const struct tn_unit_change *change);
/* Calls fn for each unit that differs; returns how many are the same. from may be NULL. */
size_t tn_units_diff(const struct tn_units *from, const struct tn_units *to, tn_unit_change_fn fn,
                     void *arg);

/* ---- declarations; borrowed from the set ---- */

size_t tn_units_resources(const struct tn_units *units);
const struct tn_decl *tn_units_resource_at(const struct tn_units *units, size_t i);
const struct tn_decl *tn_units_resource(const struct tn_units *units, const char *name);
size_t tn_units_adapters(const struct tn_units *units);
const struct tn_decl *tn_units_adapter_at(const struct tn_units *units, size_t i);
const struct tn_decl *tn_units_adapter(const struct tn_units *units, const char *name);
/* The same where it has to be there.  NULL: err (unavailable) says that it is not installed, or
 * that it was refused when its files were loaded, and at which file and line. */
const struct tn_decl *tn_units_must_adapter(const struct tn_units *units, struct tn_str name,
                                            struct tn_err *err);
size_t tn_units_rules(const struct tn_units *units);
const struct tn_decl *tn_units_rule_at(const struct tn_units *units, size_t i);
size_t tn_units_surfaces(const struct tn_units *units);
const struct tn_decl *tn_units_surface_at(const struct tn_units *units, size_t i);
/* The mapping "oracle_fusion/item", loaded into the unit's own isolate, for tenon map; NULL:
 * there is none. */
const struct tn_mapping *tn_units_mapping(const struct tn_units *units, const char *name);

/* For bind_env: the operations that tn.sync may start. serving is a struct tn_units. */
extern const struct bind_adapters tn_units_operations;

#endif
