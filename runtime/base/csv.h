/* SPDX-License-Identifier: MIT */
/* csv.h - CSV (RFC 4180): a reader that takes bytes as they come, and a writer.
 * The first row has the names.  A cell is a text; an empty cell without quotes is null. A row that
 * is wrong (count of cells, quotes, characters) is lost alone.
 * Life: new; feed any number of times; end once; free. */
#ifndef TN_BASE_CSV_H
#define TN_BASE_CSV_H

#include "base/buf.h"
#include "base/json.h"
#include "base/rows.h"

struct tn_csv;

struct tn_csv_options {
    char delimiter; /* 0: a comma */
    enum tn_encoding encoding;
    struct tn_str decimal_comma; /* names, commas between: their cells are "1.249,50"; "*": all */
    const struct tn_str *names;  /* of the columns, when no row has them; NULL: the first row */
    size_t name_count;
};

/* Options are copied. */
struct tn_csv *tn_csv_new(const struct tn_csv_options *o, tn_rows_fn each, void *arg);
void tn_csv_free(struct tn_csv *csv); /* NULL does nothing */
/* False: err (the header is wrong, or each said so). */
TN_MUST_CHECK bool tn_csv_feed(struct tn_csv *csv, const char *bytes, size_t n, struct tn_err *err);
TN_MUST_CHECK bool tn_csv_end(struct tn_csv *csv, struct tn_err *err);

/* Inside of each: the bytes of this row as they came, without the end of its line. */
struct tn_str tn_csv_raw(struct tn_csv *csv);

/* Appends one cell, in quotes where it has to be.  A text that a spreadsheet would take for a
 * formula (it begins with = + - @, a tab or a carriage return, and is no number) gets a ' in front.
 */
void tn_csv_cell(struct tn_buf *out, struct tn_str text, char delimiter);
/* Appends the members that names lists (n of them) of a record as one row: texts as they are, lists
 * and objects as JSON, null and absent empty. */
void tn_csv_row(struct tn_buf *out, struct tn_jval record, const struct tn_str *names, size_t n,
                char delimiter);

#endif
