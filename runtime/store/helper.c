/* SPDX-License-Identifier: MIT */
#include "store/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/loop.h"
#include "store/db.h"

struct tn_helper {
    bool joined;
    pthread_t thread;
    int fd; /* the thread writes here when it ends */
    struct tn_watch *watch;
    tn_helper_fn done;
    void *arg;
    char *db, *path;
    bool ok;
    struct tn_err err;
};

static bool sync_path(const char *path, int flags, struct tn_err *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok) tn_fail_errno(err, errno, path);
    if (fd >= 0) close(fd);
    return ok;
}

static bool sync_folder_of(const char *path, struct tn_err *err)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash) return sync_path(".", O_RDONLY | O_DIRECTORY, err);
    slash[slash == folder] = '\0';
    return sync_path(folder, O_RDONLY | O_DIRECTORY, err);
}

/* VACUUM INTO copies one state of the database; commits continue meanwhile. */
static bool copy(struct tn_helper *h, const char *to, struct tn_err *err)
{
    struct tn_db db;
    if (!tn_db_open(&db, h->db, TN_DB_read, err)) return false;
    bool ok = tn_db_exec(&db, "PRAGMA query_only=0", err);
    sqlite3_stmt *st = ok ? tn_db_sql(&db, "VACUUM INTO ?1", err) : NULL;
    if (st) {
        tn_bind_str(st, 1, tn_str(to));
        ok = sqlite3_step(st) == SQLITE_DONE;
        if (!ok) tn_db_fail(&db, "copying", err);
    } else {
        ok = false;
    }
    tn_db_close(&db);
    return ok;
}

static bool backup(struct tn_helper *h, struct tn_err *err)
{
    char part[4096];
    if (access(h->path, F_OK) == 0)
        return tn_fail(err, TN_E_conflict, "%s: there is a file by this name", h->path);
    snprintf(part, sizeof part, "%s.part", h->path);
    unlink(part);
    bool ok = copy(h, part, err) && tn_store_verify(part, err) && sync_path(part, O_RDONLY, err);
    if (ok && rename(part, h->path) != 0) ok = tn_fail_errno(err, errno, h->path);
    if (!ok) unlink(part);
    return ok && sync_folder_of(h->path, err);
}

static bool checkpoint(struct tn_helper *h, struct tn_err *err)
{
    struct tn_db db;
    if (!tn_db_open(&db, h->db, TN_DB_write, err)) return false;
    bool ok = tn_db_exec(&db, "PRAGMA synchronous=FULL", err);
    int rc = ok ? sqlite3_wal_checkpoint_v2(db.sq, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) : 0;
    if (ok && rc != SQLITE_OK && rc != SQLITE_BUSY)
        ok = tn_db_fail(&db, "writing the log back", err);
    tn_db_close(&db);
    return ok;
}

static void *run(void *arg)
{
    struct tn_helper *h = arg;
    uint64_t one = 1;
    h->ok = h->path ? backup(h, &h->err) : checkpoint(h, &h->err);
    ssize_t n = write(h->fd, &one, sizeof one);
    (void)n;
    return NULL;
}

static void ended(void *arg, int ready)
{
    struct tn_helper *h = arg;
    (void)ready;
    tn_watch_for(h->watch, 0);
    pthread_join(h->thread,
                 NULL); /* the thread has ended, so its results can be read without a lock */
    h->joined = true;
    h->done(h->arg, h->ok ? NULL : &h->err);
}

static struct tn_helper *start(struct tn_loop *loop, const char *db, const char *path,
                               tn_helper_fn done, void *arg, struct tn_err *err)
{
    struct tn_helper *h = TN_NEW(struct tn_helper);
    *h = (struct tn_helper){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                            .done = done,
                            .arg = arg,
                            .db = tn_strdup(db),
                            .path = tn_strdup(path)};
    if (h->fd < 0 || pthread_create(&h->thread, NULL, run, h) != 0) {
        tn_fail(err, TN_E_no_memory, "no thread can be started");
        if (h->fd >= 0) close(h->fd);
        tn_free(h->db);
        tn_free(h->path);
        tn_free(h);
        return NULL;
    }
    h->watch = tn_watch_new(loop, h->fd, ended, h);
    tn_watch_for(h->watch, TN_READ);
    return h;
}

struct tn_helper *tn_helper_checkpoint(struct tn_loop *loop, const char *db, tn_helper_fn done,
                                       void *arg, struct tn_err *err)
{
    return start(loop, db, NULL, done, arg, err);
}

struct tn_helper *tn_helper_backup(struct tn_loop *loop, const char *db, const char *path,
                                   tn_helper_fn done, void *arg, struct tn_err *err)
{
    return start(loop, db, path, done, arg, err);
}

void tn_helper_free(struct tn_helper *h)
{
    if (!h) return;
    if (!h->joined) pthread_join(h->thread, NULL);
    tn_watch_free(h->watch);
    close(h->fd);
    tn_free(h->db);
    tn_free(h->path);
    tn_free(h);
}
