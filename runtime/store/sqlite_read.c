/* SPDX-License-Identifier: MIT */
/* All reads of the SQLite driver except tn_store_query. Each is bounded, and uses the worker's own
 * connection. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "store/shape.h"
#include "store/sqlite.h"
#include "store/wire.h"

enum { SQL_MAX = 1024, VERSIONS_MAX = 10000 };

sqlite3_stmt *tn_sqlite_sql(struct tn_sqlite *s, const char *sql, struct tn_err *err)
{
    if (s->reading) return tn_db_sql(&s->db, sql, err);
    tn_fail(err, TN_E_unavailable, "the store is not ready yet");
    return NULL;
}

bool tn_sqlite_fail(struct tn_sqlite *s, sqlite3_stmt *st, struct tn_err *err)
{
    tn_db_fail(&s->db, "reading", err);
    sqlite3_reset(st);
    return false;
}

static bool not_there(sqlite3_stmt *st, struct tn_err *err)
{
    sqlite3_reset(st);
    return tn_fail(err, TN_E_not_found, "there is no such record");
}

/* Steps to the one row of a statement. */
static bool one_row(struct tn_sqlite *s, sqlite3_stmt *st, struct tn_err *err)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) return true;
    return rc == SQLITE_DONE ? not_there(st, err) : tn_sqlite_fail(s, st, err);
}

void tn_sqlite_forget_decls(struct tn_sqlite *s)
{
    struct tn_map_entry *e;
    for (size_t at = 0; (e = tn_map_next(&s->decls, &at));) tn_shape_unref(e->value);
    tn_map_clear(&s->decls, NULL);
    tn_map_init(&s->decls);
}

struct tn_shape *tn_sqlite_decl(struct tn_store *base, const char *table, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_shape *d = tn_map_get(&s->decls, tn_str(table));
    if (d) return d;
    sqlite3_stmt *st =
        tn_sqlite_sql(s, "SELECT no, declaration FROM tn_catalog WHERE name = ?1", err);
    if (!st) return NULL;
    tn_bind_str(st, 1, tn_str(table));
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        struct tn_json *json = tn_json_new();
        d = tn_shape_parse(json, tn_column_str(st, 1), err);
        if (d) d->no = sqlite3_column_int64(st, 0);
        tn_json_free(json);
    } else if (rc == SQLITE_DONE) {
        tn_fail(err, TN_E_not_found, "there is no table '%s'", table);
    } else {
        tn_db_fail(&s->db, "reading the catalog", err);
    }
    sqlite3_reset(st);
    if (d) tn_map_put(&s->decls, tn_str(table), d);
    return d;
}

/* ------------------------------------------------------------------ records */

void tn_row_of(sqlite3_stmt *st, struct tn_row *row)
{
    struct tn_str hash = tn_column_str(st, 6);
    row->id = tn_column_id(st, 1);
    row->team = sqlite3_column_int64(st, 2);
    row->version = sqlite3_column_int64(st, 3);
    row->created_ms = sqlite3_column_int64(st, 4);
    row->updated_ms = sqlite3_column_int64(st, 5);
    row->hashed = hash.n == TN_HASH_LEN;
    if (row->hashed)
        memcpy(row->hash, hash.p, TN_HASH_LEN);
    else
        memset(row->hash, 0, TN_HASH_LEN);
    row->body = tn_column_str(st, 7);
}

/* Copies the current row to the caller. */
static bool hand_over(sqlite3_stmt *st, struct tn_row *row, struct tn_buf *hold, struct tn_err *err)
{
    tn_row_of(st, row);
    tn_buf_reset(hold);
    tn_buf_addstr(hold, row->body);
    sqlite3_reset(st);
    if (!tn_buf_ok(hold, "a record", err)) return false;
    row->body = tn_buf_str(hold);
    return true;
}

static const char *row_sql(char out[SQL_MAX], const char *table, const char *where)
{
    snprintf(out, SQL_MAX, "SELECT " TN_ROW_COLUMNS " FROM data_%s WHERE %s", table, where);
    return out;
}

static const char where_n[] = "n = ?1 AND id = ?2 AND (?3 < 0 OR team = ?3)";
static const char where_given[] = "given = 1 AND id = ?2 AND (?3 < 0 OR team = ?3)";

