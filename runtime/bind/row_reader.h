/* SPDX-License-Identifier: MIT */
/* row_reader.h - one interface to the readers of base/rows.h, with the options that scripts
 * give. Life: row_format_read (raises), row_reader_new, feed any number of times, end, free. */
#ifndef TN_BIND_ROW_READER_H
#define TN_BIND_ROW_READER_H

#include "base/csv.h"
#include "base/edi.h"
#include "base/fixed.h"
#include "base/idoc.h"
#include "base/recode.h"
#include "bind/bind.h"

enum row_kind { ROWS_csv, ROWS_xml, ROWS_fixed, ROWS_ndjson, ROWS_edifact, ROWS_x12, ROWS_idoc };

/* The texts belong to Lua: to the table of options, or to values that row_format_read left on
 * the stack. */
struct row_format {
    enum row_kind kind;
    struct tn_csv_options csv;
    struct tn_fixed_options fixed;
    struct tn_edi_options edi;
    struct tn_idoc_options idoc;
    struct tn_str rows;     /* XML */
    struct tn_str encoding; /* its name; absent: UTF-8, or what the mark says */
    enum tn_recode_how how;
};
/* Reads the options from the table at index (nil: none). kind: a format's name;
 * NULL: the option "format", which is then required. Raises on misuse. Leaves values
 * on the stack. */
void row_format_read(lua_State *L, int index, const char *kind, struct row_format *out);
/* Takes the charset of the answer's Content-Type, unless the options name an encoding. */
void row_format_hint(struct row_format *f, struct tn_str content_type);

struct row_reader;

/* NULL: err (faulty columns, groups or segments). each must not touch Lua. */
TN_MUST_CHECK struct row_reader *row_reader_new(const struct row_format *f, tn_rows_fn each,
                                                void *arg, struct tn_err *err);
void row_reader_free(struct row_reader *r); /* NULL does nothing */
/* Reads the beginning of text, at most a few rows, and cuts it off. */
TN_MUST_CHECK bool row_reader_feed(struct row_reader *r, struct tn_str *text, struct tn_err *err);
TN_MUST_CHECK bool row_reader_end(struct row_reader *r, struct tn_err *err);
/* To be called within each for a bad row: its bytes as they came. */
struct tn_str row_reader_raw(struct row_reader *r);
/* The name of the root of an XML document; absent for other formats. */
struct tn_str row_reader_root(const struct row_reader *r);

#endif
