/* SPDX-License-Identifier: MIT */
#include "sync/retry.h"

#include "base/alloc.h"
#include "base/id.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/read.h"
#include "sync/batch.h"

enum { PAGE_ROWS = 50, PAGE_BYTES = 32 * 1024 * 1024, PATCH_BYTES = 256 * 1024 };

static const char table[] = "quarantine";

struct row {
    struct tn_id id;
    int64_t attempts;
};

/* A page that the engine has. */
struct page {
    struct tn_source_page view;
    struct tn_buf text;
    struct tn_arena memory; /* what bad points into */
    struct tn_source_bad bad[PAGE_ROWS];
    struct row bad_rows[PAGE_ROWS], good_rows[PAGE_ROWS];
    size_t bad_count, good_count;
};

struct tn_retry {
    struct tn_retry_options o;
    struct tn_source inner;
    struct tn_json *json;
    struct tn_call *call;
    struct tn_timer *turn;
    int64_t team;
    char run[TN_ID_LEN + 1];
    struct tn_id plan;
    bool planned; /* ids are known */
    char (*ids)[TN_ID_LEN + 1];
    size_t count, at; /* at: the first that was not asked for */
    char *more;       /* cursor of what is left of the ids from at on; NULL: none */
    struct row *rows; /* in the order of the pages */
    size_t given, room;
    struct tn_err err;
    tn_source_fn done;
    void *arg;
};

/* ------------------------------------------------------------------ pages */

static void page_free(struct page *p)
{
    tn_buf_clear(&p->text);
    tn_arena_clear(&p->memory);
    tn_free(p);
}

static struct page *page_new(void)
{
    struct page *p = TN_NEW(struct page);
    tn_buf_init(&p->text, PAGE_BYTES);
    tn_arena_init(&p->memory);
    tn_buf_addc(&p->text, '[');
    return p;
}

/* A payload that is no JSON could not be read when it came, nor can it now. */
static void add_unreadable(struct page *p, const struct row *row, struct tn_str payload,
                           struct tn_jval body)
{
    struct tn_source_bad *bad = &p->bad[p->bad_count];
    p->bad_rows[p->bad_count++] = *row;
    *bad = (struct tn_source_bad){.line = 1};
    bad->payload = (struct tn_str){tn_arena_strndup(&p->memory, payload.p, payload.n), payload.n};
    struct tn_str reason = TN_STR("the record cannot be read");
    tn_jtext(tn_jget_z(body, "reason"), &p->memory, &reason);
    bad->message = (struct tn_str){tn_arena_strndup(&p->memory, reason.p, reason.n), reason.n};
}

static bool is_record(struct tn_str payload)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    bool ok = tn_json_parse(json, payload, &err) && tn_jis(tn_json_root(json), TN_JSON_object);
    tn_json_free(json);
    return ok;
}

static bool open_payload(struct tn_retry *r, struct tn_jval body, struct tn_arena *arena,
                         struct tn_buf *hold, struct tn_err *err)
{
    struct tn_str stored;
    bool sealed = false;
    tn_jbool(tn_jget_z(body, "sealed"), &sealed);
    if (!tn_jtext(tn_jget_z(body, "payload"), arena, &stored))
        return tn_fail(err, TN_E_corrupt, "a record in quarantine has no payload");
    if (sealed) return r->o.unseal(r->o.unseal_arg, stored, hold, err);
    tn_buf_addstr(hold, stored);
    return true;
}

/* Open, and not judged by this very run before a crash. */
static bool is_due(struct tn_retry *r, struct tn_jval body, struct tn_arena *arena)
{
    struct tn_str status = TN_STR(""), run = TN_STR("");
    tn_jtext(tn_jget_z(body, "status"), arena, &status);
    tn_jtext(tn_jget_z(body, "run"), arena, &run);
    return tn_str_is(status, "open") && !tn_str_is(run, r->run);
}

static bool add_row(struct tn_retry *r, struct page *p, const struct tn_row *stored,
                    struct tn_err *err)
{
    struct row row = {.id = stored->id, .attempts = 1};
    struct tn_buf payload;
    if (!tn_json_parse(r->json, stored->body, err)) return false;
    struct tn_jval body = tn_json_root(r->json);
    if (!is_due(r, body, &p->memory)) return true;
    tn_buf_init(&payload, PAGE_BYTES);
    tn_jint(tn_jget_z(body, "attempts"), &row.attempts);
    bool ok = open_payload(r, body, &p->memory, &payload, err);
    if (ok && is_record(tn_buf_str(&payload))) {
        if (p->good_count) tn_buf_addc(&p->text, ',');
        tn_buf_addstr(&p->text, tn_buf_str(&payload));
        p->good_rows[p->good_count++] = row;
    } else if (ok) {
        add_unreadable(p, &row, tn_buf_str(&payload), body);
    }
    tn_buf_clear(&payload);
    return ok && tn_buf_ok(&p->text, "a page of records from quarantine", err);
}