/* Steps to the record's row, whose first column is n. NULL: err says why. */
static sqlite3_stmt *find(struct tn_sqlite *s, int64_t team, const char *table,
                          const struct tn_id *id, struct tn_err *err)
{
    const char *const ways[] = {where_n, where_given};
    sqlite3_stmt *st = NULL;
    char sql[SQL_MAX];
    if (!tn_sqlite_decl(&s->base, table, err)) return NULL;
    for (size_t i = 0; i < 2; i++) {
        if (!(st = tn_sqlite_sql(s, row_sql(sql, table, ways[i]), err))) return NULL;
        if (i == 0) sqlite3_bind_int64(st, 1, tn_id_n(id));
        tn_bind_id(st, 2, id);
        sqlite3_bind_int64(st, 3, team);
        int rc = sqlite3_step(st);
        if (rc == SQLITE_ROW) return st;
        if (rc != SQLITE_DONE) {
            tn_sqlite_fail(s, st, err);
            return NULL;
        }
    }
    not_there(st, err);
    return NULL;
}

bool tn_sqlite_get(struct tn_store *base, int64_t team, const char *table, const struct tn_id *id,
                   struct tn_row *row, struct tn_buf *hold, struct tn_err *err)
{
    sqlite3_stmt *st = find(tn_sqlite(base), team, table, id, err);
    return st && hand_over(st, row, hold, err);
}

bool tn_sqlite_get_by_key(struct tn_store *base, int64_t team, const char *table,
                          const struct tn_str *key, size_t count, struct tn_row *row,
                          struct tn_buf *hold, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_shape *d = tn_sqlite_decl(base, table, err);
    struct tn_cell cells[TN_STORE_KEY_MAX];
    char where[512] = "team = ?1", sql[SQL_MAX];
    size_t n = strlen(where);
    if (!d) return false;
    if (count != d->key_count || count == 0)
        return tn_fail(err, TN_E_invalid, "table %s has a key of %zu columns", table, d->key_count);
    for (size_t i = 0; i < count; i++) {
        const char *column = d->table.key[i];
        int at = tn_shape_column(d, tn_str(column));
        if (!tn_cell_parse(d->table.columns[at].type, key[i], &cells[i]))
            return tn_fail(err, TN_E_not_found, "there is no such record");
        n += (size_t)snprintf(where + n, sizeof where - n, " AND \"%s\" = ?%zu", column, i + 2);
    }
    sqlite3_stmt *st = tn_sqlite_sql(s, row_sql(sql, table, where), err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, team);
    for (size_t i = 0; i < count; i++) tn_bind_cell(st, (int)i + 2, &cells[i]);
    return one_row(s, st, err) && hand_over(st, row, hold, err);
}

bool tn_sqlite_tally(struct tn_sqlite *s, const char *what, int64_t team, const char *table,
                     int64_t *value, struct tn_err *err)
{
    sqlite3_stmt *st = tn_sqlite_sql(s,
                                     "SELECT coalesce(sum(value), 0) FROM tn_tally WHERE "
                                     "name = ?1 AND (?2 < 0 OR team = ?2)",
                                     err);
    if (!st) return false;
    char name[TN_STORE_NAME_MAX + 8];
    snprintf(name, sizeof name, "%s/%s", what, table);
    tn_bind_str(st, 1, tn_str(name));
    sqlite3_bind_int64(st, 2, team);
    if (sqlite3_step(st) != SQLITE_ROW) return tn_sqlite_fail(s, st, err);
    *value = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return true;
}

bool tn_sqlite_totals(struct tn_store *base, int64_t team, const char *table,
                      const struct tn_id *id, tn_total_fn fn, void *arg, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_shape *d = tn_sqlite_decl(base, table, err);
    sqlite3_stmt *st = tn_sqlite_sql(s,
                                     "SELECT name, value FROM tn_total WHERE tbl = ?1 AND "
                                     "id = ?3 AND (team = ?2 OR ?4)",
                                     err);
    if (!st || !d) return false;
    sqlite3_bind_int64(st, 1, d->no);
    sqlite3_bind_int64(st, 2, team);
    tn_bind_id(st, 3, id);
    sqlite3_bind_int(st, 4, team == TN_TEAM_ALL);
    bool ok = true, more = true;
    while (more && tn_db_row(&s->db, st, "reading", &ok, err))
        more = fn(arg, &(struct tn_total){tn_column_str(st, 0), sqlite3_column_int64(st, 1)});
    sqlite3_reset(st);
    return ok;
}

