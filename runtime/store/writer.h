/* SPDX-License-Identifier: MIT */
/* writer.h - for store/ alone: writes the database, in the store process. One transaction at a
 * time: begin, any number of commit values, end. operations.c does the operations, define.c makes
 * and remakes tables, writer.c does the rest. */
#ifndef TN_STORE_WRITER_H
#define TN_STORE_WRITER_H

#include "store/db.h"
#include "store/driver.h"
#include "store/shape.h"
#include "store/wire.h"

/* A number that is stored and cached: rows of a team in a table, the newest event, ... */
struct tn_tally {
    char name[TN_STORE_NAME_MAX + 16];
    int64_t team, value;
    bool dirty;
    struct tn_tally *next_dirty;
};

/* A table as the writer uses it. */
struct tn_wtable {
    struct tn_shape *decl;
    char sql_name[TN_STORE_NAME_MAX + 8]; /* data_<name>, while being remade next_<name> */
    sqlite3_stmt *insert, *update, *remove, *by_n, *by_given, *by_key;
    sqlite3_stmt *insert_many; /* made when it is first needed */
    struct tn_tally *next_n;
    struct tn_tally *rows; /* of the team that was written last */
    char created[TN_STORE_NAME_MAX + 16], updated[TN_STORE_NAME_MAX + 16],
        deleted[TN_STORE_NAME_MAX + 16]; /* event types */
    struct tn_wtable *next;              /* the table that is to replace it; NULL: none */
    int64_t copied;                      /* of such a replacement: rows are copied up to this n */
    bool team_index;
    bool failed; /* of such a replacement: a later write broke its key */
};

/* The changes of this transaction, which the store tells every process. */
struct tn_note {
    enum tn_change_kind kind;
    char name[TN_STORE_NAME_MAX + 1];
    struct tn_id ids[TN_STORE_NOTE_IDS];
    size_t count;
    bool more;
};
enum { TN_NOTES_MAX = 64 };

/* A series of like events that is not written yet. */
struct tn_event_run {
    int64_t seq, number, team, count;
    const char *type, *table; /* borrowed while the run lasts: of a table, or in the arena */
    struct tn_buf refs;
};

struct tn_writer {
    struct tn_db db;
    struct tn_json *json;
    struct tn_log *log;
    struct tn_map tables; /* name to struct tn_wtable */
    struct tn_map tallies;
    struct tn_tally *dirty;
    struct tn_tally *seq, *number; /* newest event: of all teams, and of the last team */
    struct tn_arena arena;         /* of the commit under way */
    const struct tn_clock *clock;  /* NULL: the real one */
    int64_t now; /* the time of the transaction; with the real clock it never runs backwards */
    struct tn_note notes[TN_NOTES_MAX];
    size_t note_count;
    bool note_all;
    /* the commit under way */
    struct tn_id fresh; /* the prefix of the ids that it makes */
    struct tn_id origin;
    struct tn_event_run run;
    struct tn_undo {
        struct tn_tally *tally;
        int64_t value;
    } * undo;
    size_t undo_count, undo_room;
    struct tn_wslot *slots;
    size_t slot_count, slot_room;
    struct tn_wsource *sources;
    size_t source_count, source_room;
    bool *named; /* the announced records: is it there? */
    size_t named_count, named_room;
    size_t op;                /* its number, for messages */
    struct tn_unique *unique; /* keys that wait for the end (unique.h); NULL: no clash was met */
    bool want_team_index;
    bool defining; /* tables changed in this transaction */
};

/* How one step of a commit ended.  broken: the whole transaction is; err says why. */
enum tn_step { TN_STEP_ok, TN_STEP_refused, TN_STEP_broken };

/* Opens, checks, migrates; the folder is locked by the caller.  clock may be NULL. */
TN_MUST_CHECK bool tn_writer_open(struct tn_writer *w, const char *path, struct tn_log *log,
                                  const struct tn_clock *clock, struct tn_err *err);
void tn_writer_close(struct tn_writer *w);
TN_MUST_CHECK bool tn_writer_begin(struct tn_writer *w, struct tn_err *err);
/* Writes the pending events and counts, and makes the transaction durable. False: nothing of the
 * transaction happened. */
TN_MUST_CHECK bool tn_writer_end(struct tn_writer *w, struct tn_err *err);
void tn_writer_abort(struct tn_writer *w);

