/* SPDX-License-Identifier: MIT */
/* store.h - the narrow face of the store, which keeps records, links, events, key-values and
 * queues. No SQL stands above this layer; a driver (sqlite.c; later PostgreSQL) is one const struct
 * tn_store_ops.
 *
 * A read is a value that the store answers by callback (read.h). Every read is bounded by an index
 * and by a page. Writes are commit values (commit.h), given to the store process and answered in a
 * later loop turn.  `team` is an argument of every read and write; for it, records of other teams
 * do not exist.
 *
 * Life: open in a worker or command; read once ready; close (not out of a callback of the store).
 * Close answers everything that waits with `cancelled` before it returns; no other call of the
 * store calls back inside the call. */
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

/* Teams are numbered from 1 (system table "team"); things of no team belong to the system. */
#define TN_TEAM_SYSTEM 0
/* All teams: for the dispatcher, the scheduler and the like; never for a request. */
#define TN_TEAM_ALL (-1)

/* based_on of a write */
#define TN_ANY      (-1) /* whatever is there */
#define TN_NEW_ONLY 0    /* it must not exist; a number above 0: the version it must have */

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
    struct tn_id holder;          /* who claims queue entries: one new id a worker incarnation */
    struct tn_log *log;           /* may be NULL */
    const struct tn_clock *clock; /* key-values expire by it; NULL: the real one; outlives it */
    tn_damaged_fn damaged;        /* may be NULL */
    void *damaged_arg;
};
/* Connects in the background, and again whenever the store process is replaced. Requests that were
 * not answered are then sent again; none is done twice.  Read only: the database has to be there
 * and sound (kinds not_found, corrupt, too_new). */
TN_MUST_CHECK struct tn_store *tn_store_open(struct tn_loop *loop, const struct tn_store_options *o,
                                             struct tn_err *err);
void tn_store_close(struct tn_store *store);        /* NULL does nothing */
int64_t tn_store_now(const struct tn_store *store); /* by its clock */
/* Can it be read, and is the store process connected (or the handle read only)? */
bool tn_store_ready(const struct tn_store *store);
/* Calls fn each time the store becomes ready, and once in a later turn when it is ready already.
 * There may be any number of listeners. */
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
 * of another type than declared is null in the column; the body keeps it exactly. */
struct tn_column {
    const char *name; /* [A-Za-z_][A-Za-z0-9_]*; not id team version hash created updated body n */
    enum tn_column_type type;
    enum tn_column_use { TN_USE_shown, TN_USE_indexed, TN_USE_kept } use; /* or false, true */
};
struct tn_table {
    const char *name; /* [a-z][a-z0-9_]*, up to TN_STORE_NAME_MAX */
    const struct tn_column *columns;
    size_t column_count;
    const char
        *key[TN_STORE_KEY_MAX]; /* columns that are unique together within a team (NULL ends);
                                 * a record that lacks one of them is not subject to it */
    const char *event; /* "order": commits emit order.created .updated .deleted; NULL: none */
    bool history;      /* keep former versions */
};
/* done is called with NULL for success. */
typedef void (*tn_store_done_fn)(void *arg, const struct tn_err *err);
/* Creates the table, or changes the stored one to this declaration; does nothing when it is the
 * same. Reads and writes go on meanwhile; a new index is used as soon as it is complete. Copies the
 * declaration.
 */
void tn_store_define(struct tn_store *store, const struct tn_table *table, tn_store_done_fn done,
                     void *arg);

/* ------------------------------------------------------------------ records */

struct tn_row {
    struct tn_id id;
    int64_t team, version; /* versions count from 1 */
    int64_t created_ms, updated_ms;
    bool hashed; /* hash is that of an upsert which wrote the whole body */
    unsigned char hash[TN_HASH_LEN];
    struct tn_str body; /* exact JSON text, as it was given */
};

/* Where a record comes from or goes to: an integration and the entity's name over there. */
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
    TN_FILTER_contains, /* ASCII letters in either case; '%' and '_' are themselves */
    TN_FILTER_null,
    TN_FILTER_not_null,
};
/* Values are text that is read as the column's type: 12, 1.5, true, 2026-01-31T08:00:00Z (or bare
 * milliseconds). A value of another type: kind invalid, and the field names the column. */