bool tn_sqlite_count(struct tn_store *base, int64_t team, const char *table, int64_t *count,
                     struct tn_err *err)
{
    return tn_sqlite_decl(base, table, err) &&
           tn_sqlite_tally(tn_sqlite(base), "rows", team, table, count, err);
}

/* ------------------------------------------------------------------ links */

/* Returns the source's number; 0: there is none; -1: err says why. */
static int64_t source_no(struct tn_sqlite *s, int64_t team, const struct tn_origin *source,
                         struct tn_err *err)
{
    sqlite3_stmt *st = tn_sqlite_sql(
        s, "SELECT no FROM tn_source WHERE team = ?1 AND integration = ?2 AND entity = ?3", err);
    if (!st) return -1;
    sqlite3_bind_int64(st, 1, team);
    tn_bind_id(st, 2, &source->integration);
    tn_bind_str(st, 3, source->entity);
    int rc = sqlite3_step(st);
    int64_t no = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        tn_sqlite_fail(s, st, err);
        return -1;
    }
    sqlite3_reset(st);
    return no;
}

struct wanted {
    struct tn_str id;
    size_t at;
};

static int by_bytes(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
    int order = memcmp(x->id.p, y->id.p, n);
    if (order) return order;
    return (x->id.n > y->id.n) - (x->id.n < y->id.n);
}

/* Looks the sorted ids up in the index. The next id is usually near, so it steps on for a few rows,
 * and seeks only when that does not find it. */
static bool walk(struct tn_sqlite *s, sqlite3_stmt *st, const struct wanted *w, size_t count,
                 unsigned char (*hashes)[TN_HASH_LEN], bool *found, struct tn_err *err)
{
    enum { STRAY_MAX = 6 };
    for (size_t i = 0; i < count;) {
        sqlite3_reset(st);
        tn_bind_str(st, 2, w[i].id);
        for (int stray = 0, rc; i < count && stray < STRAY_MAX;) {
            rc = sqlite3_step(st);
            if (rc == SQLITE_DONE) i = count;
            if (rc == SQLITE_DONE) break;
            if (rc != SQLITE_ROW) return tn_sqlite_fail(s, st, err);
            struct wanted here = {tn_column_str(st, 0), 0};
            int order = -1;
            while (i < count && (order = by_bytes(&w[i], &here)) < 0) i++;
            if (i == count || order > 0) {
                stray++;
                continue;
            }
            struct tn_str hash = tn_column_str(st, 1);
            for (; i < count && by_bytes(&w[i], &here) == 0; i++) {
                found[w[i].at] = hash.n == TN_HASH_LEN;
                if (found[w[i].at]) memcpy(hashes[w[i].at], hash.p, TN_HASH_LEN);
            }
        }
    }
    sqlite3_reset(st);
    return true;
}

bool tn_sqlite_link_hashes(struct tn_store *base, int64_t team, const struct tn_origin *source,
                           const struct tn_str *external_ids, size_t count,
                           unsigned char (*hashes)[TN_HASH_LEN], bool *found, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    int64_t no = source_no(s, team, source, err);
    memset(found, 0, count * sizeof *found);
    if (no <= 0 || count == 0) return no >= 0;
    sqlite3_stmt *st = tn_sqlite_sql(s,
                                     "SELECT external_id, hash FROM tn_link WHERE source = ?1 "
                                     "AND external_id >= ?2 ORDER BY external_id",
                                     err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, no);
    struct wanted *w = tn_alloc(count * sizeof *w);
    bool sorted = true;
    for (size_t i = 0; i < count; i++) {
        w[i] = (struct wanted){external_ids[i], i};
        sorted = sorted && (i == 0 || by_bytes(&w[i - 1], &w[i]) <= 0);
    }
    if (!sorted) qsort(w, count, sizeof *w, by_bytes);
    bool ok = walk(s, st, w, count, hashes, found, err);
    tn_free(w);
    return ok;
}

#define LINK_COLUMNS "source, external_id, tbl, n, version, at, hash, agreed"

/* Reads the record to which a link row points: its id, and its body if both sides still agree on
 * it. */
