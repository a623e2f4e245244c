/* SPDX-License-Identifier: MIT */
/* Writes records as their sources have them, and the links between records and sources. */
#include "store/unique.h"

struct upsert {
    struct tn_wslot *slot;
    struct tn_wtable *t;
    struct tn_wsource *source;
    bool merge, given;
    bool bereft;     /* a record that it names is not there */
    struct tn_id id; /* given */
    int64_t based_on;
    unsigned char hash[TN_HASH_LEN];
    struct tn_str external_id, body;
    struct tn_cell *cells;
};

/* ------------------------------------------------------------------ links */

struct link {
    int64_t tbl, n;
    unsigned char hash[TN_HASH_LEN];
};

static struct tn_str one_link(struct tn_writer *w, int64_t source, struct tn_str external_id)
{
    uint32_t no = (uint32_t)source;
    uint16_t n = (uint16_t)external_id.n;
    char *p = tn_arena_alloc(&w->arena, 6 + external_id.n);
    memcpy(p, &no, 4);
    memcpy(p + 4, &n, 2);
    memcpy(p + 6, external_id.p, external_id.n);
    return (struct tn_str){p, 6 + external_id.n};
}

static struct tn_str link_added(struct tn_writer *w, struct tn_str list, int64_t source,
                                struct tn_str external_id)
{
    struct tn_str more = one_link(w, source, external_id);
    char *p = tn_arena_alloc(&w->arena, list.n + more.n);
    memcpy(p, list.p, list.n);
    memcpy(p + list.n, more.p, more.n);
    return (struct tn_str){p, list.n + more.n};
}

/* Writes the list without one link; *found: the link was in it. */
static struct tn_str link_removed(struct tn_writer *w, struct tn_str list, int64_t source,
                                  struct tn_str external_id)
{
    struct tn_wire in = tn_wire(list);
    char *p = tn_arena_alloc(&w->arena, list.n + 1);
    size_t n = 0;
    while (in.p < in.end && !in.bad) {
        const char *from = in.p;
        int64_t no = tn_take_u32(&in);
        size_t length = tn_take_u16(&in);
        if (in.bad || (size_t)(in.end - in.p) < length) break;
        struct tn_str id = {in.p, length};
        in.p += length;
        if (no == source && tn_str_eq(id, external_id)) continue;
        memcpy(p + n, from, (size_t)(in.p - from));
        n += (size_t)(in.p - from);
    }
    return (struct tn_str){p, n};
}

struct tn_str tn_link_of_source(struct tn_str list, int64_t source)
{
    struct tn_wire in = tn_wire(list);
    while (in.p < in.end && !in.bad) {
        int64_t no = tn_take_u32(&in);
        size_t length = tn_take_u16(&in);
        if (in.bad || (size_t)(in.end - in.p) < length) break;
        if (no == source) return (struct tn_str){in.p, length};
        in.p += length;
    }
    return (struct tn_str){"", 0};
}

static sqlite3_stmt *link_sql(struct tn_writer *w, const char *sql, int64_t source,
                              struct tn_str external_id, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db, sql, err);
    if (!st) return NULL;
    sqlite3_bind_int64(st, 1, source);
    tn_bind_str(st, 2, external_id);
    return st;
}

static int find_link(struct tn_writer *w, int64_t source, struct tn_str external_id,
                     struct link *out, struct tn_err *err)
{
    sqlite3_stmt *st = link_sql(w,
                                "SELECT tbl, n, hash FROM tn_link WHERE source = ?1 AND "
                                "external_id = ?2",
                                source, external_id, err);
    if (!st) return -1;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        struct tn_str hash = tn_column_str(st, 2);
        memset(out, 0, sizeof *out);
        out->tbl = sqlite3_column_int64(st, 0);
        out->n = sqlite3_column_int64(st, 1);
        if (hash.n == TN_HASH_LEN) memcpy(out->hash, hash.p, TN_HASH_LEN);
    } else if (rc != SQLITE_DONE) {
        tn_writer_broken(w, "reading a link", err);
    }
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* Writes a link whose agreed state is the record as it now is.  *added false: there was one. */
static bool write_link(struct tn_writer *w, const char *sql, int64_t source,
                       struct tn_str external_id, int64_t tbl, int64_t n, int64_t version,
                       const unsigned char *hash, bool *added, struct tn_err *err)
{
    sqlite3_stmt *st = link_sql(w, sql, source, external_id, err);
    if (!st) return false;
    sqlite3_bind_int64(st, 3, tbl);
    sqlite3_bind_int64(st, 4, n);
    sqlite3_bind_int64(st, 5, version);
    sqlite3_bind_int64(st, 6, w->now);
    tn_bind_blob(st, 7, hash, TN_HASH_LEN);
    if (!tn_writer_run(w, st, "writing a link", err)) return false;
    *added = sqlite3_changes(w->db.sq) > 0;
    return true;
}

