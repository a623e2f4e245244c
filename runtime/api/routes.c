/* SPDX-License-Identifier: MIT */
/* routes.c - what the network can call.  Resources (scripts/resources) add the routes at the foot
 * for each path of theirs, surfaces (scripts/surfaces) what they declare. */
#include "api/backup.h"
#include "api/integrations.h"
#include "api/handler.h"
#include "api/keys.h"
#include "api/plans.h"
#include "api/quarantine.h"
#include "api/resources.h"
#include "api/runs.h"
#include "api/script_routes.h"
#include "api/system.h"
#include "api/webhooks.h"

/* clang-format off */
#define V1 "/api/v1"
/* Rows: with a key that may do so; for everybody; with a body that may carry script files. */
#define KEY(method, path, fn, may) {#method, path, fn, TN_MAY_##may, NULL}
#define OPEN(method, path, fn) {#method, path, fn, TN_ROUTE_open, NULL}
#define FILES(method, path, fn, may) {#method, path, fn, TN_MAY_##may | TN_ROUTE_scripts, NULL}

const struct tn_route api_routes[] = {
    OPEN(GET,    "/healthz",                             api_system_live),
    OPEN(GET,    "/readyz",                              api_system_ready),
    KEY(GET,     "/metrics",                             api_system_metrics, read_metrics),
    KEY(GET,     V1 "/status",                           api_system_status, read_metrics),

    KEY(GET,     V1 "/integrations",                     api_integrations_list, read_integrations),
    KEY(POST,    V1 "/integrations", api_integrations_create, manage_integrations),
    KEY(GET,     V1 "/integrations/{id}",                api_integrations_get, read_integrations),
    KEY(PUT,     V1 "/integrations/{id}", api_integrations_update, manage_integrations),
    KEY(PATCH,   V1 "/integrations/{id}", api_integrations_update, manage_integrations),
    KEY(DELETE,  V1 "/integrations/{id}", api_integrations_delete, manage_integrations),
    KEY(POST,    V1 "/integrations/{id}/test", api_integrations_test, manage_integrations),
    KEY(POST,    V1 "/integrations/{id}/release", api_integrations_release, manage_integrations),
    KEY(GET,     V1 "/integrations/{id}/health", api_integrations_health, read_integrations),
    KEY(POST,    V1 "/integrations/{id}/sync",           api_runs_start, run_syncs),
    KEY(GET,     V1 "/integrations/{id}/logs",           api_runs_list, read_integrations),
    KEY(GET,     V1 "/integrations/{id}/logs/{run}",     api_runs_get, read_integrations),
    KEY(DELETE,  V1 "/integrations/{id}/logs/{run}",     api_runs_cancel, run_syncs),

    KEY(GET,     V1 "/quarantine",                       api_quarantine_list, read_integrations),
    KEY(GET,     V1 "/quarantine/groups",                api_quarantine_groups, read_integrations),
    KEY(POST,    V1 "/quarantine/retry",                 api_plans_retry, manage_integrations),
    KEY(POST,    V1 "/quarantine/discard",               api_plans_discard, manage_integrations),
    KEY(GET,     V1 "/quarantine/{id}",                  api_quarantine_get, read_integrations),
    KEY(DELETE,  V1 "/quarantine/{id}", api_quarantine_discard_one, manage_integrations),
    KEY(GET,     V1 "/quarantine/{id}/payload", api_quarantine_payload, manage_integrations),
    KEY(POST,    V1 "/quarantine/{id}/retry",            api_plans_retry_one, manage_integrations),
    KEY(GET,     V1 "/plans/{id}",                       api_plans_get, read_integrations),
    KEY(POST,    V1 "/plans/{id}/run",                   api_plans_run, manage_integrations),

    OPEN(POST,   V1 "/integrations/{id}/webhook",        api_webhooks_receive),

    KEY(GET,     V1 "/scripts",                          api_scripts_list, read_scripts),
    KEY(POST,    V1 "/scripts/reload",                   api_scripts_reload, manage_scripts),
    FILES(POST,  V1 "/scripts/activate",                 api_scripts_activate, manage_scripts),
    FILES(POST,  V1 "/scripts/preview",                  api_scripts_preview, manage_scripts),
    KEY(GET,     V1 "/scripts/shadow",                   api_scripts_shadow, read_scripts),
    KEY(DELETE,  V1 "/scripts/shadow",                   api_scripts_shadow_end, manage_scripts),
    KEY(GET,     V1 "/scripts/isolates",                 api_scripts_isolates, read_scripts),
    KEY(GET,     V1 "/scripts/files",                    api_scripts_files, read_scripts),
    KEY(GET,     V1 "/scripts/files/{path*}",            api_scripts_file, read_scripts),
    KEY(PUT,     V1 "/scripts/files/{path*}",            api_scripts_file_put, manage_scripts),
    KEY(DELETE,  V1 "/scripts/files/{path*}",            api_scripts_file_delete, manage_scripts),
    KEY(GET,     V1 "/scripts/{unit}/generations",       api_scripts_generations, read_scripts),
    KEY(GET,     V1 "/scripts/{unit}/generations/{generation}",
                                                         api_scripts_generation, read_scripts),
    KEY(GET,     V1 "/scripts/{unit}/diff",              api_scripts_diff, read_scripts),
    KEY(POST,    V1 "/scripts/{unit}/release",           api_scripts_release, manage_scripts),
    KEY(POST,    V1 "/scripts/{unit}/rollback",          api_scripts_rollback, manage_scripts),

    KEY(POST,    V1 "/backup",                           api_backup_make, manage_keys),

    KEY(GET,     V1 "/keys",                             api_keys_list, manage_keys),
    KEY(POST,    V1 "/keys",                             api_keys_create, manage_keys),
    KEY(DELETE,  V1 "/keys/{id}",                        api_keys_revoke, manage_keys),
};
const size_t api_route_count = sizeof api_routes / sizeof *api_routes;

/* Behind the path of each resource. */
const struct tn_route api_resource_routes[] = {
    KEY(GET,     "",                                     api_resources_list, read_records),
    KEY(GET,     "/{id}",                                api_resources_get, read_records),
};
/* clang-format on */
const size_t api_resource_route_count = sizeof api_resource_routes / sizeof *api_resource_routes;