static bool link_record(struct tn_sqlite *s, sqlite3_stmt *row, struct tn_link *link,
                        struct tn_buf *hold, struct tn_err *err)
{
    char sql[SQL_MAX], table[TN_STORE_NAME_MAX + 1];
    sqlite3_stmt *st = tn_sqlite_sql(s, "SELECT name FROM tn_catalog WHERE no = ?1", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, sqlite3_column_int64(row, 2));
    if (!one_row(s, st, err)) return false;
    struct tn_str name = tn_column_str(st, 0);
    snprintf(table, sizeof table, "%.*s", TN_FMT(name));
    sqlite3_reset(st);
    snprintf(sql, sizeof sql, "SELECT id, body FROM data_%s WHERE n = ?1", table);
    if (!(st = tn_sqlite_sql(s, sql, err))) return false;
    sqlite3_bind_int64(st, 1, sqlite3_column_int64(row, 3));
    if (!one_row(s, st, err)) return false;
    link->record = tn_column_id(st, 0);
    bool same = sqlite3_column_type(row, 7) == SQLITE_NULL;
    tn_buf_addstr(hold, same ? tn_column_str(st, 1) : tn_column_str(row, 7));
    sqlite3_reset(st);
    return true;
}

/* Fills a link. Its texts go to hold in this order: external id, agreed state. */
static bool link_of(struct tn_sqlite *s, sqlite3_stmt *row, struct tn_link *link,
                    struct tn_buf *hold, struct tn_err *err)
{
    struct tn_str hash = tn_column_str(row, 6), external_id = tn_column_str(row, 1);
    tn_buf_reset(hold);
    tn_buf_addstr(hold, external_id);
    link->version = sqlite3_column_int64(row, 4);
    link->agreed_ms = sqlite3_column_int64(row, 5);
    memset(link->hash, 0, TN_HASH_LEN);
    if (hash.n == TN_HASH_LEN) memcpy(link->hash, hash.p, TN_HASH_LEN);
    if (!link_record(s, row, link, hold, err) || !tn_buf_ok(hold, "a link", err)) return false;
    link->external_id = (struct tn_str){hold->p, external_id.n};
    link->agreed = (struct tn_str){hold->p + external_id.n, hold->n - external_id.n};
    return true;
}

static bool link_at(struct tn_sqlite *s, int64_t source, struct tn_str external_id,
                    struct tn_link *link, struct tn_buf *hold, struct tn_err *err)
{
    sqlite3_stmt *st = tn_sqlite_sql(s,
                                     "SELECT " LINK_COLUMNS " FROM tn_link WHERE source = ?1 "
                                     "AND external_id = ?2",
                                     err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, source);
    tn_bind_str(st, 2, external_id);
    if (!one_row(s, st, err)) return false;
    bool ok = link_of(s, st, link, hold, err);
    sqlite3_reset(st);
    return ok;
}

bool tn_sqlite_link(struct tn_store *base, int64_t team, const struct tn_origin *source,
                    struct tn_str external_id, struct tn_link *link, struct tn_buf *hold,
                    struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    int64_t no = source_no(s, team, source, err);
    if (no < 0) return false;
    link->source = *source;
    return link_at(s, no, external_id, link, hold, err);
}

bool tn_sqlite_get_by_link(struct tn_store *base, int64_t team, const char *table,
                           const struct tn_origin *source, struct tn_str external_id,
                           struct tn_row *row, struct tn_buf *hold, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_shape *d = tn_sqlite_decl(base, table, err);
    int64_t no = d ? source_no(s, team, source, err) : -1;
    char where[256], sql[SQL_MAX];
    if (no < 0) return false;
    snprintf(where, sizeof where,
             "team = ?4 AND n = (SELECT n FROM tn_link WHERE source = ?1 AND "
             "external_id = ?2 AND tbl = ?3)");
    sqlite3_stmt *st = tn_sqlite_sql(s, row_sql(sql, table, where), err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, no);
    tn_bind_str(st, 2, external_id);
    sqlite3_bind_int64(st, 3, d->no);
    sqlite3_bind_int64(st, 4, team);
    return one_row(s, st, err) && hand_over(st, row, hold, err);
}

/* Reads the record's list of its links: u32 source, u16 length, external id, repeated. */
static bool read_links(struct tn_sqlite *s, const char *table, int64_t n, struct tn_buf *out,
                       struct tn_err *err)
{
    char sql[SQL_MAX];
    snprintf(sql, sizeof sql, "SELECT links FROM data_%s WHERE n = ?1", table);
    sqlite3_stmt *st = tn_sqlite_sql(s, sql, err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, n);
    if (!one_row(s, st, err)) return false;
    tn_buf_addstr(out, tn_column_str(st, 0));
    sqlite3_reset(st);
    return true;
}

