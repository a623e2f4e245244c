/* SPDX-License-Identifier: MIT */
/* reverse.h - inverts a mapping, to get from a record of ours to one of theirs. It inverts all that
 * can be inverted. The result is a spec like any other, so one plan and one applier serve both
 * directions. docs/decisions/mapping.md defines the inverse of each operator. Life:
 * tn_spec_reverse; tn_plan_new over spec, if it has fields; tn_reversed_clear. */
#ifndef TN_MAPPING_REVERSE_H
#define TN_MAPPING_REVERSE_H

#include "base/alloc.h"
#include "mapping/plan.h"

enum tn_way {
    TN_WAY_both,    /* a value that is sent and comes back is the same */
    TN_WAY_settles, /* a value changes once, then stays: a trimmed text stays trimmed */
    TN_WAY_out,     /* the mapping's `out` declares what is sent */
    TN_WAY_nothing, /* nothing to send: it is a constant, or another field sends it */
    TN_WAY_one      /* it cannot be sent back */
};

struct tn_way_back {
    struct tn_str target; /* our field: "partType", "lines[*].quantity" */
    struct tn_str source; /* their path; empty: none */
    enum tn_way way;
    int line;
    const char *why; /* for settles, nothing and one */
};

struct tn_reversed {
    struct tn_arena arena;
    struct tn_spec spec; /* without key and targets */
    struct tn_way_back *ways;
    size_t way_count, one_way;
};

/* spec is valid for tn_plan_new. out: fields that the mapping declares for the other direction;
 * target is a path of theirs, or the name of our field; value NULL: the field is not sent. r
 * borrows spec and out as long as it is used. */
void tn_spec_reverse(const struct tn_spec *spec, const struct tn_spec_field *out, size_t out_count,
                     struct tn_reversed *r);
void tn_reversed_clear(struct tn_reversed *r);
const char *tn_way_name(enum tn_way way); /* "both ways", "one way", ... */

#endif
