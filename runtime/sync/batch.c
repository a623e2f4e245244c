/* SPDX-License-Identifier: MIT */
#include "sync/batch.h"

#include <stdio.h>

#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "mapping/apply.h"
#include "sync/source.h"

enum { CLOCK_EVERY = 8, OVERRUNS_MAX = 3, BODIES_MAX = 256 * 1024 * 1024, ROWS_MAX = 1 << 24 };

/* Where a batch stood when a page was begun. */
struct mark {
    size_t count, bad_count, rows, bytes, warned_count;
    int64_t warnings;
};

struct tn_mapper {
    struct tn_json *json;
    struct tn_apply *apply;
    const struct tn_plan *plan;
    unsigned clock_every; /* records between two looks at the clock */
    bool again;           /* a function was paused: the record at hand once more */
    struct tn_json_rows rows;
    struct tn_batch *batch;
    struct mark before;
    struct tn_str text;
    struct tn_outcome outcome; /* of the last record */
    uint64_t seed;
    unsigned overruns; /* budget faults one after the other */
};

void tn_batch_init(struct tn_batch *b)
{
    *b = (struct tn_batch){0};
    tn_buf_init(&b->bodies, BODIES_MAX);
    tn_buf_init(&b->filled, BODIES_MAX);
    tn_arena_init(&b->memory);
}

void tn_batch_reset(struct tn_batch *b)
{
    b->count = b->bad_count = b->misfit_count = b->rows = 0;
    b->compared = b->changes = b->cured_count = 0;
    b->warnings = 0;
    b->warned_count = 0;
    tn_buf_reset(&b->bodies);
    tn_buf_reset(&b->filled);
    tn_arena_reset(&b->memory);
    if (b->slots) memset(b->slots, 0, b->slot_count * sizeof *b->slots);
}

void tn_batch_clear(struct tn_batch *b)
{
    tn_free(b->items);
    tn_free(b->bad);
    tn_free(b->misfits);
    tn_free(b->cured);
    tn_free(b->slots);
    tn_buf_clear(&b->bodies);
    tn_buf_clear(&b->filled);
    tn_arena_clear(&b->memory);
    tn_batch_init(b);
}

void tn_batch_tally(const struct tn_batch *b, struct tn_run_counts *c)
{
    for (size_t i = 0; i < b->count; i++) {
        switch (b->items[i].state) {
        case TN_ITEM_new: c->created++; break;
        case TN_ITEM_changed: c->updated++; break;
        case TN_ITEM_same: c->unchanged++; break;
        case TN_ITEM_twice:
        case TN_ITEM_misfit: continue;
        }
        c->processed++;
    }
    c->processed += (int64_t)(b->bad_count + b->misfit_count);
    c->failed += (int64_t)(b->bad_count + b->misfit_count);
}

struct tn_mapper *tn_mapper_new(const struct tn_plan *plan, void (*wake)(void *arg), void *arg)
{
    struct tn_mapper *m = TN_NEW(struct tn_mapper);
    m->json = tn_json_new();
    m->plan = plan;
    m->clock_every = tn_plan_functions(plan) ? 1 : CLOCK_EVERY; /* a function may take long */
    m->apply = tn_apply_new(plan);
    tn_apply_may_pause(m->apply, wake, arg);
    tn_random(&m->seed, sizeof m->seed);
    return m;
}

void tn_mapper_free(struct tn_mapper *m)
{
    if (!m) return;
    tn_apply_free(m->apply);
    tn_json_free(m->json);
    tn_free(m);
}

/* A page that cannot be read is the peer's fault, so the kind says bad_answer. */
static bool bad_page(struct tn_err *err)
{
    if (err->kind == TN_E_syntax || err->kind == TN_E_not_found) err->kind = TN_E_bad_answer;
    return tn_fail_in(err, "the page of records cannot be read");
}

bool tn_mapper_begin(struct tn_mapper *m, struct tn_batch *b, struct tn_str text,
                     struct tn_str rows, struct tn_err *err)
{
    if (m->again) tn_apply_forget(m->apply);
    m->again = false;
    m->batch = b;
    m->before =
        (struct mark){b->count, b->bad_count, b->rows, b->bodies.n, b->warned_count, b->warnings};
    m->text = text;
    if (!tn_json_rows_open(&m->rows, m->json, text, rows.p ? rows : TN_STR(""), err))
        return bad_page(err);
    m->rows.pick = tn_plan_pick(m->plan);
    return true;
}

struct tn_str tn_batch_keep(struct tn_batch *b, struct tn_str s)
{
    return (struct tn_str){tn_arena_strndup(&b->memory, s.p ? s.p : "", s.n), s.n};
}