static bool source_at(struct tn_sqlite *s, int64_t no, struct tn_origin *out, struct tn_buf *entity,
                      struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_sqlite_sql(s, "SELECT integration, entity FROM tn_source WHERE no = ?1", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, no);
    if (!one_row(s, st, err)) return false;
    out->integration = tn_column_id(st, 0);
    tn_buf_reset(entity);
    tn_buf_addstr(entity, tn_column_str(st, 1));
    out->entity = tn_buf_str(entity);
    sqlite3_reset(st);
    return true;
}

bool tn_sqlite_links(struct tn_store *base, int64_t team, const char *table, const struct tn_id *id,
                     tn_link_fn fn, void *arg, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_buf list, hold, entity;
    struct tn_link link;
    bool ok = false;
    sqlite3_stmt *st = find(s, team, table, id, err);
    if (!st) return false;
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    tn_buf_init(&list, TN_MIB);
    tn_buf_init(&hold, TN_LIMIT_RECORD + TN_KIB);
    tn_buf_init(&entity, TN_KIB);
    if (!read_links(s, table, n, &list, err)) goto out;
    struct tn_wire w = tn_wire(tn_buf_str(&list));
    while (w.p < w.end && !w.bad) {
        int64_t no = tn_take_u32(&w);
        size_t length = tn_take_u16(&w);
        struct tn_str external_id = {w.p, length};
        if (w.bad || (size_t)(w.end - w.p) < length) break;
        w.p += length;
        if (!source_at(s, no, &link.source, &entity, err) ||
            !link_at(s, no, external_id, &link, &hold, err))
            goto out;
        if (!fn(arg, &link)) break;
    }
    ok = true;
out:
    tn_buf_clear(&list);
    tn_buf_clear(&hold);
    tn_buf_clear(&entity);
    return ok;
}

bool tn_sqlite_source_links(struct tn_store *base, int64_t team, const struct tn_origin *source,
                            struct tn_str after, size_t limit, tn_link_fn fn, void *arg,
                            struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    int64_t no = source_no(s, team, source, err);
    struct tn_link link = {.source = *source};
    struct tn_buf hold;
    int rc = SQLITE_DONE;
    if (no <= 0) return no == 0;
    sqlite3_stmt *st = tn_sqlite_sql(s,
                                     "SELECT " LINK_COLUMNS " FROM tn_link WHERE source = ?1 "
                                     "AND external_id > ?2 ORDER BY external_id LIMIT ?3",
                                     err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, no);
    tn_bind_str(st, 2, after);
    sqlite3_bind_int64(st, 3, (int64_t)limit);
    tn_buf_init(&hold, TN_LIMIT_RECORD + TN_KIB);
    bool ok = true;
    while (ok && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        ok = link_of(s, st, &link, &hold, err);
        if (ok && !fn(arg, &link)) break;
    }
    tn_buf_clear(&hold);
    if (ok && rc != SQLITE_ROW && rc != SQLITE_DONE) return tn_sqlite_fail(s, st, err);
    sqlite3_reset(st);
    return ok;
}

/* ------------------------------------------------------------------ history */

/* One life of a record: the current one, or one that a delete has ended. */
struct life {
    int64_t n, version, created, updated, gone; /* gone: when it ended; 0: it is the current one */
    struct tn_row row;
};

/* Reads a life of the id; skip 0 is the newest. Kind not_found: there is none. */
static bool life_of(struct tn_sqlite *s, int64_t team, const char *table, const struct tn_id *id,
                    int64_t skip, struct life *life, struct tn_buf *hold, struct tn_err *err)
{
    struct tn_shape *d = tn_sqlite_decl(&s->base, table, err);
    if (!d) return false;
    sqlite3_stmt *st = find(s, team, table, id, err);
    if (!st && err->kind != TN_E_not_found) return false;
    if (st && skip == 0) {
        *life = (struct life){.n = sqlite3_column_int64(st, 0)};
        if (!hand_over(st, &life->row, hold, err)) return false;
        life->version = life->row.version;
        life->created = life->row.created_ms;
        life->updated = life->row.updated_ms;
        return true;
    }
    if (st) sqlite3_reset(st);
    if (st) skip--;
    st = tn_sqlite_sql(
        s,
        "SELECT n, id, team, version, created, updated, NULL, body, gone FROM tn_gone "
        "WHERE tbl = ?1 AND id = ?2 AND (?3 < 0 OR team = ?3) ORDER BY n DESC "
        "LIMIT 1 OFFSET ?4",
        err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, d->no);
    tn_bind_id(st, 2, id);
    sqlite3_bind_int64(st, 3, team);
    sqlite3_bind_int64(st, 4, skip);
    if (!one_row(s, st, err)) return false;
    *life = (struct life){.n = sqlite3_column_int64(st, 0), .gone = sqlite3_column_int64(st, 8)};
    if (!hand_over(st, &life->row, hold, err)) return false;
    life->version = life->row.version;
    life->created = life->row.created_ms;
    life->updated = life->row.updated_ms;
    return true;
}

