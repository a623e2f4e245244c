/* SPDX-License-Identifier: MIT */
/* Tables of the writer: makes them from a declaration, and remakes them when it changes. A table
 * with rows is remade while it is in use: next_<name> is filled row by row in the order of n;
 * writes to rows that were copied go to both tables; at the end, one transaction exchanges the two.
 * The table tn_rebuild holds how far the copy is, so a crash loses no work. */
#include <stdio.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/shape.h"
#include "store/writer.h"
#include "store/unique.h"

struct tn_wtable *tn_wtable(struct tn_writer *w, struct tn_str name)
{
    return tn_map_get(&w->tables, name);
}

static void wtable_free(struct tn_wtable *t)
{
    if (!t) return;
    sqlite3_stmt *const all[] = {t->insert, t->update,   t->remove,
                                 t->by_n,   t->by_given, t->insert_many};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) sqlite3_finalize(all[i]);
    for (size_t i = 0; i < TN_KEYS_MAX; i++) sqlite3_finalize(t->by_key[i]);
    for (size_t i = 0; i < t->change_count; i++) sqlite3_finalize(t->changes[i].st);
    wtable_free(t->next);
    tn_free(t->failed);
    tn_shape_unref(t->decl);
    tn_free(t);
}

static void release(void *t)
{
    wtable_free(t);
}

void tn_writer_forget_tables(struct tn_writer *w)
{
    tn_map_clear(&w->tables, release);
    tn_map_init(&w->tables);
}

static struct tn_wtable *wtable_new(struct tn_shape *decl_give, const char *prefix)
{
    struct tn_wtable *t = TN_NEW(struct tn_wtable);
    const char *event = decl_give->table.event ? decl_give->table.event : "";
    t->decl = decl_give;
    snprintf(t->sql_name, sizeof t->sql_name, "%s_%s", prefix, decl_give->table.name);
    snprintf(t->created, sizeof t->created, "%s.created", event);
    snprintf(t->updated, sizeof t->updated, "%s.updated", event);
    snprintf(t->deleted, sizeof t->deleted, "%s.deleted", event);
    return t;
}

/* ------------------------------------------------------------------ SQL of a declaration */

static const char *sql_type(enum tn_column_type type)
{
    static const char *const names[] = {"TEXT", "INTEGER", "REAL", "INTEGER", "INTEGER"};
    return names[type];
}

static void create_sql(const struct tn_wtable *t, struct tn_buf *sql)
{
    const struct tn_table *d = &t->decl->table;
    tn_buf_addf(sql,
                "CREATE TABLE %s (n INTEGER PRIMARY KEY, id BLOB NOT NULL, team INTEGER NOT NULL, "
                "version INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, "
                "given INTEGER NOT NULL, hash BLOB, links BLOB",
                t->sql_name);
    for (size_t i = 0; i < t->decl->real_count; i++) {
        const struct tn_column *c = &d->columns[t->decl->real[i]];
        tn_buf_addf(sql, ", \"%s\" %s", c->name, sql_type(c->type));
    }
    tn_buf_adds(sql, ", body TEXT NOT NULL)");
}

/* The name contains the table's generation, because both tables exist during a remake. */
static void index_name(const struct tn_wtable *t, const char *what, int64_t generation,
                       struct tn_buf *sql)
{
    tn_buf_addf(sql, "\"%s_%s_%lld\"", t->decl->table.name, what, (long long)generation);
}

static void key_index_sql(const struct tn_wtable *t, const struct tn_shape_key *key,
                          int64_t generation, struct tn_buf *sql)
{
    char what[TN_STORE_NAME_MAX + 16];
    snprintf(what, sizeof what, "unique_%s", tn_shape_real(t->decl, key->real[0])->name);
    tn_buf_adds(sql, "CREATE UNIQUE INDEX ");
    index_name(t, key->main ? "key" : what, generation, sql);
    tn_buf_addf(sql, " ON %s (team", t->sql_name);
    for (size_t i = 0; i < key->n; i++)
        tn_buf_addf(sql, ", \"%s\"", tn_shape_real(t->decl, key->real[i])->name);
    tn_buf_adds(sql, ");");
}

