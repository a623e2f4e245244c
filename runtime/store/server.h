/* SPDX-License-Identifier: MIT */
/* server.h - the store process, the only writer of the database. It takes the commits of all
 * workers, runs all that wait in one transaction with one fsync, tells every worker what changed,
 * then answers. Life: open (locks the folder, checks and migrates the database), run the loop,
 * close. */
#ifndef TN_STORE_SERVER_H
#define TN_STORE_SERVER_H

#include "store/store.h"

struct tn_store_server;

/* How long, in milliseconds, the store keeps things before it removes them; 0: for ever. */
struct tn_retention {
    int64_t events;  /* events; readers that have not read them see a gap */
    int64_t history; /* former versions, and deleted records, by the time when they ended */
    int64_t runs;    /* rows of runs, by the time when they ended */
    int64_t audit;   /* rows of the audit log */
    int64_t inbound; /* events from outside that were worked off */
    int64_t plans;   /* made or carried out so long ago */
    int64_t settled; /* records in quarantine that were discarded so long ago */
    int64_t expired; /* key-values, so long after they expired */
    int64_t answers; /* to commits whose sender never said that it had them */
    int64_t every;   /* how often to look, and how soon after opening */
};
/* Days: events 30, history 365, runs 90, audit 365, inbound 30, plans 30, settled 365, answers 1;
 * expired at once; it looks every hour. */
extern const struct tn_retention tn_retention_default;

struct tn_server_options {
    const char *dir;    /* the data folder; made when it is missing, mode 0700 */
    int listen_fd;      /* a listening Unix stream socket (tn_store_listen); borrowed */
    bool workers_live;  /* this process replaces a dead store process whose workers still run, so
                           their leases stay */
    struct tn_log *log; /* may be NULL */
    const struct tn_clock *clock; /* dates the commits; NULL: the real clock; must outlive the
                                     server */
    const struct tn_retention *retention; /* NULL: tn_retention_default */
    tn_damaged_fn damaged;                /* may be NULL */
    void *damaged_arg;
};
/* NULL: err names the file and says what to do: busy (another process serves this folder), corrupt,
 * too_new, invalid (a database of another program), disk_full, io. */
TN_MUST_CHECK struct tn_store_server *tn_store_server_open(struct tn_loop *loop,
                                                           const struct tn_server_options *o,
                                                           struct tn_err *err);
/* Ends the current group, writes the log back into the database and unlocks the folder. */
void tn_store_server_close(struct tn_store_server *server); /* NULL does nothing */

/* Checks a backup and makes it the database of a folder. False: kind busy (a process serves the
 * folder), or conflict (the folder has a database; with replace, that one is kept as
 * tenon.db.replaced). */
TN_MUST_CHECK bool tn_store_restore(const char *dir, const char *backup, bool replace,
                                    struct tn_err *err);
/* Locks the folder until the caller closes the descriptor. -1: kind busy, or err says why. */
TN_MUST_CHECK int tn_store_lock(const char *dir, struct tn_err *err);

/* For the supervisor: makes the socket DIR/store.sock (0600) and replaces one that a dead process
 * left. -1: err says why. Fork after it; the store process and the workers inherit nothing else. */
TN_MUST_CHECK int tn_store_listen(const char *path, struct tn_err *err);

#endif
