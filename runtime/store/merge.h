/* SPDX-License-Identifier: MIT */
/* merge.h - one JSON object over another, byte for byte where nothing changes. */
#ifndef TN_STORE_MERGE_H
#define TN_STORE_MERGE_H

#include "base/json.h"

/* JSON merge patch (RFC 7396). */
void tn_merge_patch(struct tn_buf *out, struct tn_jval target, struct tn_jval patch);
/* Members of `over` replace or follow those of `target`, nulls included; the others stay. */
void tn_merge_members(struct tn_buf *out, struct tn_jval target, struct tn_jval over);
/* The lengths of the begin and the end that two texts share, not overlapping in either. */
void tn_merge_ends(struct tn_str a, struct tn_str b, size_t *head, size_t *tail);

#endif
