/* SPDX-License-Identifier: MIT */
#include "store/retain.h"

#include <stdio.h>

#include "store/operation.h"

enum { RETAIN_ROWS = 500 }; /* of one step */

static bool retain_events(struct tn_writer *w, struct tn_retaining *r, bool *done,
                          struct tn_err *err)
{
    struct tn_tally *floor = tn_tally(w, "event_floor", -1, err);
    sqlite3_stmt *st =
        tn_db_sql(&w->db,
                  "SELECT max(seq), max(seq + count - 1), count(*) FROM (SELECT seq, "
                  "count FROM tn_event WHERE at < ?1 AND seq IN (SELECT seq FROM "
                  "tn_event ORDER BY seq LIMIT ?2))",
                  err);
    if (!st || !floor) return false;
    sqlite3_bind_int64(st, 1, r->before);
    sqlite3_bind_int64(st, 2, RETAIN_ROWS);
    if (sqlite3_step(st) != SQLITE_ROW) return tn_writer_broken(w, "retention", err);
    int64_t seq = sqlite3_column_int64(st, 0), last = sqlite3_column_int64(st, 1);
    *done = sqlite3_column_int64(st, 2) < RETAIN_ROWS;
    sqlite3_reset(st);
    if (!seq) return true;
    r->removed = last - floor->value;
    tn_tally_set(w, floor, last);
    if (!(st = tn_db_sql(&w->db, "DELETE FROM tn_event WHERE seq <= ?1", err))) return false;
    sqlite3_bind_int64(st, 1, seq);
    return tn_writer_run(w, st, "retention", err);
}

static bool retain_gone(struct tn_writer *w, struct tn_retaining *r, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db, "DELETE FROM tn_gone WHERE gone < ?1", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, r->before);
    if (!tn_writer_run(w, st, "retention", err)) return false;
    r->removed += sqlite3_changes(w->db.sq);
    return true;
}

/* A pass over the whole history, a stretch of its key at a time. */
static bool retain_history(struct tn_writer *w, struct tn_retaining *r, bool *done,
                           struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "SELECT tbl, n, version FROM tn_history WHERE (tbl, n, version) > "
                                 "(?1, ?2, ?3) ORDER BY tbl, n, version LIMIT 1 OFFSET ?4",
                                 err);
    sqlite3_stmt *del = tn_db_sql(&w->db,
                                  "DELETE FROM tn_history WHERE (tbl, n, version) > (?1, ?2, ?3) "
                                  "AND (tbl, n, version) <= (?4, ?5, ?6) AND at < ?7",
                                  err);
    if (!st || !del) return false;
    int64_t to[3] = {INT64_MAX, INT64_MAX, INT64_MAX};
    for (int i = 0; i < 3; i++) sqlite3_bind_int64(st, i + 1, r->at[i]);
    sqlite3_bind_int64(st, 4, RETAIN_ROWS);
    bool ok = true;
    *done = !tn_db_row(&w->db, st, "retention", &ok, err);
    for (int i = 0; i < 3 && !*done; i++) to[i] = sqlite3_column_int64(st, i);
    sqlite3_reset(st);
    if (!ok) return false;
    for (int i = 0; i < 3; i++) {
        sqlite3_bind_int64(del, i + 1, r->at[i]);
        sqlite3_bind_int64(del, i + 4, to[i]);
        r->at[i] = to[i];
    }
    sqlite3_bind_int64(del, 7, r->before);
    if (!tn_writer_run(w, del, "retention", err)) return false;
    r->removed = sqlite3_changes(w->db.sq);
    return !*done || retain_gone(w, r, err);
}

static bool retain_kv(struct tn_writer *w, struct tn_retaining *r, bool *done, struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_db_sql(&w->db,
                  "DELETE FROM tn_kv WHERE (team, space, key) IN (SELECT team, "
                  "space, key FROM tn_kv WHERE expires > 0 AND expires < ?1 LIMIT ?2)",
                  err);
    if (!st) return false;
    int64_t before = r->before < w->now ? r->before : w->now;
    sqlite3_bind_int64(st, 1, before);
    sqlite3_bind_int64(st, 2, RETAIN_ROWS);
    if (!tn_writer_run(w, st, "retention", err)) return false;
    r->removed = sqlite3_changes(w->db.sq);
    *done = r->removed < RETAIN_ROWS;
    return true;
}

static bool retain_answers(struct tn_writer *w, struct tn_retaining *r, bool *done,
                           struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "DELETE FROM tn_done WHERE (client, number) IN (SELECT client, "
                                 "number FROM tn_done WHERE at < ?1 LIMIT ?2)",
                                 err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, r->before);
    sqlite3_bind_int64(st, 2, RETAIN_ROWS);
    if (!tn_writer_run(w, st, "retention", err)) return false;
    r->removed = sqlite3_changes(w->db.sq);
    *done = r->removed < RETAIN_ROWS;
    return true;
}

/* ------------------------------------------------------------------ rows of system tables */

/* A row that may be too old. */
struct aged {
    struct tn_rec rec;
    bool ended;
};

/* An event from outside has an entry in this queue until it is worked off. */
static bool waits_in_queue(struct tn_writer *w, const struct tn_rec *rec, bool *waits,
                           struct tn_err *err)
{
    char key[TN_ID_LEN + 1];
    bool ok = true;
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "SELECT 1 FROM tn_queue WHERE queue = 'inbound' AND team = ?1 "
                                 "AND key = ?2 AND key <> ''",
                                 err);
    if (!st) return false;
    tn_id_text(&rec->id, key);
    sqlite3_bind_int64(st, 1, rec->team);
    tn_bind_str(st, 2, tn_str(key));
    *waits = tn_db_row(&w->db, st, "retention", &ok, err);
    sqlite3_reset(st);
    return ok;
}

