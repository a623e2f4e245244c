/* SPDX-License-Identifier: MIT */
/* store.h - the interface of the store, which keeps records, links, events, key-values and queues.
 * No code above this layer contains SQL; a driver (sqlite.c; later PostgreSQL) is one const struct
 * tn_store_ops.
 *
 * A read is a value that the store answers by callback (read.h); an index and a page limit bound
 * every read. Writes are commit values (commit.h): they go to the store process, which answers in a
 * later turn of the loop. Every read and write takes a `team`, and sees no records of other teams.
 *
 * Life: open in a worker or command; read once ready; close (not inside a callback of the store).
 * Close answers everything that waits with `cancelled` before it returns; no other function calls
 * back before it returns. */
#ifndef TN_STORE_STORE_H
#define TN_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "base/time.h"

struct tn_loop;
struct tn_log;
struct tn_store;
struct tn_commit;

enum {
    TN_HASH_LEN = 32,
    TN_STORE_NAME_MAX = 48,
    TN_STORE_COLUMNS_MAX = 64,
    TN_STORE_KEY_MAX = 4,
    TN_STORE_SORT_MAX = 4,
    TN_STORE_FILTERS_MAX = 32
};

/* Teams are numbered from 1 (system table "team"). Things without a team belong to the system. */
#define TN_TEAM_SYSTEM 0
/* All teams: for the dispatcher, the scheduler and the like; never for a request. */
#define TN_TEAM_ALL (-1)

/* The record that a write is based on: */
#define TN_ANY      (-1) /* whatever is there */
#define TN_NEW_ONLY 0    /* it must not exist; a number above 0 is the version that it must have */

/* ------------------------------------------------------------------ opening */

#define TN_DAMAGED_UNKNOWN "(unknown)"
enum { TN_DAMAGED_NAME = 128 }; /* of the longest, with its end */
/* A statement met a damaged page: of `table` ("items"; "items or tn_link" when the statement reads
 * both; TN_DAMAGED_UNKNOWN when nobody can tell).  Called for each such statement, in the loop's
 * thread. */
typedef void (*tn_damaged_fn)(void *arg, const char *table);

struct tn_store_options {
    const char *dir;              /* the data folder */
    const char *socket;           /* the store process's socket; NULL: read only, no commits */
    struct tn_id holder;          /* who claims queue entries: a new id for each start of a
                                     worker */
    struct tn_log *log;           /* may be NULL */
    const struct tn_clock *clock; /* key-values expire by it; NULL: the real one; outlives it */
    tn_damaged_fn damaged;        /* may be NULL */
    void *damaged_arg;
};
/* Connects in the background, and again whenever the store process was replaced. Requests without
 * an answer are then sent again; none is done twice. A read-only store needs a sound database (else
 * kind not_found, corrupt, too_new). */
TN_MUST_CHECK struct tn_store *tn_store_open(struct tn_loop *loop, const struct tn_store_options *o,
                                             struct tn_err *err);
/* Answers all that waits, reads and commits, with kind cancelled before it returns (that alone may
 * call back inside the call), and sends nothing more: a commit that was sent may be durable all the
 * same.  For an owner that closes what the callbacks use before it closes the store.  NULL does
 * nothing. */
void tn_store_stop(struct tn_store *store);
/* Stops, and frees.  NULL does nothing. */
void tn_store_close(struct tn_store *store);
int64_t tn_store_now(const struct tn_store *store); /* by its clock */
/* Can it be read, and is the store process connected (or the store read-only)? */
bool tn_store_ready(const struct tn_store *store);
/* Calls fn each time the store becomes ready; if it is ready already, also once in a later turn.
 * Any number of listeners. */
typedef void (*tn_store_fn)(void *arg);
void tn_store_on_ready(struct tn_store *store, tn_store_fn fn, void *arg);

/* ------------------------------------------------------------------ tables */

enum tn_column_type {
    TN_COLUMN_text,
    TN_COLUMN_int,
    TN_COLUMN_real,
    TN_COLUMN_bool,
    TN_COLUMN_time
};

/* A member of the JSON body.  An indexed column is a real column that queries filter and sort by. A
 * kept one is the same without an index, for tables that stay small within a team (a query that
 * would read too much is refused). A column that is only shown appears in the table's view. A value
 * of another type than declared is null in the column; the body keeps it exactly.
 * TN_USE_unique is or-ed to any of them: no two records of a team have the same value, but any
 * number of them have none. */
