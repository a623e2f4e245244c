/* SPDX-License-Identifier: MIT */
/* declared.h - the declarations of script files as plain structs, so that code which works with
 * an adapter or a resource needs no Lua. decl.h loads them. */
#ifndef TN_SCRIPTS_DECLARED_H
#define TN_SCRIPTS_DECLARED_H

#include "base/backoff.h"
#include "base/field.h"
#include "model/entity.h"
#include "script/isolate.h"

enum tn_decl_kind {
    TN_DECL_adapter,
    TN_DECL_resource,
    TN_DECL_surface,
    TN_DECL_rule,
    TN_DECL_kinds
};

struct tn_pair {
    const char *key, *value;
};

/* A function is a ref into the isolate for tn_isolate_call and tn_task_start; LUA_NOREF: there
 * is none. */
struct tn_operation {
    const char *name;               /* "sync_items" */
    const char *title;              /* NULL: none */
    const char *entity;             /* "item" */
    const char *mapping;            /* "oracle_fusion/item"; NULL: none */
    bool adopt;                     /* on_key_conflict */
    const struct tn_field *filters; /* parameters that a run may get */
    size_t n_filters;
    int run; /* ref */
    int line;
};
struct tn_auth {
    const char *kind; /* "none", "basic", "bearer", "api_key", ... */
    const struct tn_pair
        *options;          /* texts among its options: names of config fields; key NULL ends */
    const char *const *of; /* std.session: config fields that identify the log-in; NULL: none */
    int line;              /* the line for faults of its functions, which Lua reads */
};
/* What an event of one type starts. */
struct tn_hook_run {
    const char *event, *operation;
    const char *since;             /* filter that takes the time of the last good run; NULL: none */
    const struct tn_pair *filters; /* filter -> path in the payload; key NULL ends; NULL: none */
    int line;
};
/* By what the sender's deliveries of the same event are known. */
enum tn_same_by { TN_SAME_never, TN_SAME_body, TN_SAME_header, TN_SAME_path };
struct tn_webhook {
    const char *signature; /* header with the signature; NULL: unsigned */
    const char *secret;    /* config field that holds the key of the signature; NULL: none */
    const char *type;      /* member of the body that holds the event type; NULL: a usual one */
    const struct tn_hook_run *runs; /* event NULL ends */
    enum tn_same_by same;
    const char *same_name;   /* the header, or the path in the payload */
    int64_t same_ms;         /* for how long a delivery is a repetition */
    struct tn_backoff retry; /* pauses before a run that failed is started again */
    int line;
};
struct tn_adapter {
    const char *title;
    const char *type;              /* "ERP", "PLM", ...; NULL: none */
    const char *base;              /* config field with the base address; NULL: none */
    const struct tn_field *fields; /* fields of its config */
    size_t n_fields;
    struct tn_auth auth;
    int health;                            /* ref */
    const struct tn_operation *operations; /* name NULL ends */
    const struct tn_webhook *webhook;      /* NULL: none */
};
struct tn_surface_route {
    const char *method, *path; /* "GET", "/path/{x}" */
    bool open;                 /* served without a key */
    int ref, line;
};
struct tn_surface {
    const char *title;
    const char *path;                      /* begins the path of each route; "" or "/..." */
    const struct tn_surface_route *routes; /* method NULL ends */
};
struct tn_rule {
    const char *title;
    const char *const *events; /* names of events on which it runs; NULL ends */
    const char *once;          /* path of the id for which it runs only once; NULL: none */
    const char *when_json;     /* "{}" without conditions */
    struct tn_backoff retry;   /* pauses between tries */
    int run;                   /* ref */
};

struct tn_decl {
    enum tn_decl_kind kind;
    const char *path; /* "scripts/adapters/oracle_ebs.lua" */
    const char *name; /* "oracle_ebs" */
    int line;
    struct tn_isolate *isolate;
    int ref; /* ref to the declaration as a Lua value, in which fields stand by index */
    union {
        struct tn_adapter adapter;
        struct tn_entity resource;
        struct tn_surface surface;
        struct tn_rule rule;
    };
};

#endif