static const char link_insert[] = "INSERT INTO tn_link VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL) "
                                  "ON CONFLICT DO NOTHING";
static const char link_replace[] =
    "INSERT OR REPLACE INTO tn_link VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
    "NULL)";

/* ------------------------------------------------------------------ one upsert */

static bool renew_link(struct tn_writer *w, const struct upsert *u, const struct tn_rec *r,
                       struct tn_err *err)
{
    bool added;
    return write_link(w, link_replace, u->source->no, u->external_id, u->t->decl->no, r->n,
                      r->version, u->hash, &added, err);
}

static struct tn_by by(const struct upsert *u)
{
    return (struct tn_by){u->source->no, u->external_id};
}

static enum tn_step is_stale(struct tn_writer *w, const struct upsert *u, const struct tn_rec *old,
                             struct tn_buf *result)
{
    struct tn_err why;
    char params[sizeof why.params];
    tn_stale(old, u->based_on, &why);
    memcpy(params, why.params, sizeof params);
    tn_fail_code(&why, TN_CODE_stale, "%s", params);
    return tn_step_left_out(w, result, old, false, &why);
}

/* Writes the source's values into the record; then the link agrees with it.  adopts: the source has
 * no link to the record yet. */
static enum tn_step upsert_over(struct tn_writer *w, struct upsert *u, const struct tn_rec *old,
                                bool adopts, struct tn_buf *result, struct tn_err *err)
{
    struct tn_rec r = *old;
    const struct tn_by who = by(u);
    enum tn_step step = TN_STEP_ok;
    r.body = u->body;
    r.hashed = !u->merge;
    memcpy(r.hash, u->hash, TN_HASH_LEN);
    if (u->based_on > 0 && u->based_on != old->version) return is_stale(w, u, old, result);
    if (u->merge && (!tn_rec_merged(w, old->body, u->body, false, &r.body, err) ||
                     !tn_wtable_cells(w, u->t, r.body, u->cells, err)))
        return TN_STEP_refused;
    if (adopts) r.links = link_added(w, r.links, u->source->no, u->external_id);
    bool same = tn_str_eq(r.body, old->body);
    if (!same) {
        step = tn_unique_change(w, u->t, old, &r, u->cells, &who, err);
    } else if (adopts) {
        r.hashed = old->hashed;
        memcpy(r.hash, old->hash, TN_HASH_LEN);
        step = tn_step_of(tn_unique_keep(w, u->t, &r, u->cells, err));
    }
    if (step != TN_STEP_ok) return step;
    if (!renew_link(w, u, &r, err)) return TN_STEP_broken;
    enum tn_outcome_kind kind = same ? TN_DONE_unchanged : TN_DONE_updated;
    return adopts ? tn_step_adopted(w, result, kind, &r)
                  : tn_step_done(w, result, kind, &r.id, r.version);
}

/* The record that has the key is adopted, unless the source knows it by another name; *done when it
 * was. */
static enum tn_step upsert_adopt(struct tn_writer *w, struct upsert *u, bool *done,
                                 struct tn_buf *result, struct tn_err *err)
{
    struct tn_rec old;
    int there = tn_unique_adoptable(w, u->t, u->source, u->cells, &old, err);
    if (there < 0) return TN_STEP_broken;
    *done = there;
    if (!*done) return TN_STEP_ok;
    if (!tn_link_drop(w, u->source->no, u->external_id, err)) return TN_STEP_broken;
    return upsert_over(w, u, &old, true, result, err);
}

static struct tn_rec new_record(struct tn_writer *w, const struct upsert *u, int64_t n)
{
    struct tn_rec r = {.n = n,
                       .id = u->given ? u->id : tn_id_at(w->fresh, n),
                       .given = u->given,
                       .team = u->source->team,
                       .hashed = true,
                       .links = one_link(w, u->source->no, u->external_id),
                       .body = u->body};
    memcpy(r.hash, u->hash, TN_HASH_LEN);
    return r;
}

