/* SPDX-License-Identifier: MIT */
/* Answers read values at the end of the turn, with the functions of sqlite_read.c and
 * sqlite_query.c: in the order in which they came, for TN_LIMIT_READ_MS in each turn. With
 * TENON_STORE_READS=random or random:SEED in the environment, a build with faults delays the
 * answers and shuffles their order, so that tests find code that relies on an order. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "loop/loop.h"
#include "store/question.h"
#include "store/sqlite.h"

enum { PUT_OFF_US = 20000, PAUSE_US = 3000 };

struct tn_answerer {
    struct tn_sqlite *s;
    struct tn_timer *timer;
    struct tn_read_call *head, **tail;
    struct tn_buf hold;
    uint64_t turn;
    uint64_t random; /* state of the generator; 0: answer in order */
};

/* ------------------------------------------------------------------ questions */

struct into {
    struct tn_read *read;
    struct tn_question *q;
};

static bool take_row(void *arg, const struct tn_row *row)
{
    struct into *to = arg;
    return tn_question_row(to->read, to->q, row);
}

static bool take_link(void *arg, const struct tn_link *link)
{
    struct into *to = arg;
    return tn_question_link(to->read, to->q, link);
}

static bool take_version(void *arg, const struct tn_version *v)
{
    struct into *to = arg;
    return tn_question_version(to->read, to->q, v);
}

static bool take_event(void *arg, const struct tn_event *e)
{
    struct into *to = arg;
    return tn_question_event(to->read, to->q, e);
}

static bool take_kv(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct into *to = arg;
    return tn_question_kv(to->read, to->q, key, value, version);
}

static bool get(struct tn_answerer *a, struct tn_read *r, struct tn_question *q, struct tn_err *err)
{
    struct tn_row row;
    if (!tn_sqlite_get(&a->s->base, r->team, q->name, &q->id, &row, &a->hold, err)) return false;
    tn_question_row(r, q, &row);
    return true;
}

static bool key(struct tn_answerer *a, struct tn_read *r, struct tn_question *q, struct tn_err *err)
{
    struct tn_row row;
    if (!tn_sqlite_get_by_key(&a->s->base, r->team, q->name, q->texts, q->text_count, &row,
                              &a->hold, err))
        return false;
    tn_question_row(r, q, &row);
    return true;
}

static bool link_to(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                    struct tn_err *err)
{
    struct tn_row row;
    if (!tn_sqlite_get_by_link(&a->s->base, r->team, q->name, &q->source, q->text, &row, &a->hold,
                               err))
        return false;
    tn_question_row(r, q, &row);
    return true;
}

static bool as_of(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                  struct tn_err *err)
{
    struct tn_row row;
    if (!tn_sqlite_as_of(&a->s->base, r->team, q->name, &q->id, q->version, q->number, &row,
                         &a->hold, err))
        return false;
    tn_question_row(r, q, &row);
    return true;
}

static bool links(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                  struct tn_err *err)
{
    struct into to = {r, q};
    return tn_sqlite_links(&a->s->base, r->team, q->name, &q->id, take_link, &to, err);
}

static bool take_total(void *arg, const struct tn_total *total)
{
    struct into *to = arg;
    return tn_question_total(to->read, to->q, total);
}

static bool totals(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                   struct tn_err *err)
{
    struct into to = {r, q};
    return tn_sqlite_totals(&a->s->base, r->team, q->name, &q->id, take_total, &to, err);
}

static bool query(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                  struct tn_err *err)
{
    struct into to = {r, q};
    struct tn_page page;
    tn_page_init(&page);
    bool ok = tn_sqlite_query(&a->s->base, q->query, take_row, &to, &page, err);
    if (ok) {
        q->list.more = page.more;
        q->list.total = page.total;
        q->list.total_capped = page.total_capped;
        if (page.more) q->list.next = tn_question_text(r, q, tn_buf_str(&page.next));
    }
    tn_page_clear(&page);
    return ok;
}

