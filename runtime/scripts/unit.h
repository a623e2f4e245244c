/* SPDX-License-Identifier: MIT */
/* unit.h - a unit (split.h) that is loaded into an isolate and checked: its declarations, and its
 * mappings with their examples. The hash over its files is its generation.
 * Life: load; ref and unref; never changed. */
#ifndef TN_SCRIPTS_UNIT_H
#define TN_SCRIPTS_UNIT_H

#include "bind/owner.h"
#include "scripts/declared.h"
#include "scripts/load_faults.h"
#include "scripts/fileset.h"

struct tn_mapping;
struct tn_unit;

/* Loads all declarations and mappings of the unit and runs the examples. Checks that the mapping of
 * each operation is in the system's folder, and that what a mapping writes are fields of a resource
 * of core. core: the unit that has the resources; NULL: this unit is the core. old (may be NULL) is
 * returned when its files and its core are the same.
 * NULL: faults were added. When all faults are wanted, a core is returned in spite of its
 * faults, with the declarations that did load, so that other units can be checked against them. */
struct tn_unit *tn_unit_load(const struct bind_env *env, const char *name,
                             const struct tn_fileset *all, struct tn_unit *old,
                             struct tn_unit *core, struct tn_load_faults *faults);
struct tn_unit *tn_unit_ref(struct tn_unit *unit);
void tn_unit_unref(struct tn_unit *unit);                   /* NULL does nothing */
const char *tn_unit_name(const struct tn_unit *unit);       /* "core", "oracle_fusion" */
const char *tn_unit_generation(const struct tn_unit *unit); /* 64 hex digits */
struct tn_fileset *tn_unit_files(
    const struct tn_unit *unit); /* borrowed: the files that its hash covers */
struct tn_isolate *tn_unit_isolate(const struct tn_unit *unit);
size_t tn_unit_decls(const struct tn_unit *unit);
const struct tn_decl *tn_unit_decl_at(const struct tn_unit *unit,
                                      size_t i); /* in the order of the files */
/* The resources that this unit uses: those of the core. */
const struct tn_entities *tn_unit_resources(const struct tn_unit *unit);
/* The mapping "oracle_fusion/item", loaded into the unit's own isolate; NULL: there is none. */
const struct tn_mapping *tn_unit_mapping(const struct tn_unit *unit, const char *name);
/* The resource that a mapping writes; never NULL for a mapping of the unit that is loaded. */
const struct tn_decl *tn_unit_target(const struct tn_unit *unit, const char *mapping);

const struct tn_operation *tn_decl_operation(const struct tn_decl *adapter, const char *name);

/* ---- other isolates over the same files ---- */

/* Makes an isolate over the unit's files. context is for its modules and has to outlive it.
 * name: quarantine knows the isolate by it. */
TN_MUST_CHECK struct tn_isolate *tn_unit_isolate_new(struct tn_unit *unit, const char *name,
                                                     struct bind_context *context,
                                                     struct tn_err *err);
/* Loads a mapping of the unit into that isolate; the caller owns it. */
TN_MUST_CHECK struct tn_mapping *tn_unit_mapping_load(struct tn_unit *unit, struct tn_isolate *iso,
                                                      const char *name, struct tn_err *err);

#endif
