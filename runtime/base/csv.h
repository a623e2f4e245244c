/* SPDX-License-Identifier: MIT */
/* csv.h - CSV (RFC 4180): a reader that takes bytes as they arrive, and a writer. The first row has
 * the names. A cell is a text; an empty cell without quotes is null. A faulty row (wrong count of
 * cells, bad quotes or characters) is reported, and the reader goes on with the next one. A
 * column without a name is passed over; a value in it is a fault of its row. Columns of one name
 * are one member, a list of their cells. A first line "sep=;" names the delimiter. Life: new; feed
 * any number of times; end once; free. */
#ifndef TN_BASE_CSV_H
#define TN_BASE_CSV_H

#include "base/buf.h"
#include "base/json.h"
#include "base/rows.h"

struct tn_csv;

enum { TN_CSV_SKIP_MAX = 1000000, TN_CSV_FOOTER_MAX = 100 };

struct tn_csv_options {
    char delimiter; /* 0: a comma */
    enum tn_encoding encoding;
    struct tn_str decimal_comma; /* names of columns, separated by commas, whose cells look like
                                    "1.249,50"; "*": all. "1.250" there is 1250;
                                    a number such as "12.50" is a fault */
    const struct tn_str *names;  /* names of the columns when no row has them; NULL: the first
                                    row has them */
    size_t name_count;
    size_t skip_lines;  /* lines before the header, or before the first row if names are given */
    size_t skip_footer; /* rows at the end that are passed over; at most TN_CSV_FOOTER_MAX */
    char comment;       /* a line that begins with it is passed over; 0: none */
};

/* Options are copied. */
struct tn_csv *tn_csv_new(const struct tn_csv_options *o, tn_rows_fn each, void *arg);
void tn_csv_free(struct tn_csv *csv); /* NULL does nothing */
/* False: err says why: the header is wrong, or `each` returned false. */
TN_MUST_CHECK bool tn_csv_feed(struct tn_csv *csv, const char *bytes, size_t n, struct tn_err *err);
TN_MUST_CHECK bool tn_csv_end(struct tn_csv *csv, struct tn_err *err);

/* Call it inside `each`: the raw bytes of this row, without the end of its line. */
struct tn_str tn_csv_raw(struct tn_csv *csv);

/* Appends one cell, quoted where that is necessary. A text that a spreadsheet would take for a
 * formula (it begins with = + - @, a tab or a carriage return, and is no number) gets a ' in
 * front. */
void tn_csv_cell(struct tn_buf *out, struct tn_str text, char delimiter);
/* Appends one row: the members of record that the n names list. Texts are written as they are,
 * lists and objects as JSON, null and absent members as empty cells. */
void tn_csv_row(struct tn_buf *out, struct tn_jval record, const struct tn_str *names, size_t n,
                char delimiter);

#endif
