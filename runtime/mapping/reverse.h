/* SPDX-License-Identifier: MIT */
/* reverse.h - a mapping read backwards: from a record of ours to one of theirs.
 * All that can be inverted is inverted; the result is a spec like any other, so one plan and one
 * applier serve both directions.  docs/decisions/mapping.md says what the inverse of each operator
 * is.
 * Life: tn_spec_reverse; tn_plan_new over spec, if there are fields; tn_reversed_clear. */
#ifndef TN_MAPPING_REVERSE_H
#define TN_MAPPING_REVERSE_H

#include "base/alloc.h"
#include "mapping/plan.h"

enum tn_way {
    TN_WAY_both,    /* there and back gives the same value */
    TN_WAY_settles, /* what comes back maps to the same again: a trimmed text stays trimmed */
    TN_WAY_out,     /* the mapping's out says what is sent */
    TN_WAY_nothing, /* there is nothing to send: a constant, or sent from another field already */
    TN_WAY_one      /* cannot be sent back */
};

struct tn_way_back {
    struct tn_str target; /* ours: "partType", "lines[*].quantity" */
    struct tn_str source; /* theirs; empty when it has none */
    enum tn_way way;
    int line;
    const char *why; /* of settles, nothing and one */
};

struct tn_reversed {
    struct tn_arena arena;
    struct tn_spec spec; /* no key, no targets */
    struct tn_way_back *ways;
    size_t way_count, one_way;
};

/* spec is one that tn_plan_new takes.  out: fields that the mapping itself declares for the other
 * direction; target is a path of theirs, or the name of one of ours; value NULL: the field is not
 * sent.  Borrows spec and out as long as r is used. */
void tn_spec_reverse(const struct tn_spec *spec, const struct tn_spec_field *out, size_t out_count,
                     struct tn_reversed *r);
void tn_reversed_clear(struct tn_reversed *r);
const char *tn_way_name(enum tn_way way); /* "both ways", "one way", ... */

#endif
