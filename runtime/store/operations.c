/* SPDX-License-Identifier: MIT */
/* The operations of a commit value.  Each either does its work and appends its outcome, refuses
 * (conflict, no such table: the commit goes back, its neighbours do not notice) or finds the
 * transaction broken (disk, memory). */
#include <stdio.h>

#include "base/limits.h"
#include "store/merge.h"
#include "store/writer.h"

/* A table as one commit announced it. */
struct tn_wslot {
    struct tn_wtable *table;
    unsigned count;
    signed char at[TN_STORE_COLUMNS_MAX]; /* announced column of each real one; -1: not announced */
};
struct tn_wsource {
    int64_t no, team;
};

static enum tn_step broken(bool ok)
{
    return ok ? TN_STEP_ok : TN_STEP_broken;
}

static enum tn_step conflict(struct tn_writer *w, struct tn_err *err, const char *text)
{
    tn_fail(err, TN_E_conflict, "operation %zu: %s", w->op, text);
    tn_fail_field(err, "%zu", w->op);
    return TN_STEP_refused;
}

static enum tn_step damaged(struct tn_err *err)
{
    tn_fail(err, TN_E_invalid, "the commit value is damaged");
    return TN_STEP_refused;
}

static enum tn_step outcome(struct tn_writer *w, struct tn_buf *result, enum tn_outcome_kind kind,
                            bool adopted, const struct tn_id *id, int64_t version)
{
    static const struct tn_id none;
    tn_put_u8(result, kind | (adopted ? 0x80u : 0));
    tn_put_id(result, id ? id : &none);
    tn_put_i64(result, version);
    w->op++;
    return TN_STEP_ok;
}

static struct tn_str keep(struct tn_writer *w, struct tn_str s)
{
    return (struct tn_str){tn_arena_strndup(&w->arena, s.p, s.n), s.n};
}

/* ------------------------------------------------------------------ announcements */

static enum tn_step announce_table(struct tn_writer *w, struct tn_wire *in, struct tn_err *err)
{
    struct tn_str name = tn_take_str(in), columns[TN_STORE_COLUMNS_MAX];
    unsigned count = tn_take_u8(in);
    if (in->bad || count > TN_STORE_COLUMNS_MAX) return damaged(err);
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
    if (in->bad) return damaged(err);
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

static struct tn_wslot *take_slot(struct tn_writer *w, struct tn_wire *in)
{
    size_t at = tn_take_u16(in);
    if (at < w->slot_count) return &w->slots[at];
    in->bad = true;
    return NULL;
}

static struct tn_wsource *take_source(struct tn_writer *w, struct tn_wire *in)
{
    size_t at = tn_take_u16(in);
    if (at < w->source_count) return &w->sources[at];
    in->bad = true;
    return NULL;
}

/* The announced cells and the body behind them; missing cells are taken from the body. */
static bool take_body(struct tn_writer *w, struct tn_wire *in, const struct tn_wslot *s,
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

/* ------------------------------------------------------------------ records */

static void rec_of(struct tn_writer *w, sqlite3_stmt *st, struct tn_rec *r)
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
        .links = keep(w, tn_column_str(st, 8)),
        .body = keep(w, tn_column_str(st, 9)),
    };
    if (r->hashed) memcpy(r->hash, hash.p, TN_HASH_LEN);
}

/* One row of st into r.  1: there, 0: not, -1: err says why. */
static int one(struct tn_writer *w, sqlite3_stmt *st, struct tn_rec *r, struct tn_err *err)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        rec_of(w, st, r);
    else if (rc != SQLITE_DONE)
        tn_writer_broken(w, "reading a record", err);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

static int find_n(struct tn_writer *w, struct tn_wtable *t, int64_t n, struct tn_rec *r,
                  struct tn_err *err)
{
    sqlite3_bind_int64(t->by_n, 1, n);
    return one(w, t->by_n, r, err);
}

/* Also finds records of other teams: whether an id is free does not depend on who asks. */
static int find_any(struct tn_writer *w, struct tn_wtable *t, const struct tn_id *id,
                    struct tn_rec *r, struct tn_err *err)
{
    int there = find_n(w, t, tn_id_n(id), r, err);
    if (there < 0 || (there && memcmp(&r->id, id, sizeof *id) == 0)) return there;
    tn_bind_id(t->by_given, 1, id);
    return one(w, t->by_given, r, err);
}