static enum tn_step upsert_new(struct tn_writer *w, struct upsert *u, int64_t n,
                               struct tn_buf *result, struct tn_err *err)
{
    struct tn_rec r = new_record(w, u, n);
    const struct tn_by who = by(u);
    bool done = false;
    enum tn_step step;
    if (!tn_unique_waits(w)) {
        step = tn_rec_create(w, u->t, &r, u->cells, err);
        done = step == TN_STEP_ok;
        if (done) tn_step_done(w, result, TN_DONE_created, &r.id, r.version);
        if (step == TN_STEP_refused) step = upsert_adopt(w, u, &done, result, err);
    } else {
        step = upsert_adopt(w, u, &done, result, err);
    }
    if (done || step != TN_STEP_ok) return step;
    tn_unique_begin(w);
    step = tn_unique_create(w, u->t, &r, u->cells, &who, err);
    if (step != TN_STEP_ok) return step;
    return tn_step_done(w, result, TN_DONE_created, &r.id, r.version);
}

static enum tn_step upsert_known(struct tn_writer *w, struct upsert *u, const struct link *link,
                                 struct tn_buf *result, struct tn_err *err)
{
    struct tn_rec old;
    if (link->tbl != u->t->decl->no) {
        struct tn_err why;
        tn_fail(&why, TN_E_conflict, "the external id is linked to a record of another table");
        return tn_step_left_out(w, result, NULL, false, &why);
    }
    int there = tn_rec_find_n(w, u->t, link->n, &old, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) {
        tn_fail(err, TN_E_corrupt, "a link points to no record");
        return TN_STEP_refused;
    }
    if (memcmp(link->hash, u->hash, TN_HASH_LEN) == 0)
        return tn_step_done(w, result, TN_DONE_unchanged, &old.id, old.version);
    return upsert_over(w, u, &old, false, result, err);
}

/* Leaves the record alone that the external id is linked to, if there is one. */
static enum tn_step upsert_left_out(struct tn_writer *w, const struct upsert *u,
                                    const struct tn_verdict *v, struct tn_buf *result,
                                    struct tn_err *err)
{
    struct link link;
    struct tn_rec r;
    int there = find_link(w, u->source->no, u->external_id, &link, err);
    if (there > 0) there = link.tbl == u->t->decl->no ? tn_rec_find_n(w, u->t, link.n, &r, err) : 0;
    if (there < 0) return TN_STEP_broken;
    return tn_step_left_out(w, result, there ? &r : NULL, v->adoptable, &v->why);
}

static enum tn_step upsert_bereft(struct tn_writer *w, const struct upsert *u,
                                  struct tn_buf *result, struct tn_err *err)
{
    struct tn_verdict v = {0};
    tn_fail(&v.why, TN_E_conflict, "a record that it names was deleted");
    tn_fail_code(&v.why, TN_CODE_stale, "{}");
    return upsert_left_out(w, u, &v, result, err);
}

/* The link goes in first: whether that works tells whether the record is new, in one descent. */
static enum tn_step upsert_one(struct tn_writer *w, struct upsert *u, int64_t n,
                               struct tn_buf *result, struct tn_err *err)
{
    const struct tn_verdict *v = tn_unique_verdict(w);
    struct link link;
    bool added = false;
    if (v) return upsert_left_out(w, u, v, result, err);
    if (u->bereft) return upsert_bereft(w, u, result, err);
    if (!write_link(w, link_insert, u->source->no, u->external_id, u->t->decl->no, n, 1, u->hash,
                    &added, err))
        return TN_STEP_broken;
    if (added) return upsert_new(w, u, n, result, err);
    return find_link(w, u->source->no, u->external_id, &link, err) > 0
               ? upsert_known(w, u, &link, result, err)
               : TN_STEP_broken;
}

/* ------------------------------------------------------------------ many at a time */

/* One statement for twenty rows opens its cursors once (docs/decisions/store.md). */
#define LINK_ROW  "(?, ?, ?, ?, ?, ?, ?, NULL)"
#define LINK_ROWS LINK_ROW "," LINK_ROW "," LINK_ROW "," LINK_ROW "," LINK_ROW
static const char link_insert_many[] = "INSERT INTO tn_link VALUES " LINK_ROWS "," LINK_ROWS
                                       "," LINK_ROWS "," LINK_ROWS " ON CONFLICT DO NOTHING";
_Static_assert(TN_ROWS_MANY == 20, "link_insert_many has as many rows");