static sqlite3_stmt *former(struct tn_sqlite *s, const char *table, int64_t n, struct tn_err *err)
{
    struct tn_shape *d = tn_sqlite_decl(&s->base, table, err);
    sqlite3_stmt *st = tn_sqlite_sql(s,
                                     "SELECT version, at, head, tail, middle FROM tn_history "
                                     "WHERE tbl = ?1 AND n = ?2 ORDER BY version DESC LIMIT ?3",
                                     err);
    if (!st || !d) return NULL;
    sqlite3_bind_int64(st, 1, d->no);
    sqlite3_bind_int64(st, 2, n);
    sqlite3_bind_int64(st, 3, VERSIONS_MAX);
    return st;
}

bool tn_sqlite_versions(struct tn_store *base, int64_t team, const char *table,
                        const struct tn_id *id, size_t limit, tn_version_fn fn, void *arg,
                        struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_buf hold;
    struct life life;
    bool ok = true, more = true;
    size_t given = 0;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (int64_t skip = 0; more && given < limit; skip++) {
        if (!(ok = life_of(s, team, table, id, skip, &life, &hold, err))) break;
        struct tn_version v = {life.version, life.updated, !life.gone, life.gone != 0};
        more = fn(arg, &v);
        given++;
        sqlite3_stmt *st = former(s, table, life.n, err);
        if (!(ok = st != NULL)) break;
        while (more && given < limit && tn_db_row(&s->db, st, "reading", &ok, err)) {
            v = (struct tn_version){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), false,
                                    false};
            more = fn(arg, &v);
            given++;
        }
        sqlite3_reset(st);
        if (!ok) break;
    }
    tn_buf_clear(&hold);
    return ok || (err->kind == TN_E_not_found && given > 0);
}

/* Turns the text of a version into that of the version before. */
static bool undo_delta(struct tn_buf *body, int64_t head, int64_t tail, struct tn_str middle,
                       struct tn_err *err)
{
    struct tn_buf old;
    if (head < 0 || tail < 0 || (uint64_t)head + (uint64_t)tail > body->n)
        return tn_fail(err, TN_E_corrupt, "the history of this record is damaged");
    tn_buf_init(&old, TN_LIMIT_RECORD);
    tn_buf_add(&old, body->p, (size_t)head);
    tn_buf_addstr(&old, middle);
    tn_buf_add(&old, body->p + body->n - tail, (size_t)tail);
    tn_buf_reset(body);
    tn_buf_addstr(body, tn_buf_str(&old));
    tn_buf_clear(&old);
    return tn_buf_ok(body, "a record", err);
}

/* Goes back from the end of a life to the wanted version or time. False, kind not_found: the life
 * does not contain it. */
static bool go_back(struct tn_sqlite *s, const char *table, struct life *life, int64_t version,
                    int64_t at_ms, struct tn_buf *hold, struct tn_err *err)
{
    sqlite3_stmt *st = former(s, table, life->n, err);
    bool ok = st != NULL;
    while (ok && (version > 0 ? life->version > version : life->updated > at_ms)) {
        if (!tn_db_row(&s->db, st, "reading", &ok, err)) {
            if (ok)
                ok = tn_fail(err, TN_E_not_found, "the record's state at that time is not known");
            break;
        }
        life->version = sqlite3_column_int64(st, 0);
        life->updated = sqlite3_column_int64(st, 1);
        life->row.hashed = false;
        ok = undo_delta(hold, sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3),
                        tn_column_str(st, 4), err);
    }
    if (st) sqlite3_reset(st);
    if (ok && version > 0 && life->version != version)
        ok = tn_fail(err, TN_E_not_found, "the record has no version %lld", (long long)version);
    return ok;
}

