/* SPDX-License-Identifier: MIT */
/* Finds, makes, changes and removes records, with their history, events and counts. */
#include <stdio.h>

#include "base/limits.h"
#include "store/merge.h"
#include "store/tables.h"
#include "store/unique.h"

/* ------------------------------------------------------------------ records */

static struct tn_cell cell_at(struct tn_writer *w, sqlite3_stmt *st, int at)
{
    switch (sqlite3_column_type(st, at)) {
    case SQLITE_INTEGER:
        return (struct tn_cell){.type = TN_CELL_int, .i = sqlite3_column_int64(st, at)};
    case SQLITE_FLOAT:
        return (struct tn_cell){.type = TN_CELL_real, .d = sqlite3_column_double(st, at)};
    case SQLITE_TEXT:
        return (struct tn_cell){.type = TN_CELL_text, .s = tn_keep(w, tn_column_str(st, at))};
    default: return (struct tn_cell){.type = TN_CELL_null};
    }
}

/* The real columns behind those of tn_rec_of. */
static const struct tn_cell *cells_of(struct tn_writer *w, sqlite3_stmt *st)
{
    int fixed = 10, n = sqlite3_column_count(st) - fixed;
    struct tn_cell *cells = tn_arena_alloc(&w->arena, ((size_t)n + 1) * sizeof *cells);
    for (int i = 0; i < n; i++) cells[i] = cell_at(w, st, fixed + i);
    return cells;
}

/* Reads one row of st into r. 1: there is one, 0: there is none, -1: err says why. */
static int one(struct tn_writer *w, sqlite3_stmt *st, struct tn_rec *r, struct tn_err *err)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        tn_rec_of(st, r);
        r->links = tn_keep(w, r->links);
        r->body = tn_keep(w, r->body);
        r->cells = cells_of(w, st);
    } else if (rc != SQLITE_DONE) {
        tn_writer_broken(w, "reading a record", err);
    }
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

int tn_rec_find_n(struct tn_writer *w, struct tn_wtable *t, int64_t n, struct tn_rec *r,
                  struct tn_err *err)
{
    sqlite3_bind_int64(t->by_n, 1, n);
    return one(w, t->by_n, r, err);
}

int tn_rec_find_any(struct tn_writer *w, struct tn_wtable *t, const struct tn_id *id,
                    struct tn_rec *r, struct tn_err *err)
{
    int64_t n = tn_id_n(id), next;
    if (!tn_rec_next_n(w, t, &next, err)) return -1;
    /* The number in an id that was given is mostly beyond all that there are. */
    int there = n < next ? tn_rec_find_n(w, t, n, r, err) : 0;
    if (there < 0 || (there && memcmp(&r->id, id, sizeof *id) == 0)) return there;
    tn_bind_id(t->by_given, 1, id);
    return one(w, t->by_given, r, err);
}

int tn_rec_find(struct tn_writer *w, struct tn_wtable *t, int64_t team, const struct tn_id *id,
                struct tn_rec *r, struct tn_err *err)
{
    int there = tn_rec_find_any(w, t, id, r, err);
    return there > 0 && r->team != team ? 0 : there;
}

int tn_rec_find_key(struct tn_writer *w, struct tn_wtable *t, int64_t team,
                    const struct tn_shape_key *key, const struct tn_cell *cells, struct tn_rec *r,
                    struct tn_err *err)
{
    sqlite3_stmt *st = t->by_key[key - t->decl->keys];
    sqlite3_bind_int64(st, 1, team);
    for (size_t i = 0; i < key->n; i++) {
        const struct tn_cell *cell = &cells[key->real[i]];
        if (cell->type == TN_CELL_null) return 0;
        tn_bind_cell(st, (int)i + 2, cell);
    }
    return one(w, st, r, err);
}