struct tn_filter {
    const char *column; /* indexed or kept, or id, version, created, updated */
    enum tn_filter_op op;
    const struct tn_str *values; /* one; any count for `in`, none for null and not_null */
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
    size_t sort_count;    /* 0: in the order of creation; ties likewise, newest first when
                           * the first sort descends */
    size_t limit;         /* 0 or above TN_LIMIT_PAGE: TN_LIMIT_PAGE */
    size_t offset;        /* up to 100,000; use cursors beyond */
    struct tn_str cursor; /* tn_list.next of the page before, same filters and sort */
    bool total;
    const char *in_text[4]; /* with text: columns (NULL ends) of which one has to contain it */
    struct tn_str text;
};

/* ------------------------------------------------------------------ links */

struct tn_link {
    struct tn_origin source;
    struct tn_str external_id;
    struct tn_id record;
    unsigned char hash[TN_HASH_LEN]; /* of what the source last said */
    int64_t version;                 /* of the record when both sides last agreed */
    int64_t agreed_ms;
    struct tn_str agreed; /* the body both sides last agreed on */
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
    int64_t version, at_ms; /* at_ms: when this version came to be */
    bool current, deleted;  /* deleted: the record ended with this version */
};

/* ------------------------------------------------------------------ events */

struct tn_event {
    int64_t seq;    /* over all teams, from 1, without holes */
    int64_t number; /* within the team, from 1, without holes */
    int64_t team, at_ms;
    struct tn_str type;  /* "order.created" */
    struct tn_str table; /* "" when it is about no record */
    struct tn_id record; /* zero when about none */
    int64_t version;     /* of the record, as of this event */
    struct tn_id origin; /* the integration that caused it; zero: none */
    struct tn_str data;  /* JSON of an explicit event; "" of an automatic one: read the
                          * record, or tn_read_as_of this version */
};
struct tn_tail {
    int64_t last; /* of the events handed over; `after` when there were none */
    int64_t head; /* the newest there is */
    bool gap;     /* retention took events after `after`: reload, go on from last */
};
/* The newest event that the last change note of this handle named; reads nothing. */
int64_t tn_store_head(const struct tn_store *store);

/* ------------------------------------------------------------------ commits (values: commit.h) */

enum tn_outcome_kind {
    TN_DONE_none, /* kv, queue, event: nothing more to say */
    TN_DONE_created,
    TN_DONE_updated,
    TN_DONE_unchanged,
    TN_DONE_deleted,
    TN_DONE_conflict, /* of an upsert: this item was left out, the rest was done */
};
struct tn_op_outcome {
    enum tn_outcome_kind kind;
    bool adopted;         /* upsert: a record with the same key was there and is now linked */
    bool adoptable;       /* of a conflict: TN_KEY_adopt may settle it */
    struct tn_str before; /* adopted: the external id that the source had for it until now, or "" */
    struct tn_id id;      /* of the record, or the queue entry; zero: none */
    int64_t version;      /* of the record or the key-value, after the commit */
    const struct tn_err *why; /* of a conflict, else NULL: key_taken or conflict, as below */
};
struct tn_committed {
    const struct tn_op_outcome *ops; /* one an operation, in the order they were added */
    size_t count;
    int64_t at_ms; /* when records that it wrote came to be or changed */
};
/* One of done and err is NULL.  err kinds: key_taken and conflict (text says which operation and
 * why; field is its number from 0, "2"), invalid, not_found (no such table), too_large, disk_full,
 * io (both: nothing was acknowledged), overloaded, unavailable, corrupt, cancelled. */
/* Details of key_taken: {"key": {column: value, ...}, "holder": id of the record that has the key,
 * "externalId": the external id of that record in the same source (upserts only, if any)}; long
 * values are cut.  Of a conflict of versions: {"basedOn": 3, "version": 5}. */
typedef void (*tn_commit_fn)(void *arg, const struct tn_committed *done, const struct tn_err *err);
/* Takes the commit over, whatever happens.  done is called exactly once, in a later turn; by then
 * this handle reads what was written. */
