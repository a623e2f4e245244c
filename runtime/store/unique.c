/* SPDX-License-Identifier: MIT */
#include "store/unique.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/time.h"

enum { ROUNDS_MAX = 16, VALUE_SHOWN = 60 };

/* A record that waits for its key. */
struct tn_want {
    struct tn_want *next, *same_key, **same_key_last; /* the last: of the first one only */
    struct tn_wtable *t;
    int64_t n, team;
    size_t op;
    bool over;  /* the record was given another key since, or was deleted */
    bool fresh; /* op made the record */
    struct tn_str key;
    struct tn_str
        old_key; /* the key that it had before op, and gets again if op is left out; n 0: none */
    bool upsert;
    struct tn_by by;
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

static size_t real_of(const struct tn_wtable *t, size_t key)
{
    const struct tn_shape *d = t->decl;
    size_t i = 0;
    while (d->table.columns[d->real[i]].name != d->table.key[key]) i++;
    return i;
}

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

/* n 0: the record lacks a part of the key, so no rule about keys concerns it. Cannot fail. */
static struct tn_str key_of(struct tn_writer *w, const struct tn_wtable *t, int64_t team,
                            const struct tn_cell *cells)
{
    size_t room = sizeof t->decl->no + sizeof team, at = 0;
    bool whole = t->decl->key_count > 0;
    for (size_t i = 0; i < t->decl->key_count; i++) {
        const struct tn_cell *cell = &cells[real_of(t, i)];
        whole = whole && cell->type != TN_CELL_null;
        room += sizeof cell->type + 2 * sizeof(size_t) + sizeof cell->d + cell->s.n;
    }
    if (!whole) return (struct tn_str){"", 0};
    char *key = tn_arena_alloc(&w->unique->arena, room);
    at += put_bytes(key + at, &t->decl->no, sizeof t->decl->no);
    at += put_bytes(key + at, &team, sizeof team);
    for (size_t i = 0; i < t->decl->key_count; i++) at += put_cell(key + at, &cells[real_of(t, i)]);
    return (struct tn_str){key, at};
}

void tn_cells_without_key(const struct tn_wtable *t, const struct tn_cell *cells,
                          struct tn_cell out[TN_STORE_COLUMNS_MAX])
{
    memcpy(out, cells, t->decl->real_count * sizeof *out);
    for (size_t i = 0; i < t->decl->key_count; i++)
        out[real_of(t, i)] = (struct tn_cell){.type = TN_CELL_null};
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

static void wait_for(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                     struct tn_str key, struct tn_str old_key, bool fresh, const struct tn_by *by)
{
    struct tn_unique *c = w->unique;
    struct tn_want *want = tn_arena_alloc(&c->arena, sizeof *want);
    struct record_name name;
    *want = (struct tn_want){.t = t,
                             .n = r->n,
                             .team = r->team,
                             .op = w->op,
                             .fresh = fresh,
                             .key = key,
                             .old_key = old_key,
                             .upsert = by != NULL};
    if (by) want->by = *by;
    *c->last = want;
    c->last = &want->next;
    tn_map_put(&c->by_record, name_of(&name, t, r->n), want);
    struct tn_want *first = tn_map_get(&c->by_key, key);
    if (!first) {
        tn_map_put(&c->by_key, key, want);
        first = want;
    } else {
        *first->same_key_last = want;
    }
    first->same_key_last = &want->same_key;
}

/* ------------------------------------------------------------------ writing */

enum tn_step tn_unique_create(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                              const struct tn_cell *cells, const struct tn_by *by,
                              struct tn_err *err)
{
    static const struct tn_str none = {"", 0};
    struct tn_cell bare[TN_STORE_COLUMNS_MAX];
    if (!tn_unique_waits(w)) {
        enum tn_step step = tn_rec_create(w, t, r, cells, err);
        if (step != TN_STEP_refused) return step;
        tn_unique_begin(w);
    }
    struct tn_str key = key_of(w, t, r->team, cells);
    if (!key.n) return tn_rec_create(w, t, r, cells, err);
    tn_cells_without_key(t, cells, bare);
    enum tn_step step = tn_rec_create(w, t, r, bare, err);
    if (step == TN_STEP_ok) wait_for(w, t, r, key, none, true, by);
    return step;
}

static enum tn_step change_waiting(struct tn_writer *w, struct tn_wtable *t,
                                   const struct tn_rec *old, struct tn_rec *r,
                                   const struct tn_cell *cells, const struct tn_by *by,
                                   struct tn_err *err)
{
    static const struct tn_str none = {"", 0};
    struct tn_cell then[TN_STORE_COLUMNS_MAX], bare[TN_STORE_COLUMNS_MAX];
    struct tn_want *before = want_of(w, t, r->n);
    if (!tn_wtable_cells(w, t, old->body, then, err)) return TN_STEP_broken;
    struct tn_str key = key_of(w, t, r->team, cells), had = key_of(w, t, r->team, then);
    bool same = key.n && tn_str_eq(key, had);
    tn_cells_without_key(t, cells, bare);
    if (before && same) return tn_rec_change(w, t, old, r, bare, err);
    if (before) before->over = true;
    if (same || !key.n) return tn_rec_change(w, t, old, r, cells, err);
    enum tn_step step = tn_rec_change(w, t, old, r, bare, err);
    if (step == TN_STEP_ok) wait_for(w, t, r, key, before ? none : had, false, by);
    return step;
}

enum tn_step tn_unique_change(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *old,
                              struct tn_rec *r, const struct tn_cell *cells, const struct tn_by *by,
                              struct tn_err *err)
{
    if (!tn_unique_waits(w)) {
        enum tn_step step = tn_rec_change(w, t, old, r, cells, err);
        if (step != TN_STEP_refused) return step;
        tn_unique_begin(w);
    }
    return change_waiting(w, t, old, r, cells, by, err);
}

bool tn_unique_keep(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                    const struct tn_cell *cells, struct tn_err *err)
{
    struct tn_cell bare[TN_STORE_COLUMNS_MAX];
    bool taken, waits = tn_unique_waits(w) && want_of(w, t, r->n);
    if (waits) tn_cells_without_key(t, cells, bare);
    return tn_wtable_update(w, t, r, waits ? bare : cells, &taken, err);
}

int tn_unique_adoptable(struct tn_writer *w, struct tn_wtable *t, const struct tn_wsource *source,
                        const struct tn_cell *cells, struct tn_rec *r, struct tn_err *err)
{
    int there = tn_rec_find_key(w, t, source->team, cells, r, err);
    bool free = there > 0 && !tn_link_of_source(r->links, source->no).n;
    if (there < 0 || free || !tn_unique_waits(w)) return there < 0 ? -1 : free;
    struct tn_str key = key_of(w, t, source->team, cells);
    struct tn_want *want = key.n ? tn_map_get(&w->unique->by_key, key) : NULL;
    for (; want && !free; want = want->same_key) {
        if (want->over) continue;
        if ((there = tn_rec_find_n(w, t, want->n, r, err)) < 0) return -1;
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

static bool is_present(struct tn_unique *c, int64_t source, struct tn_str external_id)
{
    return tn_map_get(&c->present, present_key(c, source, external_id)) != NULL;
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

static void each_part(const struct tn_wtable *t, const struct tn_cell *cells, struct tn_buf *text,
                      struct tn_jw *detail)
{
    struct tn_buf value;
    tn_buf_init(&value, 1000);
    for (size_t i = 0; i < t->decl->key_count; i++) {
        const struct tn_column *column = &t->decl->table.columns[t->decl->real[real_of(t, i)]];
        tn_buf_reset(&value);
        add_value(&value, column->type, &cells[real_of(t, i)]);
        tn_buf_addf(text, "%s%s '%.*s'", i ? ", " : "", column->name, TN_FMT(tn_buf_str(&value)));
        tn_jw_kstr(detail, column->name, tn_buf_str(&value));
    }
    tn_buf_clear(&value);
}

/* source 0: no source is concerned. */
static void describe(struct tn_writer *w, const struct tn_wtable *t, const struct tn_cell *cells,
                     const struct tn_rec *holder, int64_t source, struct tn_err *err)
{
    const struct tn_table *d = &t->decl->table;
    struct tn_str known = source ? tn_link_of_source(holder->links, source) : TN_STR("");
    char id[TN_ID_LEN + 1];
    struct tn_buf text, detail;
    struct tn_jw jw;
    bool both = known.n && w->unique && is_present(w->unique, source, known);
    tn_id_text(&holder->id, id);
    tn_buf_init(&text, 4000);
    tn_buf_init(&detail, 4000);
    tn_jw_init(&jw, &detail);
    tn_jw_object(&jw);
    tn_jw_key(&jw, TN_STR("key"));
    tn_jw_object(&jw);
    tn_buf_adds(&text, "key ");
    each_part(t, cells, &text, &jw);
    tn_jw_end(&jw);
    tn_jw_kz(&jw, "holder", id);
    if (known.n) tn_jw_kstr(&jw, "externalId", shown(known, VALUE_SHOWN));
    tn_jw_end(&jw);
    tn_buf_addf(&text, " is held by %s %s", d->event ? d->event : d->name, id);
    if (known.n)
        tn_buf_addf(&text, " (external id %.*s of this source%s)",
                    TN_FMT(shown(known, VALUE_SHOWN)), both ? ", which has both" : "");
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

static bool is_judged(const struct tn_unique *c, const struct tn_want *want)
{
    return want->op < c->verdict_count && c->verdicts[want->op];
}

static bool is_left_out(const struct tn_unique *c, const struct tn_want *want)
{
    return is_judged(c, want) && c->verdicts[want->op]->left_out;
}

static bool leave_out(struct tn_writer *w, const struct tn_want *want, const struct tn_rec *holder,
                      struct tn_err *err)
{
    struct tn_cell cells[TN_STORE_COLUMNS_MAX];
    struct tn_rec r;
    if (tn_rec_find_n(w, want->t, want->n, &r, err) <= 0 ||
        !tn_wtable_cells(w, want->t, r.body, cells, err))
        return false;
    struct tn_verdict *v = judge(w->unique, want->op);
    v->left_out = true;
    describe(w, want->t, cells, holder, want->by.source, &v->why);
    v->adoptable = !want->by.adopt && tn_link_of_source(holder->links, want->by.source).n > 0;
    return true;
}

/* Without its upsert a record keeps the key that it had, so another one that wanted this key cannot
 * have it.  The next round would find that too, but only one link of a chain at a time.  The next
 * round decides where it may see another state: after an upsert that was to adopt a record, and
 * where the commit speaks of the external id more than once. */
static bool leave_out_all(struct tn_writer *w, struct tn_want *want, const struct tn_rec *holder,
                          struct tn_err *err)
{
    struct tn_unique *c = w->unique;
    struct tn_buf todo;
    bool ok = true;
    tn_buf_init(&todo, TN_LIMIT_COMMIT);
    bool judged = is_judged(c, want);
    if (!leave_out(w, want, holder, err)) return false;
    if (!judged) tn_buf_add(&todo, &want, sizeof want);
    for (size_t at = 0; ok && at < todo.n; at += sizeof want) {
        struct tn_rec keeper;
        memcpy(&want, todo.p + at, sizeof want);
        if (!want->old_key.n || !is_present_once(c, &want->by)) continue;
        if (tn_rec_find_n(w, want->t, want->n, &keeper, err) <= 0) ok = false;
        struct tn_want *other = tn_map_get(&c->by_key, want->old_key);
        for (; ok && other; other = other->same_key) {
            if (other->over || !other->upsert || is_left_out(c, other)) continue;
            judged = is_judged(c, other);
            ok = leave_out(w, other, &keeper, err);
            if (!judged) tn_buf_add(&todo, &other, sizeof other);
        }
    }
    ok = ok && tn_buf_ok(&todo, "the list of upserts to leave out", err);
    tn_buf_clear(&todo);
    return ok;
}

/* May the upsert that made this record adopt the holder instead?  Whether the source still has the
 * holder's external id is known from the second time on. */
static bool adopts(struct tn_unique *c, const struct tn_want *want, struct tn_str known)
{
    if (!want->fresh || !want->by.adopt || !known.n || c->round >= ROUNDS_MAX) return false;
    return c->round == 0 || !is_present(c, want->by.source, known);
}

static enum tn_step lose(struct tn_writer *w, struct tn_want *want, const struct tn_cell *cells,
                         struct tn_err *err)
{
    struct tn_unique *c = w->unique;
    struct tn_rec holder;
    int there = tn_rec_find_key(w, want->t, want->team, cells, &holder, err);
    if (there < 0) return TN_STEP_broken;
    if (!there) {
        tn_fail(err, TN_E_internal, "nobody has a key that is taken");
        return TN_STEP_refused;
    }
    if (!want->upsert) {
        describe(w, want->t, cells, &holder, 0, err);
        tn_fail_in(err, "operation %zu", want->op);
        tn_fail_field(err, "%zu", want->op);
        return TN_STEP_refused;
    }
    struct tn_str known = tn_link_of_source(holder.links, want->by.source);
    if (!adopts(c, want, known)) return tn_step_of(leave_out_all(w, want, &holder, err));
    if (c->round == 0) return TN_STEP_ok; /* the next round knows */
    struct tn_verdict *v = judge(c, want->op);
    v->n = holder.n;
    v->before = (struct tn_str){tn_arena_strndup(&c->kept, known.p, known.n), known.n};
    return TN_STEP_ok;
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
        v->left_out = true;
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
