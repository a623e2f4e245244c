/* SPDX-License-Identifier: MIT */
/* split.h - which files of a set make a unit.  Units change together: "core" (scripts/resources),
 * "surfaces:<name>" (scripts/surfaces/<name>.lua), "rules" (scripts/rules, if there are any) and
 * one a system ("oracle_fusion": scripts/adapters/oracle_fusion.lua and
 * mappings/oracle_fusion/...), each with the files of stdlib/ and scripts/lib/ that it requires.
 *
 * A set may hold a unit's files apart, below "pinned/<unit>/": then they count for that unit, and
 * for it alone, over those of the same paths.  So a unit goes on with older files of its own while
 * the others go by the newest.
 *
 * Surfaces were a part of core once.  Where a set has an older core pinned that holds surfaces,
 * these are the surfaces of the set. */
#ifndef TN_SCRIPTS_SPLIT_H
#define TN_SCRIPTS_SPLIT_H

#include "loop/shared.h"
#include "scripts/declared.h"
#include "scripts/fileset.h"

enum tn_unit_kind { TN_UNIT_core, TN_UNIT_surface, TN_UNIT_system, TN_UNIT_rules };

extern const char tn_core_name[];  /* "core" */
extern const char tn_rules_name[]; /* "rules" */

enum tn_unit_kind tn_split_kind(const char *unit);
/* The kind of declaration that a file is; false: none (a mapping, a library). */
bool tn_split_declares(const char *path, enum tn_decl_kind *kind);
/* Does this file hold a declaration or mapping of the unit (or does the unit only require it)? */
bool tn_split_owns(const char *unit, const char *path);

/* The names of a set's units but core and rules: surfaces, then systems, each in the order of
 * their files.  A system's name may be one of Tenon's own: that is for the caller to refuse. */
struct tn_split {
    char (*names)[TN_UNIT_NAME];
    size_t n;
};
void tn_split_init(struct tn_split *s, const struct tn_fileset *all);
void tn_split_clear(struct tn_split *s);

/* The files of one unit; the hash over them is its generation. */
struct tn_fileset *tn_split_files(const struct tn_fileset *all, const char *unit);
/* The files of a core as older releases had it, with the surfaces; NULL: unit is no core. */
struct tn_fileset *tn_split_former(const struct tn_fileset *all, const char *unit);

enum { TN_PIN_LEN = TN_UNIT_NAME + 16 };
void tn_split_pin(const char *unit, char prefix[TN_PIN_LEN]);
bool tn_split_pinned(const struct tn_fileset *all, const char *unit);

#endif
