/* SPDX-License-Identifier: MIT */
/* db.h - shared by both sides of the SQLite driver: a connection with a cache of statements, the
 * meaning of SQLite's errors, and ids that contain the row's number. */
#ifndef TN_STORE_DB_H
#define TN_STORE_DB_H

#include <sqlite3.h>

#include "base/map.h"
#include "store/shape.h"

enum { TN_RECENT = 128 };
struct tn_db {
    sqlite3 *sq;
    char *path;
    struct tn_map statements; /* SQL text to sqlite3_stmt */
    struct tn_recent {
        const char *sql; /* the statement's own copy */
        sqlite3_stmt *st;
    } recent[TN_RECENT];   /* the same, found by the text's address */
    tn_damaged_fn damaged; /* may be NULL */
    void *damaged_arg;
};

/* Identifies the file behind a name; zeroes: none. */
struct tn_file_id {
    int64_t device, inode;
};
/* Gets that of the file path with suffix; false: there is no such file. */
bool tn_file_id(const char *path, const char *suffix, struct tn_file_id *id);
static inline bool tn_file_id_eq(const struct tn_file_id *a, const struct tn_file_id *b)
{
    return a->device == b->device && a->inode == b->inode;
}

enum tn_db_mode { TN_DB_read, TN_DB_write };
/* vfs NULL: SQLite's own. In read mode the file must exist. False: kind corrupt, not_found,
 * disk_full, io, ...; the text names the file. */
TN_MUST_CHECK bool tn_db_open(struct tn_db *db, const char *path, enum tn_db_mode mode,
                              struct tn_err *err);
void tn_db_close(struct tn_db *db);
/* Fills err from this database's last error; always false.  Where that is a damaged page, it names
 * the table and tells db->damaged.  To be called before the statement that failed is reset. */
bool tn_db_fail(struct tn_db *db, const char *what, struct tn_err *err);
TN_MUST_CHECK bool tn_db_exec(struct tn_db *db, const char *sql, struct tn_err *err);
/* Reads one number of one row; NULL counts as 0. */
TN_MUST_CHECK bool tn_db_int(struct tn_db *db, const char *sql, int64_t *out, struct tn_err *err);
/* Steps to the next row. False: there is none; or the step failed, then *ok is false and err says
 * why. */
bool tn_db_row(struct tn_db *db, sqlite3_stmt *st, const char *what, bool *ok, struct tn_err *err);
/* A cached statement, reset and without bindings; NULL: err says why. The cache owns it. */
sqlite3_stmt *tn_db_sql(struct tn_db *db, const char *sql, struct tn_err *err);
void tn_db_forget(struct tn_db *db); /* frees all cached statements */
/* Checks that the file is a database of Tenon and not newer than this program. */
TN_MUST_CHECK bool tn_db_check_ours(struct tn_db *db, struct tn_err *err);
int tn_schema_version(void); /* the newest migration of this program */

static inline void tn_bind_str(sqlite3_stmt *st, int at, struct tn_str s)
{
    sqlite3_bind_text(st, at, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
}
static inline void tn_bind_blob(sqlite3_stmt *st, int at, const void *p, size_t n)
{
    sqlite3_bind_blob(st, at, n ? p : "", (int)n, SQLITE_STATIC);
}
static inline void tn_bind_id(sqlite3_stmt *st, int at, const struct tn_id *id)
{
    sqlite3_bind_blob(st, at, id->b, sizeof id->b, SQLITE_STATIC);
}
void tn_bind_cell(sqlite3_stmt *st, int at, const struct tn_cell *cell);
/* The value of a text or blob column; valid until the next step. */
struct tn_str tn_column_str(sqlite3_stmt *st, int column);
struct tn_id tn_column_id(sqlite3_stmt *st, int column);

/* Makes an id that contains the row's number n (40 bits, mixed), so that no index is needed to find
 * the row; a look-up then compares the whole id. An id given by a caller may decode to any number.
 * fresh: a new id, from which the time and the random bits are taken; it may serve for many n. */
struct tn_id tn_id_at(struct tn_id fresh, int64_t n);
int64_t tn_id_n(const struct tn_id *id);

#endif
