/* SPDX-License-Identifier: MIT */
/* compiled.h - a compiled plan: plan.c makes it, apply.c runs it. For mapping/ only. */
#ifndef TN_MAPPING_COMPILED_H
#define TN_MAPPING_COMPILED_H

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_tape.h"
#include "base/names.h"
#include "mapping/spec.h"

struct tn_zone;

/* A value on its way from the source to the target. A text is either raw (as in JSON, with quotes
 * and escapes) or decoded; any other value is its JSON text. */
struct tn_value {
    enum tn_json_type type;
    bool raw;       /* of a text: s has quotes and escapes */
    bool clean;     /* of a text: no character needs an escape */
    bool canonical; /* of another value: s is its canonical form */
    struct tn_str s;
    struct tn_jval at; /* of a list or object: s parsed; json NULL: not parsed */
};

/* A condition of a selection, [IDDAT="012"]: the value at path has this text. */
struct tn_where {
    struct tn_str path, value; /* path: names with dots between them */
    bool any_case;
    const struct tn_where *next;
};

/* A place in the source that a path names or passes through. */
struct tn_place {
    struct tn_str name;      /* name of a member; absent: it is an element of a list */
    uint32_t index;          /* of the element, unless there is a selection */
    struct tn_str selection; /* as written, without brackets; absent: none */
    const struct tn_where *where;
    struct tn_str source; /* the first path that needs the place, and its line */
    int line;
    uint32_t slot; /* index in `slots` of its value */
    uint32_t id;   /* number among the places of all scopes */
    struct tn_place *next, *kids;
    struct tn_place **named; /* those kids that are members, in the numbers of `names` */
    size_t named_count;
    struct tn_names names;
    const struct tn_place *text; /* the kid "#text"; may be NULL */
    bool deep;                   /* a kid is an element of a list, or has kids */
};

/* What the plan reads of the record, or of an element of a list. */
struct tn_scope {
    struct tn_place root;
    uint32_t slots; /* number of slots */
    uint32_t first; /* its first slot among those of all scopes */
    bool whole;     /* a path names the record or element itself */
    struct tn_scope *next;
};

struct tn_step { /* a step of a path; a path keeps those from its first [*] on */
    bool any;
    struct tn_str name; /* absent: the step is an element of a list */
    uint32_t index;     /* of the element, unless there is a selection */
    struct tn_str selection;
    const struct tn_where *where; /* the compiled selection */
    bool any_case;
};

struct tn_part { /* a part of a template: literal, then perhaps a value */
    struct tn_str literal;
    const struct tn_expr *value;
};

struct tn_do { /* one operator, compiled */
    enum tn_op op;
    int line, mode;
    struct tn_str a, b;
    int64_t i, j;
    struct tn_names rows;
    const struct tn_value *values;
    const struct tn_part *parts; /* unpick: the template's parts; each but the last has a value */
    size_t part_count;
    bool has_other;
    struct tn_value other;
    enum tn_on_fault miss;
    struct tn_zone *zone;
    struct tn_do *next_zoned;
};

/* How quick.c writes a value: named after its only operator or, without operators, after its
 * source. */
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
    struct tn_str source; /* the path as written, for messages */
    uint32_t slot;
    const struct tn_step *steps;
    size_t step_count;
    struct tn_value value; /* of TN_FROM_const */
    const struct tn_part *parts;
    size_t part_count;
    const struct tn_expr **items;
    size_t item_count;
    enum tn_test test;
    const struct tn_value *args; /* texts are decoded */
    size_t arg_count;
    const struct tn_group *group;
    const struct tn_scope *scope; /* each: of an element; tree: of a child; parent: of the parent */
    const struct tn_tree *tree;
    int fn;
    bool whole; /* it builds an object or a list, which is written directly; it has no operators */
    const struct tn_do *ops;
    size_t op_count;
    size_t none_op; /* index of the look-up that accepts absent and null; op_count: there is none */
    bool has_fallback;
    struct tn_value fallback;
    enum tn_quick quick;
    bool as_text;                /* quick.c: write a number as a text */
    const struct tn_value *none; /* quick.c: written for absent and null; may be NULL */
};

struct tn_tree { /* the parts of a tree */
    const struct tn_scope *parent;
    const struct tn_expr *children, *root_id; /* read in the parent's scope */
    const struct tn_expr *id;                 /* read in the child's scope */
};

struct tn_member {
    struct tn_str target;
    struct tn_str head; /* the target with quotes and colon */
    int line;
    bool required, secret, is_key;
    enum tn_on_fault on_fault;
    const struct tn_expr *expr;
};

struct tn_group {
    struct tn_member *members;
    size_t count;
    uint32_t *sorted; /* indexes of the members in canonical order */
};

struct tn_plan {
    struct tn_arena arena;
    const char *file;
    struct tn_group *group;
    const struct tn_member *key; /* a key that is no field of the target; NULL: a field is the
                                    key, or there is none */
    struct tn_scope *scope;      /* the record's scope; `next` links all scopes */
    uint32_t places, slots;      /* counts for all scopes */
    struct tn_json_pick pick;    /* members that the plan reads, unless it needs the whole record */
    size_t functions;
    tn_plan_fn fn;
    tn_plan_end_fn fn_end;
    void *fn_arg;
    struct tn_do *zoned; /* list of operators that own a zone */
};

/* Takes one step off a path: .name, name, [n], [*], ["name"], [name="value"]. It leaves a selection
 * as text. False: *why says what is wrong. */
bool tn_path_step(struct tn_str *s, bool first, struct tn_step *out, const char **why);
/* Takes one condition off a selection. False: *why says what is wrong. */
bool tn_path_condition(struct tn_str *s, struct tn_str *path, struct tn_str *value,
                       const char **why);
/* The value to which one step other than [*] leads; absent: there is none. A value that is no list
 * counts as a list of one, and a list of one as its element. */
struct tn_jval tn_path_in(struct tn_jval v, const struct tn_step *step, struct tn_arena *arena);
/* An XML element that has attributes and a text but no elements reads like one that has a text
 * alone: gives its text. Gives v itself if v is anything else. */
struct tn_jval tn_path_text(struct tn_jval v);

#endif