static bool indexes(struct tn_writer *w, const struct tn_wtable *t, int64_t generation,
                    struct tn_err *err)
{
    const struct tn_shape *d = t->decl;
    struct tn_buf sql;
    tn_buf_init(&sql, 64 * TN_KIB);
    tn_buf_adds(&sql, "CREATE UNIQUE INDEX ");
    index_name(t, "given", generation, &sql);
    tn_buf_addf(&sql, " ON %s (id) WHERE given = 1;", t->sql_name);
    for (size_t k = 0; k < d->n_keys; k++) key_index_sql(t, &d->keys[k], generation, &sql);
    for (size_t i = 0; i < d->real_count; i++) {
        const char *name = tn_shape_real(d, i)->name;
        if (!tn_shape_needs_index(d, i)) continue;
        tn_buf_adds(&sql, "CREATE INDEX ");
        index_name(t, name, generation, &sql);
        tn_buf_addf(&sql, " ON %s (team, \"%s\");", t->sql_name, name);
    }
    if (t->team_index) {
        tn_buf_adds(&sql, "CREATE INDEX ");
        index_name(t, "n", generation, &sql);
        tn_buf_addf(&sql, " ON %s (team);", t->sql_name);
    }
    bool ok = tn_buf_ok(&sql, "a declaration", err) && tn_db_exec(&w->db, sql.p, err);
    tn_buf_clear(&sql);
    return ok;
}

/* Makes the view for people: ids and times as text, and each declared column. */
static bool make_view(struct tn_writer *w, const struct tn_shape *d, struct tn_err *err)
{
    struct tn_buf sql;
    tn_buf_init(&sql, 64 * TN_KIB);
    tn_buf_addf(&sql,
                "DROP VIEW IF EXISTS \"%s\"; CREATE VIEW \"%s\" AS SELECT "
                "lower(substr(hex(id),1,8)||'-'||substr(hex(id),9,4)||'-'||substr(hex(id),13,4)"
                "||'-'||substr(hex(id),17,4)||'-'||substr(hex(id),21)) AS id, team, version",
                d->table.name, d->table.name);
    for (size_t i = 0; i < d->table.column_count; i++) {
        const struct tn_column *c = &d->table.columns[i];
        if (!tn_shape_is_real(d, i) || c->type == TN_COLUMN_time || c->type == TN_COLUMN_bool)
            tn_buf_addf(&sql, ", json_extract(body, '$.\"%s\"') AS \"%s\"", c->name, c->name);
        else
            tn_buf_addf(&sql, ", \"%s\"", c->name);
    }
    tn_buf_addf(&sql,
                ", strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', created / 1000.0, 'unixepoch') AS created"
                ", strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', updated / 1000.0, 'unixepoch') AS updated"
                ", lower(hex(hash)) AS hash, body FROM data_%s;",
                d->table.name);
    bool ok = tn_buf_ok(&sql, "a declaration", err) && tn_db_exec(&w->db, sql.p, err);
    tn_buf_clear(&sql);
    return ok;
}

static bool make_table(struct tn_writer *w, struct tn_wtable *t, struct tn_err *err)
{
    struct tn_buf sql;
    struct tn_tally *generation = tn_tally(w, "table_generation", -1, err);
    if (!generation) return false;
    tn_tally_set(w, generation, generation->value + 1);
    tn_buf_init(&sql, 64 * TN_KIB);
    create_sql(t, &sql);
    bool ok = tn_buf_ok(&sql, "a declaration", err) && tn_db_exec(&w->db, sql.p, err) &&
              indexes(w, t, generation->value, err);
    tn_buf_clear(&sql);
    return ok;
}

