/* SPDX-License-Identifier: MIT */
/* shape.h - a checked copy of a table's declaration, and the column values of a record's body. */
#ifndef TN_STORE_SHAPE_H
#define TN_STORE_SHAPE_H

#include "base/json.h"
#include "store/store.h"

/* One declaration, with a count of references. Real columns are those that are indexed, kept or
 * part of the key. */
struct tn_shape {
    int refs;
    int64_t no; /* tn_catalog.no; 0: not stored yet */
    struct tn_arena arena;
    struct tn_table table;
    size_t real[TN_STORE_COLUMNS_MAX], real_count;
    size_t key_count;
};

/* Checks and copies the declaration; the caller gets one reference. NULL: kind invalid. */
TN_MUST_CHECK struct tn_shape *tn_shape_new(const struct tn_table *table, struct tn_err *err);
/* The same from the text in the catalog. */
TN_MUST_CHECK struct tn_shape *tn_shape_parse(struct tn_json *json, struct tn_str text,
                                              struct tn_err *err);
void tn_shape_write(const struct tn_shape *decl, struct tn_buf *out);
struct tn_shape *tn_shape_ref(struct tn_shape *decl);
void tn_shape_unref(struct tn_shape *decl); /* NULL does nothing */
/* Returns the index in table.columns, or -1. */
int tn_shape_column(const struct tn_shape *decl, struct tn_str name);
bool tn_shape_is_real(const struct tn_shape *decl, size_t column);
bool tn_store_name_ok(const char *name); /* matches [a-z][a-z0-9_]*, and is not too long */

/* A column's value. */
enum tn_cell_type { TN_CELL_null, TN_CELL_int, TN_CELL_real, TN_CELL_text };
struct tn_cell {
    enum tn_cell_type type;
    int64_t i;
    double d;
    struct tn_str s;
};
/* Converts a member of a body to the column's type; null if it has another type. */
struct tn_cell tn_cell_of(enum tn_column_type type, struct tn_jval v, struct tn_arena *arena);
/* Converts a filter's text; false if it is not of that type. */
bool tn_cell_parse(enum tn_column_type type, struct tn_str text, struct tn_cell *out);

#endif
