/* SPDX-License-Identifier: MIT */
/* applier.h - the state of a plan that runs over a record, and functions that the files that run
 * plans share. For mapping/ only. */
#ifndef TN_MAPPING_APPLIER_H
#define TN_MAPPING_APPLIER_H

#include "base/alloc.h"
#include "base/json_tape.h"
#include "mapping/compiled.h"

struct tn_outcome;
struct tn_trace;

struct tn_layout;

/* The place of one field in the output, for the hash. */
enum tn_form { TN_FORM_plain, TN_FORM_number, TN_FORM_other }; /* plain: canonical already */
struct tn_piece {
    size_t start, value, end; /* offsets from the object's first byte; end 0: the field is absent */
    enum tn_form form;
};

static inline enum tn_form tn_value_form(const struct tn_value *v)
{
    if (v->type == TN_JSON_string ? v->clean || !v->raw : v->canonical) return TN_FORM_plain;
    return v->type == TN_JSON_number ? TN_FORM_number : TN_FORM_other;
}

/* Is a number of the source in canonical form? info is that of its node. */
static inline bool tn_number_canonical(struct tn_str s, uint32_t info)
{
    return (info & TN_JNODE_INTEGER) && s.n <= 20 && !(s.n == 2 && s.p[0] == '-' && s.p[1] == '0');
}

/* A fault of a value. The policy of its field (tn_on_fault) decides what follows. */
struct tn_why {
    enum tn_kind kind;
    int line;
    struct tn_str source;
    struct tn_value value;
    char text[256];
};

/* The answer of one call of a function, for the current record. */
struct tn_answer_of {
    enum tn_fn_end end;
    size_t at, n;             /* place and length of its text in answer_text */
    const struct tn_err *err; /* why it failed, or NULL */
};

struct tn_apply {
    const struct tn_plan *plan;
    struct tn_arena arena;     /* results of operators; emptied for each record */
    uint32_t *slots;           /* nodes of the record that the plan reads, for all scopes */
    struct tn_layout *layouts; /* one for each place of all scopes */
    struct tn_json *reader;    /* parses texts a second time */
    struct tn_buf side, from_fn, id, canonical;
    struct tn_piece *pieces;
    size_t base; /* where the last object begins in its buffer */
    struct evp_md_st *md;
    struct evp_md_ctx_st *digest;
    /* the current record */
    const struct tn_json *json;
    struct tn_outcome *outcome;
    const struct tn_frame_path *path;
    const struct tn_branch *branch; /* in a tree: the parent of the current row */
    void (*trace)(void *arg, const struct tn_trace *t);
    void *trace_arg;
    struct tn_why why;
    bool rejected, stopped, paused, waits;
    bool may_pause;
    struct tn_fn_stream stream;
    bool asleep; /* a function is running: until it calls wake, nothing may touch the record */
    void (*wake)(void *arg);
    void *wake_arg;
    /* Answers of the functions for the current record, in the order of their calls. When the record
     * is continued after a pause, functions that have answered are not called again. */
    struct tn_answer_of *answers;
    size_t answer_count, answer_room, answer_at;
    struct tn_buf answer_text;
    struct tn_arena answer_memory; /* errors of the answers */
    unsigned called;               /* functions called in this turn */
    int64_t began_us;              /* when this turn began */
    bool quick;                    /* TN_WIDE bytes follow the record, and nobody traces */
};

/* Runs one operator on v, which is neither absent nor null. False: a->why says why. Afterwards v
 * may be absent. */
bool tn_op_run(struct tn_apply *a, const struct tn_do *d, struct tn_value *v);
/* The value that the look-up d gives for absent or null. */
struct tn_value tn_op_none(const struct tn_do *d);
/* Turns v into a decoded text. False with a->why: v is no scalar. */
bool tn_op_text(struct tn_apply *a, struct tn_value *v);
/* Fills a->why. Returns false. */
bool tn_apply_why(struct tn_apply *a, const struct tn_value *v, const char *fmt, ...)
    TN_PRINTF(3, 4);
/* Sets the external id of the current record; copies id. */
void tn_apply_id(struct tn_apply *a, struct tn_str id);
/* Adds a->why to the faults, as a warning. */
void tn_apply_warn(struct tn_apply *a);

/* ---- shared by apply.c and tree.c ---- */

/* A place in the output: target names and indexes, linked from inside to outside. */
struct tn_frame_path {
    const struct tn_frame_path *outer;
    const struct tn_member *member; /* NULL: the place is element `index` of a list */
    size_t index;
};
/* A parent in a tree, linked to its own parent. */
struct tn_branch {
    const struct tn_branch *up;
    struct tn_str id;
    unsigned level; /* level of its children */
};
/* The result of writing a value. */
enum tn_written { NOTHING, NIL, WRITTEN, FAULTY, LISTED };

/* Adds a->why to the faults, for the place a->path. */
void tn_apply_list(struct tn_apply *a, bool rejects);
/* Finds the nodes that scope reads in the node at `at`; returns its slots. */
uint32_t *tn_apply_scope(struct tn_apply *a, const struct tn_scope *scope, uint32_t at);
bool tn_apply_eval(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                   struct tn_value *v);
void tn_apply_object(struct tn_apply *a, const struct tn_group *g, const uint32_t *slots,
                     struct tn_buf *out);
/* The first gives a value before its operators; the second tests a condition. */
bool tn_apply_from(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                   struct tn_value *v);
bool tn_apply_test(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots, bool *yes);
/* Reports to a->trace the value that was written at a->path. */
void tn_apply_tell(struct tn_apply *a, const struct tn_member *f, const uint32_t *slots,
                   struct tn_str value);
void tn_frame_text(const struct tn_frame_path *p, char *out, size_t n);
/* The first appends the operators, "trim upper default x". The second gives the word for the kind
 * of source ("" for a path). */
void tn_expr_ops(const struct tn_expr *e, struct tn_buf *out);
const char *tn_from_word(enum tn_from from);
/* Writes the rows of a tree as a list. */
enum tn_written tn_tree_write(struct tn_apply *a, const struct tn_expr *e, const uint32_t *slots,
                              struct tn_buf *out);
/* Copies a text into the arena of the current record. */
struct tn_str tn_apply_keep(struct tn_apply *a, struct tn_str s);

/* The value at a node of the current record. */
struct tn_value tn_apply_value(const struct tn_json *json, uint32_t at);

#endif
