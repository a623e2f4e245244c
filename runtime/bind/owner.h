/* SPDX-License-Identifier: MIT */
/* owner.h - for whom a script works and which parts of the process it can reach: the isolate's
 * owner, the actor of a task, and what stands behind both. The code that makes an isolate fills
 * these in. */
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
    const struct tn_field *filters; /* parameters that a run may get */
    size_t n_filters;
};
/* The adapters of the serving scripts. */
struct bind_adapters {
    /* False: err says that it is not installed, or why its files were refused. */
    bool (*has)(const void *serving, const char *adapter, struct tn_err *err);
    /* The i-th operation of an adapter that is there; false: it has fewer. */
    bool (*operation)(const void *serving, const char *adapter, size_t i,
                      struct bind_operation *out);
};

/* The parts of the process that scripts may reach, for all isolates; outlives them. Modules that
 * need a member which is NULL answer unavailable (as under tenon check). */
struct bind_env {
    struct tn_host *host;
    struct tn_log *log;
    struct tn_http_client *http;
    struct tn_store *store;
    struct tn_tx_tools *tools; /* for transactions; set when store is */
    struct tn_sealer sealer;   /* seals the secrets of records */
    const struct tn_secrets *secrets;
    struct tn_runner *runner; /* for tn.sync */
    const struct bind_adapters *adapters;
    const void *serving; /* argument for adapters; NULL: no scripts serve yet */
    const struct tn_example_watch
        *examples; /* gets the result of each example while sets load; NULL: nobody gets it */
};

/* The owner of the key-values and of the vault that an isolate's modules use; bind_context.app
 * points to it. */
struct bind_owner {
    const struct bind_env *env;
    int64_t team;                        /* the integration's team; TN_TEAM_SYSTEM for units */
    char name[128];                      /* the integration's id, or the unit's name */
    const struct tn_entities *resources; /* the resources that its scripts see; NULL: none */
    const char *unit;                    /* unit whose scripts an integration runs; NULL: unknown */
};

/* The actor in whose name a script works. A task that serves a request or runs a rule has one as
 * its context, which outlives the task; else it is the owner, who may do everything. */
void bind_actor_of(lua_State *L, struct tn_actor *out);

#endif
