/* SPDX-License-Identifier: MIT */
/* sqlite.h - for store/ only: the worker's side of the SQLite driver. sqlite.c talks to the store
 * process, sqlite_read.c and sqlite_query.c read the database. */
#ifndef TN_STORE_SQLITE_H
#define TN_STORE_SQLITE_H

#include "store/at_once.h"
#include "store/db.h"
#include "store/driver.h"
#include "store/shape.h"

enum { TN_CLIENT_LEN = 8 };

struct tn_sqlite {
    struct tn_store base;
    struct tn_db db;
    bool reading;             /* db is open */
    struct tn_file_id log_id; /* the log at the last opening; zeroes: unknown */
    char *path, *socket;
    struct tn_id holder;
    unsigned char client[TN_CLIENT_LEN];
    struct tn_channel *channel;
    bool welcomed;
    int64_t wait_ms; /* before the next attempt to connect */
    struct tn_timer *retry, *refuse;
    struct tn_request *head, **tail;
    struct tn_request *refused, **refused_tail;
    uint64_t next_number;
    size_t bytes;
    struct tn_map decls; /* name to struct tn_shape */
    tn_damaged_fn damaged;
    void *damaged_arg;
    struct tn_answerer *answerer;
};

static inline struct tn_sqlite *tn_sqlite(struct tn_store *s)
{
    return (struct tn_sqlite *)s;
}
struct tn_shape *tn_sqlite_decl(struct tn_store *s, const char *table, struct tn_err *err);
void tn_sqlite_forget_decls(struct tn_sqlite *s);
/* A cached statement of the read connection; NULL: err says why. */
sqlite3_stmt *tn_sqlite_sql(struct tn_sqlite *s, const char *sql, struct tn_err *err);
/* Fills err after a step that gave neither a row nor the end. Returns false. */
bool tn_sqlite_fail(struct tn_sqlite *s, sqlite3_stmt *st, struct tn_err *err);

/* Answers read values, one slice a turn (sqlite_answer.c). */
struct tn_answerer *tn_answerer_open(struct tn_sqlite *s);
/* Answers all that waits with kind cancelled. */
void tn_answerer_stop(struct tn_answerer *a);
void tn_answerer_free(struct tn_answerer *a); /* after stop */
void tn_sqlite_read(struct tn_store *s, struct tn_read_call *call_give);

/* The columns of a record, in this order, in every statement that reads one. */
#define TN_ROW_COLUMNS "n, id, team, version, created, updated, hash, body"
enum { TN_ROW_WIDTH = 8 };
/* Reads the current row; the body is valid until the next step. */
void tn_row_of(sqlite3_stmt *st, struct tn_row *row);

bool tn_sqlite_get(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                   struct tn_row *row, struct tn_buf *hold, struct tn_err *err);
bool tn_sqlite_get_by_key(struct tn_store *s, int64_t team, const char *table,
                          const struct tn_str *key, size_t count, struct tn_row *row,
                          struct tn_buf *hold, struct tn_err *err);
bool tn_sqlite_get_by_link(struct tn_store *s, int64_t team, const char *table,
                           const struct tn_origin *source, struct tn_str external_id,
                           struct tn_row *row, struct tn_buf *hold, struct tn_err *err);
bool tn_sqlite_query(struct tn_store *s, const struct tn_query *q, tn_row_fn fn, void *arg,
                     struct tn_page *page, struct tn_err *err);
/* Reads a count that is stored with a table: "rows" of a team (or of all), or "from", the number of
 * the team's first record. */
bool tn_sqlite_tally(struct tn_sqlite *s, const char *what, int64_t team, const char *table,
                     int64_t *value, struct tn_err *err);
bool tn_sqlite_count(struct tn_store *s, int64_t team, const char *table, int64_t *count,
                     struct tn_err *err);
bool tn_sqlite_link_hashes(struct tn_store *s, int64_t team, const struct tn_origin *source,
                           const struct tn_str *external_ids, size_t count,
                           unsigned char (*hashes)[TN_HASH_LEN], bool *found, struct tn_err *err);
bool tn_sqlite_link(struct tn_store *s, int64_t team, const struct tn_origin *source,
                    struct tn_str external_id, struct tn_link *link, struct tn_buf *hold,
                    struct tn_err *err);
bool tn_sqlite_links(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                     tn_link_fn fn, void *arg, struct tn_err *err);
typedef bool (*tn_total_fn)(void *arg, const struct tn_total *total); /* false stops */
bool tn_sqlite_totals(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                      tn_total_fn fn, void *arg, struct tn_err *err);
bool tn_sqlite_source_links(struct tn_store *s, int64_t team, const struct tn_origin *source,
                            struct tn_str after, size_t limit, tn_link_fn fn, void *arg,
                            struct tn_err *err);
bool tn_sqlite_versions(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                        size_t limit, tn_version_fn fn, void *arg, struct tn_err *err);
bool tn_sqlite_as_of(struct tn_store *s, int64_t team, const char *table, const struct tn_id *id,
                     int64_t version, int64_t at_ms, struct tn_row *row, struct tn_buf *hold,
                     struct tn_err *err);
bool tn_sqlite_queue(struct tn_store *s, int64_t team, const char *queue, struct tn_str order,
                     size_t most, struct tn_queue_state *state, struct tn_err *err);
bool tn_sqlite_tail(struct tn_store *s, int64_t team, int64_t after, size_t limit, tn_event_fn fn,
                    void *arg, struct tn_tail *tail, struct tn_err *err);
bool tn_sqlite_kv_get(struct tn_store *s, int64_t team, const char *space, struct tn_str key,
                      struct tn_buf *value, int64_t *version, struct tn_err *err);
bool tn_sqlite_kv_list(struct tn_store *s, int64_t team, const char *space, struct tn_str prefix,
                       struct tn_str after, size_t limit, tn_kv_fn fn, void *arg,
                       struct tn_err *err);

#endif
