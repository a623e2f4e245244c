/* SPDX-License-Identifier: MIT */
#include "sync/match.h"

#include "base/limits.h"
#include "store/commit.h"
#include "store/read.h"
#include "sync/judge.h"

enum { STEP = 250, NONE = -1 };

/* A question about one item: for the holder of its key, or for a record that it names. */
struct need {
    size_t item;           /* of the slice */
    bool key;              /* else: a reference */
    int where;             /* OWN or GLOBAL; NONE: there is no such entity */
    size_t number;         /* of the question */
    struct tn_named named; /* of a reference */
};

/* The reads of a slice, one after the other: the page, then what its records need of the team's
 * records, then of everybody's. */
enum phase { PAGE, OWN, GLOBAL, PHASES };

struct tn_match {
    struct tn_match_options o;
    struct tn_judge *judge;   /* NULL: no rules */
    bool looked, quarantined; /* whether records of the source are in quarantine */

    struct tn_batch *b;
    size_t items[STEP], count, upto;
    bool again;
    tn_match_fn done;
    void *arg;
    struct tn_call *call;
    enum phase phase; /* that is asked */
    struct tn_found *found[PHASES];
    struct tn_read *reads[PHASES];
    size_t any, rows; /* questions of the page for quarantine; SIZE_MAX: not asked */
    struct need *needs;
    size_t need_count, need_room, need_at;
};

struct tn_match *tn_match_new(const struct tn_match_options *o)
{
    struct tn_match *c = TN_NEW(struct tn_match);
    c->o = *o;
    if (o->resource) c->judge = tn_judge_new(o->resource, &o->sealer, o->plan);
    return c;
}

static void forget(struct tn_match *c)
{
    for (int i = 0; i < PHASES; i++) {
        tn_found_unref(c->found[i]);
        tn_read_free(c->reads[i]);
        c->found[i] = NULL;
        c->reads[i] = NULL;
    }
    c->need_count = 0;
}

void tn_match_free(struct tn_match *c)
{
    if (!c) return;
    tn_call_cancel(c->call);
    forget(c);
    tn_judge_free(c->judge);
    tn_free(c->needs);
    tn_free(c);
}

void tn_match_quarantined(struct tn_match *c)
{
    c->quarantined = c->looked = true;
}

struct tn_str tn_match_taken(struct tn_match *c, struct tn_batch *b, const struct tn_err *why)
{
    return c->judge ? tn_judge_taken(c->judge, b, why) : TN_STR("");
}

static void finish(struct tn_match *c, const struct tn_err *err)
{
    tn_match_fn done = c->done;
    c->done = NULL;
    c->b = NULL;
    forget(c);
    done(c->arg, err);
}

static struct tn_batch_item *item_of(const struct tn_match *c, size_t i)
{
    return &c->b->items[c->items[i]];
}

/* ------------------------------------------------------------------ asking for a page */

/* Rows of this source in quarantine; count 0: any one. */
static size_t ask_quarantine(const struct tn_match *c, struct tn_read *read,
                             const struct tn_str *ids, size_t count)
{
    struct tn_str integration = tn_str(c->o.integration), entity = c->o.source.entity;
    struct tn_filter filters[3] = {
        {"integration", TN_FILTER_eq, &integration, 1},
        {"entity", TN_FILTER_eq, &entity, 1},
        {"external_id", TN_FILTER_in, ids, count},
    };
    struct tn_query q = {.table = "quarantine",
                         .filters = filters,
                         .filter_count = count ? 3 : 2,
                         .limit = count ? 0 : 1};
    return tn_read_query(read, &q);
}

static bool wants_bodies(const struct tn_match *c)
{
    return c->o.bodies || tn_judge_needs_before(c->judge);
}

