/* SPDX-License-Identifier: MIT */
/* decl.h - what script files declare, checked and turned into plain structs, so that whoever works
 * with an adapter or a resource needs no Lua.
 * Life: load; read; free.  A declaration holds its isolate. */
#ifndef TN_SCRIPT_DECL_H
#define TN_SCRIPT_DECL_H

#include "base/field.h"
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

/* Functions are refs into the isolate for tn_isolate_call and tn_task_start; LUA_NOREF: none. */
struct tn_entity_fn {
    const char *entity; /* "item" */
    int ref, line;
};
struct tn_operation {
    const char *name;               /* "sync_items" */
    const char *title;              /* NULL: none */
    const char *entity;             /* "item" */
    const char *direction;          /* "pull" or "push" */
    const char *mapping;            /* "oracle_fusion/item"; NULL: none */
    const char *schedule;           /* proposed; NULL: none */
    bool adopt;                     /* on_key_conflict */
    const struct tn_field *filters; /* that a run may be given */
    size_t n_filters;
    int run; /* ref: what does it; LUA_NOREF: pull or push of entity */
    int line;
};
struct tn_auth {
    const char *kind;              /* "none", "basic", "bearer", "api_key", ... */
    const struct tn_pair *options; /* its texts: names of config fields; key NULL ends */
    const char *const *of;         /* std.session: config fields of who logs in; NULL: none */
    int line;                      /* functions of it are read in Lua */
};
struct tn_webhook {
    const char *name;           /* NULL: the adapter's own */
    const char *signature;      /* header with the signature; NULL: unsigned */
    const char *secret;         /* config field with its key; NULL: none */
    const char *id, *type;      /* paths in the body; NULL: none */
    const struct tn_pair *runs; /* event type -> operation; NULL: none; key NULL ends */
    int64_t replay_window_ms;   /* 0: any age */
    int line;
};
struct tn_adapter {
    const char *title;
    const char *type;              /* "ERP", "PLM", ...; NULL: none */
    const char *base;              /* config field with the base address; NULL: none */
    const struct tn_field *fields; /* of its config */
    size_t n_fields;
    struct tn_auth auth;
    int health;                             /* ref */
    int connect;                            /* ref: called before the first request of a run */
    const struct tn_entity_fn *pull, *push; /* entity NULL ends */
    const struct tn_operation *operations;  /* name NULL ends */
    const char *const *modules;             /* NULL ends */
    const struct tn_webhook *webhook;       /* NULL: none */
};
struct tn_resource {
    const char *title;      /* NULL: none */
    const char *path;       /* "/api/v1/items" */
    const char *scope;      /* "team" or "global" */
    const char *plural;     /* member that holds the rows of a list; NULL: name + "s" */
    const char *const *key; /* fields that identify a record from outside; NULL ends */
    const struct tn_field *fields;
    size_t n_fields;
    const char *const *filter, *const *sort; /* NULL ends */
    int page, page_max;
    const struct tn_pair *events;       /* what happened -> event name; key NULL ends */
    const struct tn_entity_fn *actions; /* entity NULL ends */
};
struct tn_surface_route {
    const char *method, *path; /* "GET", "/path/{x}" */
    const char *scope;         /* key scope that it needs; NULL: none */
    bool open;                 /* served without a key */
    int ref, line;
};
struct tn_surface {
    const char *title;
    const char *path;                      /* prefix of all routes; "" or "/..." */
    const struct tn_surface_route *routes; /* method NULL ends */
};
struct tn_rule {
    const char *title;
    const char *const *events;        /* event names it runs on; NULL ends; may be empty */
    const struct tn_webhook *webhook; /* or the webhook; NULL: none */
    const char *once;                 /* path of the id that makes it run once; NULL: none */
    const char *when_json;            /* "{}" without conditions */
    int run;                          /* ref */
};

struct tn_decl {
    enum tn_decl_kind kind;
    const char *path; /* "scripts/adapters/oracle_ebs.lua" */
    const char *name; /* "oracle_ebs" */
    int line;
    struct tn_isolate *isolate;
    int ref; /* the declaration as a Lua value: fields by index */
    union {
        struct tn_adapter adapter;
        struct tn_resource resource;
        struct tn_surface surface;
        struct tn_rule rule;
    };
};

/* Loads the file and checks what it declares.  NULL: err names file, line (that of the offending
 * key), what was expected, and what was probably meant. */
TN_MUST_CHECK struct tn_decl *tn_decl_load(struct tn_isolate *iso, const char *path,
                                           enum tn_decl_kind kind, struct tn_err *err);
/* From a value that was loaded already (tn_isolate_load); ref stays the caller's. */
TN_MUST_CHECK struct tn_decl *tn_decl_read(struct tn_isolate *iso, const char *path, int ref,
                                           enum tn_decl_kind kind, struct tn_err *err);
void tn_decl_free(struct tn_decl *decl);               /* NULL does nothing */
const char *tn_decl_kind_name(enum tn_decl_kind kind); /* "adapter" */

/* The first line at or after line in which key is given a value ("key =", ["key"] =, tn.x "key"),
 * or line if there is none. */
int tn_decl_line_of(struct tn_str text, int line, const char *key);

/* ---- for the module that makes declarations (bind_tenon.c) ---- */

/* What tn.adapter {...}, tn.text "name" {...}, tn.auth.basic {...} give: a word and a name, the
 * place where it stands, and a table of options, whose fields the value shows as its own. */
struct tn_box {
    char what[16];  /* "adapter", "field", "auth", "webhook", "route" */
    char kind[32];  /* field: its type; auth: its kind; else "" */
    char name[128]; /* "" : none */
    char file[128];
    int line;
    bool filled; /* it has its options */
};
/* Pushes a new one; options: stack index of its table, or 0: it is to be called with one. */
void tn_box_push(lua_State *L, const char *what, const char *kind, const char *name, int options);
/* NULL: the value is none, or none of that sort (what NULL: any). */
const struct tn_box *tn_box_test(lua_State *L, int index, const char *what);
void tn_box_options(lua_State *L, int index); /* pushes its table, or nil */

#endif
