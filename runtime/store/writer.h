/* SPDX-License-Identifier: MIT */
/* writer.h - for store/ only: writes the database, in the store process. One transaction at a time:
 * begin, any number of commit values, end. operations.c carries out the operations, define.c makes
 * and remakes tables, writer.c does the rest. */
#ifndef TN_STORE_WRITER_H
#define TN_STORE_WRITER_H

#include "store/db.h"
#include "store/driver.h"
#include "store/shape.h"
#include "store/wire.h"

/* A stored number with a cached copy: rows of a team in a table, the newest event, ... */
struct tn_tally {
    char name[TN_STORE_NAME_MAX + 16];
    int64_t team, value;
    bool dirty;
    struct tn_tally *next_dirty;
};

/* A table as the writer uses it. */
enum { TN_CHANGES_MAX = 16 };
struct tn_wtable {
    struct tn_shape *decl;
    char sql_name[TN_STORE_NAME_MAX + 8]; /* data_<name>, while being remade next_<name> */
    sqlite3_stmt *insert, *update, *remove, *by_n, *by_given;
    sqlite3_stmt *by_key[TN_KEYS_MAX]; /* as decl->keys */
    sqlite3_stmt *insert_many;         /* made when it is first needed */
    struct tn_wchange {
        uint64_t columns; /* the indexed ones that it writes, a bit for each real column */
        sqlite3_stmt *st; /* updates a row of which no other indexed column changes */
    } changes[TN_CHANGES_MAX];
    size_t change_count;
    struct tn_tally *next_n;
    struct tn_tally *rows; /* of the team whose record was written last */
    char created[TN_STORE_NAME_MAX + 16], updated[TN_STORE_NAME_MAX + 16],
        deleted[TN_STORE_NAME_MAX + 16]; /* event types */
    struct tn_wtable *next;              /* the table that will replace it; NULL: none */
    int64_t copied;                      /* of a replacement: rows up to this n were copied */
    bool team_index;
    struct tn_err *failed; /* of such a replacement: a later write that it cannot take; or NULL */
};

/* The changes of this transaction, of which every process is told. */
struct tn_note {
    enum tn_change_kind kind;
    char name[TN_STORE_NAME_MAX + 1];
    struct tn_id ids[TN_STORE_NOTE_IDS];
    size_t count;
    bool more;
};
enum { TN_NOTES_MAX = 64 };

/* A series of similar events that was not written yet. */
struct tn_event_run {
    int64_t seq, number, team, count;
    const char *type, *table; /* borrowed from a table or the arena while the series lasts */
    struct tn_buf refs;
};

struct tn_writer {
    struct tn_db db;
    struct tn_json *json;
    struct tn_log *log;
    struct tn_map tables; /* name to struct tn_wtable */
    struct tn_map tallies;
    struct tn_tally *dirty;
    struct tn_tally *seq, *number; /* number of the newest event: of all teams, and of the last
                                      team */
    struct tn_arena arena;         /* for the current commit */
    const struct tn_clock *clock;  /* NULL: the real one */
    int64_t now; /* the time of the transaction; with the real clock it never goes back */
    struct tn_note notes[TN_NOTES_MAX];
    size_t note_count;
    bool note_all;
    /* the current commit: */
    struct tn_id fresh; /* source of the ids that it makes */
    struct tn_id origin;
    unsigned depth;
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
    bool alone, saved;        /* it has the transaction for itself; it has a savepoint */
    bool want_team_index;
    bool defining; /* this transaction has changed tables */
};

/* How one step of a commit ended. broken: the whole transaction has failed; err says why. */
enum tn_step { TN_STEP_ok, TN_STEP_refused, TN_STEP_broken };

/* Opens, checks and migrates the database. The caller has locked the folder. clock may be NULL. */
TN_MUST_CHECK bool tn_writer_open(struct tn_writer *w, const char *path, struct tn_log *log,
                                  const struct tn_clock *clock, struct tn_err *err);
void tn_writer_close(struct tn_writer *w);
TN_MUST_CHECK bool tn_writer_begin(struct tn_writer *w, struct tn_err *err);
/* Writes the pending events and counts, and makes the transaction durable. False: nothing of the
 * transaction was done. */
