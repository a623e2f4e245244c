/* SPDX-License-Identifier: MIT */
#include "store/vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>

#include "base/fault.h"

/* Without statistics: SQLite would count its memory under a lock for all threads, and nobody reads
 * the count. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

#ifdef TN_FAULTS
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"

/* A file of this VFS begins with this struct; the real file follows. */
struct file {
    sqlite3_file base;
    sqlite3_file *real;
    const char *name;
};

/* The bytes that a write replaced, kept until the file is synced. */
struct unsynced {
    struct unsynced *next;
    struct file *file;
    sqlite3_int64 at, size; /* size: the file's size before the write */
    int n;
    char old[];
};
static struct unsynced *unsynced; /* newest first; global, like the table of faults, and in test
                                     builds only */
static pthread_mutex_t unsynced_lock = PTHREAD_MUTEX_INITIALIZER;

static void remember(struct file *f, int n, sqlite3_int64 at)
{
    struct unsynced *u = tn_alloc(sizeof *u + (size_t)n);
    *u = (struct unsynced){.file = f, .at = at, .n = n};
    f->real->pMethods->xFileSize(f->real, &u->size);
    f->real->pMethods->xRead(f->real, u->old, n, at);
    pthread_mutex_lock(&unsynced_lock);
    u->next = unsynced;
    unsynced = u;
    pthread_mutex_unlock(&unsynced_lock);
}

/* The file was synced or closed, so its writes can no longer be undone. */
static void settle(const struct file *f, bool closed)
{
    pthread_mutex_lock(&unsynced_lock);
    for (struct unsynced **at = &unsynced, *u; (u = *at);) {
        bool same = u->file == f ||
                    (!closed && f->name && u->file->name && strcmp(u->file->name, f->name) == 0);
        if (!same) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        tn_free(u);
    }
    pthread_mutex_unlock(&unsynced_lock);
}

static void cut_power(void)
{
    unsigned char chance;
    pthread_mutex_lock(&unsynced_lock);
    for (struct unsynced *u = unsynced; u; u = u->next) {
        tn_random(&chance, 1);
        if (chance & 1) continue;
        sqlite3_file *f = u->file->real;
        f->pMethods->xWrite(f, u->old, u->n, u->at);
        if (u->size < u->at + u->n) f->pMethods->xTruncate(f, u->size);
    }
    kill(getpid(), SIGKILL);
}

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}
static int on_close(sqlite3_file *f)
{
    settle((struct file *)f, true);
    return real(f)->pMethods ? real(f)->pMethods->xClose(real(f)) : SQLITE_OK;
}
static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    if (TN_FAULT("store.vfs.read")) return SQLITE_IOERR_READ;
    return real(f)->pMethods->xRead(real(f), p, n, at);
}
static int on_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (TN_FAULT("store.vfs.write")) return SQLITE_IOERR_WRITE;
    if (TN_FAULT("store.vfs.full")) return SQLITE_FULL;
    if (TN_FAULT("store.vfs.powercut")) cut_power();
    remember((struct file *)f, n, at);
    return real(f)->pMethods->xWrite(real(f), p, n, at);
}
static int on_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    if (TN_FAULT("store.vfs.truncate")) return SQLITE_IOERR_TRUNCATE;
    return real(f)->pMethods->xTruncate(real(f), n);
}
static int on_sync(sqlite3_file *f, int flags)
{
    if (TN_FAULT("store.vfs.sync")) return SQLITE_IOERR_FSYNC;
    int rc = real(f)->pMethods->xSync(real(f), flags);
    if (rc == SQLITE_OK) settle((struct file *)f, false);
    return rc;
}
static int on_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return real(f)->pMethods->xFileSize(real(f), n);
}
static int on_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}
static int on_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}
static int on_check_lock(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}
static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}
static int on_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}
static int on_traits(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}
static int on_shm_map(sqlite3_file *f, int region, int n, int extend, void volatile **out)
{
    return real(f)->pMethods->xShmMap(real(f), region, n, extend, out);
}
static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}
static void on_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}
static int on_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

/* Version 2 has no memory-mapped reads, which would bypass these methods. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_traits,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct file *file = (struct file *)f;
    sqlite3_vfs *under = vfs->pAppData;
    file->real = (sqlite3_file *)(file + 1);
    file->name = name;
    int rc = under->xOpen(under, name, file->real, flags, out);
    file->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
    return rc;
}

/* SQLite holds one per process, so this is global; a lock of SQLite guards its registration. */
static sqlite3_vfs faulty;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* SQLite's own allocator, behind one that can refuse. */
static sqlite3_mem_methods memory;

static void *on_malloc(int n)
{
    return TN_FAULT("store.sqlite.malloc") ? NULL : memory.xMalloc(n);
}
static void *on_realloc(void *p, int n)
{
    return TN_FAULT("store.sqlite.malloc") ? NULL : memory.xRealloc(p, n);
}

static void make(void)
{
    configure();
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) == SQLITE_OK) {
        sqlite3_mem_methods ours = memory;
        ours.xMalloc = on_malloc;
        ours.xRealloc = on_realloc;
        sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
    }
    sqlite3_vfs *under = sqlite3_vfs_find(NULL);
    faulty = *under;
    faulty.zName = "tenon-faulty";
    faulty.pAppData = under;
    faulty.szOsFile = (int)sizeof(struct file) + under->szOsFile;
    faulty.xOpen = on_open;
    sqlite3_vfs_register(&faulty, 0);
}

const char *tn_vfs_name(void)
{
    pthread_once(&once, make);
    return faulty.zName;
}
#else
static pthread_once_t once = PTHREAD_ONCE_INIT;

const char *tn_vfs_name(void)
{
    pthread_once(&once, configure);
    return NULL;
}
#endif