int tn_rec_find_holder(struct tn_writer *w, struct tn_wtable *t, int64_t team, int64_t n,
                       const struct tn_cell *cells, const struct tn_shape_key **key,
                       struct tn_rec *r, struct tn_err *err)
{
    for (size_t k = 0; k < t->decl->n_keys; k++) {
        *key = &t->decl->keys[k];
        int there = tn_rec_find_key(w, t, team, *key, cells, r, err);
        if (there < 0 || (there && r->n != n)) return there;
    }
    return 0;
}

/* Notes where the records of a new team begin: none comes before. From the second team on, the
 * table may need an index by team, because one team's rows are no longer most of the table. */
static bool first_of_team(struct tn_writer *w, struct tn_wtable *t, int64_t team,
                          struct tn_err *err)
{
    char name[TN_STORE_NAME_MAX + 16];
    struct tn_tally *from, *teams;
    snprintf(name, sizeof name, "from/%s", t->decl->table.name);
    if (!(from = tn_tally(w, name, team, err))) return false;
    tn_tally_set(w, from, t->next_n->value);
    if (t->team_index) return true;
    snprintf(name, sizeof name, "teams/%s", t->decl->table.name);
    if (!(teams = tn_tally(w, name, -1, err))) return false;
    tn_tally_set(w, teams, teams->value + 1);
    if (teams->value > 1) t->team_index = w->want_team_index = true;
    return true;
}

static bool count_row(struct tn_writer *w, struct tn_wtable *t, int64_t team, int by,
                      struct tn_err *err)
{
    if (!t->rows || t->rows->team != team) {
        char name[TN_STORE_NAME_MAX + 16];
        snprintf(name, sizeof name, "rows/%s", t->decl->table.name);
        if (!(t->rows = tn_tally(w, name, team, err))) return false;
    }
    if (t->rows->value == 0 && by > 0 && !first_of_team(w, t, team, err)) return false;
    tn_tally_set(w, t->rows, t->rows->value + by);
    return true;
}

bool tn_rec_next_n(struct tn_writer *w, struct tn_wtable *t, int64_t *n, struct tn_err *err)
{
    if (!t->next_n) {
        char name[TN_STORE_NAME_MAX + 16];
        snprintf(name, sizeof name, "last/%s", t->decl->table.name);
        if (!(t->next_n = tn_tally(w, name, -1, err))) return false;
    }
    *n = t->next_n->value + 1;
    return true;
}

static bool emit(struct tn_writer *w, struct tn_wtable *t, const char *type, const struct tn_rec *r,
                 struct tn_err *err)
{
    tn_writer_note(w, TN_CHANGED_table, tn_str(t->decl->table.name), &r->id);
    if (!t->decl->table.event) return true;
    return tn_writer_event(w, r->team, type, t->decl->table.name, &r->id, r->version,
                           (struct tn_str){"", 0}, err);
}

/* Counts a new row, notes the change and adds its event. */
static bool created(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                    struct tn_err *err)
{
    tn_tally_set(w, t->next_n, r->n);
    return count_row(w, t, r->team, 1, err) && emit(w, t, t->created, r, err);
}

enum tn_step tn_rec_create(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                           const struct tn_cell *cells, struct tn_err *err)
{
    bool taken = false;
    r->version = 1;
    r->created = r->updated = w->now;
    if (!tn_wtable_insert(w, t, r, cells, &taken, err))
        return taken ? TN_STEP_refused : TN_STEP_broken;
    return tn_step_of(created(w, t, r, err));
}

enum tn_step tn_rec_create_many(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                                struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX], struct tn_err *err)
{
    bool taken = false;
    for (size_t i = 0; i < TN_ROWS_MANY; i++) {
        r[i].version = 1;
        r[i].created = r[i].updated = w->now;
    }
    if (!tn_wtable_insert_many(w, t, r, cells, &taken, err))
        return taken ? TN_STEP_refused : TN_STEP_broken;
    for (size_t i = 0; i < TN_ROWS_MANY; i++)
        if (!created(w, t, &r[i], err)) return TN_STEP_broken;
    return TN_STEP_ok;
}