static sqlite3_stmt *prepare(struct tn_writer *w, struct tn_buf *sql, struct tn_err *err)
{
    sqlite3_stmt *st = NULL;
    if (tn_buf_ok(sql, "a declaration", err) &&
        sqlite3_prepare_v3(w->db.sq, sql->p, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        tn_writer_broken(w, "preparing", err);
    tn_buf_reset(sql);
    return st;
}

enum { INDEX_AT_ONCE = 20000 }; /* rows; so many take some 10 ms */
enum { FIXED = 9 };             /* columns before the declared ones: from n to links */

static void insert_sql(const struct tn_wtable *t, size_t rows, struct tn_buf *sql)
{
    tn_buf_addf(sql, "INSERT INTO %s VALUES ", t->sql_name);
    for (size_t row = 0; row < rows; row++) {
        tn_buf_adds(sql, row ? ",(?" : "(?");
        for (size_t i = 1; i < FIXED + t->decl->real_count + 1; i++) tn_buf_adds(sql, ",?");
        tn_buf_addc(sql, ')');
    }
}

/* Writes all columns but the indexed ones that are not named: SQLite would rewrite their entries,
 * though the values are the same. */
static void update_sql(const struct tn_wtable *t, uint64_t indexed, struct tn_buf *sql)
{
    const struct tn_shape *d = t->decl;
    tn_buf_addf(sql, "UPDATE %s SET version = ?4, updated = ?6, hash = ?8, links = ?9",
                t->sql_name);
    for (size_t i = 0; i < d->real_count; i++)
        if ((~d->indexed | indexed) >> i & 1)
            tn_buf_addf(sql, ", \"%s\" = ?%zu", tn_shape_real(d, i)->name, FIXED + 1 + i);
    tn_buf_addf(sql, ", body = ?%zu WHERE n = ?1", FIXED + 1 + d->real_count);
}

/* A row as tn_rec_of reads it, then its real columns. */
static void row_sql(const struct tn_wtable *t, struct tn_buf *sql)
{
    tn_buf_adds(sql, "SELECT n, id, team, version, created, updated, given, hash, links, body");
    for (size_t i = 0; i < t->decl->real_count; i++)
        tn_buf_addf(sql, ", \"%s\"", tn_shape_real(t->decl, i)->name);
    tn_buf_addf(sql, " FROM %s WHERE ", t->sql_name);
}

static bool key_statements(struct tn_writer *w, struct tn_wtable *t, struct tn_buf *sql,
                           struct tn_err *err)
{
    const struct tn_shape *d = t->decl;
    for (size_t k = 0; k < d->n_keys; k++) {
        const struct tn_shape_key *key = &d->keys[k];
        row_sql(t, sql);
        tn_buf_adds(sql, "team = ?1");
        for (size_t i = 0; i < key->n; i++)
            tn_buf_addf(sql, " AND \"%s\" = ?%zu", tn_shape_real(d, key->real[i])->name, i + 2);
        if (!(t->by_key[k] = prepare(w, sql, err))) return false;
    }
    return true;
}

/* Statements of a table.  insert and update bind alike: the fixed columns, the cells, the body. */
static bool statements(struct tn_writer *w, struct tn_wtable *t, struct tn_err *err)
{
    struct tn_buf sql;
    tn_buf_init(&sql, 64 * TN_KIB);
    insert_sql(t, 1, &sql);
    t->insert = prepare(w, &sql, err);
    update_sql(t, t->decl->indexed, &sql);
    t->update = t->insert ? prepare(w, &sql, err) : NULL;
    tn_buf_addf(&sql, "DELETE FROM %s WHERE n = ?1", t->sql_name);
    t->remove = t->update ? prepare(w, &sql, err) : NULL;
    row_sql(t, &sql);
    tn_buf_adds(&sql, "n = ?1");
    t->by_n = t->remove ? prepare(w, &sql, err) : NULL;
    row_sql(t, &sql);
    tn_buf_adds(&sql, "given = 1 AND id = ?1");
    t->by_given = t->by_n ? prepare(w, &sql, err) : NULL;
    bool ok = t->by_given && key_statements(w, t, &sql, err);
    tn_buf_clear(&sql);
    return ok;
}

/* ------------------------------------------------------------------ rows */

/* Binds a row from parameter at + 1 on; returns the number of the last parameter. */
static int bind_row(sqlite3_stmt *st, int at, const struct tn_wtable *t, const struct tn_rec *r,
                    const struct tn_cell *cells)
{
    sqlite3_bind_int64(st, ++at, r->n);
    tn_bind_id(st, ++at, &r->id);
    sqlite3_bind_int64(st, ++at, r->team);
    sqlite3_bind_int64(st, ++at, r->version);
    sqlite3_bind_int64(st, ++at, r->created);
    sqlite3_bind_int64(st, ++at, r->updated);
    sqlite3_bind_int(st, ++at, r->given);
    if (r->hashed)
        tn_bind_blob(st, ++at, r->hash, TN_HASH_LEN);
    else
        sqlite3_bind_null(st, ++at);
    if (r->links.n)
        tn_bind_blob(st, ++at, r->links.p, r->links.n);
    else
        sqlite3_bind_null(st, ++at);
    for (size_t i = 0; i < t->decl->real_count; i++) tn_bind_cell(st, ++at, &cells[i]);
    tn_bind_str(st, ++at, r->body);
    return at;
}

/* taken: another record has the row's key (or id). */
static bool run_row(struct tn_writer *w, sqlite3_stmt *st, bool *taken, struct tn_err *err)
{
    int rc = sqlite3_step(st);
    *taken = (rc & 0xff) == SQLITE_CONSTRAINT;
    if (rc != SQLITE_DONE && !*taken) tn_writer_broken(w, "writing a record", err);
    sqlite3_reset(st);
    return rc == SQLITE_DONE;
}

static bool shadow_row(struct tn_writer *w, struct tn_wtable *next, const struct tn_rec *r,
                       bool fresh, const struct tn_cell *cells, bool *taken, struct tn_err *err)
{
    sqlite3_stmt *st = fresh ? next->insert : next->update;
    bind_row(st, 0, next, r, cells);
    return run_row(w, st, taken, err);
}

/* Writes the row into the table that will replace this one, too. If its key is taken there, it
 * waits for the end of the commit. */
static bool shadow(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r, bool fresh,
                   struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX], bare[TN_STORE_COLUMNS_MAX];
    struct tn_wtable *next = t->next;
    bool taken = false;
    if (!next || next->failed || r->n > next->copied) return true;
    if (!tn_wtable_cells(w, next, r->body, cells, err)) return false;
    if (shadow_row(w, next, r, fresh, cells, &taken, err)) return true;
    if (!taken) return false;
    tn_cells_without(next, cells, next->decl->in_keys, bare);
    tn_unique_shadow(w, t, r->n);
    return shadow_row(w, next, r, fresh, bare, &taken, err);
}

/* The sentence for two records that the table that is to replace t cannot both hold. */
static bool tell_double(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                        const struct tn_cell *cells, struct tn_err *why, struct tn_err *err)
{
    const struct tn_shape_key *key;
    struct tn_rec other;
    struct tn_buf value;
    char id[TN_ID_LEN + 1], twin[TN_ID_LEN + 1];
    int there = tn_rec_find_holder(w, t->next, r->team, r->n, cells, &key, &other, err);
    if (there < 0) return false;
    tn_id_text(&r->id, id);
    if (!there) {
        tn_fail(why, TN_E_conflict,
                "table %s keeps its shape: record %s has the same key as another one would",
                t->decl->table.name, id);
        return true;
    }
    tn_id_text(&other.id, twin);
    tn_buf_init(&value, 4 * TN_KIB);
    tn_key_text(t->next->decl, key, cells, &value);
    tn_fail(why, TN_E_conflict,
            "table %s keeps its shape: the records %s and %s both have %.*s, which would have to "
            "be unique: change one of them first",
            t->decl->table.name, twin, id, TN_FMT(tn_buf_str(&value)));
    tn_fail_field(why, "%s", tn_shape_real(t->next->decl, key->real[0])->name);
    tn_buf_clear(&value);
    return true;
}

/* The copy is refused at the next step.  It is noted in the database, too: in the copy this row
 * lacks its keys, so a store process that starts again may not complete it. */
static bool note_failed(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                        const struct tn_cell *cells, struct tn_err *err)
{
    struct tn_err why;
    if (!tell_double(w, t, r, cells, &why, err)) return false;
    t->next->failed = TN_NEW(struct tn_err);
    *t->next->failed = why;
    sqlite3_stmt *st = tn_db_sql(&w->db, "UPDATE tn_rebuild SET copied = 0 WHERE no = ?1", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, t->decl->no);
    return tn_writer_run(w, st, "remaking a table", err);
}

bool tn_wtable_shadow(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    bool taken = false;
    if (!t->next || t->next->failed) return true;
    if (!tn_wtable_cells(w, t->next, r->body, cells, err)) return false;
    if (shadow_row(w, t->next, r, false, cells, &taken, err)) return true;
    return taken && note_failed(w, t, r, cells, err);
}

bool tn_wtable_insert(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      const struct tn_cell *cells, bool *taken, struct tn_err *err)
{
    bind_row(t->insert, 0, t, r, cells);
    return run_row(w, t->insert, taken, err) && shadow(w, t, r, true, err);
}

bool tn_wtable_insert_many(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                           struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX], bool *taken,
                           struct tn_err *err)
{
    *taken = false;
    if (!t->insert_many) {
        struct tn_buf sql;
        tn_buf_init(&sql, 64 * TN_KIB);
        insert_sql(t, TN_ROWS_MANY, &sql);
        t->insert_many = prepare(w, &sql, err);
        tn_buf_clear(&sql);
        if (!t->insert_many) return false;
    }
    for (int i = 0, at = 0; i < TN_ROWS_MANY; i++)
        at = bind_row(t->insert_many, at, t, &r[i], cells[i]);
    return run_row(w, t->insert_many, taken, err);
}