static void ask_page(struct tn_match *c, struct tn_read *read)
{
    struct tn_source_item items[STEP];
    struct tn_str ids[STEP];
    for (size_t i = 0; i < c->count; i++) {
        const struct tn_batch_item *it = item_of(c, i);
        ids[i] = items[i].external_id = it->external_id;
        memcpy(items[i].hash, it->hash, sizeof items[i].hash);
        items[i].key[0] = (struct tn_str){NULL, 0};
    }
    struct tn_page_of page = {.table = c->o.table,
                              .source = c->o.source,
                              .items = items,
                              .count = c->count,
                              .bodies = wants_bodies(c)};
    (void)tn_read_page(read, &page);
    c->any = c->rows = SIZE_MAX;
    if (c->again || c->o.retry) return;
    if (!c->looked) c->any = ask_quarantine(c, read, NULL, 0);
    if (!c->looked || c->quarantined) c->rows = ask_quarantine(c, read, ids, c->count);
}

static void on_found(void *arg, struct tn_found *found, const struct tn_err *err);

static void ask(struct tn_match *c, enum phase phase)
{
    struct tn_read *read = c->reads[phase];
    c->reads[phase] = NULL;
    c->phase = phase;
    c->call = tn_store_read(c->o.store, read, NULL, on_found, c);
}

static void begin(struct tn_match *c, tn_match_fn done, void *arg)
{
    c->done = done;
    c->arg = arg;
    c->reads[PAGE] = tn_read_new(c->o.team);
    ask_page(c, c->reads[PAGE]);
    ask(c, PAGE);
}

void tn_match_slice(struct tn_match *c, struct tn_batch *b, tn_match_fn done, void *arg)
{
    c->b = b;
    c->again = false;
    c->count = 0;
    c->upto = b->compared;
    while (c->upto < b->count && c->count < STEP) c->items[c->count++] = c->upto++;
    begin(c, done, arg);
}

void tn_match_again(struct tn_match *c, struct tn_batch *b, size_t from, tn_match_fn done,
                    void *arg)
{
    c->b = b;
    c->again = true;
    c->count = 0;
    for (c->upto = from; c->upto < b->count && c->count < STEP; c->upto++) {
        const struct tn_batch_item *it = &b->items[c->upto];
        if (it->stale) c->items[c->count++] = c->upto;
    }
    begin(c, done, arg);
}

size_t tn_match_upto(const struct tn_match *c)
{
    return c->upto;
}

/* ------------------------------------------------------------------ taking the page */

static void note_before(struct tn_match *c, struct tn_batch_item *it, const struct tn_id *id,
                        int64_t version, struct tn_str body)
{
    struct tn_batch_before *before = tn_arena_alloc(&c->b->memory, sizeof *before);
    *before = (struct tn_batch_before){*id, version, tn_batch_keep(c->b, body)};
    it->before = before;
}

static bool is_none(const struct tn_id *id)
{
    static const struct tn_id none;
    return tn_id_eq(id, &none);
}

/* The answer was full: the rest of the slice is the next one. */
static bool is_cut(const struct tn_match *c, const struct tn_seen *seen)
{
    return wants_bodies(c) && seen->state == TN_SEEN_changed && !is_none(&seen->record) &&
           !seen->body.p;
}

static void take_seen(struct tn_match *c, struct tn_batch_item *it, const struct tn_seen *seen)
{
    if (it->state == TN_ITEM_twice) return;
    it->before = NULL;
    it->filled = false;
    if (seen->body.p && !it->moves) note_before(c, it, &seen->record, seen->version, seen->body);
    if (c->again) return;
    it->state = seen->state == TN_SEEN_same  ? TN_ITEM_same
                : seen->state == TN_SEEN_new ? TN_ITEM_new
                                             : TN_ITEM_changed;
    c->b->changes += it->state != TN_ITEM_same;
}

static bool take_page(struct tn_match *c, struct tn_err *err)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct tn_seen *seen = tn_found_seen(c->found[PAGE], 0, i);
        if (is_cut(c, seen)) {
            if (i == 0) return tn_fail(err, TN_E_too_large, "a stored record cannot be read");
            c->upto = c->items[i];
            c->count = i;
            break;
        }
        take_seen(c, item_of(c, i), seen);
    }
    return true;
}

