/* SPDX-License-Identifier: MIT */
/* The operations of a commit value. An operation does its work and appends its outcome. Or it
 * refuses (conflict, no such table), and its commit is rolled back, while other commits of the
 * group stay. Or it finds the transaction broken (disk, memory). */
#include <stdio.h>

#include "store/commit.h"
#include "store/unique.h"

enum tn_step tn_step_conflict(struct tn_writer *w, struct tn_err *err, const char *text)
{
    tn_fail(err, TN_E_conflict, "operation %zu: %s", w->op, text);
    tn_fail_field(err, "%zu", w->op);
    return TN_STEP_refused;
}

enum tn_step tn_step_damaged(struct tn_err *err)
{
    tn_fail(err, TN_E_invalid, "the commit value is damaged");
    return TN_STEP_refused;
}

static enum tn_step outcome(struct tn_writer *w, struct tn_buf *result, unsigned kind,
                            const struct tn_id *id, int64_t version)
{
    static const struct tn_id none;
    tn_put_u8(result, kind);
    tn_put_id(result, id ? id : &none);
    tn_put_i64(result, version);
    w->op++;
    return TN_STEP_ok;
}

enum tn_step tn_step_done(struct tn_writer *w, struct tn_buf *result, enum tn_outcome_kind kind,
                          const struct tn_id *id, int64_t version)
{
    return outcome(w, result, kind, id, version);
}

enum tn_step tn_step_adopted(struct tn_writer *w, struct tn_buf *result, enum tn_outcome_kind kind,
                             const struct tn_rec *r)
{
    return outcome(w, result, kind | TN_OUTCOME_adopted, &r->id, r->version);
}

enum tn_step tn_step_left_out(struct tn_writer *w, struct tn_buf *result, const struct tn_rec *r,
                              bool adoptable, const struct tn_err *why)
{
    outcome(w, result, TN_DONE_conflict | (adoptable ? TN_OUTCOME_adopted : 0), r ? &r->id : NULL,
            r ? r->version : 0);
    tn_put_err(result, why);
    return TN_STEP_ok;
}

void tn_stale(const struct tn_rec *r, int64_t based_on, struct tn_err *err)
{
    char detail[100];
    tn_fail(err, TN_E_conflict, "based on version %lld, but the record is at %lld",
            (long long)based_on, (long long)r->version);
    snprintf(detail, sizeof detail, "{\"basedOn\":%lld,\"version\":%lld}", (long long)based_on,
             (long long)r->version);
    tn_fail_params(err, detail);
}

/* ------------------------------------------------------------------ announcements */

static enum tn_step announce_table(struct tn_writer *w, struct tn_wire *in, struct tn_err *err)
{
    struct tn_str name = tn_take_str(in), columns[TN_STORE_COLUMNS_MAX];
    unsigned count = tn_take_u8(in);
    if (in->bad || count > TN_STORE_COLUMNS_MAX) return tn_step_damaged(err);
    for (unsigned i = 0; i < count; i++) columns[i] = tn_take_str(in);
    struct tn_wtable *t = tn_wtable(w, name);
    if (!t) {
        tn_fail(err, TN_E_not_found, "there is no table '%.*s'", TN_FMT(name));
        return TN_STEP_refused;
    }
    if (w->slot_count == w->slot_room) {
        w->slot_room = w->slot_room * 2 + 8;
        w->slots = tn_realloc(w->slots, w->slot_room * sizeof *w->slots);
    }
    struct tn_wslot *s = &w->slots[w->slot_count++];
    s->table = t;
    s->count = count;
    for (size_t i = 0; i < t->decl->real_count; i++) {
        s->at[i] = -1;
        for (unsigned j = 0; j < count; j++)
            if (tn_str_is(columns[j], t->decl->table.columns[t->decl->real[i]].name))
                s->at[i] = (signed char)j;
    }
    return TN_STEP_ok;
}

