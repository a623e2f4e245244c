/* SPDX-License-Identifier: MIT */
#include "store/writer.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/time.h"
#include "store/wire.h"

enum { RUN_MAX = 1000 };

bool tn_writer_broken(struct tn_writer *w, const char *what, struct tn_err *err)
{
    return tn_db_fail(&w->db, what, err);
}

bool tn_writer_run(struct tn_writer *w, sqlite3_stmt *st, const char *what, struct tn_err *err)
{
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) tn_writer_broken(w, what, err);
    sqlite3_reset(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

/* ------------------------------------------------------------------ tallies */

struct tn_tally *tn_tally(struct tn_writer *w, const char *name, int64_t team, struct tn_err *err)
{
    char text[TN_STORE_NAME_MAX + 48];
    int n = snprintf(text, sizeof text, "%s %lld", name, (long long)team);
    struct tn_str key = {text, (size_t)n};
    struct tn_tally *t = tn_map_get(&w->tallies, key);
    if (t) return t;
    sqlite3_stmt *st =
        tn_db_sql(&w->db, "SELECT value FROM tn_tally WHERE name = ?1 AND team = ?2", err);
    if (!st) return NULL;
    tn_bind_str(st, 1, tn_str(name));
    sqlite3_bind_int64(st, 2, team);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        tn_writer_broken(w, "reading", err);
        sqlite3_reset(st);
        return NULL;
    }
    t = TN_NEW(struct tn_tally);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->team = team;
    t->value = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    tn_map_put(&w->tallies, key, t);
    return t;
}

void tn_tally_set(struct tn_writer *w, struct tn_tally *t, int64_t value)
{
    if (w->undo_count == w->undo_room) {
        w->undo_room = w->undo_room ? w->undo_room * 2 : 256;
        w->undo = tn_realloc(w->undo, w->undo_room * sizeof *w->undo);
    }
    if (!w->undo_count || w->undo[w->undo_count - 1].tally != t)
        w->undo[w->undo_count++] = (struct tn_undo){t, t->value};
    t->value = value;
    if (t->dirty) return;
    t->dirty = true;
    t->next_dirty = w->dirty;
    w->dirty = t;
}

static bool write_tallies(struct tn_writer *w, struct tn_err *err)
{
    for (; w->dirty; w->dirty = w->dirty->next_dirty) {
        struct tn_tally *t = w->dirty;
        sqlite3_stmt *st =
            tn_db_sql(&w->db,
                      "INSERT INTO tn_tally (name, team, value) VALUES "
                      "(?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
                      err);
        if (!st) return false;
        tn_bind_str(st, 1, tn_str(t->name));
        sqlite3_bind_int64(st, 2, t->team);
        sqlite3_bind_int64(st, 3, t->value);
        if (!tn_writer_run(w, st, "counting", err)) return false;
        t->dirty = false;
    }
    return true;
}

/* ------------------------------------------------------------------ notes */

void tn_writer_note(struct tn_writer *w, enum tn_change_kind kind, struct tn_str name,
                    const struct tn_id *id)
{
    struct tn_note *note = NULL;
    for (size_t i = w->note_count; i > 0 && !note; i--)
        if (w->notes[i - 1].kind == kind && tn_str_is(name, w->notes[i - 1].name))
            note = &w->notes[i - 1];
    if (!note && w->note_count == TN_NOTES_MAX) {
        w->note_all = true;
        return;
    }
    if (!note) {
        note = &w->notes[w->note_count++];
        note->kind = kind;
        note->count = 0;
        note->more = false;
        snprintf(note->name, sizeof note->name, "%.*s", TN_FMT(name));
    }
    if (!id || note->more) return;
    if (note->count == TN_STORE_NOTE_IDS) {
        note->more = true;
        note->count = 0;
    } else {
        note->ids[note->count++] = *id;
    }
}

/* ------------------------------------------------------------------ events */

bool tn_writer_flush_events(struct tn_writer *w, struct tn_err *err)
{
    struct tn_event_run *r = &w->run;
    if (!r->count) return true;
    static const struct tn_id none;
    sqlite3_stmt *st =
        tn_db_sql(&w->db,
                  "INSERT INTO tn_event (seq, count, team, number, at, type, "
                  "tbl, origin, refs, data, depth) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,'',?10)",
                  err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, r->seq);
    sqlite3_bind_int64(st, 2, r->count);
    sqlite3_bind_int64(st, 3, r->team);
    sqlite3_bind_int64(st, 4, r->number);
    sqlite3_bind_int64(st, 5, w->now);
    tn_bind_str(st, 6, tn_str(r->type));
    tn_bind_str(st, 7, tn_str(r->table));
    if (memcmp(&w->origin, &none, sizeof none) != 0) tn_bind_id(st, 8, &w->origin);
    tn_bind_blob(st, 9, r->refs.p, r->refs.n);
    sqlite3_bind_int64(st, 10, w->depth);
    r->count = 0;
    return tn_writer_run(w, st, "logging events", err);
}

static bool single_event(struct tn_writer *w, int64_t seq, int64_t number, int64_t team,
                         const char *type, const char *table, struct tn_str ref, struct tn_str data,
                         struct tn_err *err)
{
    static const struct tn_id none;
    sqlite3_stmt *st =
        tn_db_sql(&w->db,
                  "INSERT INTO tn_event (seq, count, team, number, at, type, "
                  "tbl, origin, refs, data, depth) VALUES (?1,1,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
                  err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, seq);
    sqlite3_bind_int64(st, 3, team);
    sqlite3_bind_int64(st, 4, number);
    sqlite3_bind_int64(st, 5, w->now);
    tn_bind_str(st, 6, tn_str(type));
    tn_bind_str(st, 7, tn_str(table));
    if (memcmp(&w->origin, &none, sizeof none) != 0) tn_bind_id(st, 8, &w->origin);
    tn_bind_blob(st, 9, ref.p, ref.n);
    tn_bind_str(st, 10, data);
    sqlite3_bind_int64(st, 11, w->depth);
    return tn_writer_run(w, st, "logging an event", err);
}

