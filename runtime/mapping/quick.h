/* SPDX-License-Identifier: MIT */
/* quick.h - a faster way to write the values of most fields. For mapping/ only. */
#ifndef TN_MAPPING_QUICK_H
#define TN_MAPPING_QUICK_H

#include "mapping/applier.h"

/* So many bytes behind each text of the plan and of the record can be read, and behind the target
 * be written: so copies need no loop. */
enum { TN_WIDE = 32 };
/* Sets the fields of e that quick.c uses; the others must be set. */
void tn_quick_plan(struct tn_expr *e);
/* Writes members from number i on, until one needs the general way; returns its number, or the
 * count. Call it only if TN_WIDE bytes of text follow the record. */
size_t tn_quick_run(struct tn_apply *a, const struct tn_group *g, size_t i, const uint32_t *slots,
                    struct tn_buf *out, bool *comma, struct tn_piece *pieces);

#endif
