/* SPDX-License-Identifier: MIT */
/* spec.h - a mapping declared as data, which plan.h compiles. The code that declares it owns the
 * texts and rows that it points to. */
#ifndef TN_MAPPING_SPEC_H
#define TN_MAPPING_SPEC_H

#include "base/decimal.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* Runs a field that is a function. It writes one value to out, or nothing: then the field is
 * absent. On failure err says why; kind budget means that it used up its time or memory. record is
 * the source record, or the element of a list to which the field belongs. It must not apply the
 * same plan. stream NULL: it may not pause. After a pause it calls wake; then it is called again,
 * before any other function. */
struct tn_fn_stream {
    void *session; /* data that the functions keep between calls; NULL at first */
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
    TN_FROM_template, /* text: "{path}-{path}"; {{ and }} are braces; absent if a part is */
    TN_FROM_first,    /* items: takes the first that is neither absent nor null */
    TN_FROM_when,     /* items: subject, then, otherwise (may be NULL); test, args */
    TN_FROM_object,   /* fields: a nested object over the same record */
    TN_FROM_each,     /* text: path of an array (an object counts as an array of one); fields */
    TN_FROM_tree,     /* text: path of a node or a list of nodes; children, id, root_id, fields:
                         gives one row for each child under its parent, parents first */
    TN_FROM_parent,   /* in a tree's fields; text: path in the parent; "": its id */
    TN_FROM_level,    /* in a tree's fields: 1 for the children of the root, and so on */
    TN_FROM_fn        /* fn */
};

/* The test of a TN_FROM_when. args are JSON scalars; numbers compare exactly by value. */
enum tn_test { TN_TEST_is, TN_TEST_is_not, TN_TEST_present, TN_TEST_above, TN_TEST_below };

/* Operators, in the order of the declaration. Absent and null pass all of them unchanged; only a
 * look-up that has a default accepts them. */
enum tn_op {
    TN_OP_text,  /* gives a number's lexeme, a boolean's word, a text as it is; else a fault */
    TN_OP_trim,  /* white space at both ends */
    TN_OP_upper, /* ASCII letters only */
    TN_OP_lower,
    TN_OP_substring, /* characters i to j, from 1; negative: from the end, as in Lua */
    TN_OP_replace,   /* replaces every a by b, as plain text */
    TN_OP_pad,       /* pads to i characters with the character a; mode 0: on the left, 1: on the
                        right */
    TN_OP_split,     /* at a, into an array of texts */
    TN_OP_join,      /* joins an array of scalars to one text, with a between */
    TN_OP_number,    /* a number, or a text that is one, with its digits; a: minimum, b: maximum,
                        or absent */
    TN_OP_integer,   /* as number, but it has to be whole: 7.0 and "7" give 7 */
    TN_OP_decimal,   /* i digits after the point (-1: unchanged); mode: tn_round; j 1: as a text */
    TN_OP_boolean, /* true, false, 1, 0, yes, no, y, n ...; rows add words (value true or false) */
    TN_OP_time,    /* to UTC, 2026-01-31T08:09:10.123Z; a: format (absent: ISO 8601), b: zone */
    TN_OP_date,    /* to 2026-01-31, in its own zone; a: format (absent: ISO 8601) */
    TN_OP_lookup,  /* rows; unknown keys give `other`, or are a fault by `miss` */
    TN_OP_unit,    /* from unit a to unit b; i digits (-1: exact or a fault); mode: tn_round */
    TN_OP_blank,   /* a text that equals a after trimming becomes absent */
    /* of inverted mappings (reverse.h) */
    TN_OP_time_out, /* writes a time of ours by format a, in zone b */
    TN_OP_date_out, /* writes a date of ours by format a */
    TN_OP_unpick,   /* takes value number i (from 0) out of a text that template a made */
    TN_OP_amount    /* a number as printed (amount.h); a: currency; b: point, then the group if any;
                       i: implied digits */
};

/* A mode besides those of enum tn_round: a fault if digits would be lost. */
enum { TN_ROUND_none = TN_ROUND_up + 1 };

/* What a fault does to the record or the field. */
enum tn_on_fault {
    TN_FAULT_reject, /* the record is not mapped */
    TN_FAULT_warn,   /* the field is left out, the fault is listed */
    TN_FAULT_default /* the field takes its default, the fault is listed */
};

struct tn_spec_row {     /* a row of a look-up, or of boolean words */
    struct tn_str key;   /* equals a text, a number's lexeme or a boolean's word */
    struct tn_str value; /* JSON */
    bool bare;           /* the key was a number or a boolean, not a text; reverse.h needs it */
};

struct tn_spec_op {
    enum tn_op op;
    int line;
    struct tn_str a, b;
    int64_t i, j;
    int mode;
    const struct tn_spec_row *rows;
    size_t row_count;
    struct tn_str other;   /* JSON, for unknown keys; absent: see miss */
    enum tn_on_fault miss; /* reject, or warn: the field is left out */
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
    struct tn_str children, id, root_id; /* of a tree: paths; root_id: id of the root; absent:
                                            same as id */
    int fn;
    const struct tn_spec_op *ops;
    size_t op_count;
    struct tn_str fallback; /* JSON, used for absent and null; absent: none */
};

struct tn_spec_field {
    struct tn_str target;
    int line;
    bool required; /* absent and null are faults */
    bool secret;   /* messages do not show its value */
    enum tn_on_fault on_fault;
    const struct tn_spec_value *value;
};

struct tn_spec {
    const char *file; /* "mappings/oracle_fusion/item.lua" */
    int line;
    struct tn_str key; /* target field that is the external id; absent: key_value, or none */
    const struct tn_spec_value *key_value; /* gives the external id, if it is no field of the
                                              target */
    bool any_case;                         /* source names match in any case (ASCII) */
    const struct tn_spec_field *fields;    /* fields of the output, in order */
    size_t field_count;
    const char *const *targets; /* permitted target fields; a NULL ends them; NULL: any */
    tn_plan_fn fn;
    tn_plan_end_fn fn_end; /* NULL: the functions keep nothing */
    void *fn_arg;
};

#endif
