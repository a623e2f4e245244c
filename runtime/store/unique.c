/* SPDX-License-Identifier: MIT */
#include "store/unique.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/time.h"

enum { ROUNDS_MAX = 16, VALUE_SHOWN = 60 };

/* One of the keys that a record waits for. */
struct tn_claim {
    struct tn_want *want;
    const struct tn_shape_key *key;
    struct tn_claim *same, **same_last; /* claims of the same bytes; the last: of the first alone */
    struct tn_str bytes;
    struct tn_str old; /* what it had before op, and gets again if op is left out; n 0: none */
};

/* A record that waits for its keys. */
struct tn_want {
    struct tn_want *next;
    struct tn_wtable *t;
    int64_t n, team;
    size_t op;
    bool over;     /* the record was given another key since, or was deleted */
    bool again;    /* another operation wrote the record after op */
    uint64_t bare; /* columns that are null until the end; a bit for each real one */
    bool upsert;
    struct tn_by by;
    size_t claim_count;
    struct tn_claim *claims;
};

void tn_unique_begin(struct tn_writer *w)
{
    if (!w->unique) {
        struct tn_unique *c = w->unique = TN_NEW(struct tn_unique);
        tn_arena_init(&c->arena);
        tn_arena_init(&c->kept);
        tn_map_init(&c->by_record);
        tn_map_init(&c->by_key);
        tn_map_init(&c->present);
        c->last = &c->first;
    }
    w->unique->waits = true;
}

void tn_unique_again(struct tn_writer *w)
{
    struct tn_unique *c = w->unique;
    tn_map_clear(&c->by_record, NULL);
    tn_map_clear(&c->by_key, NULL);
    tn_map_clear(&c->present, NULL);
    tn_map_init(&c->by_record);
    tn_map_init(&c->by_key);
    tn_map_init(&c->present);
    tn_arena_reset(&c->arena);
    c->first = NULL;
    c->last = &c->first;
    c->shadow_count = 0;
    c->waits = false;
    c->round++;
}

void tn_unique_free(struct tn_writer *w)
{
    struct tn_unique *c = w->unique;
    if (!c) return;
    tn_map_clear(&c->by_record, NULL);
    tn_map_clear(&c->by_key, NULL);
    tn_map_clear(&c->present, NULL);
    tn_arena_clear(&c->arena);
    tn_arena_clear(&c->kept);
    tn_free(c->verdicts);
    tn_free(c->shadows);
    tn_free(c);
    w->unique = NULL;
}

/* ------------------------------------------------------------------ keys as bytes */

static size_t put_bytes(char *to, const void *from, size_t n)
{
    if (n) memcpy(to, from, n);
    return n;
}

/* Type, length, bytes; answers how many. */
static size_t put_cell(char *to, const struct tn_cell *cell)
{
    double d = cell->d == 0 ? 0 : cell->d; /* 0 and -0 are one key */
    const void *from = cell->type == TN_CELL_text  ? (const void *)cell->s.p
                       : cell->type == TN_CELL_int ? (const void *)&cell->i
                                                   : &d;
    size_t n = cell->type == TN_CELL_text ? cell->s.n : sizeof d, at = 0;
    at += put_bytes(to + at, &cell->type, sizeof cell->type);
    at += put_bytes(to + at, &n, sizeof n);
    return at + put_bytes(to + at, from, n);
}

/* n 0: the record lacks a part of the key, so this key does not concern it. Cannot fail. */
static struct tn_str key_of(struct tn_writer *w, const struct tn_wtable *t, int64_t team,
                            const struct tn_shape_key *key, const struct tn_cell *cells)
{
    size_t no = (size_t)(key - t->decl->keys), at = 0;
    size_t room = sizeof t->decl->no + sizeof team + sizeof no;
    for (size_t i = 0; i < key->n; i++) {
        const struct tn_cell *cell = &cells[key->real[i]];
        if (cell->type == TN_CELL_null) return (struct tn_str){"", 0};
        room += sizeof cell->type + 2 * sizeof(size_t) + sizeof cell->d + cell->s.n;
    }
    char *bytes = tn_arena_alloc(&w->unique->arena, room);
    at += put_bytes(bytes + at, &t->decl->no, sizeof t->decl->no);
    at += put_bytes(bytes + at, &team, sizeof team);
    at += put_bytes(bytes + at, &no, sizeof no);
    for (size_t i = 0; i < key->n; i++) at += put_cell(bytes + at, &cells[key->real[i]]);
    return (struct tn_str){bytes, at};
}