/* ------------------------------------------------------------------ what its records need */

static struct need *need(struct tn_match *c, size_t item, bool key, int where)
{
    if (c->need_count == c->need_room) {
        c->need_room = c->need_room ? c->need_room * 2 : 64;
        c->needs = tn_realloc(c->needs, c->need_room * sizeof *c->needs);
    }
    struct need *n = &c->needs[c->need_count++];
    *n = (struct need){.item = item, .key = key, .where = where};
    if (where == NONE || c->reads[where]) return n;
    c->reads[where] = tn_read_new(where == OWN ? c->o.team : TN_TEAM_SYSTEM);
    return n;
}

struct walk {
    struct tn_match *c;
    size_t item;
};

static void need_reference(void *arg, const struct tn_field *f, struct tn_str path,
                           const struct tn_id *id)
{
    const struct walk *w = arg;
    struct tn_match *c = w->c;
    const struct tn_entity *e = tn_entities_find(c->o.resources, tn_str(f->ref));
    struct need *n = need(c, w->item, false, !e ? NONE : e->global ? GLOBAL : OWN);
    (void)path;
    if (!e) return;
    n->number = tn_read_get(c->reads[n->where], e->plural, id);
    n->named = (struct tn_named){e->plural, e->global ? TN_TEAM_SYSTEM : c->o.team, *id};
}

static void need_holder(struct tn_match *c, size_t item, struct tn_jval body)
{
    struct tn_str key[TN_STORE_KEY_MAX];
    const struct tn_entity *e = c->o.resource;
    struct tn_arena arena;
    tn_arena_init(&arena);
    if (tn_entity_key_in(e, body, &arena, key)) {
        struct need *n = need(c, item, true, OWN);
        n->number = tn_read_key(c->reads[OWN], c->o.table, key, tn_entity_key_length(e));
    }
    tn_arena_clear(&arena);
}

static void find_needs(struct tn_match *c)
{
    bool references = tn_judge_needs_references(c->judge);
    bool before = tn_judge_needs_before(c->judge);
    for (size_t i = 0; i < c->count && (references || before); i++) {
        const struct tn_batch_item *it = item_of(c, i);
        struct walk w = {c, i};
        struct tn_jval body;
        if (it->state != TN_ITEM_new && it->state != TN_ITEM_changed) continue;
        if (!references && it->before) continue;
        if (!tn_judge_read(c->judge, c->b, c->items[i], &body)) continue;
        if (before && !it->before) need_holder(c, i, body);
        if (references) tn_check_references(c->o.resource, body, need_reference, &w);
    }
}

/* ------------------------------------------------------------------ judging */

/* The row that a need asked for; NULL: it is not there. */
static const struct tn_row *row_of(const struct tn_match *c, const struct need *n)
{
    const struct tn_found *found = c->found[n->where];
    return tn_found_err(found, n->number) ? NULL : tn_found_row(found, n->number, 0);
}

static bool is_there(void *arg, size_t n)
{
    const struct tn_match *c = arg;
    const struct need *need = &c->needs[c->need_at + n];
    return need->where != NONE && row_of(c, need) != NULL;
}

/* What the item names has to be there still when it is written. */
static void note_named(struct tn_match *c, size_t i)
{
    struct tn_batch_item *it = item_of(c, i);
    size_t n = 0;
    while (c->need_at + n < c->need_count && c->needs[c->need_at + n].item == i) n++;
    it->named_count = n;
    if (!n) return;
    struct tn_named *named = tn_arena_alloc(&c->b->memory, n * sizeof *named);
    for (size_t k = 0; k < n; k++) named[k] = c->needs[c->need_at + k].named;
    it->named = named;
}