/* Record i gets the number first + i; *added: so many were not linked yet. */
static bool write_links(struct tn_writer *w, const struct upsert *u, int64_t first, int *added,
                        struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db, link_insert_many, err);
    if (!st) return false;
    for (int i = 0, at = 0; i < TN_ROWS_MANY; i++) {
        sqlite3_bind_int64(st, ++at, u[i].source->no);
        tn_bind_str(st, ++at, u[i].external_id);
        sqlite3_bind_int64(st, ++at, u[i].t->decl->no);
        sqlite3_bind_int64(st, ++at, first + i);
        sqlite3_bind_int64(st, ++at, 1);
        sqlite3_bind_int64(st, ++at, w->now);
        tn_bind_blob(st, ++at, u[i].hash, TN_HASH_LEN);
    }
    if (!tn_writer_run(w, st, "writing links", err)) return false;
    *added = sqlite3_changes(w->db.sq);
    return true;
}

/* All are linked and new. */
static enum tn_step upsert_all_new(struct tn_writer *w, struct upsert *u, int64_t first,
                                   struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX],
                                   struct tn_buf *result, struct tn_err *err)
{
    struct tn_rec r[TN_ROWS_MANY];
    for (int i = 0; i < TN_ROWS_MANY; i++) r[i] = new_record(w, &u[i], first + i);
    enum tn_step step = tn_rec_create_many(w, u->t, r, cells, err);
    for (int i = 0; i < TN_ROWS_MANY && step == TN_STEP_ok; i++)
        step = tn_step_done(w, result, TN_DONE_created, &r[i].id, r[i].version);
    return step;
}

/* One of many whose links were written together.  Its link may be its own (it is new), an older
 * one, that of its double before it, or gone (its double was refused). */
static enum tn_step upsert_linked(struct tn_writer *w, struct upsert *u, int64_t n,
                                  struct tn_buf *result, struct tn_err *err)
{
    struct link link;
    int there = find_link(w, u->source->no, u->external_id, &link, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) return upsert_one(w, u, n, result, err);
    if (link.n == n && link.tbl == u->t->decl->no) return upsert_new(w, u, n, result, err);
    return upsert_known(w, u, &link, result, err);
}

static enum tn_step upsert_many(struct tn_writer *w, struct upsert *u,
                                struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX], int64_t first,
                                struct tn_buf *result, struct tn_err *err)
{
    enum tn_step step = TN_STEP_refused;
    int added;
    if (!write_links(w, u, first, &added, err)) return TN_STEP_broken;
    if (added == TN_ROWS_MANY) step = upsert_all_new(w, u, first, cells, result, err);
    if (step != TN_STEP_refused) return step;
    step = TN_STEP_ok;
    for (int i = 0; i < TN_ROWS_MANY && step == TN_STEP_ok; i++)
        step = upsert_linked(w, &u[i], first + i, result, err);
    return step;
}

static bool take_upsert(struct tn_writer *w, struct tn_wire *in, struct upsert *u,
                        struct tn_cell *cells, struct tn_err *err)
{
    *u = (struct upsert){.slot = tn_take_slot(w, in), .cells = cells};
    u->source = tn_take_source(w, in);
    unsigned how = tn_take_u8(in);
    u->merge = how & TN_UPSERT_merge;
    u->given = how & TN_UPSERT_id;
    if (u->given) u->id = tn_take_id(in);
    for (unsigned i = how & TN_UPSERT_names ? tn_take_u16(in) : 0; i > 0 && !in->bad; i--) {
        size_t number = tn_take_u32(in);
        if (number >= w->named_count) return in->bad = true, false;
        u->bereft |= !w->named[number];
    }
    u->based_on = tn_take_i64(in);
    tn_take(in, u->hash, sizeof u->hash);
    u->external_id = tn_take_str(in);
    if (in->bad || !tn_take_body(w, in, u->slot, cells, &u->body, err)) return false;
    u->t = u->slot->table;
    tn_unique_present(w, u->source->no, u->external_id);
    return true;
}

static bool alike(const struct upsert *a, const struct upsert *b)
{
    return a->slot == b->slot && a->source == b->source && !b->merge && !b->based_on && !a->given &&
           !b->given && !a->bereft && !b->bereft;
}

/* Takes the upserts that follow as long as they have the same table and source. */
static enum tn_step take_more(struct tn_writer *w, struct tn_wire *in, struct upsert *u,
                              struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX], int *n,
                              struct tn_err *err)
{
    while (*n < TN_ROWS_MANY && alike(u, &u[*n - 1]) && in->p < in->end) {
        struct tn_wire before = *in;
        unsigned op = tn_take_u8(in);
        if (op == TN_OP_named) {
            enum tn_step step = tn_announce_named(w, in, err);
            if (step != TN_STEP_ok) return step;
            continue;
        }
        bool more = op == TN_OP_upsert;
        if (more && !take_upsert(w, in, &u[*n], cells[*n], err)) return tn_step_damaged(err);
        if (!more || !alike(u, &u[*n])) {
            *in = before;
            break;
        }
        ++*n;
    }
    return TN_STEP_ok;
}

