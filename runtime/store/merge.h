/* SPDX-License-Identifier: MIT */
/* merge.h - merges one JSON object into another; members that do not change keep their bytes. */
#ifndef TN_STORE_MERGE_H
#define TN_STORE_MERGE_H

#include "base/json.h"

/* Applies a JSON merge patch (RFC 7396) and appends the result. */
void tn_merge_patch(struct tn_buf *out, struct tn_jval target, struct tn_jval patch);
/* Appends target with the members of `over`: they replace members of the same name, nulls included,
 * or are added; other members stay. */
void tn_merge_members(struct tn_buf *out, struct tn_jval target, struct tn_jval over);
/* Gives the length of the common beginning and of the common end of two texts; the two do not
 * overlap. */
void tn_merge_ends(struct tn_str a, struct tn_str b, size_t *head, size_t *tail);

#endif
