/* SPDX-License-Identifier: MIT */
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/driver.h"
#include "store/shape.h"
#include "store/vfs.h"

enum { STATEMENTS_MAX = 300, BUSY_MS = 500 };

static const char open_read[] = "PRAGMA query_only=1; PRAGMA cache_size=-8000; "
                                "PRAGMA mmap_size=268435456;";
static const char open_write[] = "PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY; "
                                 "PRAGMA wal_autocheckpoint=0;";

/* A statement remembers until it is reset that its last step failed. */
static const char *damaged_sql(struct tn_db *db)
{
    for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db->sq, st));)
        if (!sqlite3_stmt_busy(st) && (sqlite3_reset(st) & 0xff) == SQLITE_CORRUPT)
            return sqlite3_sql(st);
    return "";
}

/* A table of records without the prefix that it has in SQL. */
static struct tn_str plain_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    struct tn_str s = {name, strspn(name, letters)};
    if (!tn_str_starts(s, "data_") && !tn_str_starts(s, "next_")) return s;
    return (struct tn_str){s.p + 5, s.n - 5};
}

/* The tables that a statement of ours names, as "items or tn_link". */
static void tables_of(const char *sql, char *out, size_t size)
{
    static const char *const before[] = {"FROM ", "JOIN ", "INTO ", "UPDATE "};
    struct tn_str seen[4];
    size_t count = 0, n = 0;
    out[0] = '\0';
    for (const char *p = sql; *p && count < 4; p++) {
        struct tn_str name = {"", 0};
        for (size_t i = 0; i < 4 && !name.n; i++)
            if (strncmp(p, before[i], strlen(before[i])) == 0)
                name = plain_name(p + strlen(before[i]));
        for (size_t i = 0; i < count; i++)
            if (tn_str_eq(seen[i], name)) name.n = 0;
        if (!name.n || n >= size) continue;
        n += (size_t)snprintf(out + n, size - n, "%s%.*s", count ? " or " : "", TN_FMT(name));
        seen[count++] = name;
    }
}

static bool fail_damaged(struct tn_db *db, const char *what, struct tn_err *err)
{
    char tables[TN_DAMAGED_NAME], text[128];
    snprintf(text, sizeof text, "%s", sqlite3_errmsg(db->sq)); /* a reset takes it away */
    tables_of(damaged_sql(db), tables, sizeof tables);
    if (db->damaged) db->damaged(db->damaged_arg, tables[0] ? tables : TN_DAMAGED_UNKNOWN);
    if (!tables[0])
        return tn_fail(err, TN_E_corrupt,
                       "%s: %s: %s; restore a backup (tenon restore), or move the "
                       "file away and start empty",
                       db->path, what, text);
    return tn_fail(err, TN_E_corrupt,
                   "the table %s has a damaged page (%s: %s); other tables go on; tenon doctor "
                   "shows what is damaged, tenon restore puts a backup in its place",
                   tables, what, text);
}

