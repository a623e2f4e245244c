/* SPDX-License-Identifier: MIT */
/* quick.h - the short way for the values that almost all fields have.  For mapping/ alone. */
#ifndef TN_MAPPING_QUICK_H
#define TN_MAPPING_QUICK_H

#include "mapping/applier.h"

/* Bytes that may be read behind a text of the plan or of the record, and written behind the target:
 * copies need no loop then. */
enum { TN_WIDE = 32 };
/* Sets what is quick about a value that is otherwise made. */
void tn_quick_plan(struct tn_expr *e);
/* Writes members from number i on, until one has to go the long way; its number, or the count. Only
 * where TN_WIDE bytes of the text follow the record. */
size_t tn_quick_run(struct tn_apply *a, const struct tn_group *g, size_t i, const uint32_t *slots,
                    struct tn_buf *out, bool *comma, struct tn_piece *pieces);

#endif
