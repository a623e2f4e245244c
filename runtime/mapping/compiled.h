/* SPDX-License-Identifier: MIT */
/* compiled.h - a compiled plan: plan.c makes it, apply.c runs it.  For mapping/ alone. */
#ifndef TN_MAPPING_COMPILED_H
#define TN_MAPPING_COMPILED_H

#include "base/alloc.h"
#include "base/json.h"
#include "base/names.h"
#include "mapping/spec.h"

struct tn_zone;

/* A value on its way from the source to the target.  A text is either as it stands in JSON (raw:
 * quotes and escapes) or decoded; everything else is its JSON text. */
struct tn_value {
    enum tn_json_type type;
    bool raw;       /* text: s has its quotes */
    bool clean;     /* text: no character of it needs an escape */
    bool canonical; /* what is not a text: s is its canonical form */
    struct tn_str s;
    struct tn_jval at; /* list, object: where s is parsed already; json NULL: nowhere */
};

/* A place in the source that some path names or leads through. */
struct tn_place {
    struct tn_str name; /* of a member; absent: element `index` of a list */
    uint32_t index;
    uint32_t slot; /* where its value is put */
    uint32_t id;   /* among the places of all scopes */
    struct tn_place *next, *kids;
    struct tn_place **named; /* kids that are members, as the table numbers them */
    size_t named_count;
    struct tn_names names;
    bool deep; /* some kid is an element, or has kids */
};

/* One record or one element of a list: what is read of it. */
struct tn_scope {
    struct tn_place root;
    uint32_t slots; /* how many */
    uint32_t first; /* where they begin among the slots of all scopes */
    bool whole;     /* some path is the record or element itself */
    struct tn_scope *next;
};

struct tn_step { /* the part of a path from its first [*] on */
    bool any;
    struct tn_str name; /* absent: index */
    uint32_t index;
};

struct tn_part { /* of a template: literal, then perhaps a value */
    struct tn_str literal;
    const struct tn_expr *value;
};

struct tn_do { /* one operator, ready */
    enum tn_op op;
    int line, mode;
    struct tn_str a, b;
    int64_t i, j;
    struct tn_names rows;
    const struct tn_value *values;
    const struct tn_part *parts; /* unpick: literals, with a value behind each but the last */
    size_t part_count;
    bool has_other;
    struct tn_value other;
    enum tn_on_fault miss;
    struct tn_zone *zone;
    struct tn_do *next_zoned;
};

/* How quick.c writes a value: by its only operator or, without one, by its source. */
enum tn_quick {
    TN_QUICK_none,
    TN_QUICK_copy,
    TN_QUICK_text,
    TN_QUICK_trim,
    TN_QUICK_number,
    TN_QUICK_integer,
    TN_QUICK_decimal,
    TN_QUICK_boolean,
    TN_QUICK_time,
    TN_QUICK_lookup,
    TN_QUICK_template,
    TN_QUICK_const,
    TN_QUICK_first
};

struct tn_expr {
    enum tn_from from;
    int line;
    struct tn_str source; /* the path as written, for faults */
    uint32_t slot;
    const struct tn_step *steps;
    size_t step_count;
    struct tn_value value; /* const */
    const struct tn_part *parts;
    size_t part_count;
    const struct tn_expr **items;
    size_t item_count;
    enum tn_test test;
    const struct tn_value *args; /* texts decoded */
    size_t arg_count;
    const struct tn_group *group;
    const struct tn_scope *scope; /* each: of an element; tree: of a child; parent: of the parent */
    const struct tn_tree *tree;
    int fn;
    bool whole; /* makes an object or a list: is written as it is made, has no operators */
    const struct tn_do *ops;
    size_t op_count;
    size_t none_op; /* the look-up that takes absent and null; op_count: none */
    bool has_fallback;
    struct tn_value fallback;
    enum tn_quick quick;
    bool as_text;                /* quick: a number is written as a text */
    const struct tn_value *none; /* quick: in place of absent and null; may be NULL */
};

struct tn_tree { /* what a tree's rows are made with */
    const struct tn_scope *parent;
    const struct tn_expr *children, *root_id; /* in the parent's scope */
    const struct tn_expr *id;                 /* in the child's */
};

struct tn_member {
    struct tn_str target;
    struct tn_str head; /* "target": with quotes and colon */
    int line;
    bool required, secret, is_key;
    enum tn_on_fault on_fault;
    const struct tn_expr *expr;
};

struct tn_group {
    struct tn_member *members;
    size_t count;
    uint32_t *sorted; /* the members in canonical order */
};

struct tn_plan {
    struct tn_arena arena;
    const char *file;
    struct tn_group *group;
    const struct tn_member *key; /* that is no field of the target; NULL: a member is it, or none */
    struct tn_scope *scope;      /* of the record; all scopes by next */
    uint32_t places, slots;      /* of all scopes */
    struct tn_json_pick pick;    /* what of a record is read, unless all of it is needed */
    size_t functions;
    tn_plan_fn fn;
    tn_plan_end_fn fn_end;
    void *fn_arg;
    struct tn_do *zoned; /* operators that own a zone */
};

/* Cuts one step of a path off: .name, name, [n], [*], ["name"].  False: what is wrong is in *why.
 */
bool tn_path_step(struct tn_str *s, bool first, struct tn_step *out, const char **why);

#endif