static bool count(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                  struct tn_err *err)
{
    return tn_sqlite_count(&a->s->base, r->team, q->name, &q->list.total, err);
}

static bool kv(struct tn_answerer *a, struct tn_read *r, struct tn_question *q, struct tn_err *err)
{
    int64_t version;
    if (!tn_sqlite_kv_get(&a->s->base, r->team, q->name, q->text, &a->hold, &version, err))
        return false;
    tn_question_kv(r, q, q->text, tn_buf_str(&a->hold), version);
    q->list.more = false;
    return true;
}

static bool kv_list(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                    struct tn_err *err)
{
    struct into to = {r, q};
    return tn_sqlite_kv_list(&a->s->base, r->team, q->name, q->text, q->after_text, q->limit,
                             take_kv, &to, err);
}

static bool versions(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                     struct tn_err *err)
{
    struct into to = {r, q};
    return tn_sqlite_versions(&a->s->base, r->team, q->name, &q->id, q->limit, take_version, &to,
                              err);
}

static bool tail(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                 struct tn_err *err)
{
    struct into to = {r, q};
    if (q->partition != TN_PARTITION_DEFAULT)
        return tn_fail(err, TN_E_invalid, "there is no log partition %d: this store has one, 0",
                       q->partition);
    q->tail.last = q->number;
    return tn_sqlite_tail(&a->s->base, r->team, q->number, q->limit, take_event, &to, &q->tail,
                          err);
}

static bool queue(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                  struct tn_err *err)
{
    return tn_sqlite_queue(&a->s->base, r->team, q->name, q->text, q->limit, &q->queue, err);
}

static bool hashes(struct tn_answerer *a, struct tn_read *r, const struct tn_question *q,
                   unsigned char (**out)[TN_HASH_LEN], bool **known, struct tn_err *err)
{
    *out = tn_arena_alloc(&r->arena, q->text_count * sizeof **out);
    *known = tn_arena_alloc(&r->arena, q->text_count * sizeof **known);
    return tn_sqlite_link_hashes(&a->s->base, r->team, &q->source, q->texts, q->text_count, *out,
                                 *known, err);
}

static bool changed_item(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                         struct tn_str external_id, struct tn_seen *seen, struct tn_err *err)
{
    struct tn_row row;
    seen->state = TN_SEEN_changed;
    if (!q->page->bodies) return true;
    if (!tn_sqlite_get_by_link(&a->s->base, r->team, q->name, &q->source, external_id, &row,
                               &a->hold, err))
        return err->kind == TN_E_not_found;
    seen->record = row.id;
    seen->version = row.version;
    if (!tn_question_full(q)) seen->body = tn_question_text(r, q, row.body);
    return true;
}

struct holder {
    struct into to;
    struct tn_seen *seen;
};

static bool note_holder(void *arg, const struct tn_link *link)
{
    struct holder *h = arg;
    const struct tn_origin *source = &h->to.q->source;
    if (memcmp(&link->source.integration, &source->integration, sizeof source->integration) != 0 ||
        !tn_str_eq(link->source.entity, source->entity))
        return true;
    h->seen->holder = tn_question_text(h->to.read, h->to.q, link->external_id);
    return false;
}

static bool new_item(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                     const struct tn_source_item *item, struct tn_seen *seen, struct tn_err *err)
{
    struct holder h = {{r, q}, seen};
    struct tn_row row;
    seen->state = TN_SEEN_new;
    if (q->page->key_count == 0 || !item->key[0].p) return true;
    if (!tn_sqlite_get_by_key(&a->s->base, r->team, q->name, item->key, q->page->key_count, &row,
                              &a->hold, err))
        return err->kind == TN_E_not_found;
    seen->record = row.id;
    seen->version = row.version;
    return tn_sqlite_links(&a->s->base, r->team, q->name, &row.id, note_holder, &h, err);
}