struct tn_column {
    const char *name; /* [A-Za-z_][A-Za-z0-9_]*; not id team version hash created updated body n */
    enum tn_column_type type;
    enum tn_column_use {
        TN_USE_shown,
        TN_USE_indexed,
        TN_USE_kept,
        TN_USE_unique = 4
    } use; /* or false, true */
};
struct tn_table {
    const char *name; /* [a-z][a-z0-9_]*, up to TN_STORE_NAME_MAX */
    const struct tn_column *columns;
    size_t column_count;
    const char
        *key[TN_STORE_KEY_MAX]; /* columns that are unique together within a team (NULL ends); a
                                   record that lacks one of them may share the others */
    const char *event; /* "order": commits emit order.created .updated .deleted; NULL: no events */
    bool history;      /* keep former versions */
};
/* done is called with NULL for success. */
typedef void (*tn_store_done_fn)(void *arg, const struct tn_err *err);
/* Creates the table, or changes the stored one to this declaration; does nothing when it is the
 * same. Reads and writes go on meanwhile; a new index is used as soon as it is complete. Copies the
 * declaration.  Kind conflict: two records cannot both be in the table as declared; the text names
 * them and the value, and the stored table stays as it is. */
void tn_store_define(struct tn_store *store, const struct tn_table *table, tn_store_done_fn done,
                     void *arg);

/* ------------------------------------------------------------------ records */

struct tn_row {
    struct tn_id id;
    int64_t team, version; /* versions count from 1 */
    int64_t created_ms, updated_ms;
    bool hashed; /* hash is that of an upsert that wrote the whole body */
    unsigned char hash[TN_HASH_LEN];
    struct tn_str body; /* the JSON text exactly as it was given */
};

/* Where a record comes from or goes to: an integration, and the name of the entity there. */
struct tn_origin {
    struct tn_id integration;
    struct tn_str entity;
};

enum tn_filter_op {
    TN_FILTER_eq,
    TN_FILTER_ne,
    TN_FILTER_in,
    TN_FILTER_lt,
    TN_FILTER_le,
    TN_FILTER_gt,
    TN_FILTER_ge,
    TN_FILTER_prefix,
    TN_FILTER_contains, /* ignores the case of ASCII letters; '%' and '_' stand for themselves */
    TN_FILTER_null,
    TN_FILTER_not_null,
};
/* Values are texts that are read by the column's type: 12, 1.5, true, 2026-01-31T08:00:00Z (or
 * milliseconds). A value of another type: kind invalid, and the field names the column. */
struct tn_filter {
    const char *column; /* indexed or kept, or id, version, created, updated */
    enum tn_filter_op op;
    const struct tn_str *values; /* one; for `in` any number, for null and not_null none */
    size_t count;
};
struct tn_sort {
    const char *column; /* as for tn_filter */
    bool descending;
};
struct tn_query {
    int64_t team;
    const char *table;
    const struct tn_filter *filters;
    size_t filter_count;
    struct tn_sort sort[TN_STORE_SORT_MAX];
    /* 0: in the order of creation; ties likewise, newest first when the first sort descends, and so
     * does "id".  SQLite has the order of commits.  Another driver may have that of the ids, which
     * differs for records of one moment and for ids that a caller chose: rely on no more than that
     * the order stays and that a cursor goes on in it.  Who follows changes reads the log. */
    size_t sort_count;
    size_t limit;         /* 0 or above TN_LIMIT_PAGE: TN_LIMIT_PAGE */
    size_t offset;        /* up to 100,000; use cursors beyond */
    struct tn_str cursor; /* tn_list.next of the page before, same filters and sort */
    bool total;
    const char *in_text[4]; /* with text: columns (NULL ends), one of which has to contain it */
    struct tn_str text;
};

/* ------------------------------------------------------------------ links */

struct tn_link {
    struct tn_origin source;
    struct tn_str external_id;
    struct tn_id record;
    unsigned char hash[TN_HASH_LEN]; /* hash of the source's last state */
    int64_t version;                 /* the record's version when both sides last agreed */
    int64_t agreed_ms;
    struct tn_str agreed; /* the body on which both sides last agreed */
};

/* ------------------------------------------------------------------ totals */

/* A number that stands on a record and belongs to no version of it, as how many of its runs failed
 * (tn_commit_totals). It goes with the record. */
struct tn_total {
    struct tn_str name;
    int64_t value;
};

