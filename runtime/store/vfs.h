/* SPDX-License-Identifier: MIT */
/* vfs.h - SQLite's access to the disk, with places where a test can make it fail.
 * Faults: store.vfs.write, store.vfs.full (a write that finds no room), store.vfs.sync,
 * store.vfs.read, store.vfs.truncate; store.vfs.powercut (at a write: writes since the last sync of
 * their file are undone, each or not by chance, then the process is killed).  Release builds use
 * SQLite's own way. */
#ifndef TN_STORE_VFS_H
#define TN_STORE_VFS_H

/* NULL: SQLite's own. */
const char *tn_vfs_name(void);

#endif
