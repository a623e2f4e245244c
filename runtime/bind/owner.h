/* SPDX-License-Identifier: MIT */
/* owner.h - whom a script works for and what it may reach: the isolate's owner, the actor of a
 * task, and the parts of the process behind both.  Whoever makes isolates fills these. */
#ifndef TN_BIND_OWNER_H
#define TN_BIND_OWNER_H

#include "base/id.h"
#include "bind/bind.h"
#include "model/entity.h"

struct tn_example_watch;
struct tn_runner;
struct tn_secrets;

/* An operation of an adapter, for tn.sync. */
struct bind_operation {
    const char *name, *entity;
    bool pulls;
    const struct tn_field *filters; /* that a run may be given */
    size_t n_filters;
};
/* The adapters that serve. */
struct bind_adapters {
    bool (*has)(const void *serving, const char *adapter);
    /* The i-th operation of an adapter that is there; false: it has fewer. */
    bool (*operation)(const void *serving, const char *adapter, size_t i,
                      struct bind_operation *out);
};

/* What scripts may reach, for all isolates of a process; outlives them.  NULL members: modules that
 * need them answer unavailable (tenon check). */
struct bind_env {
    struct tn_host *host;
    struct tn_log *log;
    struct tn_http_client *http;
    struct tn_store *store;
    const struct tn_secrets *secrets;
    struct tn_runner *runner; /* for tn.sync */
    const struct bind_adapters *adapters;
    const void *serving;                     /* for adapters; NULL: nothing serves yet */
    const struct tn_example_watch *examples; /* told of each while sets load; NULL: nobody is */
};

/* Whose key-values and vault an isolate's modules work with: bind_context.app points here. */
struct bind_owner {
    const struct bind_env *env;
    int64_t team;                        /* TN_TEAM_SYSTEM for units, else the integration's */
    char name[128];                      /* the integration's id, or the unit's name */
    const struct tn_entities *resources; /* that it goes by; NULL: none */
    /* What was read from the store in the stretch under way (bind_record.c). */
    uint64_t stretch;
    unsigned reads;
};

/* On whose behalf a task works when that is not the isolate's owner: the context of tasks that
 * serve a request or run a rule.  Outlives the task. */
struct bind_actor {
    int64_t team;        /* TN_TEAM_SYSTEM: none */
    char name[144];      /* for the audit: "rule order_done" */
    bool read_only;      /* it may not write records and events */
    struct tn_id origin; /* of events that it causes; zeroes: none */
};
/* That of the task under way, else the owner's own. */
void bind_actor_of(lua_State *L, struct bind_actor *out);

#endif
