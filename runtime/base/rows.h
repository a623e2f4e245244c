/* SPDX-License-Identifier: MIT */
/* rows.h - the common part of the readers of CSV, XML and fixed width.  Bytes go in as they come,
 * and each row comes out as the text of one JSON object; so a mapping need not know the format of
 * its source. */
#ifndef TN_BASE_ROWS_H
#define TN_BASE_ROWS_H

#include "base/err.h"
#include "base/str.h"

/* A row: json (borrowed), or bad says what is wrong with this one and the next go on.  line: where
 * it begins in the source, from 1.  False stops the reader; its feed is then false too. */
typedef bool (*tn_rows_fn)(void *arg, struct tn_str json, const struct tn_err *bad, size_t line);

enum tn_encoding { TN_ENCODING_utf8, TN_ENCODING_cp1252 };

#endif