/* One commit value.  alone: no other work is in this transaction, so that it may be aborted whole.
 * The result message is appended to result unless broken. */
enum tn_step tn_writer_apply(struct tn_writer *w, struct tn_str value, bool alone,
                             struct tn_buf *result, struct tn_err *err);

/* One operation of a commit value; its outcome is appended. */
enum tn_step tn_writer_operation(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                                 struct tn_err *err);
/* file.c: opens the database for writing; makes it when there is none; brings it up to date. */
TN_MUST_CHECK bool tn_db_prepare_file(struct tn_db *db, const char *path, struct tn_log *log,
                                      struct tn_err *err);

/* Shared by the files of the writer. */
bool tn_writer_broken(struct tn_writer *w, const char *what, struct tn_err *err); /* false */
struct tn_tally *tn_tally(struct tn_writer *w, const char *name, int64_t team, struct tn_err *err);
void tn_tally_set(struct tn_writer *w, struct tn_tally *tally, int64_t value);
void tn_writer_note(struct tn_writer *w, enum tn_change_kind kind, struct tn_str name,
                    const struct tn_id *id);
/* One event more; data {"", 0} for an automatic one. */
bool tn_writer_event(struct tn_writer *w, int64_t team, const char *type, const char *table,
                     const struct tn_id *id, int64_t version, struct tn_str data,
                     struct tn_err *err);
bool tn_writer_flush_events(struct tn_writer *w, struct tn_err *err);
/* Runs a statement that gives no rows. */
bool tn_writer_run(struct tn_writer *w, sqlite3_stmt *st, const char *what, struct tn_err *err);

/* define.c */
struct tn_wtable *tn_wtable(struct tn_writer *w, struct tn_str name); /* or NULL */
bool tn_writer_load_tables(struct tn_writer *w, struct tn_err *err);
void tn_writer_forget_tables(struct tn_writer *w);
/* In a transaction.  *pending: rows have to be copied first: see tn_writer_remake. */
bool tn_writer_define(struct tn_writer *w, struct tn_str declaration, bool *pending,
                      struct tn_err *err);
/* Copies up to so many rows of a table that is being remade; *done when it has been swapped in.
 * refused (not broken): the new declaration cannot hold; it was dropped. */
enum tn_step tn_writer_remake(struct tn_writer *w, struct tn_wtable *t, int64_t rows, bool *done,
                              struct tn_err *err);
/* Makes the indexes that tables with several teams need, or begins to.  In a transaction. */
bool tn_writer_team_index(struct tn_writer *w, struct tn_err *err);
/* A table that is being remade, or NULL. */
struct tn_wtable *tn_writer_remaking(struct tn_writer *w);
/* Removes up to so many rows of what a remake left behind; *done when nothing is left. */
bool tn_writer_sweep(struct tn_writer *w, int64_t rows, bool *done, struct tn_err *err);

/* A record in the writer's hands; texts live in the arena. */
struct tn_rec {
    int64_t n, team, version, created, updated;
    struct tn_id id;
    bool given;
    bool hashed;
    unsigned char hash[TN_HASH_LEN];
    struct tn_str links, body;
};
/* From a row of the columns n to links, then the body; texts are the statement's. */
void tn_rec_of(sqlite3_stmt *st, struct tn_rec *r);
/* Cells are those of the declaration's real columns. */
enum { TN_ROWS_MANY = 20 };
bool tn_wtable_insert(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      const struct tn_cell *cells, bool *taken, struct tn_err *err);
/* TN_ROWS_MANY rows at once, all or none, of a table that is not being remade. */
bool tn_wtable_insert_many(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                           struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX], bool *taken,
                           struct tn_err *err);
bool tn_wtable_update(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      const struct tn_cell *cells, bool *taken, struct tn_err *err);
/* Gives its key to a row of the table that replaces t. A key that is still taken ends the remake,
 * not the commit. */
bool tn_wtable_shadow(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      struct tn_err *err);
bool tn_wtable_remove(struct tn_writer *w, struct tn_wtable *t, int64_t n, struct tn_err *err);
/* The cells of a body, by the declaration. */
bool tn_wtable_cells(struct tn_writer *w, const struct tn_wtable *t, struct tn_str body,
                     struct tn_cell *cells, struct tn_err *err);

#endif