enum tn_step tn_op_upsert(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err)
{
    struct tn_cell cells[TN_ROWS_MANY][TN_STORE_COLUMNS_MAX];
    struct upsert u[TN_ROWS_MANY];
    enum tn_step step = TN_STEP_ok;
    int64_t next;
    int n = 1;
    if (!take_upsert(w, in, u, cells[0], err)) return tn_step_damaged(err);
    if ((step = take_more(w, in, u, cells, &n, err)) != TN_STEP_ok) return step;
    if (!tn_rec_next_n(w, u->t, &next, err)) return TN_STEP_broken;
    if (n == TN_ROWS_MANY && !u->t->next && !w->unique)
        return upsert_many(w, u, cells, next, result, err);
    for (int i = 0; i < n && step == TN_STEP_ok; i++)
        step = tn_rec_next_n(w, u->t, &next, err) ? upsert_one(w, &u[i], next, result, err)
                                                  : TN_STEP_broken;
    return step;
}

/* ------------------------------------------------------------------ links alone */

/* Writes only the list of links of a record. */
static bool relist(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r, struct tn_str links,
                   struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    r->links = links;
    return tn_wtable_cells(w, t, r->body, cells, err) && tn_unique_keep(w, t, r, cells, err);
}

enum tn_step tn_op_link(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                        struct tn_err *err)
{
    struct tn_wslot *slot = tn_take_slot(w, in);
    struct tn_wsource *source = tn_take_source(w, in);
    struct tn_id id = tn_take_id(in);
    unsigned char hash[TN_HASH_LEN];
    struct link link;
    struct tn_rec r;
    bool added;
    tn_take(in, hash, sizeof hash);
    struct tn_str external_id = tn_take_str(in);
    if (in->bad) return tn_step_damaged(err);
    tn_unique_present(w, source->no, external_id);
    int there = tn_rec_find(w, slot->table, source->team, &id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) return tn_step_conflict(w, err, "the record to be linked is not there");
    struct tn_str known = tn_link_of_source(r.links, source->no);
    if (known.n && !tn_str_eq(known, external_id))
        return tn_step_conflict(w, err,
                                "the record is linked to another external id of this source");
    int linked = find_link(w, source->no, external_id, &link, err);
    if (linked < 0) return TN_STEP_broken;
    if (linked && (link.tbl != slot->table->decl->no || link.n != r.n))
        return tn_step_conflict(w, err, "the external id is linked to another record");
    if (!known.n &&
        !relist(w, slot->table, &r, link_added(w, r.links, source->no, external_id), err))
        return TN_STEP_broken;
    if (!write_link(w, link_replace, source->no, external_id, slot->table->decl->no, r.n, r.version,
                    hash, &added, err))
        return TN_STEP_broken;
    tn_writer_note(w, TN_CHANGED_table, tn_str(slot->table->decl->table.name), &r.id);
    return tn_step_done(w, result, linked ? TN_DONE_updated : TN_DONE_created, &r.id, r.version);
}

static struct tn_wtable *table_no(struct tn_writer *w, int64_t no)
{
    struct tn_map_entry *e;
    for (size_t at = 0; (e = tn_map_next(&w->tables, &at));) {
        struct tn_wtable *t = e->value;
        if (t->decl->no == no) return t;
    }
    return NULL;
}

enum tn_step tn_op_unlink(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err)
{
    struct tn_wsource *source = tn_take_source(w, in);
    struct tn_str external_id = tn_take_str(in);
    struct link link;
    struct tn_rec r;
    if (in->bad) return tn_step_damaged(err);
    int there = find_link(w, source->no, external_id, &link, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) return tn_step_done(w, result, TN_DONE_unchanged, NULL, 0);
    struct tn_wtable *t = table_no(w, link.tbl);
    there = t ? tn_rec_find_n(w, t, link.n, &r, err) : 0;
    if (there < 0 || !tn_link_drop(w, source->no, external_id, err)) return TN_STEP_broken;
    if (!there) return tn_step_done(w, result, TN_DONE_deleted, NULL, 0);
    if (!relist(w, t, &r, link_removed(w, r.links, source->no, external_id), err))
        return TN_STEP_broken;
    tn_writer_note(w, TN_CHANGED_table, tn_str(t->decl->table.name), &r.id);
    return tn_step_done(w, result, TN_DONE_deleted, &r.id, r.version);
}