/* Once it is known which record it will be written over. */
static void judge_one(struct tn_match *c, size_t i)
{
    struct tn_batch_item *it = item_of(c, i);
    while (c->need_at < c->need_count && c->needs[c->need_at].item < i) c->need_at++;
    if (it->state != TN_ITEM_new && it->state != TN_ITEM_changed) return;
    if (c->need_at < c->need_count) {
        const struct need *n = &c->needs[c->need_at];
        if (n->item == i && n->key) {
            const struct tn_row *row = row_of(c, n);
            if (row) note_before(c, it, &row->id, row->version, row->body);
            c->need_at++;
        }
    }
    note_named(c, i);
    tn_judge_item(c->judge, c->b, c->items[i], tn_store_now(c->o.store), is_there, c);
}

static void add_cured(struct tn_batch *b, const struct tn_id *row)
{
    if (b->cured_count == b->cured_room) {
        b->cured_room = b->cured_room ? b->cured_room * 2 : 16;
        b->cured = tn_realloc(b->cured, b->cured_room * sizeof *b->cured);
    }
    b->cured[b->cured_count++] = *row;
}

/* Is the row one of a record that keeps the rules again? */
static bool is_cured(const struct tn_match *c, const struct tn_row *row, struct tn_json *json,
                     struct tn_arena *arena)
{
    struct tn_err err;
    struct tn_str id;
    if (!tn_json_parse(json, row->body, &err) ||
        !tn_jtext(tn_jget_z(tn_json_root(json), "external_id"), arena, &id))
        return false;
    for (size_t i = 0; i < c->count; i++)
        if (tn_str_eq(item_of(c, i)->external_id, id))
            return item_of(c, i)->state != TN_ITEM_misfit;
    return false;
}

static void find_cured(struct tn_match *c)
{
    struct tn_found *found = c->found[PAGE];
    if (c->any != SIZE_MAX) c->quarantined |= tn_found_row(found, c->any, 0) != NULL;
    c->looked = true;
    size_t n = c->rows != SIZE_MAX ? tn_found_list(found, c->rows)->count : 0;
    if (!n) return;
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    tn_arena_init(&arena);
    for (size_t i = 0; i < n; i++) {
        const struct tn_row *row = tn_found_row(found, c->rows, i);
        if (is_cured(c, row, json, &arena)) add_cured(c->b, &row->id);
    }
    tn_arena_clear(&arena);
    tn_json_free(json);
}

static void judge_all(struct tn_match *c)
{
    c->need_at = 0;
    for (size_t i = 0; i < c->count && c->judge; i++) judge_one(c, i);
    if (!c->again) {
        find_cured(c);
        c->b->compared = c->upto;
    }
    finish(c, NULL);
}

/* ------------------------------------------------------------------ answers */

static void go_on(struct tn_match *c)
{
    if (c->reads[OWN])
        ask(c, OWN);
    else if (c->reads[GLOBAL])
        ask(c, GLOBAL);
    else
        judge_all(c);
}

/* That a record is not there is an answer. */
static const struct tn_err *serious(const struct tn_found *found, size_t question)
{
    const struct tn_err *err = tn_found_err(found, question);
    return err && err->kind != TN_E_not_found ? err : NULL;
}

/* The failure of a question of the phase; NULL: all were answered. */
static const struct tn_err *failure(const struct tn_match *c)
{
    const struct tn_found *found = c->found[c->phase];
    const struct tn_err *err = NULL;
    if (c->phase == PAGE) {
        err = tn_found_err(found, 0);
        if (!err && c->any != SIZE_MAX) err = tn_found_err(found, c->any);
        if (!err && c->rows != SIZE_MAX) err = tn_found_err(found, c->rows);
    }
    for (size_t i = 0; c->phase != PAGE && i < c->need_count && !err; i++)
        if (c->needs[i].where == (int)c->phase) err = serious(found, c->needs[i].number);
    return err;
}

static void on_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct tn_match *c = arg;
    struct tn_err err;
    c->call = NULL;
    if (found) c->found[c->phase] = tn_found_ref(found);
    if (!failed) failed = failure(c);
    if (!failed && c->phase == PAGE) {
        if (take_page(c, &err))
            find_needs(c);
        else
            failed = &err;
    }
    if (!failed) {
        go_on(c);
        return;
    }
    if (failed != &err) err = *failed;
    finish(c, &err);
}