static enum tn_step announce_source(struct tn_writer *w, struct tn_wire *in, struct tn_err *err)
{
    struct tn_wsource source = {.team = tn_take_i64(in)};
    struct tn_id integration = tn_take_id(in);
    struct tn_str entity = tn_take_str(in);
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "INSERT INTO tn_source (team, integration, entity) VALUES "
                                 "(?1, ?2, ?3) ON CONFLICT DO UPDATE SET entity = excluded.entity "
                                 "RETURNING no",
                                 err);
    sqlite3_stmt *look = tn_db_sql(&w->db,
                                   "SELECT no FROM tn_source WHERE team = ?1 AND "
                                   "integration = ?2 AND entity = ?3",
                                   err);
    if (in->bad) return tn_step_damaged(err);
    if (!st || !look) return TN_STEP_broken;
    for (int i = 0; i < 2 && !source.no; i++) {
        sqlite3_stmt *s = i ? st : look;
        sqlite3_bind_int64(s, 1, source.team);
        tn_bind_id(s, 2, &integration);
        tn_bind_str(s, 3, entity);
        int rc = sqlite3_step(s);
        if (rc == SQLITE_ROW)
            source.no = sqlite3_column_int64(s, 0);
        else if (rc != SQLITE_DONE)
            tn_writer_broken(w, "writing a source", err);
        sqlite3_reset(s);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return TN_STEP_broken;
    }
    if (w->source_count == w->source_room) {
        w->source_room = w->source_room * 2 + 8;
        w->sources = tn_realloc(w->sources, w->source_room * sizeof *w->sources);
    }
    w->sources[w->source_count++] = source;
    return TN_STEP_ok;
}

