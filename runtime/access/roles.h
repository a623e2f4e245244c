/* SPDX-License-Identifier: MIT */
/* roles.h - permissions, and the roles that ship: named sets of them. */
#ifndef TN_ACCESS_ROLES_H
#define TN_ACCESS_ROLES_H

#include <stddef.h>

#include "base/str.h"

/* TN_MAY(name, meaning) */
#define TN_PERMISSIONS(TN_MAY)                                                                     \
    TN_MAY(read_records, "read records of resources")                                              \
    TN_MAY(write_records, "create, change and delete records")                                     \
    TN_MAY(read_integrations, "see integrations, their health and logs")                           \
    TN_MAY(manage_integrations, "create, change, test and delete integrations")                    \
    TN_MAY(run_syncs, "start syncs")                                                               \
    TN_MAY(read_scripts, "see scripts and their generations")                                      \
    TN_MAY(manage_scripts, "reload and roll back scripts")                                         \
    TN_MAY(manage_keys, "create and revoke API keys")                                              \
    TN_MAY(read_metrics, "see metrics and status")

enum tn_permission_bit {
#define TN_MAY(name, meaning) TN_BIT_##name,
    TN_PERMISSIONS(TN_MAY)
#undef TN_MAY
        TN_PERMISSION_COUNT
};
enum tn_permission {
#define TN_MAY(name, meaning) TN_MAY_##name = 1 << TN_BIT_##name,
    TN_PERMISSIONS(TN_MAY)
#undef TN_MAY
        TN_MAY_everything = (1 << TN_PERMISSION_COUNT) - 1
};

struct tn_role {
    const char *name; /* "admin"; NULL ends the table */
    unsigned permissions;
    const char *meaning;
};
extern const struct tn_role tn_roles[];

/* NULL: there is no such role. */
const struct tn_role *tn_role_find(struct tn_str name);
/* "manage_keys"; the name of the lowest bit that is set. */
const char *tn_permission_name(unsigned permission);

#endif