static void note_rows(struct tn_retry *r, const struct row *rows, size_t n)
{
    if (r->given + n > r->room) {
        r->room = (r->given + n) * 2;
        r->rows = tn_realloc(r->rows, r->room * sizeof *r->rows);
    }
    for (size_t i = 0; i < n; i++) r->rows[r->given++] = rows[i];
}

static void answer(struct tn_retry *r, const struct tn_source_page *page, const struct tn_err *err)
{
    tn_source_fn done = r->done;
    struct tn_err none;
    tn_err_clear(&none);
    r->done = NULL;
    done(r->arg, page, err ? err : &none);
}

/* The engine counts what cannot be read before the rest of a page. */
static void give(struct tn_retry *r, struct page *p)
{
    tn_buf_addc(&p->text, ']');
    note_rows(r, p->bad_rows, p->bad_count);
    note_rows(r, p->good_rows, p->good_count);
    p->view = (struct tn_source_page){.text = tn_buf_str(&p->text),
                                      .rows = TN_STR(""),
                                      .cursor = TN_STR("{}"),
                                      .bad = p->bad,
                                      .bad_count = p->bad_count,
                                      .total = (int64_t)r->count,
                                      .handle = p};
    answer(r, &p->view, NULL);
}

/* ------------------------------------------------------------------ asking */

static void ask_on(struct tn_retry *r);

static bool fill_page(struct tn_retry *r, struct page *p, const struct tn_found *found,
                      struct tn_err *err)
{
    const struct tn_list *list = tn_found_list(found, 0);
    for (size_t i = 0; i < list->count; i++)
        if (!add_row(r, p, tn_found_row(found, 0, i), err)) return false;
    tn_free(r->more);
    r->more = list->more ? tn_strndup(list->next.p, list->next.n) : NULL;
    if (!r->more) r->at += r->count - r->at < PAGE_ROWS ? r->count - r->at : PAGE_ROWS;
    return true;
}

static void rows_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct tn_retry *r = arg;
    struct page *p = page_new();
    struct tn_err err;
    r->call = NULL;
    if (!failed) failed = tn_found_err(found, 0);
    if (!failed && !fill_page(r, p, found, &err)) failed = &err;
    if (!failed && p->bad_count + p->good_count) {
        give(r, p);
        return;
    }
    page_free(p);
    if (failed)
        answer(r, NULL, failed);
    else
        ask_on(r);
}

static void ask_rows(struct tn_retry *r)
{
    struct tn_read *read = tn_read_new(r->team);
    struct tn_str ids[PAGE_ROWS];
    size_t n = 0;
    while (n < PAGE_ROWS && r->at + n < r->count) {
        ids[n] = tn_str(r->ids[r->at + n]);
        n++;
    }
    struct tn_filter filter = {"id", TN_FILTER_in, ids, n};
    tn_read_query(read, &(struct tn_query){.table = table,
                                           .filters = &filter,
                                           .filter_count = 1,
                                           .limit = PAGE_ROWS,
                                           .cursor = tn_str(r->more)});
    r->call = tn_store_read(r->o.store, read, NULL, rows_found, r);
}

static bool take_plan(struct tn_retry *r, const struct tn_row *row, struct tn_err *err)
{
    if (!tn_json_parse(r->json, row->body, err)) return false;
    struct tn_jval ids = tn_jget_z(tn_json_root(r->json), "ids");
    struct tn_arena arena;
    tn_arena_init(&arena);
    r->ids = tn_alloc((tn_jcount(ids) + 1) * sizeof *r->ids);
    for (struct tn_jiter it = tn_jiter(ids); tn_jnext(&it);) {
        struct tn_str text;
        struct tn_id id;
        if (tn_jtext(it.value, &arena, &text) && tn_id_parse(text, &id))
            tn_id_text(&id, r->ids[r->count++]);
    }
    tn_arena_clear(&arena);
    r->planned = true;
    return true;
}

static void plan_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct tn_retry *r = arg;
    struct tn_err err;
    r->call = NULL;
    if (!failed) failed = tn_found_err(found, 0);
    if (!failed && !take_plan(r, tn_found_row(found, 0, 0), &err)) failed = &err;
    if (failed)
        answer(r, NULL, failed);
    else
        ask_on(r);
}

static void ask_plan(struct tn_retry *r)
{
    struct tn_read *read = tn_read_new(r->team);
    tn_read_get(read, "plan", &r->plan);
    r->call = tn_store_read(r->o.store, read, NULL, plan_found, r);
}

static void no_more(void *arg)
{
    struct tn_retry *r = arg;
    answer(r, NULL, &r->err);
}