static bool page(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                 struct tn_err *err)
{
    unsigned char(*list)[TN_HASH_LEN];
    bool *known, ok = tn_sqlite_decl(&a->s->base, q->name, err) != NULL;
    if (!ok || !hashes(a, r, q, &list, &known, err)) return false;
    for (size_t i = 0; ok && i < q->page->count; i++) {
        const struct tn_source_item *item = &q->page->items[i];
        struct tn_seen *seen = tn_question_seen(r, q);
        if (!known[i])
            ok = new_item(a, r, q, item, seen, err);
        else if (memcmp(list[i], item->hash, TN_HASH_LEN) != 0)
            ok = changed_item(a, r, q, item->external_id, seen, err);
    }
    return ok;
}

/* ------------------------------------------------------------------ slices */

typedef bool (*answer_fn)(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                          struct tn_err *err);
static const struct {
    answer_fn answer;
    bool one_statement; /* it is one statement, so it sees one state without a transaction */
} ways[TN_QUESTION_COUNT] = {
    [TN_QUESTION_get] = {get, true},         [TN_QUESTION_key] = {key, true},
    [TN_QUESTION_link] = {link_to, true},    [TN_QUESTION_links] = {links, false},
    [TN_QUESTION_totals] = {totals, true},   [TN_QUESTION_query] = {query, false},
    [TN_QUESTION_count] = {count, true},     [TN_QUESTION_kv] = {kv, true},
    [TN_QUESTION_kv_list] = {kv_list, true}, [TN_QUESTION_versions] = {versions, false},
    [TN_QUESTION_as_of] = {as_of, false},    [TN_QUESTION_tail] = {tail, false},
    [TN_QUESTION_queue] = {queue, true},

    [TN_QUESTION_page] = {page, false},
};

static bool run(struct tn_sqlite *s, const char *sql, struct tn_err *err)
{
    sqlite3_stmt *st = tn_sqlite_sql(s, sql, err);
    if (!st) return false;
    if (sqlite3_step(st) != SQLITE_DONE) return tn_sqlite_fail(s, st, err);
    sqlite3_reset(st);
    return true;
}

static uint64_t draw(struct tn_answerer *a)
{
    a->random = a->random * 6364136223846793005u + 1442695040888963407u;
    return a->random >> 33;
}

/* Answers one question. False: the whole read fails. */
static bool answer(struct tn_answerer *a, struct tn_read *r, struct tn_question *q,
                   struct tn_err *err)
{
    if (q->err) return true;
    if (r->bytes >= TN_LIMIT_READ)
        tn_fail(err, TN_E_too_large, "the answer has %zu bytes already: ask for less at a time",
                r->bytes);
    else if (ways[q->kind].answer(a, r, q, err))
        return true;
    return tn_question_fail(r, q, err);
}

/* In tests that shuffle: another turn is to come between two questions. */
static bool pauses(struct tn_answerer *a, struct tn_read_call *c)
{
    if (!a->random || draw(a) % 4) return false;
    c->due_us = tn_mono_us() + (int64_t)(draw(a) % PAUSE_US);
    return true;
}

/* Answers questions until the slice is over. One transaction covers them (shared: that of the
 * slice), so that SQLite takes its locks once; it ends with the slice, because later reads have to
 * see later commits. */
static bool go_on(struct tn_answerer *a, struct tn_read_call *c, bool shared, int64_t until_us,
                  struct tn_err *err)
{
    struct tn_read *r = c->read;
    size_t left = r->count - c->at;
    bool apart =
        shared || (left <= 1 && (left == 0 || ways[r->questions[c->at].kind].one_statement));
    if (!apart && !run(a->s, "BEGIN", err)) return false;
    bool ok = true;
    while (ok && c->at < r->count) {
        ok = answer(a, r, &r->questions[c->at++], err);
        if (!c->one_snapshot && (pauses(a, c) || tn_mono_us() >= until_us)) break;
    }
    struct tn_err ended;
    /* After a damaged page a COMMIT says once more that it is damaged. */
    if (apart || run(a->s, ok ? "COMMIT" : "ROLLBACK", &ended)) return ok;
    if (ok) *err = ended;
    return false;
}

