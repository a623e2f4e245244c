/* SPDX-License-Identifier: MIT */
/* apply.h - one record through a plan: the path that every record takes.
 * No allocation and no Lua per field, but for fields that are functions.  A value that a plan only
 * copies keeps its bytes.
 * Life: new over a plan (which must outlive it); apply record after record; free.  It remembers
 * where the last record had its fields, so use one per stream. */
#ifndef TN_MAPPING_APPLY_H
#define TN_MAPPING_APPLY_H

#include "mapping/plan.h"

enum { TN_OUTCOME_FAULTS = 16, TN_OUTCOME_VALUE = 80, TN_APPLY_HASH = 32 };

struct tn_outcome_fault {
    enum tn_kind kind; /* mapping; script or budget from a function */
    bool rejects;      /* false: a warning */
    char field[128];   /* target path: "partNumber", "lines[3].quantity" */
    char source[128];  /* source path; "" when there is none */
    const char *file;  /* of the mapping; the plan's */
    int line;
    char value[TN_OUTCOME_VALUE + 4]; /* JSON text of the value, cut; "(secret)"; "" when absent */
    char text[256];                   /* what is wrong and what was expected */
};

/* The result of one record.  Plain data; text is borrowed from the applier until its next record.
 */
struct tn_outcome {
    bool ok;
    bool paused;               /* not done: apply the same record again, in a later turn, */
    bool waits;                /* but not before wake was called: until then it stays so */
    struct tn_str external_id; /* decoded; also of a rejected record as far as it is known */
    size_t fault_count;        /* all, warnings included */
    size_t listed;             /* those in faults */
    struct tn_outcome_fault faults[TN_OUTCOME_FAULTS];
};

struct tn_apply;

struct tn_apply *tn_apply_new(const struct tn_plan *plan); /* borrows the plan */
void tn_apply_free(struct tn_apply *a);                    /* NULL does nothing */
/* Appends one JSON object to out, members in the plan's order, no white space.  False: the record
 * is rejected (o->ok false, faults say why) and out is as it was.  record and its reader must stay
 * until the hash is taken.  A failed buffer (tn_buf_ok) is a rejection of kind too_large. */
bool tn_apply_record(struct tn_apply *a, struct tn_jval record, struct tn_buf *out,
                     struct tn_outcome *o);
/* From now on a function that computes for long may leave a record in the middle (o->paused).
 * wake(arg) is called in a turn of its own when a record that waits (o->waits) can be continued. */
void tn_apply_may_pause(struct tn_apply *a, void (*wake)(void *arg), void *arg);
/* Gives up the record that was left in the middle: the next call is for another one. */
void tn_apply_forget(struct tn_apply *a);
/* SHA-256 over the canonical form (docs/decisions/canonical-json.md) of what the last successful
 * tn_apply_record appended; out is that same buffer, unchanged since. */
void tn_apply_hash(struct tn_apply *a, const struct tn_buf *out, unsigned char hash[TN_APPLY_HASH]);
/* Where one value of the output came from.  Texts are good during the call. */
struct tn_trace {
    const char *target;  /* "lines[0].quantity" */
    const char *source;  /* path; the template's text; "" when there is none */
    struct tn_str from;  /* JSON of what stood there; empty when it is no path */
    const char *how;     /* "const", "function", ... then the operators */
    struct tn_str value; /* JSON that was written */
    const char *file;
    int line;
};
typedef void (*tn_trace_fn)(void *arg, const struct tn_trace *t);
/* From now on fn is told of each value of a record, which makes it slower.  NULL: no more. */
void tn_apply_trace(struct tn_apply *a, tn_trace_fn fn, void *arg);
/* One line for people: file:line: field: what, value, source path.  No trailing newline. */
void tn_outcome_line(const struct tn_outcome_fault *f, struct tn_buf *out);

#endif