/* ------------------------------------------------------------------ history */

struct tn_version {
    int64_t version, at_ms; /* at_ms: when this version was written */
    bool current, deleted;  /* deleted: the record ended with this version */
};

/* ------------------------------------------------------------------ events */

/* The log may be split into partitions, each with numbers of its own; all events of a team are in
 * one.  SQLite has this one only. */
enum { TN_PARTITION_DEFAULT = 0 };

struct tn_event {
    int64_t seq;    /* within the log partition, over all its teams, from 1, without holes */
    int64_t number; /* within the team, from 1, without holes */
    int64_t team, at_ms;
    struct tn_str type;  /* "order.created" */
    struct tn_str table; /* "": the event concerns no record */
    struct tn_id record; /* zero: no record */
    int64_t version;     /* the record's version at this event */
    struct tn_id origin; /* the integration that caused it; zero: none */
    unsigned depth;      /* how many runs of rules in a row led to it; 0: none */
    struct tn_str data;  /* JSON of an explicit event; "" of an automatic one: read the
                          * record, or tn_read_as_of this version */
};
struct tn_tail {
    int64_t last; /* of the events handed over; `after` when there were none */
    int64_t head; /* the newest there is in the log partition */
    bool gap;     /* retention took events after `after`: reload, go on from last */
};
/* Seq of the newest event that this store was told of; reads nothing. */
int64_t tn_store_head(const struct tn_store *store);

/* ------------------------------------------------------------------ commits (values: commit.h) */

enum tn_outcome_kind {
    TN_DONE_none, /* kv, queue, event: done, without a further result */
    TN_DONE_created,
    TN_DONE_updated,
    TN_DONE_unchanged,
    TN_DONE_deleted,
    TN_DONE_conflict, /* upsert: this item was left out, the rest was done */
};
struct tn_op_outcome {
    enum tn_outcome_kind kind;
    bool adopted;             /* upsert: it linked a record that was there with the same key */
    bool adoptable;           /* conflict: the source knows the holder under another external id */
    struct tn_id id;          /* of the record, or the queue entry; zero: none */
    int64_t version;          /* of the record or the key-value, after the commit */
    const struct tn_err *why; /* of a conflict, else NULL: key_taken or conflict, see
                                 tn_commit_fn */
};
struct tn_committed {
    const struct tn_op_outcome *ops; /* one for each operation, in the order in which they were
                                        added */
    size_t count;
    int64_t at_ms; /* the time written into the records */
};
/* One of done and err is NULL.  err kinds: key_taken and conflict (text says which operation and
 * why; field is its number from 0, "2"), invalid, not_found (no such table), too_large, disk_full,
 * io (both: nothing was acknowledged), overloaded, unavailable, corrupt, cancelled. */
/* Details of key_taken: {"key": {column: value, ...}, "holder": id of the record that has the key
 * (or the value of a unique column),
 * "externalId": the external id of that record in the same source (upserts only, if any)}; long
 * values are cut.  Of a conflict of versions: {"basedOn": 3, "version": 5}. */
typedef void (*tn_commit_fn)(void *arg, const struct tn_committed *done, const struct tn_err *err);
/* A request under way.  Its owner may cancel it until done was called, and inside done, so an owner
 * that is freed cancels what it has under way.  done is then not called any more. */
struct tn_call;
void tn_call_cancel(struct tn_call *call); /* NULL does nothing */

/* Takes the commit over, whatever happens.  done (NULL: nobody is told) is called once, in a later
 * turn; by then this handle reads what was written.  A commit whose call is cancelled is done all
 * the same. */
struct tn_call *tn_store_commit(struct tn_store *store, struct tn_commit *commit_give,
                                tn_commit_fn done, void *arg);
/* Bytes of commits that are not answered yet; above TN_LIMIT_COMMIT_QUEUE commits are refused with
 * overloaded. */
size_t tn_store_pending(const struct tn_store *store);

/* ------------------------------------------------------------------ work queues */

struct tn_entry {
    struct tn_id id;
    int64_t team, due_ms;
    int64_t attempts; /* claims so far, this one included */
    int64_t lease;    /* give it to settle and reschedule */
    struct tn_str key, order, payload;
};
/* Gets the entries that are leased to this store's holder until now + lease_ms. next_due_ms: when
 * the next entry of the queue is due (0: there is none). err is NULL unless the claim failed. */
