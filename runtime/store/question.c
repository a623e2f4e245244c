/* SPDX-License-Identifier: MIT */
/* Read values, their answers and calls: the code that all drivers share. */
#include "store/question.h"

#include <assert.h>

#include "base/limits.h"
#include "store/driver.h"

struct tn_found {
    int refs;
    struct tn_read *read;
};

/* ------------------------------------------------------------------ questions */

struct tn_read *tn_read_new(int64_t team)
{
    struct tn_read *r = TN_NEW(struct tn_read);
    r->team = team;
    tn_arena_init(&r->arena);
    return r;
}

void tn_read_free(struct tn_read *r)
{
    if (!r) return;
    tn_arena_clear(&r->arena);
    tn_free(r);
}

static void *copy(struct tn_read *r, const void *p, size_t n)
{
    void *out = tn_arena_alloc(&r->arena, n);
    if (n) memcpy(out, p, n);
    return out;
}

/* Copies s into the read; {NULL, 0} stays the same. */
static struct tn_str text(struct tn_read *r, struct tn_str s)
{
    if (s.p) s.p = tn_arena_strndup(&r->arena, s.p, s.n);
    return s;
}

static struct tn_str *texts(struct tn_read *r, const struct tn_str *list, size_t count)
{
    struct tn_str *out = tn_arena_alloc(&r->arena, count * sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = text(r, list[i]);
    return out;
}

static struct tn_origin origin(struct tn_read *r, const struct tn_origin *source)
{
    return (struct tn_origin){source->integration, text(r, source->entity)};
}

static struct tn_question *add(struct tn_read *r, enum tn_question_kind kind, const char *name)
{
    if (r->count == r->room) {
        size_t room = r->room ? r->room * 2 : 4;
        struct tn_question *more = tn_arena_alloc(&r->arena, room * sizeof *more);
        if (r->count) memcpy(more, r->questions, r->count * sizeof *more);
        r->questions = more;
        r->room = room;
    }
    struct tn_question *q = &r->questions[r->count++];
    q->kind = kind;
    q->name = name ? tn_arena_strdup(&r->arena, name) : NULL;
    q->list.total = -1;
    return q;
}

static size_t number_of(const struct tn_read *r, const struct tn_question *q)
{
    return (size_t)(q - r->questions);
}

static size_t refuse(struct tn_read *r, struct tn_question *q, const char *what, size_t most)
{
    struct tn_err err;
    tn_fail(&err, TN_E_invalid, "%s: at most %zu", what, most);
    tn_question_fail(r, q, &err);
    return number_of(r, q);
}

static size_t page_limit(size_t limit)
{
    return limit == 0 || limit > TN_LIMIT_PAGE ? TN_LIMIT_PAGE : limit;
}

size_t tn_read_get(struct tn_read *r, const char *table, const struct tn_id *id)
{
    struct tn_question *q = add(r, TN_QUESTION_get, table);
    q->id = *id;
    return number_of(r, q);
}

size_t tn_read_key(struct tn_read *r, const char *table, const struct tn_str *key, size_t count)
{
    struct tn_question *q = add(r, TN_QUESTION_key, table);
    if (count > TN_STORE_KEY_MAX) return refuse(r, q, "columns of a key", (size_t)TN_STORE_KEY_MAX);
    q->texts = texts(r, key, count);
    q->text_count = count;
    return number_of(r, q);
}

size_t tn_read_link(struct tn_read *r, const char *table, const struct tn_origin *source,
                    struct tn_str external_id)
{
    struct tn_question *q = add(r, TN_QUESTION_link, table);
    q->source = origin(r, source);
    q->text = text(r, external_id);
    return number_of(r, q);
}

size_t tn_read_links(struct tn_read *r, const char *table, const struct tn_id *id)
{
    struct tn_question *q = add(r, TN_QUESTION_links, table);
    q->id = *id;
    return number_of(r, q);
}

size_t tn_read_totals(struct tn_read *r, const char *table, const struct tn_id *id)
{
    struct tn_question *q = add(r, TN_QUESTION_totals, table);
    q->id = *id;
    return number_of(r, q);
}

static const struct tn_filter *filters(struct tn_read *r, const struct tn_query *q)
{
    struct tn_filter *out = copy(r, q->filters, q->filter_count * sizeof *out);
    for (size_t i = 0; i < q->filter_count; i++) {
        out[i].column = tn_arena_strdup(&r->arena, out[i].column);
        out[i].values = texts(r, out[i].values, out[i].count);
    }
    return out;
}

size_t tn_read_query(struct tn_read *r, const struct tn_query *given)
{
    struct tn_question *q = add(r, TN_QUESTION_query, given->table);
    if (given->filter_count > TN_STORE_FILTERS_MAX)
        return refuse(r, q, "filters of a query", TN_STORE_FILTERS_MAX);
    if (given->sort_count > TN_STORE_SORT_MAX)
        return refuse(r, q, "sort columns of a query", TN_STORE_SORT_MAX);
    if (given->offset > TN_LIMIT_OFFSET) return refuse(r, q, "rows of an offset", TN_LIMIT_OFFSET);
    struct tn_query *own = copy(r, given, sizeof *own);
    own->team = r->team;
    own->table = q->name;
    own->limit = page_limit(own->limit);
    own->filters = filters(r, given);
    for (size_t i = 0; i < own->sort_count; i++)
        own->sort[i].column = tn_arena_strdup(&r->arena, own->sort[i].column);
    own->cursor = text(r, own->cursor);
    own->text = text(r, own->text);
    for (size_t i = 0; i < 4 && own->in_text[i]; i++)
        own->in_text[i] = tn_arena_strdup(&r->arena, own->in_text[i]);
    q->query = own;
    return number_of(r, q);
}

size_t tn_read_count(struct tn_read *r, const char *table)
{
    return number_of(r, add(r, TN_QUESTION_count, table));
}

size_t tn_read_kv(struct tn_read *r, const char *space, struct tn_str key)
{
    struct tn_question *q = add(r, TN_QUESTION_kv, space);
    q->text = text(r, key);
    return number_of(r, q);
}

size_t tn_read_kv_list(struct tn_read *r, const char *space, struct tn_str prefix,
                       struct tn_str after, size_t limit)
{
    struct tn_question *q = add(r, TN_QUESTION_kv_list, space);
    q->text = text(r, prefix);
    q->after_text = text(r, after);
    q->limit = page_limit(limit);
    return number_of(r, q);
}

size_t tn_read_versions(struct tn_read *r, const char *table, const struct tn_id *id, size_t limit)
{
    struct tn_question *q = add(r, TN_QUESTION_versions, table);
    q->id = *id;
    q->limit = page_limit(limit);
    return number_of(r, q);
}

size_t tn_read_as_of(struct tn_read *r, const char *table, const struct tn_id *id, int64_t version,
                     int64_t at_ms)
{
    struct tn_question *q = add(r, TN_QUESTION_as_of, table);
    q->id = *id;
    q->version = version;
    q->number = at_ms;
    return number_of(r, q);
}

size_t tn_read_tail(struct tn_read *r, int partition, int64_t after, size_t limit)
{
    struct tn_question *q = add(r, TN_QUESTION_tail, NULL);
    q->partition = partition;
    q->number = after;
    q->limit = page_limit(limit);
    return number_of(r, q);
}

size_t tn_read_queue(struct tn_read *r, const char *queue, struct tn_str order, size_t most)
{
    struct tn_question *q = add(r, TN_QUESTION_queue, queue);
    q->text = text(r, order);
    q->limit = most;
    return number_of(r, q);
}

size_t tn_read_page(struct tn_read *r, const struct tn_page_of *given)
{
    struct tn_question *q = add(r, TN_QUESTION_page, given->table);
    if (given->count > TN_LIMIT_PAGE) return refuse(r, q, "items of a page", TN_LIMIT_PAGE);
    if (given->key_count > TN_STORE_KEY_MAX)
        return refuse(r, q, "columns of a key", (size_t)TN_STORE_KEY_MAX);
    struct tn_page_of *own = copy(r, given, sizeof *own);
    struct tn_source_item *items = copy(r, given->items, given->count * sizeof *items);
    struct tn_str *ids = tn_arena_alloc(&r->arena, given->count * sizeof *ids);
    for (size_t i = 0; i < given->count; i++) {
        ids[i] = items[i].external_id = text(r, items[i].external_id);
        for (size_t k = 0; k < given->key_count; k++) items[i].key[k] = text(r, items[i].key[k]);
    }
    own->table = q->name;
    own->source = q->source = origin(r, &given->source);
    own->items = items;
    q->page = own;
    q->texts = ids;
    q->text_count = given->count;
    return number_of(r, q);
}

/* ------------------------------------------------------------------ functions for drivers */

bool tn_question_fail(struct tn_read *r, struct tn_question *q, const struct tn_err *err)
{
    if (err->kind != TN_E_not_found && err->kind != TN_E_invalid && err->kind != TN_E_too_large)
        return false;
    q->err = copy(r, err, sizeof *err);
    q->list.count = 0;
    q->list.more = false;
    return true;
}

bool tn_question_full(const struct tn_question *q)
{
    return q->bytes >= TN_LIMIT_QUERY_BYTES;
}

struct tn_str tn_question_text(struct tn_read *r, struct tn_question *q, struct tn_str s)
{
    q->bytes += s.n;
    r->bytes += s.n;
    return (struct tn_str){tn_arena_strndup(&r->arena, s.p, s.n), s.n};
}

static void *new_row(struct tn_read *r, struct tn_question *q, size_t size)
{
    if (q->list.count == q->room) {
        size_t room = q->room ? q->room * 2 : q->limit || q->query || q->page ? 16 : 1;
        void *more = tn_arena_alloc(&r->arena, room * size);
        if (q->list.count) memcpy(more, q->rows, q->list.count * size);
        q->rows = more;
        q->room = room;
    }
    return (char *)q->rows + q->list.count++ * size;
}

bool tn_question_row(struct tn_read *r, struct tn_question *q, const struct tn_row *row)
{
    struct tn_row *out = new_row(r, q, sizeof *out);
    *out = *row;
    out->body = tn_question_text(r, q, row->body);
    return !tn_question_full(q);
}

bool tn_question_link(struct tn_read *r, struct tn_question *q, const struct tn_link *link)
{
    struct tn_link *out = new_row(r, q, sizeof *out);
    *out = *link;
    out->source.entity = tn_question_text(r, q, link->source.entity);
    out->external_id = tn_question_text(r, q, link->external_id);
    out->agreed = tn_question_text(r, q, link->agreed);
    return !(q->list.more = tn_question_full(q));
}

bool tn_question_total(struct tn_read *r, struct tn_question *q, const struct tn_total *total)
{
    struct tn_total *out = new_row(r, q, sizeof *out);
    *out = (struct tn_total){tn_question_text(r, q, total->name), total->value};
    return !(q->list.more = tn_question_full(q));
}

bool tn_question_version(struct tn_read *r, struct tn_question *q, const struct tn_version *v)
{
    *(struct tn_version *)new_row(r, q, sizeof *v) = *v;
    return !(q->list.more = q->list.count == q->limit);
}

bool tn_question_event(struct tn_read *r, struct tn_question *q, const struct tn_event *e)
{
    struct tn_event *out = new_row(r, q, sizeof *out);
    *out = *e;
    out->type = tn_question_text(r, q, e->type);
    out->table = tn_question_text(r, q, e->table);
    out->data = tn_question_text(r, q, e->data);
    return !(q->list.more = tn_question_full(q) || q->list.count == q->limit);
}

bool tn_question_kv(struct tn_read *r, struct tn_question *q, struct tn_str key,
                    struct tn_str value, int64_t version)
{
    struct tn_kv *out = new_row(r, q, sizeof *out);
    out->key = tn_question_text(r, q, key);
    out->value = tn_question_text(r, q, value);
    out->version = version;
    return !(q->list.more = tn_question_full(q) || q->list.count == q->limit);
}

struct tn_seen *tn_question_seen(struct tn_read *r, struct tn_question *q)
{
    return new_row(r, q, sizeof(struct tn_seen));
}

/* ------------------------------------------------------------------ calls */

struct tn_call *tn_store_read(struct tn_store *store, struct tn_read *read_give,
                              const struct tn_read_options *o, tn_read_fn done, void *arg)
{
    struct tn_read_call *call = TN_NEW(struct tn_read_call);
    call->store = store;
    call->read = read_give;
    call->one_snapshot = o && o->one_snapshot;
    call->done = done;
    call->arg = arg;
    store->ops->read(store, call);
    return &call->call;
}

void tn_call_cancel(struct tn_call *call)
{
    if (call) call->cancelled = true;
}

void tn_read_answer(struct tn_read_call *call, const struct tn_err *err)
{
    struct tn_found *found = NULL;
    if (!call->call.cancelled && !err) {
        found = TN_NEW(struct tn_found);
        *found = (struct tn_found){1, call->read};
        call->read = NULL;
    }
    /* The call is freed after done, because its owner may still cancel it inside done. */
    if (!call->call.cancelled) call->done(call->arg, found, err);
    tn_found_unref(found);
    tn_read_free(call->read);
    tn_free(call);
}

/* ------------------------------------------------------------------ answers */

struct tn_found *tn_found_ref(struct tn_found *f)
{
    f->refs++;
    return f;
}

void tn_found_unref(struct tn_found *f)
{
    if (!f || --f->refs) return;
    tn_read_free(f->read);
    tn_free(f);
}

static const struct tn_question *at(const struct tn_found *f, size_t question)
{
    assert(question < f->read->count);
    return &f->read->questions[question];
}

/* Gives row i of a question, whose kind has to be in kinds (one bit each). */
static const void *row_at(const struct tn_found *f, size_t question, size_t i, size_t size,
                          unsigned kinds)
{
    const struct tn_question *q = at(f, question);
    assert(kinds & 1u << q->kind);
    (void)kinds;
    return i < q->list.count ? (const char *)q->rows + i * size : NULL;
}

const struct tn_err *tn_found_err(const struct tn_found *f, size_t question)
{
    return at(f, question)->err;
}

const struct tn_list *tn_found_list(const struct tn_found *f, size_t question)
{
    return &at(f, question)->list;
}

const struct tn_row *tn_found_row(const struct tn_found *f, size_t question, size_t i)
{
    return row_at(f, question, i, sizeof(struct tn_row),
                  1u << TN_QUESTION_get | 1u << TN_QUESTION_key | 1u << TN_QUESTION_link |
                      1u << TN_QUESTION_query | 1u << TN_QUESTION_as_of);
}

const struct tn_link *tn_found_link(const struct tn_found *f, size_t question, size_t i)
{
    return row_at(f, question, i, sizeof(struct tn_link), 1u << TN_QUESTION_links);
}

int64_t tn_found_total(const struct tn_found *f, size_t question, const char *name)
{
    const struct tn_total *total;
    for (size_t i = 0; (total = row_at(f, question, i, sizeof *total, 1u << TN_QUESTION_totals));
         i++)
        if (tn_str_is(total->name, name)) return total->value;
    return 0;
}

const struct tn_version *tn_found_version(const struct tn_found *f, size_t question, size_t i)
{
    return row_at(f, question, i, sizeof(struct tn_version), 1u << TN_QUESTION_versions);
}

const struct tn_event *tn_found_event(const struct tn_found *f, size_t question, size_t i)
{
    return row_at(f, question, i, sizeof(struct tn_event), 1u << TN_QUESTION_tail);
}

const struct tn_kv *tn_found_kv(const struct tn_found *f, size_t question, size_t i)
{
    return row_at(f, question, i, sizeof(struct tn_kv),
                  1u << TN_QUESTION_kv | 1u << TN_QUESTION_kv_list);
}

const struct tn_seen *tn_found_seen(const struct tn_found *f, size_t question, size_t i)
{
    return row_at(f, question, i, sizeof(struct tn_seen), 1u << TN_QUESTION_page);
}

const struct tn_queue_state *tn_found_queue(const struct tn_found *f, size_t question)
{
    assert(at(f, question)->kind == TN_QUESTION_queue);
    return &at(f, question)->queue;
}

const struct tn_tail *tn_found_tail(const struct tn_found *f, size_t question)
{
    assert(at(f, question)->kind == TN_QUESTION_tail);
    return &at(f, question)->tail;
}