static int find(struct tn_writer *w, struct tn_wtable *t, int64_t team, const struct tn_id *id,
                struct tn_rec *r, struct tn_err *err)
{
    int there = find_any(w, t, id, r, err);
    return there > 0 && r->team != team ? 0 : there;
}

static int find_key(struct tn_writer *w, struct tn_wtable *t, int64_t team,
                    const struct tn_cell *cells, struct tn_rec *r, struct tn_err *err)
{
    if (!t->by_key) return 0;
    sqlite3_bind_int64(t->by_key, 1, team);
    for (size_t i = 0; i < t->decl->key_count; i++) {
        const struct tn_cell *cell = NULL;
        for (size_t j = 0; j < t->decl->real_count; j++)
            if (t->decl->table.columns[t->decl->real[j]].name == t->decl->table.key[i])
                cell = &cells[j];
        if (!cell || cell->type == TN_CELL_null) return 0;
        tn_bind_cell(t->by_key, (int)i + 2, cell);
    }
    return one(w, t->by_key, r, err);
}

/* The first record of a team: none of its records lies before.  With a second team the rows of one
 * are no longer most of the table. */
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

static bool next_n(struct tn_writer *w, struct tn_wtable *t, int64_t *n, struct tn_err *err)
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

/* r has all but n, version and times. */
static enum tn_step create(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                           const struct tn_cell *cells, struct tn_err *err)
{
    bool taken = false;
    r->version = 1;
    r->created = r->updated = w->now;
    if (!tn_wtable_insert(w, t, r, cells, &taken, err))
        return taken ? TN_STEP_refused : TN_STEP_broken;
    tn_tally_set(w, t->next_n, r->n);
    return broken(count_row(w, t, r->team, 1, err) && emit(w, t, t->created, r, err));
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

/* A link whose agreed state was "as the record is" gets it in writing, before the record changes.
 */
static bool keep_agreed(struct tn_writer *w, int64_t source, struct tn_str external_id,
                        const void *old, struct tn_err *err)
{
    const struct tn_rec *r = old;
    sqlite3_stmt *st = tn_db_sql(&w->db,
                                 "UPDATE tn_link SET agreed = ?3 WHERE source = ?1 AND "
                                 "external_id = ?2 AND agreed IS NULL",
                                 err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, source);
    tn_bind_str(st, 2, external_id);
    tn_bind_str(st, 3, r->body);
    return tn_writer_run(w, st, "keeping an agreed state", err);
}

/* old becomes r (same n and id); links of old keep what they agreed on. */
static enum tn_step change(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *old,
                           struct tn_rec *r, const struct tn_cell *cells, struct tn_err *err)
{
    bool taken = false;
    r->version = old->version + 1;
    r->updated = w->now > old->updated ? w->now : old->updated;
    if (!tn_wtable_update(w, t, r, cells, &taken, err))
        return taken ? TN_STEP_refused : TN_STEP_broken;
    return broken(write_history(w, t, old, r->body, err) &&
                  each_link(w, old->links, keep_agreed, old, err) &&
                  emit(w, t, t->updated, r, err));
}

static bool same_version(int64_t based_on, int there, const struct tn_rec *r)
{
    if (based_on == TN_ANY) return true;
    return based_on == (there ? r->version : TN_NEW_ONLY);
}

static enum tn_step stale(struct tn_writer *w, int64_t based_on, int there, const struct tn_rec *r,
                          struct tn_err *err)
{
    char text[128];
    if (based_on == TN_NEW_ONLY) return conflict(w, err, "a record with this id is there already");
    if (!there) return conflict(w, err, "the record is not there any more");
    snprintf(text, sizeof text, "based on version %lld, but the record is at %lld",
             (long long)based_on, (long long)r->version);
    return conflict(w, err, text);
}

struct target {
    struct tn_wslot *slot;
    struct tn_wtable *t;
    int64_t team, based_on;
    struct tn_id id;
};

static bool take_target(struct tn_writer *w, struct tn_wire *in, struct target *out)
{
    out->slot = take_slot(w, in);
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

static enum tn_step put(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                        struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct target at;
    struct tn_str body;
    struct tn_rec old, r;
    if (!take_target(w, in, &at) || !take_body(w, in, at.slot, cells, &body, err))
        return damaged(err);
    bool given = !is_zero(&at.id);
    int there = given ? find_any(w, at.t, &at.id, &old, err) : 0;
    if (there < 0) return TN_STEP_broken;
    if (there && old.team != at.team) return conflict(w, err, "this id is taken");
    if (!same_version(at.based_on, there, &old)) return stale(w, at.based_on, there, &old, err);
    r = there ? old : (struct tn_rec){.id = at.id, .team = at.team, .given = given};
    r.body = body;
    r.hashed = false;
    if (there && tn_str_eq(old.body, body))
        return outcome(w, result, TN_DONE_unchanged, false, &old.id, old.version);
    if (!there && !next_n(w, at.t, &r.n, err)) return TN_STEP_broken;
    if (!there && !given) r.id = tn_id_at(w->fresh, r.n);
    enum tn_step step =
        there ? change(w, at.t, &old, &r, cells, err) : create(w, at.t, &r, cells, err);
    if (step == TN_STEP_refused) return conflict(w, err, "another record has the same key");
    if (step != TN_STEP_ok) return step;
    return outcome(w, result, there ? TN_DONE_updated : TN_DONE_created, false, &r.id, r.version);
}

/* The record's body with a patch or an upsert's members over it, in the arena. */
static bool merged(struct tn_writer *w, struct tn_str body, struct tn_str over, bool patch,
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
    if (ok) *out = keep(w, tn_buf_str(&text));
    tn_buf_clear(&text);
    tn_json_free(second);
    return ok;
}

static enum tn_step patch(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct target at;
    struct tn_rec old, r;
    bool ok = take_target(w, in, &at);
    struct tn_str over = tn_take_str(in);
    if (!ok || in->bad) return damaged(err);
    int there = find(w, at.t, at.team, &at.id, &old, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) return conflict(w, err, "the record is not there any more");
    if (!same_version(at.based_on, there, &old)) return stale(w, at.based_on, there, &old, err);
    r = old;
    r.hashed = false;
    if (!merged(w, old.body, over, true, &r.body, err)) return TN_STEP_refused;
    if (tn_str_eq(r.body, old.body))
        return outcome(w, result, TN_DONE_unchanged, false, &old.id, old.version);
    if (!tn_wtable_cells(w, at.t, r.body, cells, err)) return TN_STEP_refused;
    enum tn_step step = change(w, at.t, &old, &r, cells, err);
    if (step == TN_STEP_refused) return conflict(w, err, "another record has the same key");
    if (step != TN_STEP_ok) return step;
    return outcome(w, result, TN_DONE_updated, false, &r.id, r.version);
}

static bool drop_link(struct tn_writer *w, int64_t source, struct tn_str external_id,
                      const void *unused, struct tn_err *err)
{
    (void)unused;
    sqlite3_stmt *st =
        tn_db_sql(&w->db, "DELETE FROM tn_link WHERE source = ?1 AND external_id = ?2", err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, source);
    tn_bind_str(st, 2, external_id);
    return tn_writer_run(w, st, "unlinking", err);
}

static bool write_gone(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                       struct tn_err *err)
{
    if (!t->decl->table.history) return true;
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

static enum tn_step delete (struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                            struct tn_err *err) {
    struct target at; struct tn_rec r; if (!take_target(w, in, &at)) return damaged(err);
    int there = find(w, at.t, at.team, &at.id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (!there && at.based_on == TN_ANY) return outcome(w, result, TN_DONE_unchanged, false, &at.id,
                                                        0);
    if (!there || !same_version(at.based_on, there, &r)) return stale(w, at.based_on, there, &r,
                                                                      err);
    if (!write_gone(w, at.t, &r, err) || !each_link(w, r.links, drop_link, NULL, err) ||
        !tn_wtable_remove(w, at.t, r.n, err) || !count_row(w, at.t, r.team, -1, err) ||
        !emit(w, at.t, at.t->deleted, &r, err)) return TN_STEP_broken;
    return outcome(w, result, TN_DONE_deleted, false, &r.id, r.version);
}

static enum tn_step expect(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct target at;
    struct tn_rec r;
    if (!take_target(w, in, &at)) return damaged(err);
    int there = find(w, at.t, at.team, &at.id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (!same_version(at.based_on, there, &r)) return stale(w, at.based_on, there, &r, err);
    return outcome(w, result, TN_DONE_unchanged, false, &at.id, there ? r.version : 0);
}

/* ------------------------------------------------------------------ links and upserts */

struct upsert {
    struct tn_wslot *slot;
    struct tn_wtable *t;
    struct tn_wsource *source;
    bool merge;
    int64_t based_on;
    unsigned char hash[TN_HASH_LEN];
    struct tn_str external_id, body;
    struct tn_cell *cells;
};

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

/* The list without one link; *found when it was there. */
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

/* The external id under which a source knows the record; n 0 when it does not. */
static struct tn_str link_of_source(struct tn_str list, int64_t source)
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

static bool renew_link(struct tn_writer *w, const struct upsert *u, const struct tn_rec *r,
                       struct tn_err *err)
{
    bool added;
    return write_link(w, link_replace, u->source->no, u->external_id, u->t->decl->no, r->n,
                      r->version, u->hash, &added, err);
}

/* The record gets what the source says; then the link agrees with it. */
static enum tn_step upsert_over(struct tn_writer *w, struct upsert *u, const struct tn_rec *old,
                                bool adopt, struct tn_buf *result, struct tn_err *err)
{
    struct tn_rec r = *old;
    r.body = u->body;
    r.hashed = !u->merge;
    memcpy(r.hash, u->hash, TN_HASH_LEN);
    if (u->based_on > 0 && u->based_on != old->version)
        return outcome(w, result, TN_DONE_conflict, false, &old->id, old->version);
    if (u->merge && (!merged(w, old->body, u->body, false, &r.body, err) ||
                     !tn_wtable_cells(w, u->t, r.body, u->cells, err)))
        return TN_STEP_refused;
    if (adopt) r.links = link_added(w, old->links, u->source->no, u->external_id);
    bool same = tn_str_eq(r.body, old->body);
    if (!same) {
        enum tn_step step = change(w, u->t, old, &r, u->cells, err);
        if (step == TN_STEP_refused)
            return outcome(w, result, TN_DONE_conflict, false, &old->id, old->version);
        if (step != TN_STEP_ok) return step;
    } else if (adopt) {
        bool taken;
        r.hashed = old->hashed;
        memcpy(r.hash, old->hash, TN_HASH_LEN);
        if (!tn_wtable_update(w, u->t, &r, u->cells, &taken, err)) return TN_STEP_broken;
    }
    if (!renew_link(w, u, &r, err)) return TN_STEP_broken;
    return outcome(w, result, same ? TN_DONE_unchanged : TN_DONE_updated, adopt, &r.id, r.version);
}

/* The key is taken: adopt its holder, unless the source knows that one by another name. */
static enum tn_step upsert_adopt(struct tn_writer *w, struct upsert *u, struct tn_buf *result,
                                 struct tn_err *err)
{
    struct tn_rec old;
    int there = find_key(w, u->t, u->source->team, u->cells, &old, err);
    if (there < 0 || !drop_link(w, u->source->no, u->external_id, NULL, err)) return TN_STEP_broken;
    if (!there) return outcome(w, result, TN_DONE_conflict, false, NULL, 0);
    struct tn_str known = link_of_source(old.links, u->source->no);
    if (known.n && !tn_str_eq(known, u->external_id))
        return outcome(w, result, TN_DONE_conflict, false, &old.id, old.version);
    return upsert_over(w, u, &old, true, result, err);
}

static enum tn_step upsert_new(struct tn_writer *w, struct upsert *u, int64_t n,
                               struct tn_buf *result, struct tn_err *err)
{
    struct tn_rec r = {.n = n,
                       .id = tn_id_at(w->fresh, n),
                       .team = u->source->team,
                       .hashed = true,
                       .links = one_link(w, u->source->no, u->external_id),
                       .body = u->body};
    memcpy(r.hash, u->hash, TN_HASH_LEN);
    enum tn_step step = create(w, u->t, &r, u->cells, err);
    if (step == TN_STEP_refused) return upsert_adopt(w, u, result, err);
    if (step != TN_STEP_ok) return step;
    return outcome(w, result, TN_DONE_created, false, &r.id, r.version);
}

static enum tn_step upsert_known(struct tn_writer *w, struct upsert *u, struct tn_buf *result,
                                 struct tn_err *err)
{
    struct link link;
    struct tn_rec old;
    int there = find_link(w, u->source->no, u->external_id, &link, err);
    if (there > 0 && link.tbl != u->t->decl->no)
        return outcome(w, result, TN_DONE_conflict, false, NULL, 0);
    if (there > 0) there = find_n(w, u->t, link.n, &old, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) {
        tn_fail(err, TN_E_corrupt, "a link points to no record");
        return TN_STEP_refused;
    }
    if (memcmp(link.hash, u->hash, TN_HASH_LEN) == 0)
        return outcome(w, result, TN_DONE_unchanged, false, &old.id, old.version);
    return upsert_over(w, u, &old, false, result, err);
}

static enum tn_step upsert(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct upsert u = {.slot = take_slot(w, in), .cells = cells};
    bool added = false;
    int64_t n;
    u.source = take_source(w, in);
    u.merge = tn_take_u8(in);
    u.based_on = tn_take_i64(in);
    tn_take(in, u.hash, sizeof u.hash);
    u.external_id = tn_take_str(in);
    if (in->bad || !take_body(w, in, u.slot, u.cells, &u.body, err)) return damaged(err);
    u.t = u.slot->table;
    if (!next_n(w, u.t, &n, err)) return TN_STEP_broken;
    /* The link goes in first: whether that works tells whether the record is new, in one descent.
     */
    if (!write_link(w, link_insert, u.source->no, u.external_id, u.t->decl->no, n, 1, u.hash,
                    &added, err))
        return TN_STEP_broken;
    return added ? upsert_new(w, &u, n, result, err) : upsert_known(w, &u, result, err);
}

/* Only the list of links of a record changes. */
static bool relist(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r, struct tn_str links,
                   struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    bool taken;
    r->links = links;
    return tn_wtable_cells(w, t, r->body, cells, err) &&
           tn_wtable_update(w, t, r, cells, &taken, err);
}

static enum tn_step link_op(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                            struct tn_err *err)
{
    struct tn_wslot *slot = take_slot(w, in);
    struct tn_wsource *source = take_source(w, in);
    struct tn_id id = tn_take_id(in);
    unsigned char hash[TN_HASH_LEN];
    struct link link;
    struct tn_rec r;
    bool added;
    tn_take(in, hash, sizeof hash);
    struct tn_str external_id = tn_take_str(in);
    if (in->bad) return damaged(err);
    int there = find(w, slot->table, source->team, &id, &r, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) return conflict(w, err, "the record to be linked is not there");
    struct tn_str known = link_of_source(r.links, source->no);
    if (known.n && !tn_str_eq(known, external_id))
        return conflict(w, err, "the record is linked to another external id of this source");
    int linked = find_link(w, source->no, external_id, &link, err);
    if (linked < 0) return TN_STEP_broken;
    if (linked && (link.tbl != slot->table->decl->no || link.n != r.n))
        return conflict(w, err, "the external id is linked to another record");
    if (!known.n &&
        !relist(w, slot->table, &r, link_added(w, r.links, source->no, external_id), err))
        return TN_STEP_broken;
    if (!write_link(w, link_replace, source->no, external_id, slot->table->decl->no, r.n, r.version,
                    hash, &added, err))
        return TN_STEP_broken;
    tn_writer_note(w, TN_CHANGED_table, tn_str(slot->table->decl->table.name), &r.id);
    return outcome(w, result, linked ? TN_DONE_updated : TN_DONE_created, false, &r.id, r.version);
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

static enum tn_step unlink_op(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                              struct tn_err *err)
{
    struct tn_wsource *source = take_source(w, in);
    struct tn_str external_id = tn_take_str(in);
    struct link link;
    struct tn_rec r;
    if (in->bad) return damaged(err);
    int there = find_link(w, source->no, external_id, &link, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) return outcome(w, result, TN_DONE_unchanged, false, NULL, 0);
    struct tn_wtable *t = table_no(w, link.tbl);
    there = t ? find_n(w, t, link.n, &r, err) : 0;
    if (there < 0 || !drop_link(w, source->no, external_id, NULL, err)) return TN_STEP_broken;
    if (!there) return outcome(w, result, TN_DONE_deleted, false, NULL, 0);
    if (!relist(w, t, &r, link_removed(w, r.links, source->no, external_id), err))
        return TN_STEP_broken;
    tn_writer_note(w, TN_CHANGED_table, tn_str(t->decl->table.name), &r.id);
    return outcome(w, result, TN_DONE_deleted, false, &r.id, r.version);
}

static enum tn_step event(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err)
{
    size_t slot = tn_take_u16(in);
    int64_t team = tn_take_i64(in);
    struct tn_id id = tn_take_id(in);
    struct tn_str type = keep(w, tn_take_str(in)), data = tn_take_str(in);
    struct tn_rec r = {0};
    if (in->bad || (slot != 0xffff && slot >= w->slot_count)) return damaged(err);
    struct tn_wtable *t = slot == 0xffff ? NULL : w->slots[slot].table;
    if (t && find(w, t, team, &id, &r, err) < 0) return TN_STEP_broken;
    if (!tn_writer_event(w, team, type.p, t ? t->decl->table.name : "", &id, r.version, data, err))
        return TN_STEP_broken;
    return outcome(w, result, TN_DONE_none, false, &id, r.version);
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

/* Finds the version (0: none, or expired) and checks it. */
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
    return conflict(w, err, text);
}

static enum tn_step kv_set(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct kv kv;
    bool ok = take_kv(in, &kv);
    int64_t expires = tn_take_i64(in);
    struct tn_str value = tn_take_str(in);
    if (!ok || in->bad) return damaged(err);
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
    return outcome(w, result, TN_DONE_none, false, NULL, kv.version + 1);
}

static enum tn_step kv_delete(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                              struct tn_err *err)
{
    struct kv kv;
    if (!take_kv(in, &kv)) return damaged(err);
    enum tn_step step = kv_check(w, &kv, err);
    if (step != TN_STEP_ok) return step;
    sqlite3_stmt *st =
        kv_sql(w, "DELETE FROM tn_kv WHERE team = ?1 AND space = ?2 AND key = ?3", &kv, err);
    if (!st || !tn_writer_run(w, st, "deleting a key", err)) return TN_STEP_broken;
    tn_writer_note(w, TN_CHANGED_kv, kv.space, NULL);
    return outcome(w, result, kv.version ? TN_DONE_deleted : TN_DONE_unchanged, false, NULL, 0);
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
    return rc == SQLITE_ROW ? outcome(w, result, TN_DONE_unchanged, false, &id, 0) : TN_STEP_broken;
}

static enum tn_step queue_put(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                              struct tn_err *err)
{
    int64_t team = tn_take_i64(in);
    struct tn_str queue = tn_take_str(in), key = tn_take_str(in);
    int64_t due = tn_take_i64(in);
    struct tn_str payload = tn_take_str(in);
    if (in->bad) return damaged(err);
    struct tn_tally *last = tn_tally(w, "last_entry", -1, err);
    sqlite3_stmt *st = queue_sql(w,
                                 "INSERT INTO tn_queue (queue, team, key, n, id, due, attempts, "
                                 "claim, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7) "
                                 "ON CONFLICT DO NOTHING",
                                 queue, team, key, err);
    if (!st || !last) return TN_STEP_broken;
    struct tn_id id = tn_id_at(w->fresh, last->value + 1);
    sqlite3_bind_int64(st, 4, last->value + 1);
    tn_bind_id(st, 5, &id);
    sqlite3_bind_int64(st, 6, due);
    tn_bind_blob(st, 7, payload.p, payload.n);
    if (!tn_writer_run(w, st, "queueing", err)) return TN_STEP_broken;
    if (sqlite3_changes(w->db.sq) == 0) return queue_there(w, queue, team, key, result, err);
    tn_tally_set(w, last, last->value + 1);
    tn_writer_note(w, TN_CHANGED_queue, queue, &id);
    return outcome(w, result, TN_DONE_created, false, &id, 0);
}

/* Does the lease still stand?  A lease that only ran out, and nobody claimed since, does. */
static enum tn_step queue_leased(struct tn_writer *w, const struct tn_id *id, int64_t lease,
                                 struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_db_sql(&w->db, "SELECT id, attempts, queue FROM tn_queue WHERE n = ?1", err);
    if (!st) return TN_STEP_broken;
    sqlite3_bind_int64(st, 1, tn_id_n(id));
    int rc = sqlite3_step(st);
    bool ours = false;
    if (rc == SQLITE_ROW) {
        struct tn_id there = tn_column_id(st, 0);
        ours = memcmp(&there, id, sizeof there) == 0 && sqlite3_column_int64(st, 1) == lease;
        if (ours) tn_writer_note(w, TN_CHANGED_queue, tn_column_str(st, 2), id);
    } else if (rc != SQLITE_DONE) {
        tn_writer_broken(w, "reading a queue", err);
    }
    sqlite3_reset(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return TN_STEP_broken;
    return ours ? TN_STEP_ok : conflict(w, err, "the lease of this entry was lost");
}

static enum tn_step settle(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                           struct tn_err *err)
{
    struct tn_id id = tn_take_id(in);
    int64_t lease = tn_take_i64(in);
    if (in->bad) return damaged(err);
    enum tn_step step = queue_leased(w, &id, lease, err);
    if (step != TN_STEP_ok) return step;
    sqlite3_stmt *st = tn_db_sql(&w->db, "DELETE FROM tn_queue WHERE n = ?1", err);
    if (!st) return TN_STEP_broken;
    sqlite3_bind_int64(st, 1, tn_id_n(&id));
    if (!tn_writer_run(w, st, "settling", err)) return TN_STEP_broken;
    return outcome(w, result, TN_DONE_deleted, false, &id, 0);
}

static enum tn_step reschedule(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                               struct tn_err *err)
{
    struct tn_id id = tn_take_id(in);
    int64_t lease = tn_take_i64(in), due = tn_take_i64(in);
    bool anew = tn_take_u8(in);
    struct tn_str payload = tn_take_str(in);
    if (in->bad) return damaged(err);
    enum tn_step step = queue_leased(w, &id, lease, err);
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
    return outcome(w, result, TN_DONE_updated, false, &id, 0);
}

static enum tn_step dequeue(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                            struct tn_err *err)
{
    int64_t team = tn_take_i64(in);
    struct tn_str queue = tn_take_str(in), key = tn_take_str(in);
    if (in->bad) return damaged(err);
    sqlite3_stmt *st = queue_sql(w,
                                 "DELETE FROM tn_queue WHERE queue = ?1 AND team = ?2 AND key = ?3 "
                                 "AND key <> ''",
                                 queue, team, key, err);
    if (!st || !tn_writer_run(w, st, "dequeueing", err)) return TN_STEP_broken;
    bool there = sqlite3_changes(w->db.sq) > 0;
    if (there) tn_writer_note(w, TN_CHANGED_queue, queue, NULL);
    return outcome(w, result, there ? TN_DONE_deleted : TN_DONE_unchanged, false, NULL, 0);
}

enum tn_step tn_writer_operation(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                                 struct tn_err *err)
{
    switch (tn_take_u8(in)) {
    case TN_OP_table: return announce_table(w, in, err);
    case TN_OP_source: return announce_source(w, in, err);
    case TN_OP_put: return put(w, in, result, err);
    case TN_OP_patch: return patch(w, in, result, err);
    case TN_OP_delete: return delete (w, in, result, err);
    case TN_OP_expect: return expect(w, in, result, err);
    case TN_OP_upsert: return upsert(w, in, result, err);
    case TN_OP_link: return link_op(w, in, result, err);
    case TN_OP_unlink: return unlink_op(w, in, result, err);
    case TN_OP_event: return event(w, in, result, err);
    case TN_OP_kv_set: return kv_set(w, in, result, err);
    case TN_OP_kv_delete: return kv_delete(w, in, result, err);
    case TN_OP_queue_put: return queue_put(w, in, result, err);
    case TN_OP_settle: return settle(w, in, result, err);
    case TN_OP_reschedule: return reschedule(w, in, result, err);
    case TN_OP_dequeue: return dequeue(w, in, result, err);
    default: return damaged(err);
    }
}
