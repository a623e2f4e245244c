/* SPDX-License-Identifier: MIT */
/* vfs.h - SQLite's access to the disk, with places where a test can make it fail. Faults:
 * store.vfs.write, store.vfs.full (a write finds no room), store.vfs.sync, store.vfs.read,
 * store.vfs.truncate; store.vfs.powercut (at a write: each write since the last sync of its file
 * may be undone, by chance, then the process is killed). Release builds use SQLite's own access. */
#ifndef TN_STORE_VFS_H
#define TN_STORE_VFS_H

/* The name of the VFS to open files with; NULL: SQLite's own. */
const char *tn_vfs_name(void);

#endif