static uint64_t columns_of(const struct tn_shape_key *key)
{
    uint64_t columns = 0;
    for (size_t i = 0; i < key->n; i++) columns |= UINT64_C(1) << key->real[i];
    return columns;
}

void tn_cells_without(const struct tn_wtable *t, const struct tn_cell *cells, uint64_t columns,
                      struct tn_cell out[TN_STORE_COLUMNS_MAX])
{
    static const struct tn_cell none = {.type = TN_CELL_null};
    for (size_t i = 0; i < t->decl->real_count; i++) out[i] = columns >> i & 1 ? none : cells[i];
}

struct record_name {
    int64_t table, n;
};
static struct tn_str name_of(struct record_name *name, const struct tn_wtable *t, int64_t n)
{
    *name = (struct record_name){t->decl->no, n};
    return (struct tn_str){(const char *)name, sizeof *name};
}

static struct tn_want *want_of(struct tn_writer *w, const struct tn_wtable *t, int64_t n)
{
    struct record_name name;
    struct tn_want *want = tn_map_get(&w->unique->by_record, name_of(&name, t, n));
    return want && !want->over ? want : NULL;
}

/* Does a record with these cells want a whole key that has one of these columns? */
static bool wants_any(const struct tn_wtable *t, const struct tn_cell *cells, uint64_t columns)
{
    for (size_t k = 0; k < t->decl->n_keys; k++) {
        const struct tn_shape_key *key = &t->decl->keys[k];
        size_t i = 0;
        if (!(columns_of(key) & columns)) continue;
        while (i < key->n && cells[key->real[i]].type != TN_CELL_null) i++;
        if (i == key->n) return true;
    }
    return false;
}

static void enter_claim(struct tn_unique *c, struct tn_claim *claim)
{
    struct tn_claim *first = tn_map_get(&c->by_key, claim->bytes);
    if (!first) {
        tn_map_put(&c->by_key, claim->bytes, claim);
        first = claim;
    } else {
        *first->same_last = claim;
    }
    first->same_last = &claim->same;
}

/* had: the cells of a record that has the keys of these until now; NULL: it has none. */
static void add_claims(struct tn_writer *w, struct tn_want *want, const struct tn_cell *cells,
                       const struct tn_cell *had)
{
    const struct tn_shape *d = want->t->decl;
    want->claims = tn_arena_alloc(&w->unique->arena, d->n_keys * sizeof *want->claims);
    for (size_t k = 0; k < d->n_keys; k++) {
        struct tn_claim *claim = &want->claims[want->claim_count];
        if (!(columns_of(&d->keys[k]) & want->bare)) continue;
        *claim = (struct tn_claim){.want = want, .key = &d->keys[k]};
        claim->bytes = key_of(w, want->t, want->team, claim->key, cells);
        if (had) claim->old = key_of(w, want->t, want->team, claim->key, had);
        if (claim->bytes.n) enter_claim(w->unique, claim);
        want->claim_count++;
    }
}

static struct tn_want *wait_for(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                                uint64_t bare, const struct tn_by *by)
{
    struct tn_unique *c = w->unique;
    struct tn_want *want = tn_arena_alloc(&c->arena, sizeof *want);
    struct record_name name;
    *want = (struct tn_want){
        .t = t, .n = r->n, .team = r->team, .op = w->op, .bare = bare, .upsert = by != NULL};
    if (by) want->by = *by;
    *c->last = want;
    c->last = &want->next;
    tn_map_put(&c->by_record, name_of(&name, t, r->n), want);
    return want;
}

/* ------------------------------------------------------------------ writing */