bool tn_db_fail(struct tn_db *db, const char *what, struct tn_err *err)
{
    int rc = db->sq ? sqlite3_extended_errcode(db->sq) : SQLITE_CANTOPEN;
    const char *text = db->sq ? sqlite3_errmsg(db->sq) : "cannot be opened";
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return tn_fail(err, TN_E_disk_full, "%s: %s: the disk is full", db->path, what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return fail_damaged(db, what, err);
    case SQLITE_NOMEM: return tn_fail(err, TN_E_no_memory, "%s: %s: no memory", db->path, what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return tn_fail(err, TN_E_unavailable, "%s: %s: %s", db->path, what, text);
    case SQLITE_TOOBIG: return tn_fail(err, TN_E_too_large, "%s: %s: %s", db->path, what, text);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return tn_fail(err, TN_E_io, "%s: %s: %s (code %d)", db->path, what, text, rc);
    default: return tn_fail(err, TN_E_internal, "%s: %s: %s (code %d)", db->path, what, text, rc);
    }
}

bool tn_file_id(const char *path, const char *suffix, struct tn_file_id *id)
{
    char full[4096];
    struct stat st;
    snprintf(full, sizeof full, "%s%s", path, suffix);
    if (stat(full, &st) < 0) return false;
    *id = (struct tn_file_id){(int64_t)st.st_dev, (int64_t)st.st_ino};
    return true;
}

bool tn_db_open(struct tn_db *db, const char *path, enum tn_db_mode mode, struct tn_err *err)
{
    int flags = SQLITE_OPEN_NOMUTEX;
    flags |=
        mode == TN_DB_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    *db = (struct tn_db){.path = tn_strdup(path)};
    tn_map_init(&db->statements);
    if (mode == TN_DB_read && access(path, F_OK) != 0) {
        tn_fail(err, TN_E_not_found, "%s: there is no database", path);
        goto out;
    }
    if (sqlite3_open_v2(path, &db->sq, flags, tn_vfs_name()) != SQLITE_OK) {
        tn_db_fail(db, "opening", err);
        goto out;
    }
    sqlite3_extended_result_codes(db->sq, 1);
    sqlite3_busy_timeout(db->sq, BUSY_MS);
    sqlite3_db_config(db->sq, SQLITE_DBCONFIG_DEFENSIVE, mode == TN_DB_read, NULL);
    sqlite3_db_config(db->sq, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (tn_db_exec(db, mode == TN_DB_write ? open_write : open_read, err)) return true;
out:
    tn_db_close(db);
    return false;
}

static void finalize(void *st)
{
    sqlite3_finalize(st);
}

/* Frees the cached statements. One that is being stepped stays, because a caller on the stack reads
 * from it. */
void tn_db_forget(struct tn_db *db)
{
    struct tn_map old = db->statements;
    struct tn_map_entry *e;
    size_t at = 0;
    tn_map_init(&db->statements);
    memset(db->recent, 0, sizeof db->recent);
    while ((e = tn_map_next(&old, &at))) {
        struct tn_str sql = {e->key, e->n};
        if (sqlite3_stmt_busy(e->value))
            tn_map_put(&db->statements, sql, e->value);
        else
            sqlite3_finalize(e->value);
    }
    tn_map_clear(&old, NULL);
}

void tn_db_close(struct tn_db *db)
{
    tn_map_clear(&db->statements, finalize);
    sqlite3_close_v2(db->sq);
    tn_free(db->path);
    db->sq = NULL;
    db->path = NULL;
}

bool tn_db_exec(struct tn_db *db, const char *sql, struct tn_err *err)
{
    if (sqlite3_exec(db->sq, sql, NULL, NULL, NULL) == SQLITE_OK) return true;
    return tn_db_fail(db, "working", err);
}

bool tn_db_row(struct tn_db *db, sqlite3_stmt *st, const char *what, bool *ok, struct tn_err *err)
{
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) *ok = tn_db_fail(db, what, err);
    return rc == SQLITE_ROW;
}

bool tn_db_int(struct tn_db *db, const char *sql, int64_t *out, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(db, sql, err);
    if (!st) return false;
    int rc = sqlite3_step(st);
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) tn_db_fail(db, "reading", err);
    sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* Most SQL texts are literals, so their address usually finds the statement; the text is compared
 * to be sure. */
static struct tn_recent *recent(struct tn_db *db, const char *sql)
{
    return &db->recent[(uintptr_t)sql / 16 % TN_RECENT];
}

static sqlite3_stmt *known(struct tn_db *db, const char *sql)
{
    struct tn_recent *r = recent(db, sql);
    if (r->st && strcmp(r->sql, sql) == 0) return r->st;
    sqlite3_stmt *st = tn_map_get(&db->statements, tn_str(sql));
    if (st) *r = (struct tn_recent){sqlite3_sql(st), st};
    return st;
}

sqlite3_stmt *tn_db_sql(struct tn_db *db, const char *sql, struct tn_err *err)
{
    sqlite3_stmt *st = known(db, sql);
    if (st && sqlite3_stmt_busy(st)) {
        tn_fail(err, TN_E_internal, "%s: the same query inside its own rows", db->path);
        return NULL;
    }
    if (st) {
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
        return st;
    }
    if (db->statements.count >= STATEMENTS_MAX) tn_db_forget(db);
    if (sqlite3_prepare_v3(db->sq, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK) {
        tn_db_fail(db, "preparing", err);
        return NULL;
    }
    tn_map_put(&db->statements, tn_str(sql), st);
    return st;
}

int tn_schema_version(void)
{
    int newest = 0;
    for (const struct tn_embedded *f = tn_schema; f->path; f++) {
        const char *name = strrchr(f->path, '/');
        int number = atoi(name ? name + 1 : f->path);
        if (number > newest) newest = number;
    }
    return newest;
}

bool tn_db_check_ours(struct tn_db *db, struct tn_err *err)
{
    int64_t application, version;
    if (!tn_db_int(db, "PRAGMA application_id", &application, err) ||
        !tn_db_int(db, "PRAGMA user_version", &version, err))
        return false;
    if (application != TN_STORE_APPLICATION)
        return tn_fail(err, TN_E_invalid,
                       "%s: this is a database of another program; it was left "
                       "as it is: give --data another folder",
                       db->path);
    if (version > tn_schema_version())
        return tn_fail(err, TN_E_too_new,
                       "%s: written by a newer version (schema %lld, this program "
                       "knows %d); start that version, or restore a backup made before the upgrade",
                       db->path, (long long)version, tn_schema_version());
    return true;
}

void tn_bind_cell(sqlite3_stmt *st, int at, const struct tn_cell *cell)
{
    switch (cell->type) {
    case TN_CELL_null: sqlite3_bind_null(st, at); break;
    case TN_CELL_int: sqlite3_bind_int64(st, at, cell->i); break;
    case TN_CELL_real: sqlite3_bind_double(st, at, cell->d); break;
    case TN_CELL_text: tn_bind_str(st, at, cell->s); break;
    }
}

struct tn_str tn_column_str(sqlite3_stmt *st, int column)
{
    const char *p = sqlite3_column_blob(st, column);
    return (struct tn_str){p ? p : "", (size_t)sqlite3_column_bytes(st, column)};
}

struct tn_id tn_column_id(sqlite3_stmt *st, int column)
{
    struct tn_id id = {{0}};
    struct tn_str s = tn_column_str(st, column);
    if (s.n == sizeof id.b) memcpy(id.b, s.p, sizeof id.b);
    return id;
}

#define N_BITS 40
#define N_MASK ((1ull << N_BITS) - 1)
#define N_ODD  0x9E3779B97Full /* may be any odd number: multiplying by its inverse undoes it */

static uint64_t inverse(uint64_t odd)
{
    uint64_t x = odd;
    for (int i = 0; i < 6; i++) x *= 2 - odd * x; /* Newton: each step doubles the correct bits */
    return x & N_MASK;
}

struct tn_id tn_id_at(struct tn_id id, int64_t n)
{
    uint64_t x = (uint64_t)n * N_ODD & N_MASK;
    x ^= x >> 20;
    for (int i = 0; i < 5; i++) id.b[11 + i] = (unsigned char)(x >> (32 - 8 * i));
    return id;
}

int64_t tn_id_n(const struct tn_id *id)
{
    uint64_t x = 0;
    for (int i = 0; i < 5; i++) x = x << 8 | id->b[11 + i];
    x ^= x >> 20;
    return (int64_t)(x * inverse(N_ODD) & N_MASK);
}