/* The statement that leaves the index entries alone whose values stay; the full one, once there are
 * TN_CHANGES_MAX of them.  NULL: err says why. */
static sqlite3_stmt *update_of(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                               const struct tn_cell *cells, struct tn_err *err)
{
    uint64_t columns = 0;
    struct tn_buf sql;
    if (!r->cells) return t->update;
    for (size_t i = 0; i < t->decl->real_count; i++)
        if (t->decl->indexed >> i & 1 && !tn_cell_eq(&r->cells[i], &cells[i]))
            columns |= UINT64_C(1) << i;
    for (size_t i = 0; i < t->change_count; i++)
        if (t->changes[i].columns == columns) return t->changes[i].st;
    if (t->change_count == TN_CHANGES_MAX) return t->update;
    tn_buf_init(&sql, 64 * TN_KIB);
    update_sql(t, columns, &sql);
    sqlite3_stmt *st = prepare(w, &sql, err);
    tn_buf_clear(&sql);
    if (st) t->changes[t->change_count++] = (struct tn_wchange){columns, st};
    return st;
}

bool tn_wtable_update(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                      const struct tn_cell *cells, bool *taken, struct tn_err *err)
{
    *taken = false;
    sqlite3_stmt *st = update_of(w, t, r, cells, err);
    if (!st) return false;
    bind_row(st, 0, t, r, cells);
    return run_row(w, st, taken, err) && shadow(w, t, r, false, err);
}

