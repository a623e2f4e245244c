/* SPDX-License-Identifier: MIT */
/* merge.h - merges one JSON object into another; members that do not change keep their bytes. */
#ifndef TN_STORE_MERGE_H
#define TN_STORE_MERGE_H

#include "base/json.h"

/* JSON merge patch (RFC 7396). */
void tn_merge_patch(struct tn_buf *out, struct tn_jval target, struct tn_jval patch);
/* Members of `over` replace or follow those of `target`, nulls included; the others stay. */
void tn_merge_members(struct tn_buf *out, struct tn_jval target, struct tn_jval over);
/* The lengths of the beginning and of the end that two texts share; the two overlap in neither
 * text. */
void tn_merge_ends(struct tn_str a, struct tn_str b, size_t *head, size_t *tail);

#endif