enum tn_step tn_announce_named(struct tn_writer *w, struct tn_wire *in, struct tn_err *err)
{
    struct tn_wslot *slot = tn_take_slot(w, in);
    int64_t team = tn_take_i64(in);
    struct tn_id id = tn_take_id(in);
    struct tn_rec r;
    if (in->bad) return tn_step_damaged(err);
    int there = tn_rec_find(w, slot->table, team, &id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (w->named_count == w->named_room) {
        w->named_room = w->named_room * 2 + 64;
        w->named = tn_realloc(w->named, w->named_room * sizeof *w->named);
    }
    w->named[w->named_count++] = there > 0;
    return TN_STEP_ok;
}

struct tn_wslot *tn_take_slot(struct tn_writer *w, struct tn_wire *in)
{
    size_t at = tn_take_u16(in);
    if (at < w->slot_count) return &w->slots[at];
    in->bad = true;
    return NULL;
}

struct tn_wsource *tn_take_source(struct tn_writer *w, struct tn_wire *in)
{
    size_t at = tn_take_u16(in);
    if (at < w->source_count) return &w->sources[at];
    in->bad = true;
    return NULL;
}

bool tn_take_body(struct tn_writer *w, struct tn_wire *in, const struct tn_wslot *s,
                  struct tn_cell *cells, struct tn_str *body, struct tn_err *err)
{
    struct tn_cell given[TN_STORE_COLUMNS_MAX];
    bool missing = false;
    for (unsigned i = 0; i < s->count; i++) {
        given[i] = (struct tn_cell){.type = (enum tn_cell_type)tn_take_u8(in)};
        if (given[i].type == TN_CELL_int)
            given[i].i = tn_take_i64(in);
        else if (given[i].type == TN_CELL_real)
            given[i].d = tn_take_real(in);
        else if (given[i].type == TN_CELL_text)
            given[i].s = tn_take_str(in);
        else if (given[i].type != TN_CELL_null)
            in->bad = true;
    }
    *body = tn_take_str(in);
    if (in->bad) return false;
    for (size_t i = 0; i < s->table->decl->real_count; i++) {
        missing = missing || s->at[i] < 0;
        if (s->at[i] >= 0) cells[i] = given[s->at[i]];
    }
    return !missing || tn_wtable_cells(w, s->table, *body, cells, err);
}

static bool same_version(int64_t based_on, int there, const struct tn_rec *r)
{
    if (based_on == TN_ANY) return true;
    return based_on == (there ? r->version : TN_NEW_ONLY);
}

static enum tn_step stale(struct tn_writer *w, int64_t based_on, int there, const struct tn_rec *r,
                          struct tn_err *err)
{
    if (based_on == TN_NEW_ONLY)
        return tn_step_conflict(w, err, "a record with this id is there already");
    if (!there) return tn_step_conflict(w, err, "the record is not there any more");
    tn_stale(r, based_on, err);
    tn_fail_in(err, "operation %zu", w->op);
    tn_fail_field(err, "%zu", w->op);
    return TN_STEP_refused;
}

struct target {
    struct tn_wslot *slot;
    struct tn_wtable *t;
    int64_t team, based_on;
    struct tn_id id;
};

static bool take_target(struct tn_writer *w, struct tn_wire *in, struct target *out)
{
    out->slot = tn_take_slot(w, in);
    out->t = out->slot ? out->slot->table : NULL;
    out->team = tn_take_i64(in);
    out->id = tn_take_id(in);
    out->based_on = tn_take_i64(in);
    return !in->bad;
}

static bool is_zero(const struct tn_id *id)
{
    static const struct tn_id none;
    return memcmp(id, &none, sizeof none) == 0;
}

/* A commit of one record alone is refused before it writes, or a clash begins a wait, which makes
 * a savepoint (unique.h): so it does without, unless more follows or was there. */
static bool guarded(struct tn_writer *w, const struct tn_wire *in, struct tn_err *err)
{
    return (w->op == 0 && in->p == in->end) || tn_writer_savepoint(w, err);
}

static enum tn_step put(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                        struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct target at;
    struct tn_str body;
    struct tn_rec old, r;
    if (!take_target(w, in, &at) || !tn_take_body(w, in, at.slot, cells, &body, err))
        return tn_step_damaged(err);
    if (!guarded(w, in, err)) return TN_STEP_broken;
    bool given = !is_zero(&at.id);
    int there = given ? tn_rec_find_any(w, at.t, &at.id, &old, err) : 0;
    if (there < 0) return TN_STEP_broken;
    if (there && old.team != at.team) return tn_step_conflict(w, err, "this id is taken");
    if (!same_version(at.based_on, there, &old)) return stale(w, at.based_on, there, &old, err);
    r = there ? old : (struct tn_rec){.id = at.id, .team = at.team, .given = given};
    r.body = body;
    r.hashed = false;
    if (there && tn_str_eq(old.body, body))
        return tn_step_done(w, result, TN_DONE_unchanged, &old.id, old.version);
    if (!there && !tn_rec_next_n(w, at.t, &r.n, err)) return TN_STEP_broken;
    if (!there && !given) r.id = tn_id_at(w->fresh, r.n);
    enum tn_step step = there ? tn_unique_change(w, at.t, &old, &r, cells, NULL, err)
                              : tn_unique_create(w, at.t, &r, cells, NULL, err);
    if (step != TN_STEP_ok) return step;
    return tn_step_done(w, result, there ? TN_DONE_updated : TN_DONE_created, &r.id, r.version);
}

static enum tn_step patch(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct target at;
    struct tn_rec old, r;
    bool ok = take_target(w, in, &at);
    struct tn_str over = tn_take_str(in);
    if (!ok || in->bad) return tn_step_damaged(err);
    if (!guarded(w, in, err)) return TN_STEP_broken;
    int there = tn_rec_find(w, at.t, at.team, &at.id, &old, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) return tn_step_conflict(w, err, "the record is not there any more");
    if (!same_version(at.based_on, there, &old)) return stale(w, at.based_on, there, &old, err);
    r = old;
    r.hashed = false;
    if (!tn_rec_merged(w, old.body, over, true, &r.body, err)) return TN_STEP_refused;
    if (tn_str_eq(r.body, old.body))
        return tn_step_done(w, result, TN_DONE_unchanged, &old.id, old.version);
    if (!tn_wtable_cells(w, at.t, r.body, cells, err)) return TN_STEP_refused;
    enum tn_step step = tn_unique_change(w, at.t, &old, &r, cells, NULL, err);
    if (step != TN_STEP_ok) return step;
    return tn_step_done(w, result, TN_DONE_updated, &r.id, r.version);
}

static enum tn_step remove_op(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                              struct tn_err *err)
{
    struct target at;
    struct tn_rec r;
    if (!take_target(w, in, &at)) return tn_step_damaged(err);
    int there = tn_rec_find(w, at.t, at.team, &at.id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (!there && at.based_on == TN_ANY)
        return tn_step_done(w, result, TN_DONE_unchanged, &at.id, 0);
    if (!there || !same_version(at.based_on, there, &r))
        return stale(w, at.based_on, there, &r, err);
    if (!tn_rec_remove(w, at.t, &r, err)) return TN_STEP_broken;
    return tn_step_done(w, result, TN_DONE_deleted, &r.id, r.version);
}

/* Deletes the record if it exists, like any delete; then removes its history. */
static enum tn_step erase(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err)
{
    struct target at;
    struct tn_rec r;
    bool kept = false;
    if (!take_target(w, in, &at)) return tn_step_damaged(err);
    int there = tn_rec_find(w, at.t, at.team, &at.id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (there ? !same_version(at.based_on, there, &r) : at.based_on != TN_ANY)
        return stale(w, at.based_on, there, &r, err);
    if ((there && !tn_rec_remove(w, at.t, &r, err)) ||
        !tn_rec_forget(w, at.t, at.team, &at.id, &kept, err))
        return TN_STEP_broken;
    return tn_step_done(w, result, there || kept ? TN_DONE_deleted : TN_DONE_unchanged, &at.id,
                        there ? r.version : 0);
}

static enum tn_step expect(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct target at;
    struct tn_rec r;
    if (!take_target(w, in, &at)) return tn_step_damaged(err);
    int there = tn_rec_find(w, at.t, at.team, &at.id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (!same_version(at.based_on, there, &r)) return stale(w, at.based_on, there, &r, err);
    return tn_step_done(w, result, TN_DONE_unchanged, &at.id, there ? r.version : 0);
}

static enum tn_step event(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err)
{
    size_t slot = tn_take_u16(in);
    int64_t team = tn_take_i64(in);
    struct tn_id id = tn_take_id(in);
    struct tn_str type = tn_keep(w, tn_take_str(in)), data = tn_take_str(in);
    struct tn_rec r = {0};
    if (in->bad || (slot != 0xffff && slot >= w->slot_count)) return tn_step_damaged(err);
    struct tn_wtable *t = slot == 0xffff ? NULL : w->slots[slot].table;
    if (t && tn_rec_find(w, t, team, &id, &r, err) < 0) return TN_STEP_broken;
    if (!tn_writer_event(w, team, type.p, t ? t->decl->table.name : "", &id, r.version, data, err))
        return TN_STEP_broken;
    return tn_step_done(w, result, TN_DONE_none, &id, r.version);
}

/* ------------------------------------------------------------------ totals */

static bool change_total(struct tn_writer *w, const struct target *at, struct tn_str name,
                         unsigned how, int64_t value, struct tn_err *err)
{
    static const char add[] = "INSERT INTO tn_total (tbl, team, id, name, value) VALUES "
                              "(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
                              "value = value + excluded.value";
    static const char raise[] = "INSERT INTO tn_total (tbl, team, id, name, value) VALUES "
                                "(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
                                "value = max(value, excluded.value)";
    sqlite3_stmt *st = tn_db_sql(&w->db, how == TN_TOTAL_raise ? raise : add, err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, at->t->decl->no);
    sqlite3_bind_int64(st, 2, at->team);
    tn_bind_id(st, 3, &at->id);
    tn_bind_str(st, 4, name);
    sqlite3_bind_int64(st, 5, value);
    return tn_writer_run(w, st, "adding up", err);
}

static enum tn_step totals(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct target at;
    struct tn_rec r;
    if (!take_target(w, in, &at)) return tn_step_damaged(err);
    int there = tn_rec_find(w, at.t, at.team, &at.id, &r, err);
    if (there < 0) return TN_STEP_broken;
    for (uint32_t left = tn_take_u32(in); left && !in->bad; left--) {
        struct tn_str name = tn_take_str(in);
        unsigned how = tn_take_u8(in);
        int64_t value = tn_take_i64(in);
        if (in->bad) break;
        if (there && !change_total(w, &at, name, how, value, err)) return TN_STEP_broken;
    }
    if (in->bad) return tn_step_damaged(err);
    return tn_step_done(w, result, there ? TN_DONE_updated : TN_DONE_unchanged, &at.id,
                        there ? r.version : 0);
}

/* ------------------------------------------------------------------ key-values */

struct kv {
    int64_t team, based_on, version;
    struct tn_str space, key;
};

static bool take_kv(struct tn_wire *in, struct kv *kv)
{
    kv->team = tn_take_i64(in);
    kv->space = tn_take_str(in);
    kv->key = tn_take_str(in);
    kv->based_on = tn_take_i64(in);
    return !in->bad;
}

static sqlite3_stmt *kv_sql(struct tn_writer *w, const char *sql, const struct kv *kv,
                            struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db, sql, err);
    if (!st) return NULL;
    sqlite3_bind_int64(st, 1, kv->team);
    tn_bind_str(st, 2, kv->space);
    tn_bind_blob(st, 3, kv->key.p, kv->key.n);
    return st;
}

/* Finds the version (0: there is none, or it has expired) and checks it. */
static enum tn_step kv_check(struct tn_writer *w, struct kv *kv, struct tn_err *err)
{
    char text[128];
    sqlite3_stmt *st = kv_sql(w,
                              "SELECT version, expires FROM tn_kv WHERE team = ?1 AND space = ?2 "
                              "AND key = ?3",
                              kv, err);
    if (!st) return TN_STEP_broken;
    int rc = sqlite3_step(st);
    int64_t expires = rc == SQLITE_ROW ? sqlite3_column_int64(st, 1) : 0;
    kv->version = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    if (expires && expires <= w->now) kv->version = 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) tn_writer_broken(w, "reading a key", err);
    sqlite3_reset(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return TN_STEP_broken;
    if (kv->based_on == TN_ANY || kv->based_on == kv->version) return TN_STEP_ok;
    snprintf(text, sizeof text, "key '%.*s' is at version %lld, not %lld",
             (int)(kv->key.n > 40 ? 40 : kv->key.n), kv->key.p, (long long)kv->version,
             (long long)kv->based_on);
    return tn_step_conflict(w, err, text);
}

static enum tn_step kv_set(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct kv kv;
    bool ok = take_kv(in, &kv);
    int64_t expires = tn_take_i64(in);
    struct tn_str value = tn_take_str(in);
    if (!ok || in->bad) return tn_step_damaged(err);
    enum tn_step step = kv_check(w, &kv, err);
    if (step != TN_STEP_ok) return step;
    sqlite3_stmt *st =
        kv_sql(w,
               "INSERT INTO tn_kv VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE "
               "SET version = excluded.version, expires = excluded.expires, "
               "value = excluded.value",
               &kv, err);
    if (!st) return TN_STEP_broken;
    sqlite3_bind_int64(st, 4, kv.version + 1);
    sqlite3_bind_int64(st, 5, expires);
    tn_bind_blob(st, 6, value.p, value.n);
    if (!tn_writer_run(w, st, "writing a key", err)) return TN_STEP_broken;
    tn_writer_note(w, TN_CHANGED_kv, kv.space, NULL);
    return tn_step_done(w, result, TN_DONE_none, NULL, kv.version + 1);
}

static enum tn_step kv_delete(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                              struct tn_err *err)
{
    struct kv kv;
    if (!take_kv(in, &kv)) return tn_step_damaged(err);
    enum tn_step step = kv_check(w, &kv, err);
    if (step != TN_STEP_ok) return step;
    sqlite3_stmt *st =
        kv_sql(w, "DELETE FROM tn_kv WHERE team = ?1 AND space = ?2 AND key = ?3", &kv, err);
    if (!st || !tn_writer_run(w, st, "deleting a key", err)) return TN_STEP_broken;
    tn_writer_note(w, TN_CHANGED_kv, kv.space, NULL);
    return tn_step_done(w, result, kv.version ? TN_DONE_deleted : TN_DONE_unchanged, NULL, 0);
}

/* ------------------------------------------------------------------ queues */

static sqlite3_stmt *queue_sql(struct tn_writer *w, const char *sql, struct tn_str queue,
                               int64_t team, struct tn_str key, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db, sql, err);
    if (!st) return NULL;
    tn_bind_str(st, 1, queue);
    sqlite3_bind_int64(st, 2, team);
    tn_bind_str(st, 3, key);
    return st;
}

static enum tn_step queue_there(struct tn_writer *w, struct tn_str queue, int64_t team,
                                struct tn_str key, struct tn_buf *result, struct tn_err *err)
{
    sqlite3_stmt *st = queue_sql(w,
                                 "SELECT id FROM tn_queue WHERE queue = ?1 AND team = ?2 AND "
                                 "key = ?3 AND key <> ''",
                                 queue, team, key, err);
    if (!st) return TN_STEP_broken;
    int rc = sqlite3_step(st);
    struct tn_id id = {{0}};
    if (rc == SQLITE_ROW)
        id = tn_column_id(st, 0);
    else
        tn_writer_broken(w, "reading a queue", err);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? tn_step_done(w, result, TN_DONE_unchanged, &id, 0) : TN_STEP_broken;
}

/* *there: are there entries of this order? */
static bool order_begun(struct tn_writer *w, struct tn_str queue, int64_t team, struct tn_str order,
                        bool *there, struct tn_err *err)
{
    bool ok = true;
    sqlite3_stmt *st = queue_sql(w,
                                 "SELECT 1 FROM tn_queue WHERE queue = ?1 AND team = ?2 AND "
                                 "ord = ?3 AND ord <> '' LIMIT 1",
                                 queue, team, order, err);
    if (!st) return false;
    *there = tn_db_row(&w->db, st, "reading a queue", &ok, err);
    sqlite3_reset(st);
    return ok;
}

/* The first entry of an order is due: what was before it is gone. */
static bool order_goes_on(struct tn_writer *w, struct tn_str queue, int64_t team,
                          struct tn_str order, struct tn_err *err)
{
    if (!order.n) return true;
    sqlite3_stmt *st = queue_sql(
        w,
        "UPDATE tn_queue SET due = ?4 WHERE due = ?5 AND n = (SELECT min(n) FROM tn_queue "
        "WHERE queue = ?1 AND team = ?2 AND ord = ?3 AND ord <> '')",
        queue, team, order, err);
    if (!st) return false;
    sqlite3_bind_int64(st, 4, w->now);
    sqlite3_bind_int64(st, 5, TN_QUEUE_BEHIND);
    return tn_writer_run(w, st, "working off a queue", err);
}

static enum tn_step queue_put(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                              struct tn_err *err)
{
    int64_t team = tn_take_i64(in);
    struct tn_str queue = tn_take_str(in), key = tn_take_str(in), order = tn_take_str(in);
    int64_t due = tn_take_i64(in);
    struct tn_str payload = tn_take_str(in);
    bool behind = false;
    if (in->bad) return tn_step_damaged(err);
    if (order.n && !order_begun(w, queue, team, order, &behind, err)) return TN_STEP_broken;
    struct tn_tally *last = tn_tally(w, "last_entry", -1, err);
    sqlite3_stmt *st =
        queue_sql(w,
                  "INSERT INTO tn_queue (queue, team, key, n, id, due, attempts, "
                  "claim, payload, ord) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8) "
                  "ON CONFLICT DO NOTHING",
                  queue, team, key, err);
    if (!st || !last) return TN_STEP_broken;
    struct tn_id id = tn_id_at(w->fresh, last->value + 1);
    sqlite3_bind_int64(st, 4, last->value + 1);
    tn_bind_id(st, 5, &id);
    sqlite3_bind_int64(st, 6, behind ? TN_QUEUE_BEHIND : due);
    tn_bind_blob(st, 7, payload.p, payload.n);
    tn_bind_str(st, 8, order);
    if (!tn_writer_run(w, st, "queueing", err)) return TN_STEP_broken;
    if (sqlite3_changes(w->db.sq) == 0) return queue_there(w, queue, team, key, result, err);
    tn_tally_set(w, last, last->value + 1);
    tn_writer_note(w, TN_CHANGED_queue, queue, &id);
    return tn_step_done(w, result, TN_DONE_created, &id, 0);
}

/* What a leased entry is one of. */
struct leased {
    struct tn_str queue, order;
    int64_t team;
};

/* Is the lease still good? A lease that ran out is good as long as nobody else has claimed the
 * entry. */
static enum tn_step queue_leased(struct tn_writer *w, const struct tn_id *id, int64_t lease,
                                 struct leased *of, struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_db_sql(&w->db, "SELECT id, attempts, queue, team, ord FROM tn_queue WHERE n = ?1", err);
    if (!st) return TN_STEP_broken;
    sqlite3_bind_int64(st, 1, tn_id_n(id));
    int rc = sqlite3_step(st);
    bool ours = false;
    if (rc == SQLITE_ROW) {
        struct tn_id there = tn_column_id(st, 0);
        ours = memcmp(&there, id, sizeof there) == 0 && sqlite3_column_int64(st, 1) == lease;
        if (ours) tn_writer_note(w, TN_CHANGED_queue, tn_column_str(st, 2), id);
        *of = (struct leased){.queue = tn_keep(w, tn_column_str(st, 2)),
                              .team = sqlite3_column_int64(st, 3),
                              .order = tn_keep(w, tn_column_str(st, 4))};
    } else if (rc != SQLITE_DONE) {
        tn_writer_broken(w, "reading a queue", err);
    }
    sqlite3_reset(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return TN_STEP_broken;
    return ours ? TN_STEP_ok : tn_step_conflict(w, err, "the lease of this entry was lost");
}

static enum tn_step settle(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct tn_id id = tn_take_id(in);
    int64_t lease = tn_take_i64(in);
    if (in->bad) return tn_step_damaged(err);
    struct leased of;
    enum tn_step step = queue_leased(w, &id, lease, &of, err);
    if (step != TN_STEP_ok) return step;
    sqlite3_stmt *st = tn_db_sql(&w->db, "DELETE FROM tn_queue WHERE n = ?1", err);
    if (!st) return TN_STEP_broken;
    sqlite3_bind_int64(st, 1, tn_id_n(&id));
    if (!tn_writer_run(w, st, "settling", err) ||
        !order_goes_on(w, of.queue, of.team, of.order, err))
        return TN_STEP_broken;
    return tn_step_done(w, result, TN_DONE_deleted, &id, 0);
}

static enum tn_step reschedule(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                               struct tn_err *err)
{
    struct tn_id id = tn_take_id(in);
    int64_t lease = tn_take_i64(in), due = tn_take_i64(in);
    bool anew = tn_take_u8(in);
    struct tn_str payload = tn_take_str(in);
    if (in->bad) return tn_step_damaged(err);
    struct leased of;
    enum tn_step step = queue_leased(w, &id, lease, &of, err);
    if (step != TN_STEP_ok) return step;
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "UPDATE tn_queue SET due = ?2, holder = NULL, "
                                 "payload = coalesce(?3, payload) WHERE n = ?1",
                                 err);
    if (!st) return TN_STEP_broken;
    sqlite3_bind_int64(st, 1, tn_id_n(&id));
    sqlite3_bind_int64(st, 2, due);
    if (anew) tn_bind_blob(st, 3, payload.p, payload.n);
    if (!tn_writer_run(w, st, "rescheduling", err)) return TN_STEP_broken;
    return tn_step_done(w, result, TN_DONE_updated, &id, 0);
}

static enum tn_step dequeue(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                            struct tn_err *err)
{
    int64_t team = tn_take_i64(in);
    struct tn_str queue = tn_take_str(in), key = tn_take_str(in);
    if (in->bad) return tn_step_damaged(err);
    bool ok = true;
    sqlite3_stmt *st = queue_sql(w,
                                 "DELETE FROM tn_queue WHERE queue = ?1 AND team = ?2 AND key = ?3 "
                                 "AND key <> '' RETURNING ord",
                                 queue, team, key, err);
    if (!st) return TN_STEP_broken;
    bool there = tn_db_row(&w->db, st, "dequeueing", &ok, err);
    struct tn_str order = there ? tn_keep(w, tn_column_str(st, 0)) : (struct tn_str){"", 0};
    sqlite3_reset(st);
    if (!ok || !order_goes_on(w, queue, team, order, err)) return TN_STEP_broken;
    if (there) tn_writer_note(w, TN_CHANGED_queue, queue, NULL);
    return tn_step_done(w, result, there ? TN_DONE_deleted : TN_DONE_unchanged, NULL, 0);
}

enum tn_step tn_writer_operation(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                                 struct tn_err *err)
{
    unsigned op = tn_take_u8(in);
    bool careful = op == TN_OP_table || op == TN_OP_put || op == TN_OP_patch;
    if (!careful && !tn_writer_savepoint(w, err)) return TN_STEP_broken;
    switch (op) {
    case TN_OP_table: return announce_table(w, in, err);
    case TN_OP_source: return announce_source(w, in, err);
    case TN_OP_named: return tn_announce_named(w, in, err);
    case TN_OP_put: return put(w, in, result, err);
    case TN_OP_patch: return patch(w, in, result, err);
    case TN_OP_delete: return remove_op(w, in, result, err);
    case TN_OP_erase: return erase(w, in, result, err);
    case TN_OP_expect: return expect(w, in, result, err);
    case TN_OP_upsert: return tn_op_upsert(w, in, result, err);
    case TN_OP_link: return tn_op_link(w, in, result, err);
    case TN_OP_unlink: return tn_op_unlink(w, in, result, err);
    case TN_OP_event: return event(w, in, result, err);
    case TN_OP_kv_set: return kv_set(w, in, result, err);
    case TN_OP_kv_delete: return kv_delete(w, in, result, err);
    case TN_OP_queue_put: return queue_put(w, in, result, err);
    case TN_OP_settle: return settle(w, in, result, err);
    case TN_OP_reschedule: return reschedule(w, in, result, err);
    case TN_OP_dequeue: return dequeue(w, in, result, err);
    case TN_OP_totals: return totals(w, in, result, err);
    default: return tn_step_damaged(err);
    }
}