bool tn_wtable_remove(struct tn_writer *w, struct tn_wtable *t, int64_t n, struct tn_err *err)
{
    sqlite3_bind_int64(t->remove, 1, n);
    if (!tn_writer_run(w, t->remove, "deleting a record", err)) return false;
    if (!t->next || t->next->failed || n > t->next->copied) return true;
    sqlite3_bind_int64(t->next->remove, 1, n);
    return tn_writer_run(w, t->next->remove, "deleting a record", err);
}

bool tn_wtable_cells(struct tn_writer *w, const struct tn_wtable *t, struct tn_str body,
                     struct tn_cell *cells, struct tn_err *err)
{
    if (!tn_json_parse(w->json, body, err)) return false;
    struct tn_jval root = tn_json_root(w->json);
    for (size_t i = 0; i < t->decl->real_count; i++) {
        const struct tn_column *c = &t->decl->table.columns[t->decl->real[i]];
        cells[i] = tn_cell_of(c->type, tn_jget_z(root, c->name), &w->arena);
    }
    return true;
}

/* ------------------------------------------------------------------ loading */

static bool has_team_index(struct tn_writer *w, const char *table, bool *out, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "SELECT 1 FROM sqlite_master WHERE type = 'index' AND "
                                 "tbl_name = ?1 AND sql LIKE '%(team)'",
                                 err);
    if (!st) return false;
    tn_bind_str(st, 1, tn_str(table));
    bool ok = true;
    *out = tn_db_row(&w->db, st, "reading the schema", &ok, err);
    sqlite3_reset(st);
    return ok;
}

static bool load_one(struct tn_writer *w, int64_t no, struct tn_str declaration, struct tn_err *err)
{
    struct tn_shape *d = tn_shape_parse(w->json, declaration, err);
    if (!d) return tn_fail_in(err, "%s: the catalog is damaged", w->db.path);
    d->no = no;
    struct tn_wtable *t = wtable_new(d, "data"), *old;
    if (!has_team_index(w, t->sql_name, &t->team_index, err) || !statements(w, t, err)) {
        wtable_free(t);
        return false;
    }
    old = tn_map_put(&w->tables, tn_str(d->table.name), t);
    wtable_free(old);
    return true;
}

static bool load_next(struct tn_writer *w, int64_t no, struct tn_str declaration, int64_t copied,
                      struct tn_err *err)
{
    struct tn_shape *d = tn_shape_parse(w->json, declaration, err);
    if (!d) return tn_fail_in(err, "%s: the catalog is damaged", w->db.path);
    struct tn_wtable *t = tn_wtable(w, tn_str(d->table.name)), *next = wtable_new(d, "next");
    d->no = no;
    next->copied = copied;
    next->team_index = t && t->team_index;
    if (!t || !statements(w, next, err)) {
        wtable_free(next);
        return t ? false : tn_fail(err, TN_E_corrupt, "%s: the catalog is damaged", w->db.path);
    }
    wtable_free(t->next);
    t->next = next;
    return true;
}

