/* SPDX-License-Identifier: MIT */
/* routes.c - what the network can call.  Resources (scripts/resources) add the routes at the foot
 * for each path of theirs, surfaces (scripts/surfaces) what they declare. */
#include "api/backup.h"
#include "api/integrations.h"
#include "api/internal.h"
#include "api/keys.h"
#include "api/resources.h"
#include "api/runs.h"
#include "api/script_routes.h"
#include "api/system.h"
#include "api/webhooks.h"

#define API "/api/v1"

const struct tn_route api_routes[] = {
    {"GET",    "/healthz",                         api_system_live,         TN_ROUTE_open, NULL},
    {"GET",    "/readyz",                          api_system_ready,        TN_ROUTE_open, NULL},
    {"GET",    "/metrics",                         api_system_metrics,      TN_MAY_read_metrics, NULL},
    {"GET",    API "/status",                      api_system_status,       TN_MAY_read_metrics, NULL},

    {"GET",    API "/integrations",                api_integrations_list,   TN_MAY_read_integrations, NULL},
    {"POST",   API "/integrations",                api_integrations_create, TN_MAY_manage_integrations, NULL},
    {"GET",    API "/integrations/{id}",           api_integrations_get,    TN_MAY_read_integrations, NULL},
    {"PUT",    API "/integrations/{id}",           api_integrations_update, TN_MAY_manage_integrations, NULL},
    {"PATCH",  API "/integrations/{id}",           api_integrations_update, TN_MAY_manage_integrations, NULL},
    {"DELETE", API "/integrations/{id}",           api_integrations_delete, TN_MAY_manage_integrations, NULL},
    {"POST",   API "/integrations/{id}/test",      api_integrations_test,   TN_MAY_manage_integrations, NULL},
    {"POST",   API "/integrations/{id}/release",   api_integrations_release, TN_MAY_manage_integrations, NULL},
    {"GET",    API "/integrations/{id}/health",    api_integrations_health, TN_MAY_read_integrations, NULL},
    {"POST",   API "/integrations/{id}/sync",      api_runs_start,          TN_MAY_run_syncs, NULL},
    {"GET",    API "/integrations/{id}/logs",      api_runs_list,           TN_MAY_read_integrations, NULL},
    {"GET",    API "/integrations/{id}/logs/{run}", api_runs_get,           TN_MAY_read_integrations, NULL},
    {"DELETE", API "/integrations/{id}/logs/{run}", api_runs_cancel,        TN_MAY_run_syncs, NULL},

    {"POST",   API "/integrations/{id}/webhook",   api_webhooks_receive,    TN_ROUTE_open, NULL},

    {"GET",    API "/scripts",                     api_scripts_list,        TN_MAY_read_scripts, NULL},
    {"POST",   API "/scripts/reload",              api_scripts_reload,      TN_MAY_manage_scripts, NULL},
    {"POST",   API "/scripts/activate",            api_scripts_activate,    TN_MAY_manage_scripts | TN_ROUTE_scripts, NULL},
    {"POST",   API "/scripts/preview",             api_scripts_preview,     TN_MAY_manage_scripts | TN_ROUTE_scripts, NULL},
    {"GET",    API "/scripts/shadow",              api_scripts_shadow,      TN_MAY_read_scripts, NULL},
    {"DELETE", API "/scripts/shadow",              api_scripts_shadow_end,  TN_MAY_manage_scripts, NULL},
    {"GET",    API "/scripts/isolates",            api_scripts_isolates,    TN_MAY_read_scripts, NULL},
    {"GET",    API "/scripts/files",               api_scripts_files,       TN_MAY_read_scripts, NULL},
    {"GET",    API "/scripts/files/{path*}",       api_scripts_file,        TN_MAY_read_scripts, NULL},
    {"PUT",    API "/scripts/files/{path*}",       api_scripts_file_put,    TN_MAY_manage_scripts, NULL},
    {"DELETE", API "/scripts/files/{path*}",       api_scripts_file_delete, TN_MAY_manage_scripts, NULL},
    {"GET",    API "/scripts/{unit}/generations",  api_scripts_generations, TN_MAY_read_scripts, NULL},
    {"GET",    API "/scripts/{unit}/generations/{generation}", api_scripts_generation, TN_MAY_read_scripts, NULL},
    {"GET",    API "/scripts/{unit}/diff",         api_scripts_diff,        TN_MAY_read_scripts, NULL},
    {"POST",   API "/scripts/{unit}/release",      api_scripts_release,     TN_MAY_manage_scripts, NULL},
    {"POST",   API "/scripts/{unit}/rollback",     api_scripts_rollback,    TN_MAY_manage_scripts, NULL},

    {"POST",   API "/backup",                      api_backup_make,         TN_MAY_manage_keys, NULL},

    {"GET",    API "/keys",                        api_keys_list,           TN_MAY_manage_keys, NULL},
    {"POST",   API "/keys",                        api_keys_create,         TN_MAY_manage_keys, NULL},
    {"DELETE", API "/keys/{id}",                   api_keys_revoke,         TN_MAY_manage_keys, NULL},
};
const size_t api_route_count = sizeof api_routes / sizeof *api_routes;

/* Behind the path of each resource. */
const struct tn_route api_resource_routes[] = {
    {"GET",    "",                                 api_resources_list,      TN_MAY_read_records, NULL},
    {"GET",    "/{id}",                            api_resources_get,       TN_MAY_read_records, NULL},
};
const size_t api_resource_route_count = sizeof api_resource_routes / sizeof *api_resource_routes;
