/* SPDX-License-Identifier: MIT */
#include "model/actor.h"

#include <string.h>

static bool gives(struct tn_str grant, const char *entity, const char *verb, bool system)
{
    struct tn_str left;
    if (tn_str_is(grant, "*:*")) return true;
    if (!tn_str_split(&grant, ':', &left)) return false;
    bool of_entity = tn_str_is(left, entity) || (!system && tn_str_is(left, "*"));
    return of_entity && (tn_str_is(grant, verb) || tn_str_is(grant, "*"));
}

static bool may(const struct tn_actor *actor, const char *entity, const char *verb, bool system)
{
    struct tn_str rest = tn_str(actor->grants), grant;
    while (tn_str_split(&rest, ' ', &grant))
        if (gives(grant, entity, verb, system)) return true;
    return false;
}

static bool refuse(const struct tn_actor *actor, const char *entity, const char *verb,
                   struct tn_err *err)
{
    tn_fail(err, TN_E_forbidden, "%s may not do this: it needs the permission %s:%s",
            actor->name[0] ? actor->name : "the caller", entity, verb);
    return tn_fail_code(err, TN_CODE_none, "{\"permission\":\"%s:%s\"}", entity, verb);
}

bool tn_actor_may(const struct tn_actor *actor, const char *entity, const char *verb)
{
    return may(actor, entity, verb, false);
}

bool tn_actor_may_system(const struct tn_actor *actor, const char *entity, const char *verb)
{
    return may(actor, entity, verb, true);
}

bool tn_actor_must(const struct tn_actor *actor, const char *entity, const char *verb,
                   struct tn_err *err)
{
    return tn_actor_may(actor, entity, verb) || refuse(actor, entity, verb, err);
}

bool tn_actor_must_system(const struct tn_actor *actor, const char *entity, const char *verb,
                          struct tn_err *err)
{
    return tn_actor_may_system(actor, entity, verb) || refuse(actor, entity, verb, err);
}

static bool word(struct tn_str s)
{
    if (tn_str_is(s, "*")) return true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') return false;
    }
    return s.n > 0;
}

bool tn_grant_wellformed(struct tn_str grant)
{
    struct tn_str left;
    return tn_str_split(&grant, ':', &left) && word(left) && word(grant);
}
