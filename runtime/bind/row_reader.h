/* SPDX-License-Identifier: MIT */
/* row_reader.h - the readers of base/rows.h behind one face, with the options that scripts give.
 * Life: row_format_read (raises), row_reader_new, feed any number of times, end, free. */
#ifndef TN_BIND_ROW_READER_H
#define TN_BIND_ROW_READER_H

#include "base/csv.h"
#include "base/fixed.h"
#include "bind/bind.h"

enum row_kind { ROWS_csv, ROWS_xml, ROWS_fixed, ROWS_ndjson };

/* Texts belong to Lua: to the options table, or to values that row_format_read left on the stack.
 */
struct row_format {
    enum row_kind kind;
    struct tn_csv_options csv;
    struct tn_fixed_options fixed;
    struct tn_str rows; /* XML */
};
/* Reads options from the table at index (none or nil: no options).  kind: "csv", "xml", "fixed",
 * "ndjson"; NULL: the option "format" says, and may not be missing.  Raises on misuse.  Leaves
 * values on the stack. */
void row_format_read(lua_State *L, int index, const char *kind, struct row_format *out);

struct row_reader;

/* NULL: err (columns of fixed width).  each may not touch Lua. */
TN_MUST_CHECK struct row_reader *row_reader_new(const struct row_format *f, tn_rows_fn each,
                                                void *arg, struct tn_err *err);
void row_reader_free(struct row_reader *r); /* NULL does nothing */
/* Feeds the beginning of text, a few rows' worth at most, and cuts it off. */
TN_MUST_CHECK bool row_reader_feed(struct row_reader *r, struct tn_str *text, struct tn_err *err);
TN_MUST_CHECK bool row_reader_end(struct row_reader *r, struct tn_err *err);
/* Inside of each, for a bad row: its bytes as they came. */
struct tn_str row_reader_raw(struct row_reader *r);
/* Name of the root of an XML document; absent otherwise. */
struct tn_str row_reader_root(const struct row_reader *r);

#endif
