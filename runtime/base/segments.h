/* SPDX-License-Identifier: MIT */
/* segments.h - a message of segments (EDIFACT, X12, IDoc) on its way to a record: an object whose
 * members are the fields of a segment and, as lists by tag, the segments below it. Life: init;
 * reset before each message; add and set in order; write; clear. */
#ifndef TN_BASE_SEGMENTS_H
#define TN_BASE_SEGMENTS_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rows.h"

struct tn_segment;

struct tn_segments {
    struct tn_arena arena;
    struct tn_segment *root, *newest;
    struct tn_buf fields; /* JSON members of all segments, one after the other */
};

void tn_segments_init(struct tn_segments *m);
void tn_segments_clear(struct tn_segments *m);
void tn_segments_reset(struct tn_segments *m);
/* Adds a segment below parent (NULL: below the message); the result belongs to m until its reset.
 * NULL: err (more different tags or levels than a record may have). */
TN_MUST_CHECK struct tn_segment *tn_segments_add(struct tn_segments *m, struct tn_segment *parent,
                                                 struct tn_str tag, struct tn_err *err);
/* Appends a member to the newest segment: its JSON value goes into the result. */
struct tn_buf *tn_segments_field(struct tn_segments *m, struct tn_str name);
/* Empties out, and writes the record; only (NULL: all of them) of the segments of one tag that
 * stand directly below the message. False: err, it is too large. */
TN_MUST_CHECK bool tn_segments_write(struct tn_segments *m, const struct tn_segment *only,
                                     struct tn_buf *out, struct tn_err *err);
/* Gives the message to each as one row or, with a tag, each segment of this tag that stands
 * directly below the message as a row, with the segments of other tags around it. False: each was
 * false. *bad is set when there is no such segment, or all rows together are too large: then there
 * was no row. json is for the text of a row. */
TN_MUST_CHECK bool tn_segments_give(struct tn_segments *m, struct tn_str tag, struct tn_buf *json,
                                    tn_rows_fn each, void *arg, size_t line, struct tn_err *bad);

#endif
