/* SPDX-License-Identifier: MIT */
#include "store/vfs.h"

#include "base/fault.h"

#ifdef TN_FAULTS
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

/* A file of ours begins with this; the real one lies behind it. */
struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}
static int on_close(sqlite3_file *f)
{
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
    return real(f)->pMethods->xSync(real(f), flags);
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

/* Version 2: no memory-mapped reads past us. */
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
    int rc = under->xOpen(under, name, file->real, flags, out);
    file->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
    return rc;
}

/* Registered once a process, as SQLite keeps it; under a lock of SQLite's own. */
static sqlite3_vfs faulty;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void)
{
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
#include <stddef.h>

const char *tn_vfs_name(void)
{
    return NULL;
}
#endif
