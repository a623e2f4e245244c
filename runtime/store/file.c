/* SPDX-License-Identifier: MIT */
/* The database file: makes, recognises, checks and migrates it. A file that is damaged, foreign or
 * newer is refused and left unchanged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "store/writer.h"

static int number_of(const struct tn_embedded *f)
{
    const char *name = strrchr(f->path, '/');
    return atoi(name ? name + 1 : f->path);
}

/* A file that begins with "-- Only where there is TABLE" is for a database that has the table:
 * those of records are not made by migrations. */
static bool concerns(struct tn_db *db, const struct tn_embedded *f, bool *out, struct tn_err *err)
{
    char table[80] = "", sql[160];
    int64_t count = 1;
    if (sscanf(f->text, "-- Only where there is %79[a-z0-9_]", table) == 1) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM sqlite_master WHERE name = '%s'", table);
        if (!tn_db_int(db, sql, &count, err)) return false;
    }
    *out = count > 0;
    return true;
}

static bool migrate_one(struct tn_db *db, const struct tn_embedded *f, struct tn_err *err)
{
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d", number_of(f),
             TN_STORE_APPLICATION);
    if (TN_FAULT("store.migrate")) return tn_fail(err, TN_E_io, "the disk failed (a test)");
    bool run;
    if (concerns(db, f, &run, err) && (!run || tn_db_exec(db, f->text, err)) &&
        tn_db_exec(db, sql, err))
        return true;
    return tn_fail_in(err, "migration %s", f->path);
}

/* Runs all missing migrations in one transaction. */
static bool migrate(struct tn_db *db, struct tn_log *log, struct tn_err *err)
{
    int64_t version;
    struct tn_err ignored;
    if (!tn_db_int(db, "PRAGMA user_version", &version, err)) return false;
    if (version == tn_schema_version()) return true;
    if (!tn_db_exec(db, "BEGIN IMMEDIATE", err)) return false;
    for (const struct tn_embedded *f = tn_schema; f->path; f++) {
        if (number_of(f) <= version) continue;
        if (!migrate_one(db, f, err)) {
            if (!tn_db_exec(db, "ROLLBACK", &ignored))
                tn_log(log, TN_LOG_warn, "store", "%s", ignored.text);
            return false;
        }
    }
    if (!tn_db_exec(db, "COMMIT", err)) return false;
    if (version)
        tn_log(log, TN_LOG_info, "store", "%s: from schema %lld to %d", db->path,
               (long long)version, tn_schema_version());
    return true;
}

/* A new database gets its final name when it is complete, so a file of that name is never
 * incomplete. */
static bool make(const char *path, struct tn_log *log, struct tn_err *err)
{
    struct tn_db db;
    char fresh[4096];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    unlink(fresh);
    if (!tn_db_open(&db, fresh, TN_DB_write, err)) return false;
    bool ok = tn_db_exec(&db,
                         "PRAGMA page_size = 8192; "
                         "PRAGMA synchronous = EXTRA",
                         err) &&
              migrate(&db, log, err);
    tn_db_close(&db);
    if (!ok) {
        unlink(fresh);
        return false;
    }
    if (rename(fresh, path) == 0) return true;
    return tn_fail_errno(err, errno, path);
}

/* Refuses an empty file: it is a damaged database, or belongs to another program. */
static bool look_at(const char *path, bool *there, struct tn_err *err)
{
    struct stat st;
    *there = stat(path, &st) == 0;
    if (!*there) return errno == ENOENT || tn_fail_errno(err, errno, path);
    if (st.st_size > 0) return true;
    return tn_fail(err, TN_E_corrupt,
                   "%s: the file is empty, so what was in it is lost; restore a "
                   "backup (tenon restore), or remove the file to start anew",
                   path);
}

