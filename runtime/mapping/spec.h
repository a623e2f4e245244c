/* SPDX-License-Identifier: MIT */
/* spec.h - a mapping declared as data: what plan.h compiles.  The texts and rows that it points to
 * stay the property of the declarer. */
#ifndef TN_MAPPING_SPEC_H
#define TN_MAPPING_SPEC_H

#include "base/decimal.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* A field given as a function.  It writes exactly one value to out, or nothing (the field is
 * absent).  failed: err says why, with kind budget when the function used up its time or memory.
 * record is the source record, or the element of a list that the field is of.  It must not apply
 * the same plan.
 * stream: NULL, or the function may pause.  Once it has called wake it is called again, before any
 * other function. */
struct tn_fn_stream {
    void *session; /* what the functions keep from call to call; NULL at first */
    void (*wake)(void *arg);
    void *arg;
};
enum tn_fn_end { TN_FN_done, TN_FN_failed, TN_FN_paused };
typedef enum tn_fn_end (*tn_plan_fn)(void *arg, struct tn_fn_stream *stream, int fn,
                                     struct tn_jval record, struct tn_jw *out, struct tn_err *err);
/* Called when a stream with a session ends. */
typedef void (*tn_plan_end_fn)(void *arg, void *session);

/* Where a value comes from. */
enum tn_from {
    TN_FROM_path,     /* text: a.b, a[0], a[*].b, ["odd.name"]; "" is the record itself */
    TN_FROM_const,    /* text: JSON */
    TN_FROM_template, /* text: "{path}-{path}"; {{ and }} are braces; absent when a part is */
    TN_FROM_first,    /* items: the first that is there and not null */
    TN_FROM_when,     /* items: subject, then, otherwise (may be NULL); test, args */
    TN_FROM_object,   /* fields: a nested object over the same record */
    TN_FROM_each,     /* text: path of an array (one object counts as an array of one); fields */
    TN_FROM_tree,     /* text: path of a node or a list of nodes; children, id, root_id, fields: one
                         row for each child under its parent, parents first */
    TN_FROM_parent,   /* in a tree's fields: text is a path in the parent; "" its id */
    TN_FROM_level,    /* in a tree's fields: 1 for the children of the root, and so on */
    TN_FROM_fn        /* fn */
};

/* The question of a TN_FROM_when.  args are JSON scalars; numbers compare exactly by value. */
enum tn_test { TN_TEST_is, TN_TEST_is_not, TN_TEST_present, TN_TEST_above, TN_TEST_below };

/* One step of an operator chain, in the order in which it was declared.  A step never sees absent
 * or null, which pass unchanged; only a look-up that has a default takes them. */
enum tn_op {
    TN_OP_text,  /* number: its lexeme; boolean: its word; text: itself; else a fault */
    TN_OP_trim,  /* white space at both ends */
    TN_OP_upper, /* ASCII letters only */
    TN_OP_lower,
    TN_OP_substring, /* i first, j last character from 1, negative from the end, as in Lua */
    TN_OP_replace,   /* a by b, all of them, plain text */
    TN_OP_pad,       /* to i characters with the character a; mode: 0 on the left, 1 on the right */
    TN_OP_split,     /* at a: an array of texts */
    TN_OP_join,      /* an array of scalars to one text, with a between */
    TN_OP_number,  /* a number or a text that is one; digits are kept; a least, b most or absent */
    TN_OP_integer, /* as number, but whole: 7.0 and "7" give 7 */
    TN_OP_decimal, /* i digits after the point (-1: as they are); mode: tn_round; j: 1 as text */
    TN_OP_boolean, /* true, false, 1, 0, yes, no, y, n ...; rows add words (value true or false) */
    TN_OP_time,    /* to UTC, 2026-01-31T08:09:10.123Z; a format (absent: ISO 8601), b zone */
    TN_OP_date,    /* to 2026-01-31, in its own zone; a format (absent: ISO 8601) */
    TN_OP_lookup,  /* rows; other: value of unknown ones, or miss */
    TN_OP_unit,    /* from unit a to unit b; i digits (-1: exact or a fault); mode: tn_round */
    TN_OP_blank,   /* a text that equals a (after trimming) counts as absent */
    /* of mappings that are read backwards */
    TN_OP_time_out, /* a time of ours as format a says, in zone b */
    TN_OP_date_out, /* a date of ours as format a says */
    TN_OP_unpick    /* of a text that template a could have made: its value number i, from 0 */
};

/* A mode besides those of enum tn_round: digits that would be lost are a fault. */
enum { TN_ROUND_none = TN_ROUND_up + 1 };

/* The effect of a fault on the record, or on the field alone. */
enum tn_on_fault {
    TN_FAULT_reject, /* the record is not mapped */
    TN_FAULT_warn,   /* the field is left out, the fault is listed */
    TN_FAULT_default /* the field takes its default, the fault is listed */
};

struct tn_spec_row {     /* of a look-up or of boolean words */
    struct tn_str key;   /* text that a text, a number's lexeme or a boolean's word equals */
    struct tn_str value; /* JSON */
    bool bare;           /* the key was a number or a boolean, not a text; for the way back */
};

struct tn_spec_op {
    enum tn_op op;
    int line;
    struct tn_str a, b;
    int64_t i, j;
    int mode;
    const struct tn_spec_row *rows;
    size_t row_count;
    struct tn_str other;   /* JSON; absent: miss decides */
    enum tn_on_fault miss; /* reject, or warn (left out and listed) */
};

struct tn_spec_value {
    enum tn_from from;
    int line;
    struct tn_str text;
    const struct tn_spec_value *const *items;
    size_t item_count;
    enum tn_test test;
    const struct tn_str *args;
    size_t arg_count;
    const struct tn_spec_field *fields;
    size_t field_count;
    struct tn_str children, id, root_id; /* tree: paths; root_id: id of the root, absent: as id */
    int fn;
    const struct tn_spec_op *ops;
    size_t op_count;
    struct tn_str fallback; /* JSON, for absent and null; absent: none */
};

struct tn_spec_field {
    struct tn_str target;
    int line;
    bool required; /* absent or null is a fault */
    bool secret;   /* faults do not show its value */
    enum tn_on_fault on_fault;
    const struct tn_spec_value *value;
};

struct tn_spec {
    const char *file; /* "mappings/oracle_fusion/item.lua" */
    int line;
    struct tn_str key; /* target field that is the external id; absent: key_value, or none */
    const struct tn_spec_value *key_value; /* the external id, when it is no field of the target */
    bool any_case;                         /* source names match whatever their case (ASCII) */
    const struct tn_spec_field *fields;    /* the output has them in this order */
    size_t field_count;
    const char *const *targets; /* all that may be written, NULL ends; NULL: anything */
    tn_plan_fn fn;
    tn_plan_end_fn fn_end; /* NULL: it keeps nothing */
    void *fn_arg;
};

#endif