void tn_store_commit(struct tn_store *store, struct tn_commit *commit_give, tn_commit_fn done,
                     void *arg);
/* Bytes of commits that are not answered yet; above TN_LIMIT_COMMIT_QUEUE commits are refused with
 * overloaded. */
size_t tn_store_pending(const struct tn_store *store);

/* ------------------------------------------------------------------ work queues */

struct tn_entry {
    struct tn_id id;
    int64_t team, due_ms;
    int64_t attempts; /* claims so far, this one included */
    int64_t lease;    /* give it to settle and reschedule */
    struct tn_str key, payload;
};
/* entries[count] are leased to this handle's holder until now + lease_ms; next_due_ms: when the
 * next of the queue is due (0: there is none).  err is NULL unless it failed. */
typedef void (*tn_claim_fn)(void *arg, const struct tn_entry *entries, size_t count,
                            int64_t next_due_ms, const struct tn_err *err);
void tn_store_claim(struct tn_store *store, const char *queue, size_t max, int64_t lease_ms,
                    tn_claim_fn done, void *arg);
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
    bool more; /* other ids changed too: drop all caches of this name */
};
struct tn_changes {
    const struct tn_change *items;
    size_t count;
    int64_t head; /* the newest event */
    bool all;     /* notes may have been missed: drop all caches */
};
/* Called for every transaction of any process, before the answers to its commits. */
typedef void (*tn_change_fn)(void *arg, const struct tn_changes *changes);
void tn_store_on_change(struct tn_store *store, tn_change_fn fn, void *arg);
void tn_store_off_change(struct tn_store *store, tn_change_fn fn, void *arg);

/* ------------------------------------------------------------------ care */

enum tn_retain {
    TN_RETAIN_events,
    TN_RETAIN_history,
    TN_RETAIN_kv_expired,
    TN_RETAIN_answers, /* of commits, that were not fetched */
    TN_RETAIN_runs,    /* rows of table run, but none that is under way */
    TN_RETAIN_audit,
    TN_RETAIN_inbound,    /* but none that is not worked off */
    TN_RETAIN_quarantine, /* only rows that were discarded */
    TN_RETAIN_KINDS
};
const char *tn_retain_name(enum tn_retain what); /* "runs" */
/* Removes what is older than before_ms, in bounded steps, without an event or an audit row.  The
 * store process does so by itself (tn_retention in server.h); this is for what shall not wait. */
void tn_store_retain(struct tn_store *store, enum tn_retain what, int64_t before_ms,
                     tn_store_done_fn done, void *arg);
/* A consistent copy of the database at path (which must not exist) while work goes on; it is
 * checked, and complete when done says so. */
void tn_store_backup(struct tn_store *store, const char *path, tn_store_done_fn done, void *arg);

/* Reads a whole database file and checks it (a backup, or one that nobody serves); slow. */
TN_MUST_CHECK bool tn_store_verify(const char *path, struct tn_err *err);
/* Each table of a database file with its records, counted, in the order of names.  A count that is
 * not what the table says of itself: kind corrupt. */
typedef void (*tn_survey_fn)(void *arg, const char *table, int64_t records);
TN_MUST_CHECK bool tn_store_survey(const char *path, tn_survey_fn fn, void *arg,
                                   struct tn_err *err);

struct tn_store_stats {
    int64_t commits, groups, failed; /* since the store process started */
    int64_t group_us, sync_us_max;   /* time in transactions; the longest one's end */
    int64_t queue_bytes;             /* that wait in the store process */
    int64_t wal_bytes, db_bytes, free_bytes;
    int64_t head; /* the newest event */
    int64_t tables, checkpoints;
    int64_t replays;                   /* commits answered from their record */
    int64_t pages;                     /* written to the log since the database was opened */
    int64_t retained[TN_RETAIN_KINDS]; /* things that retention removed, by kind */
};
typedef void (*tn_stats_fn)(void *arg, const struct tn_store_stats *stats,
                            const struct tn_err *err);
void tn_store_stats(struct tn_store *store, tn_stats_fn done, void *arg);

#endif