static uint64_t hash_id(uint64_t seed, struct tn_str id)
{
    uint64_t h = seed ^ id.n;
    for (size_t i = 0; i < id.n; i++) {
        h = (h ^ (unsigned char)id.p[i]) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    return h;
}

static void rehash(struct tn_mapper *m, struct tn_batch *b, size_t size)
{
    uint32_t *slots = tn_alloc(size * sizeof *slots);
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].state == TN_ITEM_twice) continue;
        size_t at = hash_id(m->seed, b->items[i].external_id) & (size - 1);
        while (slots[at]) at = (at + 1) & (size - 1);
        slots[at] = (uint32_t)i + 1;
    }
    tn_free(b->slots);
    b->slots = slots;
    b->slot_count = size;
}

/* If rows of a page have the same id, the last counts: paging by offset is no snapshot. */
static void index_item(struct tn_mapper *m, struct tn_batch *b, size_t index)
{
    struct tn_str id = b->items[index].external_id;
    if (b->count * 2 > b->slot_count) {
        b->count--;
        rehash(m, b, b->slot_count ? b->slot_count * 2 : 1024);
        b->count++;
    }
    size_t mask = b->slot_count - 1, at = hash_id(m->seed, id) & mask;
    for (; b->slots[at]; at = (at + 1) & mask) {
        struct tn_batch_item *other = &b->items[b->slots[at] - 1];
        if (!tn_str_eq(other->external_id, id)) continue;
        other->state = TN_ITEM_twice;
        break;
    }
    b->slots[at] = (uint32_t)index + 1;
}

static struct tn_batch_item *new_item(struct tn_batch *b)
{
    if (b->count == b->room) {
        b->room = b->room ? b->room * 2 : 512;
        b->items = tn_realloc(b->items, b->room * sizeof *b->items);
    }
    return &b->items[b->count++];
}

bool tn_batch_add(struct tn_batch *b, struct tn_str external_id, struct tn_str body,
                  struct tn_str payload, const unsigned char hash[32], struct tn_err *err)
{
    size_t at = b->bodies.n;
    struct tn_batch_item *it = new_item(b);
    tn_buf_addstr(&b->bodies, body);
    *it = (struct tn_batch_item){.external_id = tn_batch_keep(b, external_id),
                                 .payload = tn_batch_keep(b, payload),
                                 .at = at,
                                 .n = body.n,
                                 .row = b->rows++};
    memcpy(it->hash, hash, sizeof it->hash);
    return tn_buf_ok(&b->bodies, "a page of mapped records", err);
}

static void add_item(struct tn_mapper *m, size_t at)
{
    struct tn_batch *b = m->batch;
    struct tn_batch_item *it = new_item(b);
    *it =
        (struct tn_batch_item){.external_id = tn_batch_keep(b, m->outcome.external_id),
                               .payload = {m->text.p + m->rows.start, m->rows.end - m->rows.start},
                               .at = at,
                               .n = b->bodies.n - at,
                               .row = b->rows - 1};
    tn_apply_hash(m->apply, &b->bodies, it->hash);
    index_item(m, b, b->count - 1);
}

static struct tn_batch_bad *one_more(struct tn_batch_bad **list, size_t *n, size_t *room)
{
    if (*n == *room) {
        *room = *room ? *room * 2 : 16;
        *list = tn_realloc(*list, *room * sizeof **list);
    }
    return memset(&(*list)[(*n)++], 0, sizeof **list);
}

static struct tn_batch_bad *new_bad(struct tn_batch *b)
{
    return one_more(&b->bad, &b->bad_count, &b->bad_room);
}

struct tn_batch_bad *tn_batch_misfit(struct tn_batch *b, size_t item)
{
    struct tn_batch_bad *bad = one_more(&b->misfits, &b->misfit_count, &b->misfit_room);
    struct tn_batch_item *it = &b->items[item];
    bad->item = item;
    bad->fresh = it->state == TN_ITEM_new;
    bad->external_id = bad->fault.record = it->external_id;
    bad->payload = tn_batch_keep(b, it->payload);
    it->state = TN_ITEM_misfit;
    return bad;
}

static struct tn_batch_bad *add_bad(struct tn_mapper *m)
{
    struct tn_batch *b = m->batch;
    char label[32];
    struct tn_batch_bad *bad = new_bad(b);
    struct tn_str id = m->outcome.external_id;
    snprintf(label, sizeof label, "#%zu", m->rows.index + 1);
    bad->row = b->rows - 1;
    bad->external_id = tn_batch_keep(b, id);
    bad->fault.code = tn_run_code(TN_E_mapping);
    bad->fault.record = id.n ? bad->external_id : tn_batch_keep(b, tn_str(label));
    bad->payload =
        tn_batch_keep(b, (struct tn_str){m->text.p + m->rows.start, m->rows.end - m->rows.start});
    return bad;
}