enum tn_step tn_unique_create(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                              const struct tn_cell *cells, const struct tn_by *by,
                              struct tn_err *err)
{
    struct tn_cell bare[TN_STORE_COLUMNS_MAX];
    uint64_t all = t->decl->in_keys;
    if (!tn_unique_waits(w)) {
        enum tn_step step = tn_rec_create(w, t, r, cells, err);
        if (step != TN_STEP_refused) return step;
        if (!tn_writer_savepoint(w, err)) return TN_STEP_broken;
        tn_unique_begin(w);
    }
    if (!wants_any(t, cells, all)) return tn_rec_create(w, t, r, cells, err);
    tn_cells_without(t, cells, all, bare);
    enum tn_step step = tn_rec_create(w, t, r, bare, err);
    if (step == TN_STEP_ok) add_claims(w, wait_for(w, t, r, all, by), cells, NULL);
    return step;
}

static uint64_t changed_columns(const struct tn_shape *d, const struct tn_cell *a,
                                const struct tn_cell *b)
{
    uint64_t columns = 0;
    for (size_t i = 0; i < d->real_count; i++)
        if (d->in_keys >> i & 1 && !tn_cell_eq(&a[i], &b[i])) columns |= UINT64_C(1) << i;
    return columns;
}

static enum tn_step change_waiting(struct tn_writer *w, struct tn_wtable *t,
                                   const struct tn_rec *old, struct tn_rec *r,
                                   const struct tn_cell *cells, const struct tn_by *by,
                                   struct tn_err *err)
{
    struct tn_cell then[TN_STORE_COLUMNS_MAX], bare[TN_STORE_COLUMNS_MAX];
    struct tn_want *before = want_of(w, t, r->n);
    if (!tn_wtable_cells(w, t, old->body, then, err)) return TN_STEP_broken;
    uint64_t changed = changed_columns(t->decl, cells, then);
    uint64_t all = changed | (before ? before->bare : 0);
    tn_cells_without(t, cells, all, bare);
    if (before) before->again = true;
    if (before && !changed) return tn_rec_change(w, t, old, r, bare, by, err);
    if (before) before->over = true;
    if (!wants_any(t, cells, all)) return tn_rec_change(w, t, old, r, cells, by, err);
    enum tn_step step = tn_rec_change(w, t, old, r, bare, by, err);
    if (step == TN_STEP_ok) add_claims(w, wait_for(w, t, r, all, by), cells, before ? NULL : then);
    return step;
}

enum tn_step tn_unique_change(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *old,
                              struct tn_rec *r, const struct tn_cell *cells, const struct tn_by *by,
                              struct tn_err *err)
{
    if (!tn_unique_waits(w)) {
        enum tn_step step = tn_rec_change(w, t, old, r, cells, by, err);
        if (step != TN_STEP_refused) return step;
        if (!tn_writer_savepoint(w, err)) return TN_STEP_broken;
        tn_unique_begin(w);
    }
    return change_waiting(w, t, old, r, cells, by, err);
}

bool tn_unique_keep(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                    const struct tn_cell *cells, struct tn_err *err)
{
    struct tn_cell bare[TN_STORE_COLUMNS_MAX];
    struct tn_want *want = tn_unique_waits(w) ? want_of(w, t, r->n) : NULL;
    bool taken;
    if (want) tn_cells_without(t, cells, want->bare, bare);
    return tn_wtable_update(w, t, r, want ? bare : cells, &taken, err);
}

int tn_unique_adoptable(struct tn_writer *w, struct tn_wtable *t, const struct tn_wsource *source,
                        const struct tn_cell *cells, struct tn_rec *r, struct tn_err *err)
{
    const struct tn_shape_key *key = t->decl->keys;
    if (!t->decl->key_count) return 0;
    int there = tn_rec_find_key(w, t, source->team, key, cells, r, err);
    bool free = there > 0 && !tn_link_of_source(r->links, source->no).n;
    if (there < 0 || free || !tn_unique_waits(w)) return there < 0 ? -1 : free;
    struct tn_str bytes = key_of(w, t, source->team, key, cells);
    struct tn_claim *claim = bytes.n ? tn_map_get(&w->unique->by_key, bytes) : NULL;
    for (; claim && !free; claim = claim->same) {
        if (claim->want->over) continue;
        if ((there = tn_rec_find_n(w, t, claim->want->n, r, err)) < 0) return -1;
        free = there && !tn_link_of_source(r->links, source->no).n;
    }
    return free;
}

