/* SPDX-License-Identifier: MIT */
/* unified.h - two texts compared line by line, written as a unified diff. */
#ifndef TN_API_UNIFIED_H
#define TN_API_UNIFIED_H

#include "base/buf.h"
#include "base/str.h"

/* Adds "--- a/path", "+++ b/path" and the hunks (three lines of context) to out; from or to with p
 * NULL: the file is not there (/dev/null).  Nothing for equal texts.  Where the parts that differ
 * have more than some 2,000 lines each, they are shown as wholly replaced. */
void tn_unified(const char *path, struct tn_str from, struct tn_str to, struct tn_buf *out);

#endif