TN_MUST_CHECK bool tn_writer_end(struct tn_writer *w, struct tn_err *err);
void tn_writer_abort(struct tn_writer *w);

/* Carries out one commit value. alone: the transaction has no other work, so it may be rolled back
 * as a whole. Appends the result message to result, unless it ends broken. */
enum tn_step tn_writer_apply(struct tn_writer *w, struct tn_str value, bool alone,
                             struct tn_buf *result, struct tn_err *err);

/* Has to come before the first write of a commit that may be refused after it.  Does nothing where
 * there is a savepoint, or where the whole transaction may be taken back. */
TN_MUST_CHECK bool tn_writer_savepoint(struct tn_writer *w, struct tn_err *err);
/* One operation of a commit value; its outcome is appended. */
enum tn_step tn_writer_operation(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                                 struct tn_err *err);
/* In file.c. Opens the database for writing; makes it if there is none; migrates it. */
TN_MUST_CHECK bool tn_db_prepare_file(struct tn_db *db, const char *path, struct tn_log *log,
                                      struct tn_err *err);

/* Shared by the files of the writer. */
bool tn_writer_broken(struct tn_writer *w, const char *what, struct tn_err *err); /* false */
struct tn_tally *tn_tally(struct tn_writer *w, const char *name, int64_t team, struct tn_err *err);
void tn_tally_set(struct tn_writer *w, struct tn_tally *tally, int64_t value);
void tn_writer_note(struct tn_writer *w, enum tn_change_kind kind, struct tn_str name,
                    const struct tn_id *id);
/* Adds an event; data {"", 0} for an automatic one. */
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
/* Call it in a transaction. *pending: rows have to be copied first; see tn_writer_remake. */
bool tn_writer_define(struct tn_writer *w, struct tn_str declaration, bool *pending,
                      struct tn_err *err);
/* Copies at most `rows` rows of a table that is being remade; *done: the new table has replaced it.
 * refused (not broken): the new declaration does not fit the rows, and was dropped. */
enum tn_step tn_writer_remake(struct tn_writer *w, struct tn_wtable *t, int64_t rows, bool *done,
                              struct tn_err *err);
/* Makes the indexes that tables with several teams need, or begins to. Call it in a transaction. */
bool tn_writer_team_index(struct tn_writer *w, struct tn_err *err);
/* Returns a table that is being remade, or NULL. */
struct tn_wtable *tn_writer_remaking(struct tn_writer *w);
/* Removes at most `rows` rows that a remake left behind; *done: nothing is left. */
bool tn_writer_sweep(struct tn_writer *w, int64_t rows, bool *done, struct tn_err *err);

/* A record while the writer works on it; its texts are in the arena. */
struct tn_rec {
    int64_t n, team, version, created, updated;
    struct tn_id id;
    bool given;
    bool hashed;
    unsigned char hash[TN_HASH_LEN];
    struct tn_str links, body;
    const struct tn_cell *cells; /* as the row has them now; NULL: not known */
};
/* Reads a row of the columns n to links, then the body; its texts are valid as long as the
 * statement's row. */
void tn_rec_of(sqlite3_stmt *st, struct tn_rec *r);
/* Cells are those of the declaration's real columns. */
enum { TN_ROWS_MANY = 20 };
bool tn_wtable_insert(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      const struct tn_cell *cells, bool *taken, struct tn_err *err);
/* Inserts TN_ROWS_MANY rows at once, all or none, into a table that is not being remade. */
bool tn_wtable_insert_many(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                           struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX], bool *taken,
                           struct tn_err *err);
bool tn_wtable_update(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      const struct tn_cell *cells, bool *taken, struct tn_err *err);
/* Gives its keys to a row of the table that replaces t. A key that is still taken ends the remake,
 * not the commit. */
bool tn_wtable_shadow(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      struct tn_err *err);
bool tn_wtable_remove(struct tn_writer *w, struct tn_wtable *t, int64_t n, struct tn_err *err);
/* Takes the cells of a body, by the declaration. */
bool tn_wtable_cells(struct tn_writer *w, const struct tn_wtable *t, struct tn_str body,
                     struct tn_cell *cells, struct tn_err *err);

#endif
