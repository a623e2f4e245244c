/* SPDX-License-Identifier: MIT */
/* split.h - decides which files of a set make a unit. The files of a unit change together. The
 * units are "core" (scripts/resources), "surfaces:<name>" (scripts/surfaces/<name>.lua), "rules"
 * (scripts/rules, if there are any), and one for each system ("oracle_fusion":
 * scripts/adapters/oracle_fusion.lua and mappings/oracle_fusion/...). Each also has the files of
 * stdlib/ and scripts/lib/ that it requires.
 * A set may hold other files of a unit below "pinned/<unit>/". This unit alone then uses them in
 * place of those with the same paths. In this way a unit keeps older files while the other units
 * use the newest.
 * In older releases surfaces were a part of core. When such a core is pinned, its surfaces are
 * the surfaces of the set. */
#ifndef TN_SCRIPTS_SPLIT_H
#define TN_SCRIPTS_SPLIT_H

#include "loop/shared.h"
#include "scripts/declared.h"
#include "scripts/fileset.h"

enum tn_unit_kind { TN_UNIT_core, TN_UNIT_surface, TN_UNIT_system, TN_UNIT_rules };

extern const char tn_core_name[];  /* "core" */
extern const char tn_rules_name[]; /* "rules" */

enum tn_unit_kind tn_split_kind(const char *unit);
/* The kind of declaration that the file holds; false: none (a mapping, a library). */
bool tn_split_declares(const char *path, enum tn_decl_kind *kind);
/* True: the file is a declaration or mapping of the unit. False: the unit at most requires it. */
bool tn_split_owns(const char *unit, const char *path);

/* The names of a set's units except core and rules: surfaces, then systems, each in the order of
 * their files. The caller has to refuse a system that is named like one of Tenon's own units. */
struct tn_split {
    char (*names)[TN_UNIT_NAME];
    size_t n;
};
void tn_split_init(struct tn_split *s, const struct tn_fileset *all);
void tn_split_clear(struct tn_split *s);

/* The files of one unit. The hash over them is the unit's generation. */
struct tn_fileset *tn_split_files(const struct tn_fileset *all, const char *unit);
/* The files of core as an older release would take them, with the surfaces; NULL: unit is not
 * core. */
struct tn_fileset *tn_split_former(const struct tn_fileset *all, const char *unit);

enum { TN_PIN_LEN = TN_UNIT_NAME + 16 };
void tn_split_pin(const char *unit, char prefix[TN_PIN_LEN]);
bool tn_split_pinned(const struct tn_fileset *all, const char *unit);

#endif