static bool write_history(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *old,
                          struct tn_str now, struct tn_err *err)
{
    size_t head, tail;
    if (!t->decl->table.history) return true;
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "INSERT INTO tn_history (tbl, n, version, at, head, tail, "
                                 "middle) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                                 err);
    if (!st) return false;
    tn_merge_ends(old->body, now, &head, &tail);
    sqlite3_bind_int64(st, 1, t->decl->no);
    sqlite3_bind_int64(st, 2, old->n);
    sqlite3_bind_int64(st, 3, old->version);
    sqlite3_bind_int64(st, 4, old->updated);
    sqlite3_bind_int64(st, 5, (int64_t)head);
    sqlite3_bind_int64(st, 6, (int64_t)tail);
    tn_bind_blob(st, 7, old->body.p + head, old->body.n - head - tail);
    return tn_writer_run(w, st, "keeping a former version", err);
}

/* Calls fn for each link in a record's list. */
typedef bool (*link_fn)(struct tn_writer *w, int64_t source, struct tn_str external_id,
                        const void *arg, struct tn_err *err);
static bool each_link(struct tn_writer *w, struct tn_str list, link_fn fn, const void *arg,
                      struct tn_err *err)
{
    struct tn_wire in = tn_wire(list);
    while (in.p < in.end && !in.bad) {
        int64_t source = tn_take_u32(&in);
        size_t n = tn_take_u16(&in);
        if (in.bad || (size_t)(in.end - in.p) < n)
            return tn_fail(err, TN_E_corrupt, "a record's list of links is damaged");
        if (!fn(w, source, (struct tn_str){in.p, n}, arg, err)) return false;
        in.p += n;
    }
    return true;
}

struct change {
    const struct tn_rec *old;
    const struct tn_by *by; /* NULL: no source */
};

/* A link may say "agreed: as the record is". Before the record changes, writes the old state into
 * such a link. The source that makes the change agrees with the new state, so its link stays. */
static bool keep_agreed(struct tn_writer *w, int64_t source, struct tn_str external_id,
                        const void *arg, struct tn_err *err)
{
    const struct change *change = arg;
    const struct tn_by *by = change->by;
    if (by && by->source == source && tn_str_eq(by->external_id, external_id)) return true;
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "UPDATE tn_link SET agreed = ?3 WHERE source = ?1 AND "
                                 "external_id = ?2 AND agreed IS NULL",
                                 err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, source);
    tn_bind_str(st, 2, external_id);
    tn_bind_str(st, 3, change->old->body);
    return tn_writer_run(w, st, "keeping an agreed state", err);
}

enum tn_step tn_rec_change(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *old,
                           struct tn_rec *r, const struct tn_cell *cells, const struct tn_by *by,
                           struct tn_err *err)
{
    const struct change change = {old, by};
    bool taken = false;
    r->version = old->version + 1;
    r->updated = w->now > old->updated ? w->now : old->updated;
    if (!tn_wtable_update(w, t, r, cells, &taken, err))
        return taken ? TN_STEP_refused : TN_STEP_broken;
    return tn_step_of(write_history(w, t, old, r->body, err) &&
                      each_link(w, old->links, keep_agreed, &change, err) &&
                      emit(w, t, t->updated, r, err));
}

bool tn_rec_merged(struct tn_writer *w, struct tn_str body, struct tn_str over, bool patch,
                   struct tn_str *out, struct tn_err *err)
{
    struct tn_json *second = tn_json_new();
    struct tn_buf text;
    tn_buf_init(&text, TN_LIMIT_RECORD);
    bool ok = tn_json_parse(w->json, body, err) && tn_json_parse(second, over, err);
    if (ok && patch)
        tn_merge_patch(&text, tn_json_root(w->json), tn_json_root(second));
    else if (ok)
        tn_merge_members(&text, tn_json_root(w->json), tn_json_root(second));
    ok = ok && tn_buf_ok(&text, "a record", err);
    if (ok) *out = tn_keep(w, tn_buf_str(&text));
    tn_buf_clear(&text);
    tn_json_free(second);
    return ok;
}