static void ask_on(struct tn_retry *r)
{
    if (r->err.kind)
        tn_timer_set(r->turn, 0);
    else if (!r->planned)
        ask_plan(r);
    else if (r->at < r->count)
        ask_rows(r);
    else
        tn_timer_set(r->turn, 0);
}

static void next(void *self, tn_source_fn done, void *arg)
{
    struct tn_retry *r = self;
    r->done = done;
    r->arg = arg;
    ask_on(r);
}

static void release(void *self, const struct tn_source_page *page)
{
    (void)self;
    page_free(page->handle);
}

static void close(void *self)
{
    struct tn_retry *r = self;
    tn_call_cancel(r->call);
    tn_timer_free(r->turn);
    r->inner.ops->close(r->inner.self);
    tn_json_free(r->json);
    tn_free(r->ids);
    tn_free(r->more);
    tn_free(r->rows);
    tn_free(r);
}

static const struct tn_source_ops retry_ops = {.next = next, .release = release, .close = close};

static bool read_wish(struct tn_retry *r, struct tn_err *err)
{
    struct tn_arena arena;
    struct tn_str plan = TN_STR("");
    tn_arena_init(&arena);
    bool ok = tn_json_parse(r->json, r->o.view->filters, err) &&
              ((tn_jtext(tn_jget_z(tn_json_root(r->json), "plan"), &arena, &plan) &&
                tn_id_parse(plan, &r->plan)) ||
               tn_fail(err, TN_E_corrupt, "a retry names no plan"));
    tn_arena_clear(&arena);
    return ok;
}

void tn_retry_wrap(struct tn_source *source, const struct tn_retry_options *o)
{
    struct tn_retry *r = TN_NEW(struct tn_retry);
    r->o = *o;
    r->inner = *source;
    r->json = tn_json_new();
    r->turn = tn_timer_new(o->loop, no_more, r);
    r->team = o->view->team;
    memcpy(r->run, o->view->id, sizeof r->run);
    tn_err_clear(&r->err);
    (void)read_wish(r, &r->err); /* the first next says so */
    r->o.view = NULL;
    source->ops = &retry_ops;
    source->self = r;
    source->retry = r;
}

/* ------------------------------------------------------------------ the fate of a page */

struct fate {
    const char *run, *generation;
    struct tn_commit *commit;
    int64_t team;
};

static bool stays(const struct fate *to, const struct row *row, const struct tn_run_fault *f,
                  struct tn_err *err)
{
    struct tn_buf patch;
    struct tn_jw w;
    tn_buf_init(&patch, PATCH_BYTES);
    tn_jw_init(&w, &patch);
    tn_jw_object(&w);
    tn_jw_kz(&w, "run", to->run);
    tn_jw_kint(&w, "attempts", row->attempts + 1);
    tn_jw_kz(&w, "code", f->code);
    tn_jw_kstr(&w, "reason", f->message);
    tn_jw_kstr(&w, "field", f->field);
    tn_jw_kstr(&w, "file", f->file);
    tn_jw_kint(&w, "line", f->line);
    if (f->faults.n)
        tn_jw_kraw(&w, "faults", f->faults);
    else
        tn_jw_knull(&w, "faults");
    tn_jw_kz(&w, "generation", to->generation);
    tn_jw_end(&w);
    bool ok =
        tn_buf_ok(&patch, "a record in quarantine", err) &&
        tn_commit_patch(to->commit, to->team, table, &row->id, tn_buf_str(&patch), TN_ANY, err);
    tn_buf_clear(&patch);
    return ok;
}

/* An item that stands for a row; a misfit is settled with the other misfits. */
static bool settle_item(const struct fate *to, const struct tn_batch_item *it,
                        const struct row *row, struct tn_err *err)
{
    if (it->state == TN_ITEM_misfit) return true;
    return tn_commit_delete(to->commit, to->team, table, &row->id, TN_ANY, err);
}

bool tn_retry_settle(const struct tn_retry *r, struct tn_commit *commit, const struct tn_batch *b,
                     size_t first, const struct tn_run_view *run, const char *generation,
                     struct tn_err *err)
{
    const struct fate to = {run->id, generation, commit, r->team};
    const struct row *rows = r->rows + first;
    for (size_t i = 0; i < b->count; i++)
        if (!settle_item(&to, &b->items[i], &rows[b->items[i].row], err)) return false;
    for (size_t i = 0; i < b->misfit_count; i++) {
        const struct tn_batch_bad *bad = &b->misfits[i];
        if (!stays(&to, &rows[b->items[bad->item].row], &bad->fault, err)) return false;
    }
    for (size_t i = 0; i < b->bad_count; i++)
        if (!stays(&to, &rows[b->bad[i].row], &b->bad[i].fault, err)) return false;
    return true;
}