void tn_unique_gone(struct tn_writer *w, const struct tn_wtable *t, int64_t n)
{
    struct tn_want *want = w->unique ? want_of(w, t, n) : NULL;
    if (want) want->over = true;
}

void tn_unique_shadow(struct tn_writer *w, struct tn_wtable *t, int64_t n)
{
    bool waits = tn_unique_waits(w);
    tn_unique_begin(w);
    struct tn_unique *c = w->unique;
    c->waits = waits;
    if (c->shadow_count == c->shadow_room) {
        c->shadow_room = c->shadow_room * 2 + 8;
        c->shadows = tn_realloc(c->shadows, c->shadow_room * sizeof *c->shadows);
    }
    c->shadows[c->shadow_count++] = (struct tn_shadow_row){t, n};
}

/* ------------------------------------------------------------------ the external ids there are */

static struct tn_str present_key(struct tn_unique *c, int64_t source, struct tn_str external_id)
{
    char *p = tn_arena_alloc(&c->arena, sizeof source + external_id.n + 1);
    memcpy(p, &source, sizeof source);
    memcpy(p + sizeof source, external_id.p, external_id.n);
    return (struct tn_str){p, sizeof source + external_id.n};
}

void tn_unique_present(struct tn_writer *w, int64_t source, struct tn_str external_id)
{
    struct tn_unique *c = w->unique;
    if (!c || c->round == 0) return;
    struct tn_str key = present_key(c, source, external_id);
    char *times = tn_map_get(&c->present, key);
    if (!times) tn_map_put(&c->present, key, times = tn_arena_alloc(&c->arena, 1));
    if (*times < 2) ++*times;
}

static bool is_present_once(struct tn_unique *c, const struct tn_by *by)
{
    const char *times = tn_map_get(&c->present, present_key(c, by->source, by->external_id));
    return times && *times == 1;
}

/* ------------------------------------------------------------------ what is said of a clash */

static struct tn_str shown(struct tn_str s, size_t max)
{
    if (s.n <= max) return s;
    while (max && ((unsigned char)s.p[max] & 0xC0) == 0x80) max--;
    return (struct tn_str){s.p, max};
}

/* A cell as the body may have it. */
static void add_value(struct tn_buf *b, enum tn_column_type type, const struct tn_cell *cell)
{
    char at[TN_TIME_LEN + 1];
    if (type == TN_COLUMN_bool) {
        tn_buf_adds(b, cell->i ? "true" : "false");
    } else if (type == TN_COLUMN_time) {
        tn_time_text(cell->i, at);
        tn_buf_adds(b, at);
    } else if (cell->type == TN_CELL_int) {
        tn_buf_addf(b, "%lld", (long long)cell->i);
    } else if (cell->type == TN_CELL_real) {
        tn_buf_addf(b, "%.17g", cell->d);
    } else {
        tn_buf_addstr(b, shown(cell->s, VALUE_SHOWN));
        if (cell->s.n > VALUE_SHOWN) tn_buf_adds(b, "...");
    }
}

/* detail: NULL, or a writer in an object, which gets the same as members. */
static void each_part(const struct tn_shape *d, const struct tn_shape_key *key,
                      const struct tn_cell *cells, struct tn_buf *text, struct tn_jw *detail)
{
    struct tn_buf value;
    tn_buf_init(&value, 1000);
    for (size_t i = 0; i < key->n; i++) {
        const struct tn_column *column = tn_shape_real(d, key->real[i]);
        tn_buf_reset(&value);
        add_value(&value, column->type, &cells[key->real[i]]);
        tn_buf_addf(text, "%s%s '%.*s'", i ? ", " : "", column->name, TN_FMT(tn_buf_str(&value)));
        if (detail) tn_jw_kstr(detail, column->name, tn_buf_str(&value));
    }
    tn_buf_clear(&value);
}

void tn_key_text(const struct tn_shape *d, const struct tn_shape_key *key,
                 const struct tn_cell *cells, struct tn_buf *out)
{
    each_part(d, key, cells, out, NULL);
}