/* The next call that has waited for a turn, and until its time; NULL: none. */
static struct tn_read_call *next(struct tn_answerer *a)
{
    if (!a->random) return a->head && a->head->turn < a->turn ? a->head : NULL;
    struct tn_read_call *best = NULL;
    int64_t now = tn_mono_us();
    for (struct tn_read_call *c = a->head; c; c = c->next)
        if (c->turn < a->turn && c->due_us <= now && (!best || c->due_us < best->due_us)) best = c;
    return best;
}

static void take_out(struct tn_answerer *a, struct tn_read_call *c)
{
    struct tn_read_call **at = &a->head;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    if (a->tail == &c->next) a->tail = at;
}

static void arm(struct tn_answerer *a)
{
    int64_t due_us = INT64_MAX, now = a->random ? tn_mono_us() : 0;
    for (struct tn_read_call *c = a->random ? a->head : NULL; c; c = c->next)
        if (c->due_us < due_us) due_us = c->due_us;
    if (a->head) tn_timer_set(a->timer, a->random && due_us > now ? (due_us - now) / 1000 + 1 : 0);
}

static void slice(void *arg)
{
    struct tn_answerer *a = arg;
    int64_t until_us = tn_mono_us() + TN_LIMIT_READ_MS * 1000;
    struct tn_err err;
    a->turn++;
    /* Calls that waited together share a transaction; one alone does without where it can. */
    bool shared = !a->random && a->head && a->head->next && run(a->s, "BEGIN", &err);
    for (struct tn_read_call *c; (c = next(a));) {
        bool ok = c->call.cancelled || go_on(a, c, shared, until_us, &err);
        if (!ok || c->call.cancelled || c->at == c->read->count) {
            take_out(a, c);
            tn_read_answer(c, ok ? NULL : &err);
        }
        if (tn_mono_us() >= until_us) break;
    }
    if (shared) (void)run(a->s, "COMMIT", &err); /* a read that failed may have ended it */
    arm(a);
}

void tn_sqlite_read(struct tn_store *s, struct tn_read_call *call_give)
{
    struct tn_answerer *a = tn_sqlite(s)->answerer;
    bool first = !a->head;
    call_give->turn = a->turn;
    if (a->random) call_give->due_us = tn_mono_us() + (int64_t)(draw(a) % PUT_OFF_US);
    *a->tail = call_give;
    a->tail = &call_give->next;
    if (first || a->random) arm(a);
}

/* ------------------------------------------------------------------ life */

static uint64_t seed(void)
{
    unsigned long long n = 0;
#ifdef TN_FAULTS
    const char *how = getenv("TENON_STORE_READS");
    if (!how || strncmp(how, "random", 6) != 0) return 0;
    if (sscanf(how, "random:%llu", &n) != 1) tn_random(&n, sizeof n);
    n |= 1;
#endif
    return n;
}

struct tn_answerer *tn_answerer_open(struct tn_sqlite *s)
{
    struct tn_answerer *a = TN_NEW(struct tn_answerer);
    a->s = s;
    a->tail = &a->head;
    a->random = seed();
    a->timer = tn_timer_new(s->base.loop, slice, a);
    tn_buf_init(&a->hold, TN_LIMIT_RECORD + TN_KIB);
    return a;
}

void tn_answerer_stop(struct tn_answerer *a)
{
    struct tn_err err;
    tn_fail(&err, TN_E_cancelled, "the store was closed");
    while (a->head) {
        struct tn_read_call *c = a->head;
        take_out(a, c);
        tn_read_answer(c, &err);
    }
}

void tn_answerer_free(struct tn_answerer *a)
{
    tn_timer_free(a->timer);
    tn_buf_clear(&a->hold);
    tn_free(a);
}
