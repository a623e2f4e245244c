/* SPDX-License-Identifier: MIT */
/* rows.h - common to the readers of CSV, XML, NDJSON and fixed width. Bytes go in as they arrive,
 * and each row comes out as the text of one JSON object, so a mapping need not know the format of
 * its source. */
#ifndef TN_BASE_ROWS_H
#define TN_BASE_ROWS_H

#include "base/err.h"
#include "base/str.h"

/* Gets each row: json (borrowed), or for a faulty row bad, which says what is wrong; the next rows
 * follow. line: the line of the source where the row begins, from 1. False stops the reader, and
 * its feed returns false. */
typedef bool (*tn_rows_fn)(void *arg, struct tn_str json, const struct tn_err *bad, size_t line);

enum tn_encoding { TN_ENCODING_utf8, TN_ENCODING_cp1252 };

#endif