/* source 0: no source is concerned. */
static void describe(const struct tn_wtable *t, const struct tn_shape_key *key,
                     const struct tn_cell *cells, const struct tn_rec *holder, int64_t source,
                     struct tn_err *err)
{
    const struct tn_table *d = &t->decl->table;
    struct tn_str known = source ? tn_link_of_source(holder->links, source) : TN_STR("");
    char id[TN_ID_LEN + 1];
    struct tn_buf text, detail;
    struct tn_jw jw;
    tn_id_text(&holder->id, id);
    tn_buf_init(&text, 4000);
    tn_buf_init(&detail, 4000);
    tn_jw_init(&jw, &detail);
    tn_jw_object(&jw);
    tn_jw_key(&jw, TN_STR("key"));
    tn_jw_object(&jw);
    tn_buf_adds(&text, "key ");
    each_part(t->decl, key, cells, &text, &jw);
    tn_jw_end(&jw);
    tn_jw_kz(&jw, "holder", id);
    if (known.n) tn_jw_kstr(&jw, "externalId", shown(known, VALUE_SHOWN));
    tn_jw_end(&jw);
    tn_buf_addf(&text, " is held by %s %s", d->event ? d->event : d->name, id);
    if (known.n)
        tn_buf_addf(&text, " (external id %.*s of this source)", TN_FMT(shown(known, VALUE_SHOWN)));
    bool ok = !text.failed && !detail.failed;
    tn_fail(err, TN_E_key_taken, "%.*s",
            TN_FMT(ok ? tn_buf_str(&text) : TN_STR("another record has the same key")));
    if (ok) tn_fail_params(err, detail.p);
    tn_buf_clear(&text);
    tn_buf_clear(&detail);
}

/* ------------------------------------------------------------------ verdicts */

const struct tn_verdict *tn_unique_verdict(const struct tn_writer *w)
{
    const struct tn_unique *c = w->unique;
    return c && w->op < c->verdict_count ? c->verdicts[w->op] : NULL;
}

static struct tn_verdict *judge(struct tn_unique *c, size_t op)
{
    if (op >= c->verdict_count) {
        size_t count = (op + 1) * 2;
        c->verdicts = tn_realloc(c->verdicts, count * sizeof *c->verdicts);
        memset(c->verdicts + c->verdict_count, 0, (count - c->verdict_count) * sizeof *c->verdicts);
        c->verdict_count = count;
    }
    if (!c->verdicts[op]) c->verdicts[op] = tn_arena_alloc(&c->kept, sizeof **c->verdicts);
    return c->verdicts[op];
}

static bool is_left_out(const struct tn_unique *c, const struct tn_want *want)
{
    return want->op < c->verdict_count && c->verdicts[want->op];
}

static bool leave_out(struct tn_writer *w, const struct tn_want *want,
                      const struct tn_shape_key *key, const struct tn_rec *holder,
                      struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct tn_rec r;
    if (tn_rec_find_n(w, want->t, want->n, &r, err) <= 0 ||
        !tn_wtable_cells(w, want->t, r.body, cells, err))
        return false;
    struct tn_verdict *v = judge(w->unique, want->op);
    describe(want->t, key, cells, holder, want->by.source, &v->why);
    v->adoptable = key->main && tn_link_of_source(holder->links, want->by.source).n > 0;
    return true;
}

/* Leaves out those that want what this record keeps, and adds each that is new to the list. */
static bool leave_out_after(struct tn_writer *w, const struct tn_want *want, struct tn_buf *todo,
                            struct tn_err *err)
{
    struct tn_unique *c = w->unique;
    struct tn_rec keeper;
    if (tn_rec_find_n(w, want->t, want->n, &keeper, err) <= 0) return false;
    for (size_t i = 0; i < want->claim_count; i++) {
        struct tn_str old = want->claims[i].old;
        struct tn_claim *claim = old.n ? tn_map_get(&c->by_key, old) : NULL;
        for (; claim; claim = claim->same) {
            struct tn_want *other = claim->want;
            if (other == want || other->over || !other->upsert || is_left_out(c, other)) continue;
            if (!leave_out(w, other, claim->key, &keeper, err)) return false;
            tn_buf_add(todo, &other, sizeof other);
        }
    }
    return true;
}