void tn_mapper_unreadable(struct tn_mapper *m, const struct tn_source_bad *bad, size_t n)
{
    struct tn_batch *b = m->batch;
    for (size_t i = 0; i < n; i++) {
        struct tn_batch_bad *to = new_bad(b);
        char label[32];
        snprintf(label, sizeof label, "line %zu", bad[i].line);
        to->row = b->rows++;
        to->payload = tn_batch_keep(b, bad[i].payload);
        to->fault.code = tn_run_code(TN_E_syntax);
        to->fault.record = tn_batch_keep(b, tn_str(label));
        to->fault.message = tn_batch_keep(b, bad[i].message);
    }
}

static void describe(struct tn_batch *b, struct tn_run_fault *to, const struct tn_outcome_fault *f)
{
    to->message = tn_batch_keep(b, tn_str(f->text));
    to->field = tn_batch_keep(b, tn_str(f->field));
    to->source = tn_batch_keep(b, tn_str(f->source));
    to->value = tn_batch_keep(b, tn_str(f->value));
    to->file = tn_batch_keep(b, tn_str(f->file));
    to->line = f->line;
}

static const struct tn_outcome_fault *first_rejecting(const struct tn_outcome *o)
{
    for (size_t i = 0; i < o->listed; i++)
        if (o->faults[i].rejects) return &o->faults[i];
    return o->listed ? &o->faults[0] : NULL;
}

static bool reject(struct tn_mapper *m, struct tn_err *err)
{
    const struct tn_outcome_fault *f = first_rejecting(&m->outcome);
    struct tn_batch_bad *bad = add_bad(m);
    if (f)
        describe(m->batch, &bad->fault, f);
    else
        bad->fault.message = TN_STR("the record could not be mapped");
    m->overruns = f && f->kind == TN_E_budget ? m->overruns + 1 : 0;
    if (m->overruns < OVERRUNS_MAX) return true;
    tn_fail(err, TN_E_budget, "the mapping was stopped: on %d records in a row %s", OVERRUNS_MAX,
            f->text);
    tn_fail_field(err, "%s", f->field);
    return tn_fail_at(err, f->file, f->line);
}

/* Lists the warnings of a record that is mapped all the same. */
static void add_warnings(struct tn_mapper *m)
{
    struct tn_batch *b = m->batch;
    const struct tn_outcome *o = &m->outcome;
    b->warnings += (int64_t)o->fault_count;
    for (size_t i = 0; i < o->listed && b->warned_count < TN_LIMIT_SYNC_WARNED; i++) {
        struct tn_run_fault *f = &b->warned[b->warned_count++];
        *f = (struct tn_run_fault){.code = tn_run_code(TN_E_mapping),
                                   .record = tn_batch_keep(b, o->external_id)};
        describe(b, f, &o->faults[i]);
    }
}

static bool map_row(struct tn_mapper *m, struct tn_err *err)
{
    struct tn_batch *b = m->batch;
    size_t at = b->bodies.n;
    bool ok = tn_apply_record(m->apply, tn_json_root(m->json), &b->bodies, &m->outcome);
    m->again = m->outcome.paused;
    if (m->again) return true;
    b->rows++;
    if (b->bodies.failed) return tn_buf_ok(&b->bodies, "a page of mapped records", err);
    if (!ok) return reject(m, err);
    m->overruns = 0;
    add_warnings(m);
    if (m->outcome.external_id.n) {
        add_item(m, at);
        return true;
    }
    b->bodies.n = at;
    add_bad(m)->fault.message = TN_STR("the record has no key: its external id is empty");
    return true;
}

enum tn_mapped tn_mapper_slice(struct tn_mapper *m, int64_t us, struct tn_err *err)
{
    int64_t until = tn_mono_us() + us;
    tn_err_clear(err);
    for (unsigned n = 1; m->again || tn_json_rows_next(&m->rows, err); n++) {
        if (m->batch->rows == ROWS_MAX) {
            tn_fail(err, TN_E_too_large, "a page has more than %d records", ROWS_MAX);
            return TN_MAPPED_broken;
        }
        if (!map_row(m, err)) return TN_MAPPED_broken;
        if (m->again) return m->outcome.waits ? TN_MAPPED_waits : TN_MAPPED_more;
        if (n % m->clock_every == 0 && tn_mono_us() >= until) return TN_MAPPED_more;
    }
    if (!err->kind) return TN_MAPPED_all;
    bad_page(err);
    return TN_MAPPED_broken;
}

void tn_mapper_undo(struct tn_mapper *m)
{
    struct tn_batch *b = m->batch;
    size_t count = m->before.count;
    for (size_t i = 0; i < count; i++) b->items[i].state = TN_ITEM_new;
    b->count = b->compared = b->changes = b->cured_count = b->misfit_count = 0;
    if (b->slot_count) rehash(m, b, b->slot_count);
    while (b->count < count) index_item(m, b, b->count++);
    b->bad_count = m->before.bad_count;
    b->rows = m->before.rows;
    b->bodies.n = m->before.bytes;
    b->bodies.failed = false;
    b->warnings = m->before.warnings;
    b->warned_count = m->before.warned_count;
}