bool tn_sqlite_as_of(struct tn_store *base, int64_t team, const char *table, const struct tn_id *id,
                     int64_t version, int64_t at_ms, struct tn_row *row, struct tn_buf *hold,
                     struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct life life;
    for (int64_t skip = 0;; skip++) {
        if (!life_of(s, team, table, id, skip, &life, hold, err)) return false;
        bool later = version > 0 ? life.version < version : life.created > at_ms;
        if (later) continue;
        if (version == 0 && life.gone && at_ms >= life.gone)
            return tn_fail(err, TN_E_not_found, "the record did not exist then");
        break;
    }
    if (!go_back(s, table, &life, version, at_ms, hold, err)) return false;
    *row = life.row;
    row->version = life.version;
    row->updated_ms = life.updated;
    row->body = tn_buf_str(hold);
    return true;
}

/* ------------------------------------------------------------------ events */

#define EVENT_COLUMNS "seq, count, team, number, at, type, tbl, origin, refs, data, depth"
static const char tail_all[] =
    "SELECT " EVENT_COLUMNS " FROM tn_event WHERE seq >= "
    "(SELECT coalesce(max(seq), 0) FROM tn_event WHERE seq <= ?1) ORDER BY seq";
static const char tail_team[] =
    "SELECT " EVENT_COLUMNS " FROM tn_event WHERE team = ?2 AND seq >= "
    "(SELECT coalesce(max(seq), 0) FROM tn_event WHERE team = ?2 AND seq <= ?1) ORDER BY seq";

/* Hands over the events of one row, from seq `from` on. False: fn or the limit stops. */
static bool spread(sqlite3_stmt *st, int64_t from, size_t *left, tn_event_fn fn, void *arg,
                   struct tn_tail *tail)
{
    int64_t first = sqlite3_column_int64(st, 0), count = sqlite3_column_int64(st, 1);
    int64_t number = sqlite3_column_int64(st, 3);
    struct tn_str refs = tn_column_str(st, 8);
    struct tn_event e = {
        .team = sqlite3_column_int64(st, 2),
        .at_ms = sqlite3_column_int64(st, 4),
        .type = tn_column_str(st, 5),
        .table = tn_column_str(st, 6),
        .origin = tn_column_id(st, 7),
        .data = tn_column_str(st, 9),
        .depth = (unsigned)sqlite3_column_int64(st, 10),
    };
    for (int64_t i = from > first ? from - first : 0; i < count; i++) {
        if (*left == 0) return false;
        if (refs.n >= (size_t)(i + 1) * 24) {
            memcpy(e.record.b, refs.p + i * 24, 16);
            memcpy(&e.version, refs.p + i * 24 + 16, 8);
        }
        e.seq = first + i;
        e.number = number + i;
        tail->last = e.seq;
        (*left)--;
        if (!fn(arg, &e)) return false;
    }
    return true;
}

bool tn_sqlite_tail(struct tn_store *base, int64_t team, int64_t after, size_t limit,
                    tn_event_fn fn, void *arg, struct tn_tail *tail, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    int64_t floor = 0, from = after < INT64_MAX ? after + 1 : after;
    if (!tn_sqlite_sql(s, "SELECT 1", err) ||
        !tn_db_int(&s->db, "SELECT value FROM tn_tally WHERE name = 'event' AND team = -1",
                   &tail->head, err) ||
        !tn_db_int(&s->db, "SELECT value FROM tn_tally WHERE name = 'event_floor' AND team = -1",
                   &floor, err))
        return false;
    tail->gap = after < floor;
    sqlite3_stmt *st = tn_sqlite_sql(s, team < 0 ? tail_all : tail_team, err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, from);
    if (team >= 0) sqlite3_bind_int64(st, 2, team);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        if (!spread(st, from, &limit, fn, arg, tail)) break;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return tn_sqlite_fail(s, st, err);
    sqlite3_reset(st);
    return true;
}

/* ------------------------------------------------------------------ queues */

#define QUEUE_STATE                                                                                \
    "SELECT count(*), count(holder), coalesce(sum(holder IS NULL AND attempts > 0), 0), "          \
    "min(n) FROM (SELECT n, holder, attempts FROM tn_queue WHERE queue = ?1 "

/* The id of an entry begins with the time at which it was made. */
static int64_t made_ms(const struct tn_id *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++) ms = ms << 8 | id->b[i];
    return ms;
}