/* Without its upsert a record keeps the key that it had, so another one that wanted this key cannot
 * have it.  The next round would find that too, but only one link of a chain at a time.  The next
 * round decides where it may see another state: where the commit speaks of the external id more
 * than once, or writes the record by its id, too. */
static bool leave_out_all(struct tn_writer *w, struct tn_want *want, const struct tn_shape_key *key,
                          const struct tn_rec *holder, struct tn_err *err)
{
    struct tn_unique *c = w->unique;
    struct tn_buf todo;
    bool ok = true;
    tn_buf_init(&todo, TN_LIMIT_COMMIT);
    if (!leave_out(w, want, key, holder, err)) return false;
    tn_buf_add(&todo, &want, sizeof want);
    for (size_t at = 0; ok && at < todo.n; at += sizeof want) {
        memcpy(&want, todo.p + at, sizeof want);
        if (is_present_once(c, &want->by) && !want->again)
            ok = leave_out_after(w, want, &todo, err);
    }
    ok = ok && tn_buf_ok(&todo, "the list of upserts to leave out", err);
    tn_buf_clear(&todo);
    return ok;
}

static enum tn_step lose(struct tn_writer *w, struct tn_want *want, const struct tn_cell *cells,
                         struct tn_err *err)
{
    const struct tn_shape_key *key;
    struct tn_rec holder;
    int there = tn_rec_find_holder(w, want->t, want->team, want->n, cells, &key, &holder, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) {
        tn_fail(err, TN_E_internal, "nobody has a key that is taken");
        return TN_STEP_refused;
    }
    if (!want->upsert) {
        describe(want->t, key, cells, &holder, 0, err);
        tn_fail_in(err, "operation %zu", want->op);
        tn_fail_field(err, "%zu", want->op);
        return TN_STEP_refused;
    }
    return tn_step_of(leave_out_all(w, want, key, &holder, err));
}

/* ------------------------------------------------------------------ the end of a commit */

static enum tn_step settle(struct tn_writer *w, struct tn_want *want, bool *again,
                           struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct tn_rec r;
    bool taken = false;
    int there = tn_rec_find_n(w, want->t, want->n, &r, err);
    want->over = there == 0;
    if (there <= 0) return tn_step_of(there == 0);
    if (!tn_wtable_cells(w, want->t, r.body, cells, err)) return TN_STEP_broken;
    if (tn_wtable_update(w, want->t, &r, cells, &taken, err)) return TN_STEP_ok;
    if (!taken) return TN_STEP_broken;
    *again = true;
    return is_left_out(w->unique, want) ? TN_STEP_ok : lose(w, want, cells, err);
}

/* After so many rounds all upserts that still wait for a key are left out. */
static void give_up(struct tn_unique *c)
{
    for (struct tn_want *want = c->first; want; want = want->next) {
        if (want->over || !want->upsert || is_left_out(c, want)) continue;
        struct tn_verdict *v = judge(c, want->op);
        tn_fail(&v->why, TN_E_key_taken, "its key depends on too many others of the same commit");
    }
}

enum tn_step tn_unique_settle(struct tn_writer *w, bool *again, struct tn_err *err)
{
    struct tn_unique *c = w->unique;
    enum tn_step step = TN_STEP_ok;
    *again = false;
    for (struct tn_want *want = c->first; want && step == TN_STEP_ok; want = want->next)
        if (!want->over) step = settle(w, want, again, err);
    if (step != TN_STEP_ok || *again) {
        if (c->round >= ROUNDS_MAX) give_up(c);
        return step;
    }
    for (size_t i = 0; i < c->shadow_count && step == TN_STEP_ok; i++) {
        struct tn_rec r;
        int there = tn_rec_find_n(w, c->shadows[i].t, c->shadows[i].n, &r, err);
        if (there < 0 || (there && !tn_wtable_shadow(w, c->shadows[i].t, &r, err)))
            step = TN_STEP_broken;
    }
    return step;
}
