/* SPDX-License-Identifier: MIT */
/* shape.h - a checked copy of a table's declaration, and the column values of a record's body. */
#ifndef TN_STORE_SHAPE_H
#define TN_STORE_SHAPE_H

#include "base/json.h"
#include "store/store.h"

/* Columns that are unique together within a team: the table's key, or one unique column. */
struct tn_shape_key {
    bool main; /* the table's key: records are found and adopted by it */
    size_t n;
    unsigned char real[TN_STORE_KEY_MAX]; /* positions among the real columns */
};
enum { TN_KEYS_MAX = TN_STORE_COLUMNS_MAX + 1 };

/* One owned declaration.  Real columns are those that are indexed, kept, unique or part of the
 * key. */
struct tn_shape {
    int refs;
    int64_t no; /* tn_catalog.no; 0: not stored yet */
    struct tn_arena arena;
    struct tn_table table;
    size_t real[TN_STORE_COLUMNS_MAX], real_count;
    size_t key_count;          /* columns of the table's key */
    struct tn_shape_key *keys; /* the main one first, if there is one */
    size_t n_keys;
    /* A bit for each real column (TN_STORE_COLUMNS_MAX is 64). */
    uint64_t in_keys; /* it is part of a key */
    uint64_t indexed; /* it is part of an index */
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
const struct tn_column *tn_shape_real(const struct tn_shape *decl, size_t real);
/* Does an index of its own serve its filters and sorts? Else the key does that begins with it. */
bool tn_shape_needs_index(const struct tn_shape *decl, size_t real);
bool tn_store_name_ok(const char *name); /* [a-z][a-z0-9_]*, not too long */

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
bool tn_cell_eq(const struct tn_cell *a, const struct tn_cell *b);
/* Reads a filter's value from text; false when it is not of that type. */
bool tn_cell_parse(enum tn_column_type type, struct tn_str text, struct tn_cell *out);

#endif
