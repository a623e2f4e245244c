/* SPDX-License-Identifier: MIT */
#include "model/system.h"

/* clang-format off */
#define FIELD(n, t)  {.name = n, .type = TN_FIELD_##t}
#define NEEDED(n, t) {.name = n, .type = TN_FIELD_##t, .required = true}
#define SET(n, t)    {.name = n, .type = TN_FIELD_##t, .generated = true} /* only Tenon sets it */

static const struct tn_field grant[] = {
    {.name = "grant", .type = TN_FIELD_text, .min = "3", .max = "100"}};

static const struct tn_field team[] = {
    NEEDED("slug", text), NEEDED("number", int), FIELD("name", text)};
static const struct tn_field key[] = {
    NEEDED("name", text), NEEDED("role", text), FIELD("expires_at", time),
    SET("prefix", text), SET("mac", secret)};
static const struct tn_field role[] = {
    {.name = "name", .type = TN_FIELD_text, .required = true, .max = "40",
     .pattern = "^[a-z][a-z0-9_]*$"},
    {.name = "title", .type = TN_FIELD_text, .max = "200"},
    {.name = "grants", .type = TN_FIELD_list, .required = true, .fields = grant, .n_fields = 1}};
static const struct tn_field integration[] = {
    NEEDED("name", text), FIELD("displayName", text), FIELD("type", text), NEEDED("adapter", text),
    FIELD("enabled", bool), FIELD("config", secret)};
static const struct tn_field run[] = {
    SET("integration", uuid), SET("operation", text), SET("status", text), SET("trigger", text),
    SET("created_at", time), SET("started_at", time), SET("finished_at", time),
    SET("generation", text), SET("attempt", int), SET("processed", int), SET("created_count", int),
    SET("updated_count", int), SET("unchanged_count", int), SET("failed_count", int),
    SET("warnings", int)};
static const struct tn_field quarantine[] = {
    SET("integration", uuid), SET("run", uuid), SET("operation", text), SET("entity", text),
    SET("external_id", text), SET("status", text), SET("reason", text), SET("field", text),
    SET("file", text), SET("line", int), SET("generation", text)};
static const struct tn_field audit[] = {
    SET("at", time), SET("actor", text), SET("action", text), SET("object", text),
    SET("detail", any)};
static const struct tn_field inbound[] = {
    SET("integration", uuid), SET("delivery", text), SET("status", text), SET("received_at", time),
    SET("type", text)};

#define NAMES(...) (const char *const[]){__VA_ARGS__, NULL}
#define ROW(n, t, whose, kept)                                                          \
    .name = #n, .plural = #n, .title = t, .fields = n, .n_fields = sizeof n / sizeof *n,           \
    .global = whose, .history = kept, .page = 50, .page_max = 500

static const struct tn_entity teams = {
    ROW(team, "Team", true, true), .key = NAMES("slug"), .filter = NAMES("slug", "number"),
    .sort = NAMES("slug", "number")};
static const struct tn_entity keys = {
    ROW(key, "API key", false, true), .key = NAMES("prefix"),
    .filter = NAMES("name", "role", "expires_at"), .sort = NAMES("name", "expires_at")};
const struct tn_entity tn_role_entity = {
    ROW(role, "Role", false, true), .key = NAMES("name"), .filter = NAMES("name"),
    .sort = NAMES("name")};
static const struct tn_entity integrations = {
    ROW(integration, "Integration", false, true), .key = NAMES("name"),
    .filter = NAMES("name", "adapter"), .sort = NAMES("name", "adapter")};
static const struct tn_entity runs = {
    ROW(run, "Run", false, false), .filter = NAMES("integration", "operation", "status"),
    .sort = NAMES("started_at", "finished_at")};
static const struct tn_entity quarantines = {
    ROW(quarantine, "Quarantined record", false, false),
    .filter = NAMES("integration", "run", "entity", "external_id", "status")};
static const struct tn_entity audits = {
    ROW(audit, "Audit row", false, false), .filter = NAMES("at", "actor", "action", "object"),
    .sort = NAMES("at")};
static const struct tn_entity inbounds = {
    ROW(inbound, "Delivery that came in", false, false),
    .filter = NAMES("integration", "delivery", "status", "received_at"),
    .sort = NAMES("received_at")};
/* clang-format on */

static const struct tn_entity *all[] = {
    &teams, &keys, &tn_role_entity, &integrations, &runs, &quarantines, &audits, &inbounds,
};
const struct tn_entities tn_system_entities = {all, sizeof all / sizeof *all};