static bool event_tallies(struct tn_writer *w, int64_t team, struct tn_err *err)
{
    if (!w->seq && !(w->seq = tn_tally(w, "event", -1, err))) return false;
    if (w->number && w->number->team == team) return true;
    w->number = tn_tally(w, "event", team, err);
    return w->number != NULL;
}

bool tn_writer_event(struct tn_writer *w, int64_t team, const char *type, const char *table,
                     const struct tn_id *id, int64_t version, struct tn_str data,
                     struct tn_err *err)
{
    struct tn_event_run *r = &w->run;
    char ref[24];
    if (!event_tallies(w, team, err)) return false;
    struct tn_tally *seq = w->seq, *number = w->number;
    memcpy(ref, id->b, 16);
    memcpy(ref + 16, &version, 8);
    bool like = r->count && r->count < RUN_MAX && r->team == team && data.n == 0 &&
                strcmp(r->type, type) == 0 && strcmp(r->table, table) == 0;
    if (!like && !tn_writer_flush_events(w, err)) return false;
    tn_tally_set(w, seq, seq->value + 1);
    tn_tally_set(w, number, number->value + 1);
    if (data.n)
        return single_event(w, seq->value, number->value, team, type, table,
                            (struct tn_str){ref, sizeof ref}, data, err);
    if (!like) {
        r->seq = seq->value;
        r->number = number->value;
        r->team = team;
        r->type = type;
        r->table = table;
        tn_buf_reset(&r->refs);
    }
    tn_buf_add(&r->refs, ref, sizeof ref);
    r->count++;
    return true;
}

/* ------------------------------------------------------------------ transactions */

bool tn_writer_begin(struct tn_writer *w, struct tn_err *err)
{
    int64_t now = tn_clock_ms(w->clock);
    if (now > w->now || w->clock) w->now = now;
    w->note_count = 0;
    w->note_all = false;
    w->undo_count = 0;
    sqlite3_stmt *st = tn_db_sql(&w->db, "BEGIN IMMEDIATE", err);
    return st && tn_writer_run(w, st, "beginning", err);
}

static void forget_tally(void *tally)
{
    tn_free(tally);
}

/* After a rollback, the state in memory may be ahead of the database, so it is dropped and read
 * again. */
static void forget_state(struct tn_writer *w)
{
    struct tn_map_entry *e;
    for (size_t at = 0; (e = tn_map_next(&w->tables, &at));) {
        struct tn_wtable *t = e->value;
        t->rows = t->next_n = NULL;
        if (t->next) t->next->rows = t->next->next_n = NULL;
    }
    tn_map_clear(&w->tallies, forget_tally);
    tn_map_init(&w->tallies);
    w->dirty = w->seq = w->number = NULL;
    w->undo_count = 0;
    w->run.count = 0;
}

void tn_writer_abort(struct tn_writer *w)
{
    struct tn_err ignored;
    if (!sqlite3_get_autocommit(w->db.sq) && !tn_db_exec(&w->db, "ROLLBACK", &ignored))
        tn_log(w->log, TN_LOG_warn, "store", "%s", ignored.text);
    forget_state(w);
    if (w->defining && !tn_writer_load_tables(w, &ignored))
        tn_log(w->log, TN_LOG_error, "store", "%s", ignored.text);
    w->defining = false;
}

bool tn_writer_end(struct tn_writer *w, struct tn_err *err)
{
    bool ok = (!w->want_team_index || tn_writer_team_index(w, err)) && write_tallies(w, err);
    if (ok && TN_FAULT("store.commit")) ok = tn_fail(err, TN_E_io, "the disk failed (a test)");
    sqlite3_stmt *st = ok ? tn_db_sql(&w->db, "COMMIT", err) : NULL;
    if (st && tn_writer_run(w, st, "committing", err)) {
        (void)TN_FAULT("store.committed");
        w->defining = false;
        return true;
    }
    tn_writer_abort(w);
    return false;
}

bool tn_writer_open(struct tn_writer *w, const char *path, struct tn_log *log,
                    const struct tn_clock *clock, struct tn_err *err)
{
    *w = (struct tn_writer){.log = log, .clock = clock, .json = tn_json_new()};
    tn_map_init(&w->tables);
    tn_map_init(&w->tallies);
    tn_arena_init(&w->arena);
    tn_buf_init(&w->run.refs, RUN_MAX * 32);
    if (tn_db_prepare_file(&w->db, path, log, err) && tn_writer_load_tables(w, err)) return true;
    tn_writer_close(w);
    return false;
}

void tn_writer_close(struct tn_writer *w)
{
    tn_writer_forget_tables(w);
    tn_map_clear(&w->tables, NULL);
    tn_map_clear(&w->tallies, forget_tally);
    if (w->db.sq) tn_db_close(&w->db);
    tn_arena_clear(&w->arena);
    tn_buf_clear(&w->run.refs);
    tn_json_free(w->json);
    tn_free(w->undo);
    tn_free(w->slots);
    tn_free(w->sources);
    tn_free(w->named);
}
