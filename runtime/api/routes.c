/* SPDX-License-Identifier: MIT */
/* routes.c - what the network can call.  Resources (scripts/resources) add the routes at the foot
 * for each path of theirs, surfaces (scripts/surfaces) what they declare. */
#include "api/backup.h"
#include "api/consumers.h"
#include "api/entity_routes.h"
#include "api/integrations.h"
#include "api/handler.h"
#include "api/journal.h"
#include "api/keys.h"
#include "api/plans.h"
#include "api/quarantine.h"
#include "api/roles.h"
#include "api/runs.h"
#include "api/script_routes.h"
#include "api/system.h"
#include "api/webhooks.h"

/* clang-format off */
#define V1 "/api/v1"
/* Rows: with a key that has the permission (access/roles.c lists them); for everybody; with a body
 * that may carry script files; for records, where the entity is that of the declaration. */
#define KEY(method, path, fn, entity, verb) {#method, path, fn, 0, NULL, #entity, #verb}
#define OPEN(method, path, fn) {#method, path, fn, TN_ROUTE_open, NULL, NULL, NULL}
#define FILES(method, path, fn, entity, verb) \
    {#method, path, fn, TN_ROUTE_scripts, NULL, #entity, #verb}
#define RECORDS(method, path, fn, verb) {#method, path, fn, TN_ROUTE_records, NULL, "*", #verb}

const struct tn_route api_routes[] = {
    OPEN(GET,    "/healthz",                             api_system_live),
    OPEN(GET,    "/readyz",                              api_system_ready),
    KEY(GET,     "/metrics",                             api_system_metrics, system, read),
    KEY(GET,     V1 "/status",                           api_system_status, system, read),

    KEY(GET,     V1 "/integrations",                     api_integrations_list, integration, read),
    KEY(POST,    V1 "/integrations", api_integrations_create, integration, manage),
    KEY(GET,     V1 "/integrations/{id}",                api_integrations_get, integration, read),
    KEY(PUT,     V1 "/integrations/{id}", api_integrations_update, integration, manage),
    KEY(PATCH,   V1 "/integrations/{id}", api_integrations_update, integration, manage),
    KEY(DELETE,  V1 "/integrations/{id}", api_integrations_delete, integration, manage),
    KEY(POST,    V1 "/integrations/{id}/test", api_integrations_test, integration, test),
    KEY(POST,    V1 "/integrations/{id}/release", api_integrations_release, integration, manage),
    KEY(GET,     V1 "/integrations/{id}/health", api_integrations_health, integration, read),
    KEY(POST,    V1 "/integrations/{id}/sync",           api_runs_start, integration, sync),
    KEY(GET,     V1 "/integrations/{id}/logs",           api_runs_list, integration, read),
    KEY(GET,     V1 "/integrations/{id}/logs/{run}",     api_runs_get, integration, read),
    KEY(DELETE,  V1 "/integrations/{id}/logs/{run}",     api_runs_cancel, integration, sync),

    KEY(GET,     V1 "/runs",                             api_journal_runs, integration, read),
    KEY(GET,     V1 "/inbound",                          api_journal_inbound, integration, read),
    KEY(GET,     V1 "/audit",                            api_journal_audit, audit, read),
    KEY(GET,     V1 "/consumers",                        api_consumers_list, consumer, read),

    KEY(GET,     V1 "/quarantine",                       api_quarantine_list, quarantine, read),
    KEY(GET,     V1 "/quarantine/groups",                api_quarantine_groups, quarantine, read),
    KEY(POST,    V1 "/quarantine/retry",                 api_plans_retry, quarantine, manage),
    KEY(POST,    V1 "/quarantine/discard",               api_plans_discard, quarantine, manage),
    KEY(GET,     V1 "/quarantine/{id}",                  api_quarantine_get, quarantine, read),
    KEY(DELETE,  V1 "/quarantine/{id}", api_plans_discard_one, quarantine, manage),
    KEY(GET,     V1 "/quarantine/{id}/payload", api_quarantine_payload, quarantine, payload),
    KEY(POST,    V1 "/quarantine/{id}/retry",            api_plans_retry_one, quarantine, manage),
    KEY(GET,     V1 "/plans/{id}",                       api_plans_get, quarantine, read),
    KEY(POST,    V1 "/plans/{id}/run",                   api_plans_run, quarantine, manage),

    OPEN(POST,   V1 "/integrations/{id}/webhook",        api_webhooks_receive),

    KEY(GET,     V1 "/scripts",                          api_scripts_list, script, read),
    KEY(POST,    V1 "/scripts/reload",                   api_scripts_reload, script, manage),
    FILES(POST,  V1 "/scripts/activate",                 api_scripts_activate, script, manage),
    FILES(POST,  V1 "/scripts/preview",                  api_scripts_preview, script, manage),
    KEY(GET,     V1 "/scripts/shadow",                   api_scripts_shadow, script, read),
    KEY(DELETE,  V1 "/scripts/shadow",                   api_scripts_shadow_end, script, manage),
    KEY(GET,     V1 "/scripts/isolates",                 api_scripts_isolates, script, read),
    KEY(GET,     V1 "/scripts/files",                    api_scripts_files, script, read),
    KEY(GET,     V1 "/scripts/files/{path*}",            api_scripts_file, script, read),
    KEY(PUT,     V1 "/scripts/files/{path*}",            api_scripts_file_put, script, manage),
    KEY(DELETE,  V1 "/scripts/files/{path*}",            api_scripts_file_delete, script, manage),
    KEY(GET,     V1 "/scripts/{unit}/generations",       api_scripts_generations, script, read),
    KEY(GET,     V1 "/scripts/{unit}/generations/{generation}",
                                                         api_scripts_generation, script, read),
    KEY(GET,     V1 "/scripts/{unit}/diff",              api_scripts_diff, script, read),
    KEY(POST,    V1 "/scripts/{unit}/release",           api_scripts_release, script, manage),
    KEY(POST,    V1 "/scripts/{unit}/rollback",          api_scripts_rollback, script, manage),

    KEY(POST,    V1 "/backup",                           api_backup_make, system, backup),

    KEY(GET,     V1 "/keys",                             api_keys_list, key, read),
    KEY(POST,    V1 "/keys",                             api_keys_create, key, manage),
    KEY(GET,     V1 "/keys/{id}",                        api_keys_get, key, read),
    KEY(DELETE,  V1 "/keys/{id}",                        api_keys_revoke, key, manage),

    KEY(GET,     V1 "/roles",                            api_roles_list, role, read),
    KEY(POST,    V1 "/roles",                            api_roles_create, role, manage),
    KEY(GET,     V1 "/roles/{role}",                     api_roles_get, role, read),
    KEY(PUT,     V1 "/roles/{role}",                     api_roles_replace, role, manage),
    KEY(PATCH,   V1 "/roles/{role}",                     api_roles_patch, role, manage),
    KEY(DELETE,  V1 "/roles/{role}",                     api_roles_delete, role, manage),
};
const size_t api_route_count = sizeof api_routes / sizeof *api_routes;

/* Behind the path of each resource. */
const struct tn_route api_resource_routes[] = {
    RECORDS(GET,    "",                                  api_entity_list, read),
    RECORDS(POST,   "",                                  api_entity_create, create),
    RECORDS(GET,    "/{id}",                             api_entity_get, read),
    RECORDS(PUT,    "/{id}",                             api_entity_put, update),
    RECORDS(PATCH,  "/{id}",                             api_entity_patch, update),
    RECORDS(DELETE, "/{id}",                             api_entity_delete, delete),
};
/* clang-format on */
const size_t api_resource_route_count = sizeof api_resource_routes / sizeof *api_resource_routes;

/* A surface reaches records of any entity, so the permission is one for all of them.  For each
 * record that its routes write, the record service asks anew. */
const struct tn_route api_surface_read = {.flags = TN_ROUTE_records, .entity = "*", .verb = "read"};
const struct tn_route api_surface_write = {
    .flags = TN_ROUTE_records, .entity = "*", .verb = "update"};
