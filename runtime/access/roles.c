/* SPDX-License-Identifier: MIT */
#include "access/roles.h"

#include <stdio.h>
#include <string.h>

#include "base/hint.h"

enum { ENTITIES_MAX = 400, HALF_MAX = 64 };

/* clang-format off */
#define READ  "*:read integration:read quarantine:read"
#define WRITE READ " *:create *:update *:delete integration:sync"

const struct tn_role tn_roles[] = {
    {"admin",         "Everything",                                             "*:*"},
    {"plant_manager", "Records, integrations, syncs, scripts to read; no keys",
                      WRITE " integration:manage integration:test quarantine:payload "
                      "quarantine:manage script:read consumer:read system:read"},
    {"operator",      "Read, create and change records; see integrations",
                      READ " *:create *:update"},
    {"viewer",        "Read records, integrations and logs",                    READ},
    {"monitor",       "Metrics, status and health",
                      "system:read integration:read consumer:read"},
    {"read_write",    "For keys: read and write records, start syncs",          WRITE},
    {"read_only",     "For keys: read records, integrations and logs",          READ},
    {NULL, NULL, NULL},
};

const struct tn_permission tn_permissions[] = {
    {"integration", {"read", "manage", "test", "sync"}},
    {"quarantine",  {"read", "payload", "manage"}}, /* of failed records */
    {"script",      {"read", "manage"}},
    {"key",         {"read", "manage"}},
    {"role",        {"read", "manage"}},
    {"audit",       {"read"}},
    {"consumer",    {"read"}}, /* of the event log, of all teams */
    {"system",      {"read", "backup"}}, /* metrics and status; a copy of all data */
    {NULL, {NULL}},
};
/* clang-format on */

const char *const tn_record_verbs[] = {"read", "create", "update", "delete", "purge", NULL};

const struct tn_role *tn_role_find(struct tn_str name)
{
    for (const struct tn_role *r = tn_roles; r->name; r++)
        if (tn_str_is(name, r->name)) return r;
    return NULL;
}

void tn_role_names(char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const struct tn_role *r = tn_roles; r->name && used < size; r++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", r->name);
}

/* ---- grants ---- */

static const struct tn_permission *permission_of(struct tn_str entity)
{
    for (const struct tn_permission *p = tn_permissions; p->entity; p++)
        if (tn_str_is(entity, p->entity)) return p;
    return NULL;
}

static bool listed(const char *const *names, struct tn_str name)
{
    for (; *names; names++)
        if (tn_str_is(name, *names)) return true;
    return false;
}

static bool unknown_entity(struct tn_str entity, const char *const *resources, struct tn_err *err)
{
    const char *names[ENTITIES_MAX + 1];
    size_t n = 0;
    for (const struct tn_permission *p = tn_permissions; p->entity; p++) names[n++] = p->entity;
    for (; *resources && n < ENTITIES_MAX; resources++) names[n++] = *resources;
    names[n] = NULL;
    return tn_fail(err, TN_E_invalid, "there is no entity '%.*s'%s", TN_FMT(entity),
                   tn_did_you_mean(entity, names).text);
}

bool tn_grant_check(struct tn_str grant, const char *const *resources, struct tn_err *err)
{
    struct tn_str verb = grant, entity;
    if (!tn_grant_wellformed(grant))
        return tn_fail(err, TN_E_invalid,
                       "'%.*s' is no permission: it is an entity and a verb, as item:read or "
                       "order:*",
                       TN_FMT(grant));
    tn_str_split(&verb, ':', &entity);
    const struct tn_permission *of_system = permission_of(entity);
    if (!of_system && !tn_str_is(entity, "*") && !listed(resources, entity))
        return unknown_entity(entity, resources, err);
    const char *const *verbs = of_system ? of_system->verbs : tn_record_verbs;
    if (tn_str_is(verb, "*") || listed(verbs, verb)) return true;
    return tn_fail(err, TN_E_invalid, "%.*s has no verb '%.*s'%s", TN_FMT(entity), TN_FMT(verb),
                   tn_did_you_mean(verb, verbs).text);
}

static bool held(const struct tn_actor *actor, struct tn_str grant, struct tn_err *err)
{
    struct tn_str right = grant, left;
    char entity[HALF_MAX], verb[HALF_MAX];
    if (!tn_str_split(&right, ':', &left) || left.n >= HALF_MAX || right.n >= HALF_MAX)
        return tn_fail(err, TN_E_forbidden, "'%.*s' is no permission", TN_FMT(grant));
    snprintf(entity, sizeof entity, "%.*s", TN_FMT(left));
    snprintf(verb, sizeof verb, "%.*s", TN_FMT(right));
    /* "*:*" opens the system's own, too: only who has that itself may give it. */
    bool of_system = permission_of(left) || tn_str_is(grant, "*:*");
    return of_system ? tn_actor_must_system(actor, entity, verb, err)
                     : tn_actor_must(actor, entity, verb, err);
}

bool tn_grants_held(const struct tn_actor *actor, struct tn_str grants, struct tn_err *err)
{
    struct tn_str grant;
    struct tn_err missing;
    while (tn_str_split(&grants, ' ', &grant))
        if (grant.n && !held(actor, grant, &missing))
            return tn_fail(err, TN_E_forbidden,
                           "nobody gives more than they have, and %s lacks %.*s", actor->name,
                           TN_FMT(grant));
    return true;
}