static bool oldest_entry(struct tn_sqlite *s, int64_t n, int64_t *ms, struct tn_err *err)
{
    sqlite3_stmt *st = tn_sqlite_sql(s, "SELECT id FROM tn_queue WHERE n = ?1", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, n);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return tn_sqlite_fail(s, st, err);
    if (rc == SQLITE_ROW) {
        struct tn_id id = tn_column_id(st, 0);
        *ms = made_ms(&id);
    }
    sqlite3_reset(st);
    return true;
}

bool tn_sqlite_queue(struct tn_store *base, int64_t team, const char *queue, struct tn_str order,
                     size_t most, struct tn_queue_state *state, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    sqlite3_stmt *st =
        tn_sqlite_sql(s,
                      order.n ? QUEUE_STATE "AND team = ?2 AND ord = ?3 AND ord <> '' LIMIT ?4)"
                      : team == TN_TEAM_ALL ? QUEUE_STATE "LIMIT ?4)"
                                            : QUEUE_STATE "AND team = ?2 LIMIT ?4)",
                      err);
    if (!st) return false;
    tn_bind_str(st, 1, tn_str(queue));
    if (order.n || team != TN_TEAM_ALL) sqlite3_bind_int64(st, 2, team);
    if (order.n) tn_bind_str(st, 3, order);
    sqlite3_bind_int64(st, 4, (int64_t)most);
    if (sqlite3_step(st) != SQLITE_ROW) return tn_sqlite_fail(s, st, err);
    *state = (struct tn_queue_state){.entries = sqlite3_column_int64(st, 0),
                                     .leased = sqlite3_column_int64(st, 1),
                                     .tried = sqlite3_column_int64(st, 2)};
    int64_t first = sqlite3_column_int64(st, 3);
    sqlite3_reset(st);
    return !state->entries || oldest_entry(s, first, &state->oldest_ms, err);
}

/* ------------------------------------------------------------------ key-values */

bool tn_sqlite_kv_get(struct tn_store *base, int64_t team, const char *space, struct tn_str key,
                      struct tn_buf *value, int64_t *version, struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    sqlite3_stmt *st = tn_sqlite_sql(s,
                                     "SELECT version, expires, value FROM tn_kv WHERE "
                                     "team = ?1 AND space = ?2 AND key = ?3",
                                     err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, team);
    tn_bind_str(st, 2, tn_str(space));
    tn_bind_blob(st, 3, key.p, key.n);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return tn_sqlite_fail(s, st, err);
    int64_t expires = rc == SQLITE_ROW ? sqlite3_column_int64(st, 1) : 0;
    if (rc == SQLITE_DONE || (expires && expires <= tn_store_now(base))) {
        sqlite3_reset(st);
        return tn_fail(err, TN_E_not_found, "there is no such key");
    }
    if (version) *version = sqlite3_column_int64(st, 0);
    tn_buf_reset(value);
    tn_buf_addstr(value, tn_column_str(st, 2));
    sqlite3_reset(st);
    return tn_buf_ok(value, "a value", err);
}

static bool has_prefix(struct tn_str s, struct tn_str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

bool tn_sqlite_kv_list(struct tn_store *base, int64_t team, const char *space, struct tn_str prefix,
                       struct tn_str after, size_t limit, tn_kv_fn fn, void *arg,
                       struct tn_err *err)
{
    struct tn_sqlite *s = tn_sqlite(base);
    int64_t now = tn_store_now(base);
    int rc = SQLITE_DONE;
    sqlite3_stmt *st = tn_sqlite_sql(
        s,
        "SELECT key, version, expires, value FROM tn_kv WHERE team = ?1 AND space = ?2 AND "
        "key >= ?3 AND key > ?4 ORDER BY key",
        err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, team);
    tn_bind_str(st, 2, tn_str(space));
    tn_bind_blob(st, 3, prefix.p, prefix.n);
    tn_bind_blob(st, 4, after.p, after.n);
    if (after.n == 0)
        sqlite3_bind_text(st, 4, "", 0, SQLITE_STATIC); /* in SQLite, texts sort
                                                           before blobs */
    while (limit && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct tn_str key = tn_column_str(st, 0);
        int64_t expires = sqlite3_column_int64(st, 2);
        if (!has_prefix(key, prefix)) break;
        if (expires && expires <= now) continue;
        limit--;
        if (!fn(arg, key, tn_column_str(st, 3), sqlite3_column_int64(st, 1))) break;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return tn_sqlite_fail(s, st, err);
    sqlite3_reset(st);
    return true;
}