bool tn_writer_load_tables(struct tn_writer *w, struct tn_err *err)
{
    bool ok = true;
    tn_writer_forget_tables(w);
    sqlite3_stmt *st = tn_db_sql(&w->db, "SELECT no, declaration FROM tn_catalog", err);
    if (!st) return false;
    while (ok && tn_db_row(&w->db, st, "reading the catalog", &ok, err))
        ok = load_one(w, sqlite3_column_int64(st, 0), tn_column_str(st, 1), err);
    sqlite3_reset(st);
    if (!ok || !(st = tn_db_sql(&w->db, "SELECT no, declaration, copied FROM tn_rebuild", err)))
        return false;
    while (ok && tn_db_row(&w->db, st, "reading the catalog", &ok, err))
        ok = load_next(w, sqlite3_column_int64(st, 0), tn_column_str(st, 1),
                       sqlite3_column_int64(st, 2), err);
    sqlite3_reset(st);
    return ok;
}

/* ------------------------------------------------------------------ defining */

static bool catalog(struct tn_writer *w, struct tn_shape *d, struct tn_str text, struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_db_sql(&w->db,
                  "INSERT INTO tn_catalog (name, declaration) VALUES (?1, ?2) "
                  "ON CONFLICT (name) DO UPDATE SET declaration = excluded.declaration "
                  "RETURNING no",
                  err);
    if (!st) return false;
    tn_bind_str(st, 1, tn_str(d->table.name));
    tn_bind_str(st, 2, text);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        d->no = sqlite3_column_int64(st, 0);
    else
        tn_writer_broken(w, "writing the catalog", err);
    sqlite3_reset(st);
    if (rc != SQLITE_ROW || !make_view(w, d, err)) return false;
    tn_writer_note(w, TN_CHANGED_definition, tn_str(d->table.name), NULL);
    return true;
}

/* Do both declarations have the same real columns and indexes? */
static bool same_shape(const struct tn_shape *a, const struct tn_shape *b)
{
    if (a->real_count != b->real_count || a->key_count != b->key_count) return false;
    for (size_t i = 0; i < a->real_count; i++) {
        const struct tn_column *x = &a->table.columns[a->real[i]];
        const struct tn_column *y = &b->table.columns[b->real[i]];
        if (strcmp(x->name, y->name) != 0 || x->type != y->type || x->use != y->use) return false;
    }
    for (size_t i = 0; i < a->key_count; i++)
        if (strcmp(a->table.key[i], b->table.key[i]) != 0) return false;
    return true;
}

static bool drop_next(struct tn_writer *w, struct tn_wtable *t, struct tn_err *err)
{
    char sql[256];
    if (t->next) {
        int64_t no = t->decl->no;
        wtable_free(t->next);
        t->next = NULL;
        snprintf(sql, sizeof sql, "DELETE FROM tn_rebuild WHERE no = %lld; DROP TABLE next_%s;",
                 (long long)no, t->decl->table.name);
        if (!tn_db_exec(&w->db, sql, err)) return false;
    }
    return true;
}

static bool begin_remake(struct tn_writer *w, struct tn_wtable *t, struct tn_shape *d,
                         struct tn_str text, struct tn_err *err)
{
    if (!drop_next(w, t, err)) return false;
    struct tn_wtable *next = wtable_new(tn_shape_ref(d), "next");
    next->team_index = t->team_index;
    d->no = t->decl->no;
    if (!make_table(w, next, err) || !statements(w, next, err)) goto fail;
    sqlite3_stmt *st = tn_db_sql(&w->db, "INSERT INTO tn_rebuild VALUES (?1, ?2, 0)", err);
    if (!st) goto fail;
    sqlite3_bind_int64(st, 1, d->no);
    tn_bind_str(st, 2, text);
    if (!tn_writer_run(w, st, "remaking a table", err)) goto fail;
    t->next = next;
    return true;
fail:
    wtable_free(next);
    return false;
}

static bool define_new(struct tn_writer *w, struct tn_shape *d, struct tn_str text,
                       struct tn_err *err)
{
    struct tn_wtable *t = wtable_new(tn_shape_ref(d), "data");
    bool ok = make_table(w, t, err) && catalog(w, d, text, err) && statements(w, t, err);
    if (ok)
        tn_map_put(&w->tables, tn_str(d->table.name), t);
    else
        wtable_free(t);
    return ok;
}

