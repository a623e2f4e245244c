/* SPDX-License-Identifier: MIT */
/* apply.h - runs one record through a plan. Every record takes this path, so it makes no allocation
 * and no call into Lua for a field, unless the field is a function. A value that a plan only copies
 * keeps its bytes. Life: new over a plan (which must outlive it); apply record after record; free.
 * It remembers where the last record had its fields, so use one applier for each stream. */
#ifndef TN_MAPPING_APPLY_H
#define TN_MAPPING_APPLY_H

#include "mapping/plan.h"

enum { TN_OUTCOME_FAULTS = 16, TN_OUTCOME_VALUE = 80, TN_APPLY_HASH = 32 };

struct tn_outcome_fault {
    enum tn_kind kind; /* mapping; or script or budget, from a function */
    bool rejects;      /* the record is rejected; false: a warning */
    char field[128];   /* target path: "partNumber", "lines[3].quantity" */
    char source[128];  /* source path; "" when there is none */
    const char *file;  /* file of the mapping; the plan owns the text */
    int line;
    char value[TN_OUTCOME_VALUE + 4]; /* JSON text of the value, cut; "(secret)"; "": no value */
    char text[256];                   /* what is wrong and what was expected */
};

/* The result of one record. Plain data; its texts are valid until the applier's next record. */
struct tn_outcome {
    bool ok;
    bool paused;               /* not done: apply the same record again in a later turn, */
    bool waits;                /* and only after wake was called */
    struct tn_str external_id; /* decoded; of a rejected record, too, if it was found */
    size_t fault_count;        /* all faults, warnings included */
    size_t listed;             /* how many of them are in `faults` */
    struct tn_outcome_fault faults[TN_OUTCOME_FAULTS];
};

struct tn_apply;

struct tn_apply *tn_apply_new(const struct tn_plan *plan); /* borrows the plan */
void tn_apply_free(struct tn_apply *a);                    /* NULL does nothing */
/* Appends one JSON object to out, with members in the plan's order and without white space. False:
 * the record is rejected (o->faults say why), and out is unchanged. record and its reader must stay
 * until tn_apply_hash was called. If out is full (tn_buf_ok), the record is rejected with kind
 * too_large. */
bool tn_apply_record(struct tn_apply *a, struct tn_jval record, struct tn_buf *out,
                     struct tn_outcome *o);
/* From now on, a function that computes for long may pause the record (o->paused). When a record
 * that waits (o->waits) can be continued, wake(arg) is called in a turn of its own. */
void tn_apply_may_pause(struct tn_apply *a, void (*wake)(void *arg), void *arg);
/* Drops a paused record: the next call is for another one. */
void tn_apply_forget(struct tn_apply *a);
/* SHA-256 of the canonical form (docs/decisions/canonical-json.md) of the object that the last
 * successful tn_apply_record appended; out is that buffer, unchanged. */
void tn_apply_hash(struct tn_apply *a, const struct tn_buf *out, unsigned char hash[TN_APPLY_HASH]);
/* Where one value of the output came from. The texts are valid during the call. */
struct tn_trace {
    const char *target;  /* "lines[0].quantity" */
    const char *source;  /* path, or the template's text; "": none */
    struct tn_str from;  /* JSON of the value at the path; empty if the source is no path */
    const char *how;     /* "const", "function", ... then the operators */
    struct tn_str value; /* the JSON that was written */
    const char *file;
    int line;
};
typedef void (*tn_trace_fn)(void *arg, const struct tn_trace *t);
/* From now on, fn is called for each value of a record, which makes it slower. NULL: no longer. */
void tn_apply_trace(struct tn_apply *a, tn_trace_fn fn, void *arg);
/* Appends one line for people: file:line: field: what, value, source path. No newline at the
 * end. */
void tn_outcome_line(const struct tn_outcome_fault *f, struct tn_buf *out);

#endif