typedef void (*tn_claim_fn)(void *arg, const struct tn_entry *entries, size_t count,
                            int64_t next_due_ms, const struct tn_err *err);
/* When the call is cancelled, entries that were claimed become due again. */
struct tn_call *tn_store_claim(struct tn_store *store, const char *queue, size_t max,
                               int64_t lease_ms, tn_claim_fn done, void *arg);
/* A queue, or one order of it, at one moment. */
struct tn_queue_state {
    int64_t entries;
    int64_t leased;    /* of them: somebody works on them */
    int64_t tried;     /* of them: claimed before, and due again later or now */
    int64_t oldest_ms; /* when the oldest was put in; 0: there is none */
};

/* Ends all leases of a holder that is known to be dead; its entries are due again. */
void tn_store_release(struct tn_store *store, const struct tn_id *holder, tn_store_done_fn done,
                      void *arg);

/* ------------------------------------------------------------------ change notes */

enum { TN_STORE_NOTE_IDS = 64 };
enum tn_change_kind { TN_CHANGED_table, TN_CHANGED_definition, TN_CHANGED_kv, TN_CHANGED_queue };
struct tn_change {
    enum tn_change_kind kind;
    struct tn_str name;      /* of the table, the space or the queue */
    const struct tn_id *ids; /* of records that changed */
    size_t count;
    bool more; /* further ids changed: drop all caches of this name */
};
struct tn_changes {
    const struct tn_change *items;
    size_t count;
    int64_t head; /* seq of the newest event */
    bool all;     /* notes may have been lost: drop all caches */
};
/* Is called for every transaction of any process, before the answers to its commits. */
typedef void (*tn_change_fn)(void *arg, const struct tn_changes *changes);
void tn_store_on_change(struct tn_store *store, tn_change_fn fn, void *arg);
void tn_store_off_change(struct tn_store *store, tn_change_fn fn, void *arg);

/* ------------------------------------------------------------------ maintenance */

enum tn_retain {
    TN_RETAIN_events,
    TN_RETAIN_history,
    TN_RETAIN_kv_expired,
    TN_RETAIN_answers, /* answers to commits that nobody fetched */
    TN_RETAIN_runs,    /* rows of table run, except runs under way */
    TN_RETAIN_audit,
    TN_RETAIN_inbound,    /* but none that is not worked off */
    TN_RETAIN_plans,      /* but none whose run is under way */
    TN_RETAIN_quarantine, /* records that somebody gave up; open ones stay for ever */
    TN_RETAIN_KINDS
};
const char *tn_retain_name(enum tn_retain what); /* "runs" */
/* Removes things older than before_ms, in bounded steps, without an event or an audit row. The
 * store process does so by itself (tn_retention in server.h); call this when it must not wait. */
void tn_store_retain(struct tn_store *store, enum tn_retain what, int64_t before_ms,
                     tn_store_done_fn done, void *arg);
/* Writes a consistent copy of the database to path (which must not exist) while work continues. The
 * copy is checked, and complete when done is called without an error. */
void tn_store_backup(struct tn_store *store, const char *path, tn_store_done_fn done, void *arg);

/* Reads and checks a whole database file (a backup, or one that nobody serves); slow. */
TN_MUST_CHECK bool tn_store_verify(const char *path, struct tn_err *err);
/* Calls fn for each table of a database file, in the order of names, with a count of its records.
 * If the count differs from the one stored with the table: kind corrupt. */
typedef void (*tn_survey_fn)(void *arg, const char *table, int64_t records);
TN_MUST_CHECK bool tn_store_survey(const char *path, tn_survey_fn fn, void *arg,
                                   struct tn_err *err);

struct tn_store_stats {
    int64_t commits, groups, failed; /* since the store process started */
    int64_t group_us, sync_us_max;   /* time in transactions; longest end of one */
    int64_t queue_bytes;             /* bytes that wait in the store process */
    int64_t wal_bytes, db_bytes, free_bytes;
    int64_t head; /* the newest event */
    int64_t tables, checkpoints;
    int64_t replays;                   /* commits that were answered from a recorded answer */
    int64_t pages;                     /* pages written to the log since the database was opened */
    int64_t retained[TN_RETAIN_KINDS]; /* number of things that retention has removed, by kind */
};
typedef void (*tn_stats_fn)(void *arg, const struct tn_store_stats *stats,
                            const struct tn_err *err);
void tn_store_stats(struct tn_store *store, tn_stats_fn done, void *arg);

#endif