bool tn_writer_define(struct tn_writer *w, struct tn_str declaration, bool *pending,
                      struct tn_err *err)
{
    struct tn_buf now, wanted;
    struct tn_shape *d = tn_shape_parse(w->json, declaration, err);
    bool ok = false;
    *pending = false;
    if (!d) return false;
    tn_buf_init(&now, 64 * TN_KIB);
    tn_buf_init(&wanted, 64 * TN_KIB);
    tn_shape_write(d, &wanted);
    w->defining = true;
    struct tn_wtable *t = tn_wtable(w, tn_str(d->table.name));
    if (!t) {
        ok = define_new(w, d, tn_buf_str(&wanted), err);
        goto out;
    }
    tn_shape_write(t->next ? t->next->decl : t->decl, &now);
    *pending = t->next != NULL;
    ok = tn_str_eq(tn_buf_str(&now), tn_buf_str(&wanted));
    if (ok) goto out;
    if (same_shape(t->decl, d)) {
        *pending = false;
        ok = drop_next(w, t, err) && catalog(w, d, tn_buf_str(&wanted), err) &&
             load_one(w, d->no, tn_buf_str(&wanted), err);
        goto out;
    }
    ok = begin_remake(w, t, d, tn_buf_str(&wanted), err);
    *pending = ok;
out:
    tn_buf_clear(&now);
    tn_buf_clear(&wanted);
    tn_shape_unref(d);
    return ok;
}

/* ------------------------------------------------------------------ remaking */

void tn_rec_of(sqlite3_stmt *st, struct tn_rec *r)
{
    struct tn_str hash = tn_column_str(st, 7);
    *r = (struct tn_rec){
        .n = sqlite3_column_int64(st, 0),
        .id = tn_column_id(st, 1),
        .team = sqlite3_column_int64(st, 2),
        .version = sqlite3_column_int64(st, 3),
        .created = sqlite3_column_int64(st, 4),
        .updated = sqlite3_column_int64(st, 5),
        .given = sqlite3_column_int(st, 6),
        .hashed = hash.n == TN_HASH_LEN,
        .links = tn_column_str(st, 8),
        .body = tn_column_str(st, 9),
    };
    if (r->hashed) memcpy(r->hash, hash.p, TN_HASH_LEN);
}

/* Copies rows; *last is the highest n, *copied their number. */
static enum tn_step copy_rows(struct tn_writer *w, struct tn_wtable *t, int64_t rows,
                              int64_t *copied, struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    char sql[512];
    enum tn_step step = TN_STEP_ok;
    struct tn_rec r;
    bool taken, ok = true;
    snprintf(sql, sizeof sql,
             "SELECT n, id, team, version, created, updated, given, hash, links, body "
             "FROM %s WHERE n > ?1 ORDER BY n LIMIT ?2",
             t->sql_name);
    sqlite3_stmt *st = tn_db_sql(&w->db, sql, err);
    if (!st) return TN_STEP_broken;
    sqlite3_bind_int64(st, 1, t->next->copied);
    sqlite3_bind_int64(st, 2, rows);
    *copied = 0;
    while (step == TN_STEP_ok && tn_db_row(&w->db, st, "remaking a table", &ok, err)) {
        tn_rec_of(st, &r);
        if (!tn_wtable_cells(w, t->next, r.body, cells, err)) step = TN_STEP_broken;
        if (step == TN_STEP_ok && !tn_wtable_insert(w, t->next, &r, cells, &taken, err)) {
            struct tn_err why;
            bool told = taken && tell_double(w, t, &r, cells, &why, err);
            step = told ? TN_STEP_refused : TN_STEP_broken;
            if (told) *err = why;
        }
        t->next->copied = r.n;
        (*copied)++;
        tn_arena_reset(&w->arena);
    }
    sqlite3_reset(st);
    if (!ok) return TN_STEP_broken;
    return step;
}

static bool swap_in(struct tn_writer *w, struct tn_wtable *t, struct tn_err *err)
{
    char sql[512];
    const char *name = t->decl->table.name;
    struct tn_shape *d = tn_shape_ref(t->next->decl);
    struct tn_buf text;
    tn_buf_init(&text, 64 * TN_KIB);
    tn_shape_write(d, &text);
    int64_t no = d->no;
    bool team_index = t->team_index; /* the team index may have become necessary during the
                                        remake */
    wtable_free(tn_map_remove(&w->tables, tn_str(name)));
    name = d->table.name;
    tn_db_forget(&w->db);
    snprintf(sql, sizeof sql,
             "DROP VIEW IF EXISTS \"%s\"; ALTER TABLE data_%s RENAME TO old_%s; "
             "ALTER TABLE next_%s RENAME TO data_%s; DELETE FROM tn_rebuild WHERE no = %lld;",
             name, name, name, name, name, (long long)no);
    bool ok = tn_db_exec(&w->db, sql, err) && catalog(w, d, tn_buf_str(&text), err) &&
              load_one(w, no, tn_buf_str(&text), err);
    struct tn_wtable *now = ok ? tn_wtable(w, tn_str(d->table.name)) : NULL;
    if (now && team_index && !now->team_index) now->team_index = w->want_team_index = true;
    tn_buf_clear(&text);
    tn_shape_unref(d);
    return ok;
}