/* Is the last state of a deleted record kept? A system table says so by `history`; for a resource
 * it always is. */
static bool keeps_last(const struct tn_table *table)
{
    size_t i = 0;
    while (i < tn_system_table_count && strcmp(tn_system_tables[i].name, table->name) != 0) i++;
    return table->history || i == tn_system_table_count;
}

static bool write_gone(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                       struct tn_err *err)
{
    if (!keeps_last(&t->decl->table)) return true;
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "INSERT INTO tn_gone (tbl, id, n, team, version, created, "
                                 "updated, gone, body) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)",
                                 err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, t->decl->no);
    tn_bind_id(st, 2, &r->id);
    sqlite3_bind_int64(st, 3, r->n);
    sqlite3_bind_int64(st, 4, r->team);
    sqlite3_bind_int64(st, 5, r->version);
    sqlite3_bind_int64(st, 6, r->created);
    sqlite3_bind_int64(st, 7, r->updated);
    sqlite3_bind_int64(st, 8, w->now);
    tn_bind_str(st, 9, r->body);
    return tn_writer_run(w, st, "keeping a deleted record", err);
}

bool tn_rec_forget(struct tn_writer *w, struct tn_wtable *t, int64_t team, const struct tn_id *id,
                   bool *kept, struct tn_err *err)
{
    static const char *const sql[] = {
        "DELETE FROM tn_history WHERE tbl = ?1 AND n IN "
        "(SELECT n FROM tn_gone WHERE tbl = ?1 AND id = ?2 AND team = ?3)",
        "DELETE FROM tn_gone WHERE tbl = ?1 AND id = ?2 AND team = ?3"};
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *st = tn_db_sql(&w->db, sql[i], err);
        if (!st) return false;
        sqlite3_bind_int64(st, 1, t->decl->no);
        tn_bind_id(st, 2, id);
        sqlite3_bind_int64(st, 3, team);
        if (!tn_writer_run(w, st, "erasing a record", err)) return false;
        *kept = sqlite3_changes(w->db.sq) > 0;
    }
    return true;
}

bool tn_link_drop(struct tn_writer *w, int64_t source, struct tn_str external_id,
                  struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_db_sql(&w->db, "DELETE FROM tn_link WHERE source = ?1 AND external_id = ?2", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, source);
    tn_bind_str(st, 2, external_id);
    return tn_writer_run(w, st, "unlinking", err);
}

static bool drop_link(struct tn_writer *w, int64_t source, struct tn_str external_id,
                      const void *unused, struct tn_err *err)
{
    (void)unused;
    return tn_link_drop(w, source, external_id, err);
}

static bool drop_totals(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                        struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_db_sql(&w->db, "DELETE FROM tn_total WHERE tbl = ?1 AND team = ?2 AND id = ?3", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, t->decl->no);
    sqlite3_bind_int64(st, 2, r->team);
    tn_bind_id(st, 3, &r->id);
    return tn_writer_run(w, st, "removing totals", err);
}

bool tn_rec_drop(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                 struct tn_err *err)
{
    tn_writer_note(w, TN_CHANGED_table, tn_str(t->decl->table.name), &r->id);
    return tn_wtable_remove(w, t, r->n, err) && count_row(w, t, r->team, -1, err);
}

bool tn_rec_remove(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                   struct tn_err *err)
{
    tn_unique_gone(w, t, r->n);
    return write_gone(w, t, r, err) && each_link(w, r->links, drop_link, NULL, err) &&
           drop_totals(w, t, r, err) && tn_wtable_remove(w, t, r->n, err) &&
           count_row(w, t, r->team, -1, err) && emit(w, t, t->deleted, r, err);
}
