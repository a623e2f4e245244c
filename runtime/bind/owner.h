/* SPDX-License-Identifier: MIT */
/* owner.h - the party that a script works for and the parts that it may reach: the isolate's owner,
 * the actor of a task, and the parts of the process behind both. The code that makes an isolate
 * fills these in. */
#ifndef TN_BIND_OWNER_H
#define TN_BIND_OWNER_H

#include "bind/bind.h"
#include "model/tx.h"

struct tn_example_watch;
struct tn_runner;
struct tn_secrets;

/* An operation of an adapter, for tn.sync. */
struct bind_operation {
    const char *name, *entity;
    const struct tn_field *filters; /* that a run may be given */
    size_t n_filters;
};
/* The adapters that serve. */
struct bind_adapters {
    /* False: err says that it is not installed, or why its files were refused. */
    bool (*has)(const void *serving, const char *adapter, struct tn_err *err);
    /* The i-th operation of an adapter that is there; false: it has fewer. */
    bool (*operation)(const void *serving, const char *adapter, size_t i,
                      struct bind_operation *out);
};

/* The parts that scripts may reach, for all isolates of a process; outlives them.  NULL members:
 * modules that need them answer unavailable (tenon check). */
struct bind_env {
    struct tn_host *host;
    struct tn_log *log;
    struct tn_http_client *http;
    struct tn_store *store;
    struct tn_tx_tools *tools; /* with a store */
    struct tn_sealer sealer;   /* of records' secrets */
    const struct tn_secrets *secrets;
    struct tn_runner *runner; /* for tn.sync */
    const struct bind_adapters *adapters;
    const void *serving; /* for adapters; NULL: nothing serves yet */
    const struct tn_example_watch
        *examples; /* gets the result of each example while sets load; NULL: nobody does */
};

/* The owner of the key-values and the vault that an isolate's modules work with: bind_context.app
 * points here. */
struct bind_owner {
    const struct bind_env *env;
    int64_t team;                        /* TN_TEAM_SYSTEM for units, else the integration's */
    char name[128];                      /* the integration's id, or the unit's name */
    const struct tn_entities *resources; /* the resources that its scripts see; NULL: none */
    const char *unit;                    /* that an integration runs; NULL: not known */
};

/* On whose behalf a script works: the actor that is the context of the task under way (it serves a
 * request or runs a rule; it outlives the task), else the owner, who may do everything. */
void bind_actor_of(lua_State *L, struct tn_actor *out);

#endif