/* A run that carries a plan out names it in its filters. */
static bool has_running_run(struct tn_writer *w, const struct tn_rec *rec, bool *waits,
                            struct tn_err *err)
{
    const struct tn_wtable *runs = tn_wtable(w, TN_STR("run"));
    char sql[200], id[TN_ID_LEN + 1];
    bool ok = true;
    if (!runs) return true;
    snprintf(sql, sizeof sql,
             "SELECT 1 FROM %s WHERE team = ?1 AND status = 'RUNNING' AND instr(body, ?2) LIMIT 1",
             runs->sql_name);
    sqlite3_stmt *st = tn_db_sql(&w->db, sql, err);
    if (!st) return false;
    tn_id_text(&rec->id, id);
    sqlite3_bind_int64(st, 1, rec->team);
    tn_bind_str(st, 2, tn_str(id));
    *waits = tn_db_row(&w->db, st, "retention", &ok, err);
    sqlite3_reset(st);
    return ok;
}

/* SQL: may a row of this kind go at all? */
static const char *ended_of(enum tn_retain what)
{
    if (what == TN_RETAIN_runs) return "status <> 'RUNNING'";
    if (what == TN_RETAIN_quarantine) return "status <> 'open'";
    return "1";
}

/* The next rows in the order of their making, up to RETAIN_ROWS. */
static bool next_rows(struct tn_writer *w, const struct tn_wtable *t, struct tn_retaining *r,
                      struct aged *rows, size_t *count, struct tn_err *err)
{
    char sql[256];
    bool ok = true;
    snprintf(sql, sizeof sql,
             "SELECT n, id, team, created, updated, %s FROM %s WHERE n > ?1 ORDER BY n LIMIT ?2",
             ended_of(r->what), t->sql_name);
    sqlite3_stmt *st = tn_db_sql(&w->db, sql, err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, r->at[0]);
    sqlite3_bind_int64(st, 2, RETAIN_ROWS);
    for (*count = 0; tn_db_row(&w->db, st, "retention", &ok, err); ++*count) {
        rows[*count] = (struct aged){.rec = {.n = sqlite3_column_int64(st, 0),
                                             .id = tn_column_id(st, 1),
                                             .team = sqlite3_column_int64(st, 2),
                                             .created = sqlite3_column_int64(st, 3),
                                             .updated = sqlite3_column_int64(st, 4)},
                                     .ended = sqlite3_column_int(st, 5)};
        r->at[0] = rows[*count].rec.n;
    }
    sqlite3_reset(st);
    return ok;
}

static bool drop_if_over(struct tn_writer *w, struct tn_wtable *t, struct tn_retaining *r,
                         const struct aged *row, struct tn_err *err)
{
    bool waits = !row->ended;
    if (row->rec.updated >= r->before || waits) return true;
    if (r->what == TN_RETAIN_inbound && !waits_in_queue(w, &row->rec, &waits, err)) return false;
    if (r->what == TN_RETAIN_plans && !has_running_run(w, &row->rec, &waits, err)) return false;
    if (waits) return true;
    r->removed++;
    return tn_rec_drop(w, t, &row->rec, err);
}

/* Rows lie in the order of their making, so those behind a stretch that is young are young, too. */
static bool retain_rows(struct tn_writer *w, struct tn_retaining *r, bool *done, struct tn_err *err)
{
    static const char *const tables[] = {[TN_RETAIN_runs] = "run",
                                         [TN_RETAIN_audit] = "audit",
                                         [TN_RETAIN_inbound] = "inbound",
                                         [TN_RETAIN_plans] = "plan",
                                         [TN_RETAIN_quarantine] = "quarantine"};
    struct tn_wtable *t = tn_wtable(w, tn_str(tables[r->what]));
    struct aged rows[RETAIN_ROWS];
    size_t count = 0;
    bool old = false, ok = !t || next_rows(w, t, r, rows, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        old = old || rows[i].rec.created < r->before;
        ok = drop_if_over(w, t, r, &rows[i], err);
    }
    *done = count < RETAIN_ROWS || !old;
    return ok;
}

/* ------------------------------------------------------------------ all kinds */

static const struct kind {
    const char *name;
    bool (*step)(struct tn_writer *w, struct tn_retaining *r, bool *done, struct tn_err *err);
} kinds[TN_RETAIN_KINDS] = {
    [TN_RETAIN_events] = {"events", retain_events},
    [TN_RETAIN_history] = {"history", retain_history},
    [TN_RETAIN_kv_expired] = {"expired", retain_kv},
    [TN_RETAIN_answers] = {"answers", retain_answers},
    [TN_RETAIN_runs] = {"runs", retain_rows},
    [TN_RETAIN_audit] = {"audit", retain_rows},
    [TN_RETAIN_inbound] = {"inbound", retain_rows},
    [TN_RETAIN_plans] = {"plans", retain_rows},
    [TN_RETAIN_quarantine] = {"quarantine", retain_rows},
};

const char *tn_retain_name(enum tn_retain what)
{
    return kinds[what].name;
}

bool tn_retain_step(struct tn_writer *w, struct tn_retaining *r, bool *done, struct tn_err *err)
{
    r->removed = 0;
    if (r->what < TN_RETAIN_KINDS) return kinds[r->what].step(w, r, done, err);
    return tn_fail(err, TN_E_invalid, "there is no such retention");
}
