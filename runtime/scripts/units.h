/* SPDX-License-Identifier: MIT */
/* units.h - all script files of a worker, loaded and checked: what serve, check and map go by.
 * Files form units that change together: "core" (scripts/resources, scripts/surfaces), "rules"
 * (scripts/rules, if there are any) and one a system ("oracle_fusion":
 * scripts/adapters/oracle_fusion.lua and mappings/oracle_fusion/...), each with the files of
 * stdlib/ that it requires.  A unit's hash over its files is its generation. Life: load gives a
 * whole new set or nothing; ref and unref; whoever works with a set keeps it by a reference while
 * newer ones take its place.  One process; not while one of its scripts runs. */
#ifndef TN_SCRIPTS_UNITS_H
#define TN_SCRIPTS_UNITS_H

#include "bind/owner.h"
#include "scripts/fileset.h"
#include "scripts/decl.h"

struct tn_column;
struct tn_mapping;
struct tn_table;
struct tn_unit;
struct tn_units;

/* Gets each fault, in the order of files. */
typedef void (*tn_units_fault_fn)(void *arg, const struct tn_err *fault);

/* Loads every unit, checks declarations, resolves references (the mapping of an operation is in the
 * system's folder, what a mapping writes is a resource with those fields), runs the examples.
 * Units whose files did not change since old (may be NULL) are taken over as they are.
 * NULL: err is the first fault, with file and line.  each (may be NULL) gets all of them, then
 * loading goes on as far as it makes sense. */
TN_MUST_CHECK struct tn_units *tn_units_load(const struct bind_env *env, struct tn_fileset *files,
                                             struct tn_units *old, tn_units_fault_fn each,
                                             void *arg, struct tn_err *err);
struct tn_units *tn_units_ref(struct tn_units *units);
void tn_units_unref(struct tn_units *units);                     /* NULL does nothing */
struct tn_fileset *tn_units_files(const struct tn_units *units); /* borrowed */

/* A set may hold a unit's files apart, below "pinned/<unit>/": then they count for that unit, and
 * for it alone, over those of the same paths.  So a unit goes on with older files of its own while
 * the others go by the newest. */
enum { TN_PIN_LEN = 80 };
void tn_units_pin(const char *unit, char prefix[TN_PIN_LEN]);
/* The files of one unit; the hash over them is its generation. */
struct tn_fileset *tn_units_files_of(const struct tn_fileset *all, const char *unit);

/* ---- units ---- */

size_t tn_units_count(const struct tn_units *units);
struct tn_unit *tn_units_at(const struct tn_units *units, size_t i);           /* sorted by name */
struct tn_unit *tn_units_find(const struct tn_units *units, const char *name); /* or NULL */
struct tn_unit *tn_unit_ref(struct tn_unit *unit);
void tn_unit_unref(struct tn_unit *unit);                     /* NULL does nothing */
const char *tn_unit_name(const struct tn_unit *unit);         /* "core", "oracle_fusion" */
const char *tn_unit_generation(const struct tn_unit *unit);   /* 64 hex digits */
struct tn_fileset *tn_unit_files(const struct tn_unit *unit); /* borrowed: what the hash is over */
struct tn_isolate *tn_unit_isolate(const struct tn_unit *unit);

/* A change between two sets, for the answer to a reload. */
struct tn_unit_change {
    const char *name;
    const char *generation; /* NULL: the unit is gone */
    const char *previous;   /* NULL: the unit is new */
};
typedef void (*tn_unit_change_fn)(void *arg, const struct tn_unit_change *change);
/* fn for each unit that differs; returns how many are the same.  from may be NULL. */
size_t tn_units_diff(const struct tn_units *from, const struct tn_units *to, tn_unit_change_fn fn,
                     void *arg);

/* ---- what is declared in them; borrowed from the set ---- */

size_t tn_units_resources(const struct tn_units *units);
const struct tn_decl *tn_units_resource_at(const struct tn_units *units, size_t i);
const struct tn_decl *tn_units_resource(const struct tn_units *units, const char *name);
size_t tn_units_adapters(const struct tn_units *units);
const struct tn_decl *tn_units_adapter_at(const struct tn_units *units, size_t i);
const struct tn_decl *tn_units_adapter(const struct tn_units *units, const char *name);
size_t tn_units_rules(const struct tn_units *units);
const struct tn_decl *tn_units_rule_at(const struct tn_units *units, size_t i);
size_t tn_units_surfaces(const struct tn_units *units);
const struct tn_decl *tn_units_surface_at(const struct tn_units *units, size_t i);
/* "oracle_fusion/item": loaded in the unit's own isolate, for tenon map; or NULL. */
const struct tn_mapping *tn_units_mapping(const struct tn_units *units, const char *name);
const struct tn_operation *tn_decl_operation(const struct tn_decl *adapter, const char *name);

/* ---- for connections.c and rules.c ---- */

/* Those that this unit goes by: the core's. */
const struct tn_entities *tn_unit_resources(const struct tn_unit *unit);
/* For bind_env: what tn.sync may start.  serving is a struct tn_units. */
extern const struct bind_adapters tn_units_operations;

/* Makes another isolate over the unit's files, with context (outlives it) for its modules.
 * Quarantine goes by its name. */
TN_MUST_CHECK struct tn_isolate *tn_unit_isolate_new(struct tn_unit *unit, const char *name,
                                                     struct bind_context *context,
                                                     struct tn_err *err);
/* Loads a mapping of the unit into that isolate; _take. */
TN_MUST_CHECK struct tn_mapping *tn_unit_mapping_load(struct tn_unit *unit, struct tn_isolate *iso,
                                                      const char *name, struct tn_err *err);
/* The resource that a mapping of the unit writes; never NULL for a mapping that is loaded. */
const struct tn_decl *tn_unit_target(const struct tn_unit *unit, const char *mapping);

#endif
