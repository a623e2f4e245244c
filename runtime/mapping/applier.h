/* SPDX-License-Identifier: MIT */
/* applier.h - a record on its way through a plan, and what the files that run plans share.  For
 * mapping/ alone. */
#ifndef TN_MAPPING_APPLIER_H
#define TN_MAPPING_APPLIER_H

#include "base/alloc.h"
#include "base/json_tape.h"
#include "mapping/compiled.h"

struct tn_outcome;
struct tn_trace;

struct tn_layout;

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

/* A fault of a value; the policy of its field decides what follows. */
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
    struct tn_arena arena;    /* results of operators; forgotten with each record */
    uint32_t *slots;          /* nodes of the record, of all scopes */
    struct tn_layout *shapes; /* of all places */
    struct tn_json *reader;   /* for what has to be parsed again */
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
    void (*trace)(void *arg, const struct tn_trace *t);
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
/* The record has this external id; copies it. */
void tn_apply_id(struct tn_apply *a, struct tn_str id);
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
/* The result of writing a value. */
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

/* The value at a node of the record at hand. */
struct tn_value tn_apply_value(const struct tn_json *json, uint32_t at);

#endif
