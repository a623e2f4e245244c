/* SPDX-License-Identifier: MIT */
#include "store/tables.h"

/* clang-format off */
#define TEXT(n)      {n, TN_COLUMN_text, true}
#define INT(n)       {n, TN_COLUMN_int, true}
#define TIME(n)      {n, TN_COLUMN_time, true}
#define KEPT(n)      {n, TN_COLUMN_text, TN_USE_kept}
#define KEPT_TIME(n) {n, TN_COLUMN_time, TN_USE_kept}
#define KEPT_BOOL(n) {n, TN_COLUMN_bool, TN_USE_kept}
#define SHOW(n)      {n, TN_COLUMN_text, false}
/* clang-format on */
#define COLUMNS(list) list, sizeof list / sizeof list[0]

static const struct tn_column team[] = {TEXT("slug"), INT("number"), SHOW("name")};
static const struct tn_column user[] = {TEXT("email"), SHOW("name"), SHOW("roles")};
static const struct tn_column session[] = {TEXT("token_hash"), TEXT("user"),
                                           KEPT_TIME("expires_at")};
static const struct tn_column role[] = {TEXT("name"), SHOW("title")};
static const struct tn_column key[] = {TEXT("prefix"), KEPT("name"), KEPT("role"),
                                       KEPT_TIME("expires_at"), SHOW("scopes")};
static const struct tn_column integration[] = {TEXT("name"), KEPT("adapter"), KEPT("status"),
                                               KEPT_TIME("last_sync_at")};
static const struct tn_column sync[] = {TEXT("integration"), TEXT("operation"),
                                        KEPT_BOOL("enabled")};
static const struct tn_column run[] = {TEXT("integration"), TEXT("sync"),
                                       TEXT("operation"),   TEXT("status"),
                                       TIME("started_at"),  TIME("finished_at")};
static const struct tn_column quarantine[] = {TEXT("integration"), TEXT("run"),    TEXT("entity"),
                                              TEXT("external_id"), TEXT("status"), SHOW("reason"),
                                              KEPT("operation"),   KEPT("code")};
static const struct tn_column plan[] = {KEPT("state"), KEPT("action")};
static const struct tn_column generation[] = {TEXT("unit"), TEXT("generation"), TEXT("status"),
                                              TIME("loaded_at"), SHOW("actor")};
static const struct tn_column setting[] = {TEXT("name"), SHOW("value")};
static const struct tn_column audit[] = {KEPT_TIME("at"), TEXT("actor"),      KEPT("action"),
                                         TEXT("object"),  SHOW("actor_kind"), SHOW("actor_id"),
                                         SHOW("request"), SHOW("address"),    SHOW("detail")};
static const struct tn_column subscription[] = {KEPT("kind"), KEPT("status"), SHOW("url")};
static const struct tn_column delivery[] = {TEXT("subscription"), TEXT("status"), INT("event"),
                                            TIME("at"), SHOW("code")};
static const struct tn_column inbound[] = {TEXT("integration"), TEXT("delivery"), TEXT("status"),
                                           TIME("received_at")};
static const struct tn_column alert[] = {TEXT("kind"), TEXT("object"), TEXT("status"), TIME("at")};

const struct tn_table tn_system_tables[] = {
    {"team", COLUMNS(team), {"slug"}, NULL, true},
    {"user", COLUMNS(user), {"email"}, NULL, true},
    {"session", COLUMNS(session), {"token_hash"}, NULL, false},
    {"key", COLUMNS(key), {"prefix"}, NULL, true},
    {"role", COLUMNS(role), {"name"}, NULL, true},
    {"integration", COLUMNS(integration), {"name"}, "integration", true},
    {"sync", COLUMNS(sync), {"integration", "operation"}, NULL, true},
    {"run", COLUMNS(run), {NULL}, "run", false},
    {"quarantine", COLUMNS(quarantine), {NULL}, NULL, false},
    {"plan", COLUMNS(plan), {NULL}, NULL, false},
    {"generation", COLUMNS(generation), {NULL}, NULL, false},
    {"setting", COLUMNS(setting), {"name"}, NULL, true},
    {"audit", COLUMNS(audit), {NULL}, NULL, false},
    {"subscription", COLUMNS(subscription), {NULL}, NULL, true},
    {"delivery", COLUMNS(delivery), {NULL}, NULL, false},
    {"inbound", COLUMNS(inbound), {NULL}, NULL, false},
    {"alert", COLUMNS(alert), {NULL}, "alert", false},
};
const size_t tn_system_table_count = sizeof tn_system_tables / sizeof tn_system_tables[0];
