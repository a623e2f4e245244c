/* SPDX-License-Identifier: MIT */
/* diff.h - the changes that a write would make in a record: its top-level members, compared by
 * value. */
#ifndef TN_SYNC_DIFF_H
#define TN_SYNC_DIFF_H

#include "base/json.h"

/* Writes one object: each member of after that is new or differs, as {"from":…,"to":…}; from is
 * left out when before lacks it.  At most max members.  Texts that are no objects give {}. */
void tn_diff_members(struct tn_str before, struct tn_str after, unsigned max, struct tn_jw *out);

#endif
