/* SPDX-License-Identifier: MIT */
/* Puts a backup in the place of a database, and lists the tables of a database file. For a folder
 * that no process serves. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/db.h"
#include "store/server.h"

enum { PATH_BYTES = 4096, COPY_STEP = 256 * TN_KIB };

int tn_store_lock(const char *dir, struct tn_err *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        tn_fail_errno(err, errno, path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    tn_fail(err, TN_E_busy,
            "%s: another process serves this folder (it holds %s); stop it, or give --data "
            "another folder",
            dir, path);
    return -1;
}

static bool copy_bytes(int from, int to, const char *name, struct tn_err *err)
{
    char *step = tn_alloc(COPY_STEP);
    ssize_t n;
    bool ok = true;
    while (ok && (n = read(from, step, COPY_STEP)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        ssize_t done = n < 0 ? -1 : 0;
        while (done >= 0 && done < n) {
            ssize_t wrote = write(to, step + done, (size_t)(n - done));
            if (wrote < 0 && errno == EINTR) continue;
            done = wrote < 0 ? -1 : done + wrote;
        }
        if (done < 0) ok = tn_fail_errno(err, errno, name);
    }
    if (ok && fsync(to) != 0) ok = tn_fail_errno(err, errno, name);
    tn_free(step);
    return ok;
}

static bool copy_file(const char *from, const char *to, struct tn_err *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    bool ok = in >= 0 || tn_fail_errno(err, errno, from);
    if (ok) {
        out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ok = out >= 0 || tn_fail_errno(err, errno, to);
    }
    ok = ok && copy_bytes(in, out, to, err);
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    return ok;
}

/* Moves a file away, if it exists. */
static bool move_away(const char *path, const char *suffix, struct tn_err *err)
{
    char from[PATH_BYTES + 8], to[PATH_BYTES + 16];
    snprintf(from, sizeof from, "%s%s", path, suffix);
    snprintf(to, sizeof to, "%s.replaced%s", path, suffix);
    unlink(to);
    return rename(from, to) == 0 || errno == ENOENT || tn_fail_errno(err, errno, from);
}

static bool sync_folder(const char *dir, struct tn_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok) tn_fail_errno(err, errno, dir);
    if (fd >= 0) close(fd);
    return ok;
}

/* Moves the old database before its log. After a crash in between, there is a log without a
 * database, which the start refuses; never a database without its log. */
static bool put_in_place(const char *dir, const char *fresh, const char *path, struct tn_err *err)
{
    char shared[PATH_BYTES + 8];
    snprintf(shared, sizeof shared, "%s-shm", path);
    if (!move_away(path, "", err) || !move_away(path, "-wal", err)) return false;
    unlink(shared);
    if (rename(fresh, path) != 0) return tn_fail_errno(err, errno, path);
    return sync_folder(dir, err);
}

bool tn_store_restore(const char *dir, const char *backup, bool replace, struct tn_err *err)
{
    char path[PATH_BYTES], fresh[PATH_BYTES];
    struct stat st;
    snprintf(path, sizeof path, "%s/tenon.db", dir);
    snprintf(fresh, sizeof fresh, "%s/tenon.db.restored", dir);
    if (!tn_store_verify(backup, err)) return false;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) return tn_fail_errno(err, errno, dir);
    int lock = tn_store_lock(dir, err);
    if (lock < 0) return false;
    bool there = stat(path, &st) == 0, ok = replace || !there;
    if (!ok)
        tn_fail(err, TN_E_conflict,
                "%s: there is a database; --force puts the backup in its place and keeps the old "
                "one as tenon.db.replaced",
                path);
    ok = ok && copy_file(backup, fresh, err) && put_in_place(dir, fresh, path, err);
    if (!ok) unlink(fresh);
    close(lock);
    return ok;
}

/* ------------------------------------------------------------------ tables of a database file */

static bool survey_one(struct tn_db *db, struct tn_str name, tn_survey_fn fn, void *arg,
                       struct tn_err *err)
{
    char sql[256], table[TN_STORE_NAME_MAX + 1];
    int64_t rows, counted;
    snprintf(table, sizeof table, "%.*s", TN_FMT(name));
    snprintf(sql, sizeof sql, "SELECT count(*) FROM data_%s", table);
    if (!tn_db_int(db, sql, &rows, err)) return false;
    snprintf(sql, sizeof sql, "SELECT coalesce(sum(value), 0) FROM tn_tally WHERE name = 'rows/%s'",
             table);
    if (!tn_db_int(db, sql, &counted, err)) return false;
    if (rows != counted)
        return tn_fail(err, TN_E_corrupt, "%s: table %s has %lld records, and counts %lld",
                       db->path, table, (long long)rows, (long long)counted);
    fn(arg, table, rows);
    return true;
}

bool tn_store_survey(const char *path, tn_survey_fn fn, void *arg, struct tn_err *err)
{
    struct tn_db db;
    if (!tn_db_open(&db, path, TN_DB_read, err)) return false;
    bool ok = tn_db_check_ours(&db, err) && tn_db_exec(&db, "BEGIN", err);
    sqlite3_stmt *st = ok ? tn_db_sql(&db, "SELECT name FROM tn_catalog ORDER BY name", err) : NULL;
    int rc = SQLITE_DONE;
    for (ok = st; ok && (rc = sqlite3_step(st)) == SQLITE_ROW;)
        ok = survey_one(&db, tn_column_str(st, 0), fn, arg, err);
    if (ok && rc != SQLITE_DONE) ok = tn_db_fail(&db, "reading", err);
    tn_db_close(&db);
    return ok;
}
