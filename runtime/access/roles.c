/* SPDX-License-Identifier: MIT */
#include "access/roles.h"

enum {
    READ = TN_MAY_read_records | TN_MAY_read_integrations,
    WRITE = READ | TN_MAY_write_records | TN_MAY_run_syncs,
    MANAGE = WRITE | TN_MAY_manage_integrations | TN_MAY_read_scripts | TN_MAY_read_metrics,
};

const struct tn_role tn_roles[] = {
    {"admin", TN_MAY_everything, "everything"},
    {"plant_manager", MANAGE, "records, integrations and syncs, but neither scripts nor keys"},
    {"read_write", WRITE, "read and write records, start syncs"},
    {"read_only", READ, "read records, integrations and logs"},
    {"monitor", TN_MAY_read_metrics | TN_MAY_read_integrations, "metrics, status and health"},
    {NULL, 0, NULL},
};

const struct tn_role *tn_role_find(struct tn_str name)
{
    for (const struct tn_role *r = tn_roles; r->name; r++)
        if (tn_str_is(name, r->name)) return r;
    return NULL;
}

const char *tn_permission_name(unsigned permission)
{
    static const char *const names[] = {
#define TN_MAY(name, meaning) #name,
        TN_PERMISSIONS(TN_MAY)
#undef TN_MAY
    };
    for (int i = 0; i < TN_PERMISSION_COUNT; i++)
        if (permission & 1u << i) return names[i];
    return "nothing";
}
