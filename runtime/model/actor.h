/* SPDX-License-Identifier: MIT */
/* actor.h - who does something: the holder of a key, a user, a rule, an integration, an
 * administrator on the command line. REST, scripts and the command line use the same struct, and
 * audit rows are written from it. Plain data: copy it freely. */
#ifndef TN_MODEL_ACTOR_H
#define TN_MODEL_ACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

enum { TN_ACTOR_NAME = 128, TN_ACTOR_REQUEST = 64, TN_GRANTS_MAX = 512 };

/* Kinds of actors, as audit rows name them. */
#define TN_ACTOR_KEY         "key"         /* the holder of an API key */
#define TN_ACTOR_LOCAL       "local"       /* a user of this machine, over the local socket */
#define TN_ACTOR_RULE        "rule"        /* a rule that an event started */
#define TN_ACTOR_INTEGRATION "integration" /* the scripts of an integration */
#define TN_ACTOR_SCRIPT      "script"      /* scripts that belong to no integration */
#define TN_ACTOR_ANYONE      "anyone"      /* whoever calls a route that needs no key */
#define TN_ACTOR_SERVER      "server"      /* Tenon itself: a start, a signal, --watch */

struct tn_actor {
    int64_t team;             /* TN_TEAM_SYSTEM: none */
    const char *kind;         /* one of the texts above; NULL: none */
    char name[TN_ACTOR_NAME]; /* "night shift" (of a key), "rule order_done", "command line" */
    char
        id[TN_ID_LEN + 1]; /* of the key or the integration, the number of a local user; "": none */
    char request[TN_ACTOR_REQUEST + 1]; /* id of the request; "": none */
    char address[48];                   /* address of the peer; "": local, or unknown */
    char grants[TN_GRANTS_MAX]; /* permissions: pairs "item:read order:*" with blanks between */
    struct tn_id origin;        /* of events that it causes; zeroes: none */
    unsigned depth;             /* how many runs of rules in a row led to what it does */
};

/* Does the actor have the permission for this entity and verb ("item", "read")? A grant gives it
 * when both of its words match. "*" as a verb matches all verbs of the entity. "*" as an entity
 * matches all entities that resource files declare, but none of Tenon's own (system), so that a
 * new one of these is closed at first. Only "*:*" gives everything. */
bool tn_actor_may(const struct tn_actor *actor, const char *entity, const char *verb);
bool tn_actor_may_system(const struct tn_actor *actor, const char *entity, const char *verb);
/* The same; false: kind forbidden, and the message names the missing permission. */
TN_MUST_CHECK bool tn_actor_must(const struct tn_actor *actor, const char *entity, const char *verb,
                                 struct tn_err *err);
TN_MUST_CHECK bool tn_actor_must_system(const struct tn_actor *actor, const char *entity,
                                        const char *verb, struct tn_err *err);
/* Has a grant the form "word:word", with "*" allowed for either word? For roles that people
 * declare. */
bool tn_grant_wellformed(struct tn_str grant);

#endif
