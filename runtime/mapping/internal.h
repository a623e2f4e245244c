/* SPDX-License-Identifier: MIT */
/* internal.h - a compiled plan, as plan.c makes it and apply.c runs it.  For mapping/ alone. */
#ifndef TN_MAPPING_INTERNAL_H
#define TN_MAPPING_INTERNAL_H

#include "base/alloc.h"
#include "base/json_tape.h"
#include "base/names.h"
#include "mapping/coerce.h"
#include "mapping/apply.h"
#include "mapping/plan.h"

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
    bool has_index; /* some kid is an element */
    bool deep;      /* some kid is an element, or has kids */
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

/* What quick.c makes of a value: its operator, or what it is from without one. */
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

/* ---- running (apply.c, ops.c) ---- */

struct tn_shape;

/* Where in the output one field of the record stands, for the hash. */
enum tn_form { TN_FORM_plain, TN_FORM_number, TN_FORM_other }; /* plain: canonical as it is */
struct tn_piece {
    size_t start, value, end; /* from the object's first byte; end 0: absent */
    enum tn_form form;
};

static inline enum tn_form tn_value_form(const struct tn_value *v)
{
    if (v->type == TN_JSON_string ? v->clean || !v->raw : v->canonical) return TN_FORM_plain;
    return v->type == TN_JSON_number ? TN_FORM_number : TN_FORM_other;
}

/* Whether a number of the source is in canonical form, from its node's info. */
static inline bool tn_number_canonical(struct tn_str s, uint32_t info)
{
    return (info & TN_JNODE_INTEGER) && s.n <= 20 && !(s.n == 2 && s.p[0] == '-' && s.p[1] == '0');
}

/* ---- quick.c ---- */

/* Bytes that may be read behind a text of the plan or of the record, and written behind the target:
 * copies need no loop then. */
enum { TN_WIDE = 32 };
/* Sets what is quick about a value that is otherwise made. */
void tn_quick_plan(struct tn_expr *e);
/* Writes members from number i on, until one has to go the long way; its number, or the count. Only
 * where TN_WIDE bytes of the text follow the record. */
size_t tn_quick_run(struct tn_apply *a, const struct tn_group *g, size_t i, const uint32_t *slots,
                    struct tn_buf *out, bool *comma, struct tn_piece *pieces);

/* What is wrong with a value; the field that it was for decides what follows. */
struct tn_why {
    enum tn_kind kind;
    int line;
    struct tn_str source;
    struct tn_value value;
    char text[256];
};

/* One call of a function in the record at hand. */
struct tn_answer_of {
    enum tn_fn_end end;
    size_t at, n;             /* of its text */
    const struct tn_err *err; /* failed */
};

struct tn_apply {
    const struct tn_plan *plan;
    struct tn_arena arena;   /* results of operators; forgotten with each record */
    uint32_t *slots;         /* nodes of the record, of all scopes */
    struct tn_shape *shapes; /* of all places */
    struct tn_json *reader;  /* for what has to be parsed again */
    struct tn_buf side, from_fn, id, canonical;
    struct tn_piece *pieces;
    size_t base; /* of the last object in its buffer */
    struct evp_md_st *md;
    struct evp_md_ctx_st *digest;
    /* the record at hand */
    const struct tn_json *json;
    struct tn_outcome *outcome;
    const struct tn_frame_path *path;
    const struct tn_branch *branch; /* of the tree at hand */
    tn_trace_fn trace;
    void *trace_arg;
    struct tn_why why;
    bool rejected, stopped, paused, waits;
    bool may_pause;
    struct tn_fn_stream stream;
    bool asleep; /* a function is at work; until it wakes us nobody looks at the record */
    void (*wake)(void *arg);
    void *wake_arg;
    /* what the functions of the record at hand gave, in the order of their calls: one that was left
     * in the middle is gone on with, and those before it are not asked again */
    struct tn_answer_of *answers;
    size_t answer_count, answer_room, answer_at;
    struct tn_buf answer_text;
    struct tn_arena answer_memory; /* of their errors */
    unsigned called;               /* functions, in this turn */
    int64_t began_us;              /* this turn */
    bool quick;                    /* the record has TN_WIDE bytes behind it, and nobody traces */
};

/* One operator on v, which is neither absent nor null.  False: a->why says why.  After it v may be
 * absent. */
bool tn_op_run(struct tn_apply *a, const struct tn_do *d, struct tn_value *v);
/* The look-up of d where there is nothing to look up. */
struct tn_value tn_op_none(const struct tn_do *d);
/* Makes v a decoded text; false with a->why unless it is a scalar. */
bool tn_op_text(struct tn_apply *a, struct tn_value *v);
/* Fills a->why; false. */
bool tn_apply_why(struct tn_apply *a, const struct tn_value *v, const char *fmt, ...)
    TN_PRINTF(3, 4);
/* Lists a->why as a warning. */
void tn_apply_warn(struct tn_apply *a);
/* ---- shared by apply.c and tree.c ---- */

/* Where in the output we are: target names and indexes, innermost first. */
struct tn_frame_path {
    const struct tn_frame_path *outer;
    const struct tn_member *member; /* NULL: element `index` of a list */
    size_t index;
};
/* A parent in a tree, and how we came to it. */
struct tn_branch {
    const struct tn_branch *up;
    struct tn_str id;
    unsigned level; /* of its children */
};
/* What became of a value that was to be written. */
enum tn_written { NOTHING, NIL, WRITTEN, FAULTY, LISTED };

/* Lists a->why at a->path. */
void tn_apply_list(struct tn_apply *a, bool rejects);
/* Finds what scope reads of the node at `at`; its slots. */
uint32_t *tn_apply_scope(struct tn_apply *a, const struct tn_scope *scope, uint32_t at);
bool tn_apply_eval(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                   struct tn_value *v);
void tn_apply_object(struct tn_apply *a, const struct tn_group *g, const uint32_t *slots,
                     struct tn_buf *out);
/* A value before its operators; what a condition says. */
bool tn_apply_from(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                   struct tn_value *v);
bool tn_apply_test(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots, bool *yes);
/* Tells a->trace of the value that the member at a->path has got. */
void tn_apply_tell(struct tn_apply *a, const struct tn_member *f, const uint32_t *slots,
                   struct tn_str value);
void tn_frame_text(const struct tn_frame_path *p, char *out, size_t n);
/* "trim upper default x", and the word for where a value is from ("" for a path). */
void tn_expr_ops(const struct tn_expr *e, struct tn_buf *out);
const char *tn_from_word(enum tn_from from);
/* The rows of a tree as a list. */
enum tn_written tn_tree_write(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                              struct tn_buf *out);
/* Text of an arena of the record at hand. */
struct tn_str tn_apply_keep(struct tn_apply *a, struct tn_str s);

/* What a node of the record at hand holds. */
struct tn_value tn_apply_value(const struct tn_json *json, uint32_t at);

#endif
