/* SPDX-License-Identifier: MIT */
/* roles.h - permissions of the system's own things, and the roles that ship: named sets of grants.
 * Roles that people make are records of entity role (model/system.h) and are checked here. */
#ifndef TN_ACCESS_ROLES_H
#define TN_ACCESS_ROLES_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "model/actor.h"

enum { TN_ROLE_NAME_MAX = 40, TN_PERMISSION_VERBS = 5 };

struct tn_role {
    const char *name; /* "admin"; NULL ends the table */
    const char *title;
    const char *grants; /* as in struct tn_actor */
};
extern const struct tn_role tn_roles[];
/* NULL: no such role ships. */
const struct tn_role *tn_role_find(struct tn_str name);
/* "admin, plant_manager, ...": for messages and help. */
void tn_role_names(char *out, size_t size);

/* What of the system's own can be permitted.  (Of records: the verbs of tn_record_verbs.) */
struct tn_permission {
    const char *entity;                     /* NULL ends the table */
    const char *verbs[TN_PERMISSION_VERBS]; /* NULL ends */
};
extern const struct tn_permission tn_permissions[];
extern const char *const tn_record_verbs[]; /* NULL ends */

/* Does such a permission exist?  resources: names of entities that have records, NULL ends.  False:
 * kind invalid; the sentence names what was probably meant. */
TN_MUST_CHECK bool tn_grant_check(struct tn_str grant, const char *const *resources,
                                  struct tn_err *err);
/* Does the actor have all that the grants permit?  Nobody gives away more than they have.  False:
 * kind forbidden; the sentence names the first that is missing. */
TN_MUST_CHECK bool tn_grants_held(const struct tn_actor *actor, struct tn_str grants,
                                  struct tn_err *err);

#endif