static bool note_progress(struct tn_writer *w, struct tn_wtable *t, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db, "UPDATE tn_rebuild SET copied = ?1 WHERE no = ?2", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, t->next->copied);
    sqlite3_bind_int64(st, 2, t->decl->no);
    return tn_writer_run(w, st, "remaking a table", err);
}

enum tn_step tn_writer_remake(struct tn_writer *w, struct tn_wtable *t, int64_t rows, bool *done,
                              struct tn_err *err)
{
    int64_t copied;
    *done = false;
    w->defining = true;
    if (TN_FAULT("store.remake")) {
        tn_fail(err, TN_E_io, "the disk failed (a test)");
        return TN_STEP_broken;
    }
    enum tn_step step = TN_STEP_refused;
    if (t->next->failed)
        *err = *t->next->failed;
    else
        step = copy_rows(w, t, rows, &copied, err);
    if (step == TN_STEP_broken) return step;
    if (step == TN_STEP_refused) {
        struct tn_err why = *err;
        if (!drop_next(w, t, err)) return TN_STEP_broken;
        *err = why;
        return step;
    }
    *done = copied < rows;
    bool ok = *done ? swap_in(w, t, err) : note_progress(w, t, err);
    return ok ? TN_STEP_ok : TN_STEP_broken;
}

/* Makes the team index of a small table at once; a large table is remade with it, step by step. */
static bool team_index_of(struct tn_writer *w, struct tn_wtable *t, struct tn_err *err)
{
    char name[TN_STORE_NAME_MAX + 16], sql[256];
    bool there = false;
    if (!has_team_index(w, t->sql_name, &there, err)) return false;
    if (there) return true;
    snprintf(name, sizeof name, "last/%s", t->decl->table.name);
    struct tn_tally *last = tn_tally(w, name, -1, err);
    if (!last) return false;
    if (last->value <= INDEX_AT_ONCE) {
        snprintf(sql, sizeof sql, "CREATE INDEX \"%s_n_0\" ON %s (team)", t->decl->table.name,
                 t->sql_name);
        return tn_db_exec(&w->db, sql, err);
    }
    struct tn_buf text;
    tn_buf_init(&text, 64 * TN_KIB);
    tn_shape_write(t->decl, &text);
    struct tn_shape *d = tn_shape_parse(w->json, tn_buf_str(&text), err);
    bool ok = d && begin_remake(w, t, d, tn_buf_str(&text), err);
    tn_shape_unref(d);
    tn_buf_clear(&text);
    return ok;
}

bool tn_writer_team_index(struct tn_writer *w, struct tn_err *err)
{
    struct tn_map_entry *e;
    w->want_team_index = false;
    w->defining = true; /* if the transaction is rolled back, the tables are loaded again */
    for (size_t at = 0; (e = tn_map_next(&w->tables, &at));) {
        struct tn_wtable *t = e->value;
        if (t->team_index && !t->next && !team_index_of(w, t, err)) return false;
    }
    return true;
}

struct tn_wtable *tn_writer_remaking(struct tn_writer *w)
{
    struct tn_map_entry *e;
    for (size_t at = 0; (e = tn_map_next(&w->tables, &at));) {
        struct tn_wtable *t = e->value;
        if (t->next) return t;
    }
    return NULL;
}

bool tn_writer_sweep(struct tn_writer *w, int64_t rows, bool *done, struct tn_err *err)
{
    char name[TN_STORE_NAME_MAX + 16], sql[512];
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "SELECT name FROM sqlite_master WHERE type = 'table' AND "
                                 "name LIKE 'old\\_%' ESCAPE '\\' LIMIT 1",
                                 err);
    if (!st) return false;
    int rc = sqlite3_step(st);
    struct tn_str text = rc == SQLITE_ROW ? tn_column_str(st, 0) : (struct tn_str){"", 0};
    snprintf(name, sizeof name, "%.*s", TN_FMT(text));
    sqlite3_reset(st);
    *done = rc == SQLITE_DONE;
    if (rc != SQLITE_ROW) return *done || tn_writer_broken(w, "sweeping", err);
    snprintf(sql, sizeof sql, "DELETE FROM %s WHERE n IN (SELECT n FROM %s ORDER BY n LIMIT %lld)",
             name, name, (long long)rows);
    if (!tn_db_exec(&w->db, sql, err)) return false;
    if (sqlite3_changes(w->db.sq) == rows) return true;
    snprintf(sql, sizeof sql, "DROP TABLE %s", name);
    return tn_db_exec(&w->db, sql, err);
}