static bool beside_lost(const char *path, struct tn_err *err)
{
    char wal[4096];
    struct stat st;
    snprintf(wal, sizeof wal, "%s-wal", path);
    if (stat(wal, &st) != 0 || st.st_size == 0) return true;
    return tn_fail(err, TN_E_corrupt,
                   "%s: the database is missing, but its log %s is there; put the file "
                   "back, restore a backup (tenon restore), or remove the log to start anew",
                   path, wal);
}

bool tn_db_prepare_file(struct tn_db *db, const char *path, struct tn_log *log, struct tn_err *err)
{
    bool there;
    int64_t tables;
    if (!look_at(path, &there, err)) return false;
    if (!there && (!beside_lost(path, err) || !make(path, log, err))) return false;
    if (!tn_db_open(db, path, TN_DB_write, err)) return false;
    if (tn_db_check_ours(db, err) &&
        tn_db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err) &&
        migrate(db, log, err) && tn_db_int(db, "SELECT count(*) FROM sqlite_master", &tables, err))
        return true;
    tn_db_close(db);
    return false;
}

/* Is this table sound, with its indexes?  It may meet damage anywhere, so a failure says no. */
static bool table_sound(struct tn_db *db, const char *table)
{
    char sql[TN_STORE_NAME_MAX + 64];
    struct tn_err ignored;
    snprintf(sql, sizeof sql, "PRAGMA quick_check('%s')", table);
    sqlite3_stmt *st = tn_db_sql(db, sql, &ignored);
    bool sound = st && sqlite3_step(st) == SQLITE_ROW && tn_str_is(tn_column_str(st, 0), "ok");
    if (st) sqlite3_reset(st);
    return sound;
}

/* Names the tables that are damaged; empty: it cannot be told. */
static void damaged_tables(struct tn_db *db, struct tn_buf *out)
{
    struct tn_err ignored;
    bool ok = true;
    sqlite3_stmt *st = tn_db_sql(
        db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &ignored);
    while (st && tn_db_row(db, st, "checking", &ok, &ignored)) {
        char name[TN_STORE_NAME_MAX + 16];
        snprintf(name, sizeof name, "%.*s", TN_FMT(tn_column_str(st, 0)));
        bool of_records = strncmp(name, "data_", 5) == 0;
        if (!table_sound(db, name))
            tn_buf_addf(out, "%s%s", out->n ? ", " : "", name + (of_records ? 5 : 0));
    }
    if (st) sqlite3_reset(st);
}

static bool say_damaged(struct tn_db *db, const char *path, struct tn_str text, struct tn_err *err)
{
    struct tn_buf tables;
    tn_buf_init(&tables, 400);
    damaged_tables(db, &tables);
    if (tables.n)
        tn_fail(err, TN_E_corrupt, "%s: damaged are the tables %s (%.*s)", path, tables.p,
                TN_FMT(text));
    else
        tn_fail(err, TN_E_corrupt, "%s: %.*s", path, TN_FMT(text));
    tn_buf_clear(&tables);
    return false;
}

bool tn_store_verify(const char *path, struct tn_err *err)
{
    struct tn_db db;
    bool ok = false;
    if (!tn_db_open(&db, path, TN_DB_read, err)) return false;
    sqlite3_stmt *st = NULL;
    if (!tn_db_check_ours(&db, err) || !(st = tn_db_sql(&db, "PRAGMA integrity_check(1)", err)))
        goto out;
    int rc = sqlite3_step(st);
    struct tn_str text = rc == SQLITE_ROW ? tn_column_str(st, 0) : tn_str(sqlite3_errmsg(db.sq));
    ok = tn_str_is(text, "ok");
    if (rc != SQLITE_ROW && (rc & 0xff) != SQLITE_CORRUPT)
        tn_db_fail(&db, "checking", err);
    else if (!ok) {
        char kept[200];
        snprintf(kept, sizeof kept, "%.*s", TN_FMT(text));
        sqlite3_reset(st);
        say_damaged(&db, path, tn_str(kept), err);
    }
out:
    tn_db_close(&db);
    return ok;
}
