/* SPDX-License-Identifier: MIT */
/* Runs over the real store process, with sources made in C.  Where a worker has to die, it is a
 * child process that a fault point kills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "at_once.h"
#include "base/alloc.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "mapping/plan.h"
#include "store/commit.h"
#include "store/server.h"
#include "sync/run_totals.h"
#include "sync/runner.h"

enum { TEAM = 1, ITEMS = 1000, PAGE = 100, TURNS_MAX = 2000000 };
static const char integration[] = "0190a5b8-0000-7000-8000-0000000000aa";

/* ------------------------------------------------------------------ a source in C */

struct fake {
    struct tn_counters counters;
    struct tn_loop *loop;
    struct tn_plan *plan;
    int items, page;
    int newer_every;    /* each such item has another description; 0: none */
    int bad_every;      /* each such item lacks its name */
    int nameless_every; /* ... its id */
    int same_number;    /* items from here on have the part number of item 0; 0: none */
    bool stuck;         /* the same page for ever */
    int fail_at;        /* the page that does not come; -1: none */
    enum tn_kind fail_kind;
    bool html_at_fail; /* ... or is a sign-in page */
    int hold_at;       /* the page that is held back until release_page; -1: none */
    bool without_cursor;
    int (*id_at)(int i);     /* of the item in this place; NULL: its place */
    int (*number_at)(int i); /* likewise */
    bool adopt;
    const char *filters;        /* of runs that are asked for; NULL: none */
    const char *names;          /* all items name this record; NULL: they have descriptions */
    const char *others;         /* ... every other one this record; NULL: likewise */
    void (*sealing)(void *arg); /* while the first secret is sealed; NULL: nothing */
    void *sealing_arg;
    const struct tn_entity *resource; /* whose rules items keep; NULL: none */
    const struct tn_entities *resources;
    unsigned commit_rows;
    bool loads; /* before it opens, until the test says that it is loaded */
    struct tn_loading *loading;
    unsigned opened, closed, pages, held, released;
    struct fake_source *waiting;
};

struct fake_source {
    struct fake *f;
    int at;
    int64_t replaced_us;
    struct tn_timer *timer;
    tn_source_fn done;
    void *arg;
};

static void add_item(struct fake *f, struct tn_buf *b, int i)
{
    long long id = 300000047274444LL + (f->id_at ? f->id_at(i) : i);
    int number = f->number_at ? f->number_at(i) : i;
    bool newer = f->newer_every && i % f->newer_every == 0;
    const char *named = f->others && i % 2 ? f->others : f->names;
    char part[32];
    snprintf(part, sizeof part, "part %d", i);
    tn_buf_addc(b, '{');
    if (!f->nameless_every || i % f->nameless_every != f->nameless_every - 1)
        tn_buf_addf(b, "\"ItemId\":%lld,", id);
    tn_buf_addf(b, "\"ItemNumber\":\"P-%d\",", f->same_number && i >= f->same_number ? 0 : number);
    if (!f->bad_every || i % f->bad_every != f->bad_every - 1)
        tn_buf_addf(b, "\"Description\":\"%s%s\",", named ? named : part, newer ? " (new)" : "");
    tn_buf_addf(b, "\"Quantity\":0.10}");
}

static void give_page(struct fake_source *s)
{
    struct fake *f = s->f;
    struct tn_buf text;
    char cursor[32];
    int from = f->stuck ? 0 : s->at, to = from + f->page < f->items ? from + f->page : f->items;
    tn_buf_init(&text, 64 << 20);
    tn_buf_adds(&text, "{\"items\":[");
    for (int i = from; i < to; i++) {
        if (i > from) tn_buf_addc(&text, ',');
        add_item(f, &text, i);
    }
    tn_buf_adds(&text, "]}");
    if (s->at / f->page == f->fail_at && f->html_at_fail) {
        tn_buf_reset(&text);
        tn_buf_adds(&text, "<html>Sign in</html>");
    }
    s->at += f->page;
    snprintf(cursor, sizeof cursor, "{\"offset\":%d}", s->at);
    struct tn_source_page page = {.rows = TN_STR("items"),
                                  .total = f->items,
                                  .cursor = f->without_cursor ? (struct tn_str){NULL, 0}
                                                              : tn_str(cursor)};
    page.text.p = page.handle = tn_buf_take(&text, &page.text.n);
    f->pages++;
    f->held++;
    struct tn_err none = {0};
    s->done(s->arg, &page, &none);
}

static void produce(void *arg)
{
    struct fake_source *s = arg;
    struct fake *f = s->f;
    struct tn_err err = {0};
    if (f->hold_at >= 0 && s->at / f->page == f->hold_at) {
        f->waiting = s;
    } else if (f->fail_at >= 0 && s->at / f->page == f->fail_at && !f->html_at_fail) {
        tn_fail(&err, f->fail_kind, "page %d does not come", f->fail_at);
        s->done(s->arg, NULL, &err);
    } else if (s->at >= f->items && !f->stuck) {
        s->done(s->arg, NULL, &err);
    } else {
        give_page(s);
    }
}

static void fake_next(void *self, tn_source_fn done, void *arg)
{
    struct fake_source *s = self;
    s->done = done;
    s->arg = arg;
    tn_timer_set(s->timer, 0);
}

static void fake_release(void *self, const struct tn_source_page *page)
{
    struct fake_source *s = self;
    s->f->held--;
    s->f->released++;
    memset(page->handle, 'x', page->text.n); /* who still reads it shall notice */
    tn_free(page->handle);
}

static void fake_close(void *self)
{
    struct fake_source *s = self;
    if (s->f->waiting == s) s->f->waiting = NULL;
    s->f->closed++;
    tn_timer_free(s->timer);
    tn_free(s);
}

static const struct tn_source_ops fake_ops = {
    .next = fake_next, .release = fake_release, .close = fake_close};

static int offset_of(struct tn_str cursor)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    int64_t at = 0;
    if (cursor.n && tn_json_parse(json, cursor, &err))
        (void)tn_jint(tn_jget_z(tn_json_root(json), "offset"), &at);
    tn_json_free(json);
    return (int)at;
}

static bool fake_open(void *self, const struct tn_run_request *r, struct tn_source *out,
                      struct tn_err *err)
{
    struct fake *f = self;
    if (strcmp(r->operation, "sync_items") != 0 && strcmp(r->operation, "sync_again") != 0)
        return tn_fail(err, TN_E_not_found, "there is no operation %s", r->operation);
    struct fake_source *s = TN_NEW(struct fake_source);
    s->f = f;
    s->at = offset_of(r->cursor);
    s->timer = tn_timer_new(f->loop, produce, s);
    *out = (struct tn_source){.ops = &fake_ops,
                              .self = s,
                              .plan = f->plan,
                              .table = "items",
                              .resource = f->resource,
                              .resources = f->resources,
                              .entity = "item",
                              .adopt = f->adopt,
                              .mapping = "mappings/test/item.lua",
                              .replaced_us = &s->replaced_us};
    memset(out->generation, 'a', 64);
    f->opened++;
    return true;
}
struct tn_loading {
    struct fake *f;
    tn_loaded_fn done;
    void *arg;
};

static struct tn_loading *fake_load(void *self, const struct tn_run_request *r, tn_loaded_fn done,
                                    void *arg)
{
    struct fake *f = self;
    if (!f->loads || strcmp(r->operation, "sync_items") != 0) return NULL;
    assert_null(f->loading);
    f->loading = TN_NEW(struct tn_loading);
    *f->loading = (struct tn_loading){f, done, arg};
    return f->loading;
}

static void fake_stop(struct tn_loading *loading)
{
    loading->f->loading = NULL;
    tn_free(loading);
}

static void loaded(struct fake *f, const struct tn_err *err)
{
    struct tn_loading l = *f->loading;
    fake_stop(f->loading);
    l.done(l.arg, err);
}

static const struct tn_adapter_ops fake_adapters = {
    .load = fake_load, .stop = fake_stop, .open = fake_open};

static struct tn_plan *make_plan(void)
{
    static const struct tn_spec_op text = {.op = TN_OP_text, .line = 3};
    static const struct tn_spec_value id = {
        .from = TN_FROM_path, .line = 3, .text = {"ItemId", 6}, .ops = &text, .op_count = 1};
    static const struct tn_spec_value number = {
        .from = TN_FROM_path, .line = 4, .text = {"ItemNumber", 10}};
    static const struct tn_spec_value name = {
        .from = TN_FROM_path, .line = 5, .text = {"Description", 11}};
    static const struct tn_spec_value quantity = {
        .from = TN_FROM_path, .line = 6, .text = {"Quantity", 8}};
    static const struct tn_spec_field fields[] = {
        {.target = {"externalId", 10}, .line = 3, .required = true, .value = &id},
        {.target = {"partNumber", 10}, .line = 4, .required = true, .value = &number},
        {.target = {"description", 11}, .line = 5, .required = true, .value = &name},
        {.target = {"quantity", 8}, .line = 6, .value = &quantity},
    };
    struct tn_spec spec = {.file = "mappings/test/item.lua",
                           .line = 1,
                           .key = {"externalId", 10},
                           .fields = fields,
                           .field_count = 4};
    struct tn_err err;
    struct tn_plan *plan = tn_plan_new(&spec, &err);
    if (!plan) fail_msg("%s", err.text);
    return plan;
}

/* ------------------------------------------------------------------ a world */

struct world {
    char dir[64], socket[96];
    int listen_fd;
    struct tn_loop *loop;
    struct tn_store_server *server;
    struct tn_store *store;
    struct tn_runner *runner;
    struct fake fake;
};

static void turn_until(struct world *w, const bool *flag)
{
    for (int i = 0; i < TURNS_MAX && !*flag; i++) tn_loop_turn(w->loop, true);
    assert_true(*flag);
}

static void raise_flag(void *arg)
{
    *(bool *)arg = true;
}

static void open_server(struct world *w, bool workers_live)
{
    struct tn_server_options so = {
        .dir = w->dir, .listen_fd = w->listen_fd, .workers_live = workers_live};
    struct tn_err err;
    w->server = tn_store_server_open(w->loop, &so, &err);
    if (!w->server) fail_msg("%s", err.text);
}

static void open_client(struct world *w)
{
    struct tn_store_options o = {.dir = w->dir, .socket = w->socket, .holder = tn_id_new()};
    struct tn_err err;
    bool ready = false;
    w->store = tn_store_open(w->loop, &o, &err);
    if (!w->store) fail_msg("%s", err.text);
    tn_store_on_ready(w->store, raise_flag, &ready);
    turn_until(w, &ready);
}

static void fill_fake(struct fake *f, struct tn_loop *loop)
{
    *f = (struct fake){.loop = loop,
                       .plan = make_plan(),
                       .items = ITEMS,
                       .page = PAGE,
                       .commit_rows = 1,
                       .fail_at = -1,
                       .hold_at = -1};
}

static void fake_seal(const void *self, struct tn_str secret, struct tn_str belongs,
                      struct tn_buf *out)
{
    struct fake *f = (struct fake *)self;
    (void)belongs;
    if (f->sealing) f->sealing(f->sealing_arg);
    f->sealing = NULL;
    tn_buf_addstr(out, secret);
}

static struct tn_runner *new_runner(struct tn_loop *loop, struct tn_store *store, struct fake *f)
{
    struct tn_runner_options o = {.loop = loop,
                                  .store = store,
                                  .counters = &f->counters,
                                  .adapters = &fake_adapters,
                                  .adapters_self = f,
                                  .retry_ms = 1,
                                  .drain_ms = 50,
                                  .active_max = 2,
                                  .sealer = {fake_seal, f},
                                  .commit_rows = f->commit_rows};
    return tn_runner_open(&o);
}

struct defined {
    bool done;
    struct tn_err err;
};

static void on_defined(void *arg, const struct tn_err *err)
{
    struct defined *d = arg;
    if (err) d->err = *err;
    d->done = true;
}

static void define_items(struct world *w)
{
    static const struct tn_column columns[] = {{"partNumber", TN_COLUMN_text, true},
                                               {"externalId", TN_COLUMN_text, true}};
    static const struct tn_table items = {.name = "items",
                                          .columns = columns,
                                          .column_count = 2,
                                          .key = {"partNumber"},
                                          .event = "item"};
    struct defined d = {0};
    tn_store_define(w->store, &items, on_defined, &d);
    turn_until(w, &d.done);
    assert_int_equal(d.err.kind, TN_E_none);
}

static int set_up(void **state)
{
    struct world *w = TN_NEW(struct world);
    struct tn_err err;
    alarm(120);
    snprintf(w->dir, sizeof w->dir, "/tmp/tenon-runner-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->socket, sizeof w->socket, "%s/store.sock", w->dir);
    w->listen_fd = tn_store_listen(w->socket, &err);
    assert_true(w->listen_fd >= 0);
    w->loop = tn_loop_new(&err);
    open_server(w, false);
    open_client(w);
    define_items(w);
    fill_fake(&w->fake, w->loop);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];
    tn_fault_arm(NULL);
    tn_runner_free(w->runner);
    tn_plan_free(w->fake.plan);
    tn_store_close(w->store);
    tn_store_server_close(w->server);
    tn_loop_free(w->loop);
    close(w->listen_fd);
    snprintf(command, sizeof command, "rm -rf %s", w->dir);
    if (system(command) != 0) return 1;
    tn_free(w);
    return 0;
}

/* ------------------------------------------------------------------ asking */

struct answer {
    bool started, done;
    char id[TN_ID_LEN + 1];
    struct tn_err err;
    struct tn_run_view v;
};

static void on_started(void *arg, const char *id, const struct tn_err *err)
{
    struct answer *a = arg;
    if (id) snprintf(a->id, sizeof a->id, "%s", id);
    if (err) a->err = *err;
    a->started = true;
}

static void on_waited(void *arg, const struct tn_run_view *v, const struct tn_err *err)
{
    struct answer *a = arg;
    if (v) tn_run_view_copy(&a->v, v);
    if (err) a->err = *err;
    a->done = true;
}

static void ask(struct world *w, struct answer *a, const char *operation, bool dry)
{
    struct tn_runner_request q = {
        .team = TEAM, .integration = integration, .operation = operation, .dry_run = dry};
    if (w->fake.filters) q.filters = tn_str(w->fake.filters);
    *a = (struct answer){0};
    tn_run_view_init(&a->v);
    tn_runner_start(w->runner, &q, on_started, a);
    assert_false(a->started);
    turn_until(w, &a->started);
}

static void wait_for(struct world *w, struct answer *a)
{
    assert_non_null(tn_runner_wait(w->runner, TEAM, a->id, on_waited, a));
    assert_false(a->done);
    turn_until(w, &a->done);
}

static void run_to_end(struct world *w, struct answer *a, const char *operation, bool dry)
{
    ask(w, a, operation, dry);
    if (a->err.kind) fail_msg("%s", a->err.text);
    wait_for(w, a);
    if (a->err.kind) fail_msg("%s", a->err.text);
    assert_int_equal(w->fake.held, 0);
    assert_int_equal(w->fake.opened, w->fake.closed);
}

static void forget(struct answer *a)
{
    tn_run_view_clear(&a->v);
}

static int64_t count_of(struct world *w, const char *table)
{
    struct tn_err err;
    int64_t n = -1;
    if (!tn_store_count(w->store, TEAM, table, &n, &err)) fail_msg("%s", err.text);
    return n;
}

static bool no_event(void *arg, const struct tn_event *e)
{
    int64_t *items = arg;
    *items += tn_str_starts(e->type, "item.");
    return true;
}

static int64_t item_events(struct world *w)
{
    struct tn_tail tail = {0};
    struct tn_err err;
    int64_t items = 0;
    do {
        int64_t after = tail.last;
        assert_true(tn_store_tail(w->store, TEAM, after, 500, no_event, &items, &tail, &err));
        if (tail.last == after) break;
    } while (tail.last < tail.head);
    return items;
}

static void counts_are(const struct tn_run_view *v, int64_t created, int64_t updated,
                       int64_t unchanged, int64_t failed)
{
    assert_int_equal(v->counts.created, created);
    assert_int_equal(v->counts.updated, updated);
    assert_int_equal(v->counts.unchanged, unchanged);
    assert_int_equal(v->counts.failed, failed);
    assert_int_equal(v->counts.processed, created + updated + unchanged + failed);
}

static struct tn_str first_error(struct tn_json *json, const struct answer *a, const char *member)
{
    static struct tn_arena arena;
    struct tn_str s = {"", 0};
    struct tn_err err;
    tn_arena_clear(&arena);
    assert_true(tn_json_parse(json, a->v.errors, &err));
    (void)tn_jtext(tn_jget_z(tn_jat(tn_json_root(json), 0), member), &arena, &s);
    return s;
}

static void error_is(const struct answer *a, const char *member, const char *wanted)
{
    struct tn_json *json = tn_json_new();
    struct tn_str s = first_error(json, a, member);
    if (!tn_str_is(s, wanted)) fail_msg("%s is %.*s", member, TN_FMT(s));
    tn_json_free(json);
}

/* ------------------------------------------------------------------ what works */

static void a_first_load_then_nothing_then_what_changed(void **state)
{
    struct world *w = *state;
    struct answer a;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_success);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    assert_int_equal(a.v.total, ITEMS);
    assert_int_equal(a.v.attempt, 1);
    assert_int_equal(count_of(w, "items"), ITEMS);
    assert_int_equal(item_events(w), ITEMS);
    forget(&a);

    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 0, ITEMS, 0);
    assert_int_equal(item_events(w), ITEMS);
    assert_int_equal(count_of(w, "run"), 2);
    forget(&a);

    w->fake.newer_every = 100;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, ITEMS / 100, ITEMS - ITEMS / 100, 0);
    assert_int_equal(item_events(w), ITEMS + ITEMS / 100);
    assert_int_equal(count_of(w, "items"), ITEMS);
    forget(&a);
}

static void values_pass_through_exactly(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    struct tn_str key = TN_STR("P-7");
    run_to_end(w, &a, "sync_items", false);
    tn_buf_init(&hold, 1 << 20);
    assert_true(tn_store_get_by_key(w->store, TEAM, "items", &key, 1, &row, &hold, &err));
    assert_true(tn_str_is(row.body, "{\"externalId\":\"300000047274451\",\"partNumber\":\"P-7\","
                                    "\"description\":\"part 7\",\"quantity\":0.10}"));
    tn_buf_clear(&hold);
    forget(&a);
}

static void a_dry_run_writes_nothing(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    run_to_end(w, &a, "sync_items", true);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    assert_true(tn_json_parse(json, a.v.diffs, &err));
    assert_int_equal(tn_jcount(tn_json_root(json)), 100);
    assert_int_equal(count_of(w, "items"), 0);
    assert_int_equal(count_of(w, "run"), 0);
    forget(&a);

    run_to_end(w, &a, "sync_items", false);
    forget(&a);
    w->fake.newer_every = 500;
    run_to_end(w, &a, "sync_items", true);
    counts_are(&a.v, 0, 2, ITEMS - 2, 0);
    assert_true(tn_json_parse(json, a.v.diffs, &err));
    struct tn_str raw = tn_jraw(tn_jat(tn_json_root(json), 0));
    assert_true(tn_str_is(raw, "{\"externalId\":\"300000047274444\",\"change\":\"updated\","
                               "\"fields\":{\"description\":{\"from\":\"part 0\","
                               "\"to\":\"part 0 (new)\"}}}"));
    assert_int_equal(item_events(w), ITEMS);
    assert_int_equal(count_of(w, "run"), 1);
    tn_json_free(json);
    forget(&a);
}

/* ------------------------------------------------------------------ bad records */

static void bad_records_are_listed_and_the_rest_is_stored(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.bad_every = 100;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_partial);
    counts_are(&a.v, ITEMS - 10, 0, 0, 10);
    error_is(&a, "record", "300000047274543");
    error_is(&a, "code", "ERR_DATA_MAPPING");
    error_is(&a, "field", "description");
    error_is(&a, "sourcePath", "Description");
    error_is(&a, "file", "mappings/test/item.lua");
    assert_int_equal(count_of(w, "quarantine"), 10);
    forget(&a);

    run_to_end(w, &a, "sync_items", false); /* still bad: each lies there once */
    counts_are(&a.v, 0, 0, ITEMS - 10, 10);
    assert_int_equal(count_of(w, "quarantine"), 10);
    forget(&a);

    w->fake.bad_every = 0;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 10, 0, ITEMS - 10, 0);
    assert_int_equal(count_of(w, "quarantine"), 0);
    forget(&a);
}

/* ------------------------------------------------------------------ rules */

static const struct tn_field naming_fields[] = {
    {.name = "externalId", .type = TN_FIELD_text},
    {.name = "partNumber", .type = TN_FIELD_text, .required = true},
    {.name = "description", .type = TN_FIELD_uuid, .ref = "item"},
    {.name = "quantity", .type = TN_FIELD_any},
};
static const char *const number_key[] = {"partNumber", NULL};
static const struct tn_entity naming = {
    .name = "item", .plural = "items", .fields = naming_fields, .n_fields = 4, .key = number_key};

struct seen_row {
    struct tn_id id;
    char body[4096];
};

static bool see_row(void *arg, const struct tn_row *row)
{
    struct seen_row *seen = arg;
    seen->id = row->id;
    snprintf(seen->body, sizeof seen->body, "%.*s", TN_FMT(row->body));
    return false;
}

static void see_one(struct world *w, const char *table, struct seen_row *seen)
{
    struct tn_query q = {.team = TEAM, .table = table, .limit = 1};
    struct tn_page page;
    struct tn_err err;
    *seen = (struct seen_row){0};
    tn_page_init(&page);
    if (!tn_store_query(w->store, &q, see_row, seen, &page, &err)) fail_msg("%s", err.text);
    tn_page_clear(&page);
}

static void a_record_that_names_another_needs_it(void **state)
{
    struct world *w = *state;
    const struct tn_entity *list[] = {&naming};
    const struct tn_entities all = {list, 1};
    struct seen_row seen;
    struct answer a;
    char id[TN_ID_LEN + 1];
    run_to_end(w, &a, "sync_items", false);
    forget(&a);
    w->fake.resource = &naming;
    w->fake.resources = &all;
    w->fake.names = "018f2a00-0000-7000-8000-000000000000";
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 0, 0, ITEMS);
    assert_int_equal(count_of(w, "quarantine"), ITEMS);
    see_one(w, "quarantine", &seen);
    assert_non_null(strstr(
        seen.body, "\"faults\":[{\"code\":\"reference\",\"path\":\"description\",\"message\":"
                   "\"description: there is no item '018f2a00-0000-7000-8000-000000000000'\","
                   "\"params\":{\"entity\":\"item\","));
    forget(&a);
    see_one(w, "items", &seen);
    tn_id_text(&seen.id, id);
    w->fake.names = id;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, ITEMS, 0, 0);
    assert_int_equal(count_of(w, "quarantine"), 0);
    forget(&a);
    w->fake.names = NULL;
    run_to_end(w, &a, "sync_items", true); /* what would happen is judged likewise */
    counts_are(&a.v, 0, 0, 0, ITEMS);
    error_is(&a, "field", "description");
    forget(&a);
}

static const struct tn_field guarded_fields[] = {
    {.name = "externalId", .type = TN_FIELD_secret},
    {.name = "partNumber", .type = TN_FIELD_text, .required = true},
    {.name = "description", .type = TN_FIELD_uuid, .ref = "item"},
    {.name = "quantity", .type = TN_FIELD_any},
};
static const struct tn_entity guarded = {
    .name = "item", .plural = "items", .fields = guarded_fields, .n_fields = 4, .key = number_key};

static void keep(struct world *w, int64_t team, const char *table, struct tn_id *id,
                 const char *body);

struct removal {
    struct world *w;
    struct tn_id id;
    bool done;
};

static void on_removed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)done;
    assert_null(err);
    *(bool *)arg = true;
}

static void remove_now(void *arg)
{
    struct removal *r = arg;
    struct tn_commit *c = tn_commit_new(r->w->store);
    struct tn_err err;
    assert_true(tn_commit_delete(c, TEAM, "items", &r->id, TN_ANY, &err));
    tn_store_commit(r->w->store, c, on_removed, &r->done);
}

/* A secret is sealed between the check of a page's references and the page's commit. */
static void a_named_record_that_is_deleted_before_the_commit_leaves_no_dangling_reference(
    void **state)
{
    struct world *w = *state;
    const struct tn_entity *list[] = {&guarded};
    const struct tn_entities all = {list, 1};
    struct removal r = {.w = w};
    struct seen_row seen;
    struct answer a;
    struct tn_id stays;
    char one[TN_ID_LEN + 1], other[TN_ID_LEN + 1], says[200];
    keep(w, TEAM, "items", &stays, "{\"partNumber\":\"stays\"}");
    keep(w, TEAM, "items", &r.id, "{\"partNumber\":\"goes\"}");
    tn_id_text(&stays, one);
    tn_id_text(&r.id, other);
    w->fake.resource = &guarded;
    w->fake.resources = &all;
    w->fake.names = one;
    w->fake.others = other;
    w->fake.items = PAGE;
    w->fake.sealing = remove_now;
    w->fake.sealing_arg = &r;
    run_to_end(w, &a, "sync_items", false);
    assert_true(r.done);
    counts_are(&a.v, PAGE / 2, 0, 0, PAGE / 2);
    assert_int_equal(count_of(w, "items"), 1 + PAGE / 2);
    assert_int_equal(count_of(w, "quarantine"), PAGE / 2);
    see_one(w, "quarantine", &seen);
    snprintf(says, sizeof says,
             "{\"code\":\"reference\",\"path\":\"description\",\"message\":"
             "\"description: there is no item '%s'\"",
             other);
    assert_non_null(strstr(seen.body, says));
    error_is(&a, "field", "description");
    forget(&a);
}

static const struct tn_field numbered_fields[] = {
    {.name = "externalId", .type = TN_FIELD_text},
    {.name = "partNumber", .type = TN_FIELD_text, .required = true},
    {.name = "description", .type = TN_FIELD_text},
    {.name = "quantity", .type = TN_FIELD_any},
    {.name = "serial", .type = TN_FIELD_uuid, .generated = true},
};
static const struct tn_entity numbered = {
    .name = "item", .plural = "items", .fields = numbered_fields, .n_fields = 5, .key = number_key};

static void a_record_that_changes_while_it_is_judged_is_judged_anew(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.resource = &numbered;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    forget(&a);
    w->fake.newer_every = 10;
    tn_fault_arm("sync.stale=fail:3");
    run_to_end(w, &a, "sync_items", false);
    tn_fault_arm(NULL);
    counts_are(&a.v, 0, ITEMS / 10, ITEMS - ITEMS / 10, 0);
    forget(&a);
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 0, ITEMS, 0);
    forget(&a);
}

static void a_run_ends_after_a_last_page_that_was_judged_anew(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.resource = &numbered;
    w->fake.items = 1;
    run_to_end(w, &a, "sync_items", false);
    forget(&a);
    w->fake.newer_every = 1;
    tn_fault_arm("sync.stale=fail:1");
    run_to_end(w, &a, "sync_items", false);
    tn_fault_arm(NULL);
    counts_are(&a.v, 0, 1, 0, 0);
    forget(&a);
    run_to_end(w, &a, "sync_items", false); /* it would be busy */
    counts_are(&a.v, 0, 0, 1, 0);
    forget(&a);
}

static void records_without_a_key_lie_in_quarantine_once(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.nameless_every = 500;
    for (int i = 0; i < 2; i++) {
        run_to_end(w, &a, "sync_items", false);
        assert_int_equal(a.v.status, TN_RUN_partial);
        assert_int_equal(a.v.counts.failed, 2);
        error_is(&a, "record", "#100");
        assert_int_equal(count_of(w, "quarantine"), 2);
        forget(&a);
    }
}

static void when_all_fail_at_most_a_hundred_are_listed(void **state)
{
    struct world *w = *state;
    struct tn_json *json = tn_json_new();
    struct answer a;
    struct tn_err err;
    w->fake.bad_every = 1;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_failure);
    counts_are(&a.v, 0, 0, 0, ITEMS);
    assert_true(tn_json_parse(json, a.v.errors, &err));
    assert_int_equal(tn_jcount(tn_json_root(json)), 100);
    tn_json_free(json);
    forget(&a);
}

static void a_key_that_another_record_holds_fails_that_record(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.same_number = ITEMS - 3;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_partial);
    counts_are(&a.v, ITEMS - 3, 0, 0, 3);
    error_is(&a, "code", "ERR_DUPLICATE_KEY");
    assert_int_equal(count_of(w, "items"), ITEMS - 3);
    assert_int_equal(count_of(w, "quarantine"), 3);
    forget(&a);
    w->fake.same_number = 0;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 3, 0, ITEMS - 3, 0);
    assert_int_equal(count_of(w, "quarantine"), 0);
    forget(&a);
}

/* ------------------------------------------------------------------ sources that fail */

static void a_source_that_fails_ends_the_run_with_its_code(void **state)
{
    static const struct {
        enum tn_kind kind;
        const char *code;
    } cases[] = {{TN_E_timeout, "ERR_NETWORK_TIMEOUT"},  {TN_E_network, "ERR_NETWORK"},
                 {TN_E_auth, "ERR_OAUTH_INVALID"},       {TN_E_bad_answer, "ERR_INVALID_RESPONSE"},
                 {TN_E_denied, "ERR_PERMISSION_DENIED"}, {TN_E_upstream, "ERR_UPSTREAM"}};
    struct world *w = *state;
    struct answer a;
    w->fake.fail_at = 3;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->fake.fail_kind = cases[i].kind;
        run_to_end(w, &a, "sync_items", false);
        assert_int_equal(a.v.status, TN_RUN_failure);
        error_is(&a, "code", cases[i].code);
        error_is(&a, "message", "page 3 does not come");
        assert_int_equal(a.v.counts.processed, 3 * PAGE);
        assert_int_equal(count_of(w, "items"), 3 * PAGE);
        forget(&a);
    }
    w->fake.fail_at = -1;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, ITEMS - 3 * PAGE, 0, 3 * PAGE, 0);
    forget(&a);
}

static void a_sign_in_page_is_no_page_of_records(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.fail_at = 4;
    w->fake.html_at_fail = true;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "code", "ERR_INVALID_RESPONSE");
    assert_int_equal(count_of(w, "items"), 4 * PAGE);
    forget(&a);
}

static void the_same_page_for_ever_is_stopped(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.stuck = true;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "code", "ERR_INVALID_RESPONSE");
    assert_int_equal(count_of(w, "items"), PAGE);
    assert_true(w->fake.pages < 5);
    forget(&a);
}

static void an_operation_that_does_not_open_is_a_failed_run(void **state)
{
    struct world *w = *state;
    struct answer a;
    run_to_end(w, &a, "sync_nothing", false);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "message", "there is no operation sync_nothing");
    assert_int_equal(a.v.counts.processed, 0);
    forget(&a);
}

static void a_source_without_records_is_a_success(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.items = 0;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_success);
    counts_are(&a.v, 0, 0, 0, 0);
    forget(&a);
}

/* ------------------------------------------------------------------ several at once */

static void let_go(struct world *w)
{
    struct fake_source *s = w->fake.waiting;
    w->fake.hold_at = -1;
    w->fake.waiting = NULL;
    if (s) tn_timer_set(s->timer, 0);
}

static void until_held(struct world *w)
{
    for (int i = 0; i < TURNS_MAX && !w->fake.waiting; i++) tn_loop_turn(w->loop, true);
    assert_non_null(w->fake.waiting);
}

/* What came before the page that is held back is in the store. */
static void until_stored(struct world *w, int64_t items)
{
    until_held(w);
    for (int i = 0; i < TURNS_MAX && count_of(w, "items") < items; i++)
        tn_loop_turn(w->loop, false);
    for (int i = 0; i < 20; i++) tn_loop_turn(w->loop, false);
    assert_int_equal(count_of(w, "items"), items);
}

static void two_starts_of_one_operation_are_one_run(void **state)
{
    struct world *w = *state;
    struct answer a, b, c;
    w->fake.hold_at = 2;
    ask(w, &a, "sync_items", false);
    ask(w, &b, "sync_items", false);
    assert_int_equal(b.err.kind, TN_E_busy);
    assert_string_equal(b.err.field, a.id);
    let_go(w);
    wait_for(w, &a);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    run_to_end(w, &c, "sync_items", false);
    counts_are(&c.v, 0, 0, ITEMS, 0);
    assert_int_equal(count_of(w, "run"), 2);
    forget(&a), forget(&b), forget(&c);
}

static void starts_in_the_same_turn_too(void **state)
{
    struct world *w = *state;
    struct tn_runner_request q = {
        .team = TEAM, .integration = integration, .operation = "sync_items"};
    struct answer a = {0}, b = {0};
    tn_run_view_init(&a.v);
    tn_runner_start(w->runner, &q, on_started, &a);
    tn_runner_start(w->runner, &q, on_started, &b);
    turn_until(w, &a.started);
    turn_until(w, &b.started);
    assert_int_equal(a.err.kind, TN_E_none);
    assert_int_equal(b.err.kind, TN_E_busy);
    assert_string_equal(b.err.field, a.id);
    wait_for(w, &a);
    forget(&a);
}

static void another_operation_runs_beside_it(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    w->fake.hold_at = 2;
    ask(w, &a, "sync_items", false);
    until_held(w);
    w->fake.hold_at = -1;
    ask(w, &b, "sync_again", false);
    wait_for(w, &b);
    assert_int_equal(b.v.status, TN_RUN_success);
    let_go(w);
    wait_for(w, &a);
    assert_int_equal(a.v.counts.processed, ITEMS);
    assert_int_equal(a.v.counts.created + b.v.counts.created, ITEMS);
    assert_int_equal(count_of(w, "items"), ITEMS);
    forget(&a), forget(&b);
}

static void on_written(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    if (!done) fail_msg("%s", err->text);
    *(bool *)arg = true;
}

static void write_integration(struct world *w, bool there)
{
    struct tn_commit *c = tn_commit_new(w->store);
    struct tn_id id;
    struct tn_err err;
    bool done = false;
    assert_true(tn_id_parse(tn_str(integration), &id));
    assert_true(there ? tn_commit_put(c, TEAM, "integration", &id, TN_STR("{\"name\":\"x\"}"),
                                      TN_NEW_ONLY, &err)
                      : tn_commit_delete(c, TEAM, "integration", &id, TN_ANY, &err));
    tn_store_commit(w->store, c, on_written, &done);
    turn_until(w, &done);
}

struct totals {
    struct tn_run_totals t;
    bool done;
};

static void on_totals(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct totals *to = arg;
    struct tn_err err;
    if (failed) fail_msg("%s", failed->text);
    assert_true(tn_run_totals_found(found, 0, &to->t, &err));
    to->done = true;
}

static void totals_are(struct world *w, int64_t success, int64_t partial, int64_t failure)
{
    struct tn_read *read = tn_read_new(TEAM);
    struct totals to = {.done = false};
    struct tn_id id;
    assert_true(tn_id_parse(tn_str(integration), &id));
    tn_run_totals_ask(read, &id);
    tn_store_read(w->store, read, NULL, on_totals, &to);
    turn_until(w, &to.done);
    assert_int_equal(to.t.success, success);
    assert_int_equal(to.t.partial, partial);
    assert_int_equal(to.t.failure, failure);
    assert_int_equal(to.t.last_ms != 0, success + partial + failure > 0);
}

static void on_retained(void *arg, const struct tn_err *err)
{
    assert_null(err);
    *(bool *)arg = true;
}

static void runs_add_up_on_the_row_and_stay_when_their_rows_go(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    bool done = false;
    write_integration(w, true);
    totals_are(w, 0, 0, 0);
    run_to_end(w, &a, "sync_items", true); /* a dry run leaves nothing */
    totals_are(w, 0, 0, 0);
    forget(&a);
    ask(w, &a, "sync_items", false);
    ask(w, &b, "sync_again", false);
    wait_for(w, &a);
    wait_for(w, &b);
    totals_are(w, 2, 0, 0);
    forget(&b);
    w->fake.fail_at = 0;
    w->fake.fail_kind = TN_E_timeout;
    run_to_end(w, &b, "sync_again", false);
    w->fake.fail_at = -1;
    totals_are(w, 2, 0, 1);
    assert_int_equal(count_of(w, "run"), 3);
    tn_store_retain(w->store, TN_RETAIN_runs, INT64_MAX, on_retained, &done);
    turn_until(w, &done);
    assert_int_equal(count_of(w, "run"), 0);
    totals_are(w, 2, 0, 1);
    forget(&a), forget(&b);
    w->fake.hold_at = 0;
    ask(w, &a, "sync_items", false);
    until_held(w);
    write_integration(w, false);
    let_go(w);
    wait_for(w, &a);
    totals_are(w, 0, 0, 0); /* nobody would ever remove them */
    forget(&a);
}

static void more_runs_than_places_wait_for_their_turn(void **state)
{
    enum { RUNS = 6 };
    struct world *w = *state;
    struct answer a[RUNS];
    w->fake.items = 300;
    w->fake.hold_at = 1;
    for (int i = 0; i < RUNS; i++) {
        char id[64];
        struct tn_runner_request q = {.team = TEAM, .integration = id, .operation = "sync_items"};
        snprintf(id, sizeof id, "0190a5b8-0000-7000-8000-0000000001%02d", i);
        a[i] = (struct answer){0};
        tn_run_view_init(&a[i].v);
        tn_runner_start(w->runner, &q, on_started, &a[i]);
        turn_until(w, &a[i].started);
        assert_int_equal(a[i].err.kind, TN_E_none);
    }
    until_held(w);
    for (int i = 0; i < 200; i++) tn_loop_turn(w->loop, false);
    assert_int_equal(w->fake.opened, 2);
    assert_int_equal(w->fake.counters.runs_active, 2);
    for (int i = 0; i < RUNS; i++)
        assert_non_null(tn_runner_wait(w->runner, TEAM, a[i].id, on_waited, &a[i]));
    tn_runner_free(w->runner); /* both held sources go with it, as in a crash */
    for (int i = 0; i < RUNS; i++) {
        assert_int_equal(a[i].err.kind, TN_E_cancelled);
        a[i].done = false;
    }
    w->fake.hold_at = -1;
    tn_store_close(w->store);
    tn_store_server_close(w->server);
    open_server(w, false);
    open_client(w);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    for (int i = 0; i < RUNS; i++) {
        wait_for(w, &a[i]);
        assert_int_equal(a[i].v.counts.processed, 300);
        forget(&a[i]);
    }
}

static void waits_for_what_is_not_there_are_told_so(void **state)
{
    struct world *w = *state;
    struct answer a = {0};
    tn_run_view_init(&a.v);
    snprintf(a.id, sizeof a.id, "0190a5b8-0000-7000-8000-0000000000ff");
    wait_for(w, &a);
    assert_int_equal(a.err.kind, TN_E_not_found);
}

static void on_cancelled(void *arg, const struct tn_err *err)
{
    struct answer *a = arg;
    a->err = *err;
    a->started = true;
}

static void cancel(struct world *w, struct answer *c, const char *id)
{
    *c = (struct answer){0};
    tn_runner_cancel(w->runner, TEAM, id, on_cancelled, c);
    assert_false(c->started);
    turn_until(w, &c->started);
}

static void waits_and_cancels_reach_a_run_of_another_worker(void **state)
{
    struct world *w = *state;
    struct tn_store_options o = {.dir = w->dir, .socket = w->socket, .holder = tn_id_new()};
    struct tn_runner *first = w->runner;
    struct answer a, c;
    struct tn_err err;
    bool ready = false;
    w->fake.hold_at = 3;
    ask(w, &a, "sync_items", false);
    until_held(w);
    struct tn_store *other = tn_store_open(w->loop, &o, &err);
    assert_non_null(other);
    tn_store_on_ready(other, raise_flag, &ready);
    turn_until(w, &ready);
    w->runner = new_runner(w->loop, other, &w->fake);
    assert_non_null(tn_runner_wait(w->runner, TEAM, a.id, on_waited, &a));
    cancel(w, &c, a.id);
    assert_int_equal(c.err.kind, TN_E_none);
    turn_until(w, &a.done);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "code", "ERR_CANCELLED");
    tn_runner_free(w->runner);
    tn_store_close(other);
    w->runner = first;
    forget(&a);
}

static void a_run_can_be_cancelled_while_it_waits_for_its_peer(void **state)
{
    struct world *w = *state;
    struct answer a, c;
    w->fake.hold_at = 5;
    ask(w, &a, "sync_items", false);
    until_held(w);
    cancel(w, &c, a.id);
    assert_int_equal(c.err.kind, TN_E_none);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "code", "ERR_CANCELLED");
    assert_int_equal(count_of(w, "items"), a.v.counts.created);
    cancel(w, &c, a.id);
    assert_int_equal(c.err.kind, TN_E_conflict);
    cancel(w, &c, "0190a5b8-0000-7000-8000-0000000000ff");
    assert_int_equal(c.err.kind, TN_E_not_found);
    forget(&a);
    w->fake.hold_at = -1;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.counts.processed, ITEMS);
    forget(&a);
}

static void a_run_can_be_cancelled_at_full_speed(void **state)
{
    struct world *w = *state;
    struct answer a, c;
    w->fake.items = 200000;
    ask(w, &a, "sync_items", false);
    for (int i = 0; i < 50; i++) tn_loop_turn(w->loop, true);
    cancel(w, &c, a.id);
    assert_int_equal(c.err.kind, TN_E_none);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "code", "ERR_CANCELLED");
    assert_true(a.v.counts.processed < 200000);
    assert_int_equal(count_of(w, "items"), a.v.counts.created);
    forget(&a);
}

/* ------------------------------------------------------------------ what has to be loaded first */

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void until_loading(struct world *w)
{
    for (int i = 0; i < TURNS_MAX && !w->fake.loading; i++) tn_loop_turn(w->loop, true);
    assert_non_null(w->fake.loading);
    assert_int_equal(w->fake.opened, 0);
}

static void a_run_waits_until_its_adapter_is_loaded(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    w->fake.loads = true;
    ask(w, &a, "sync_items", false);
    until_loading(w);
    run_to_end(w, &b, "sync_again", false); /* meanwhile */
    w->fake.opened = w->fake.closed = 0;
    until_loading(w);
    loaded(&w->fake, NULL);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_success);
    forget(&a), forget(&b);
}

static void an_adapter_that_does_not_load_fails_its_run(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct tn_err err;
    w->fake.loads = true;
    ask(w, &a, "sync_items", false);
    until_loading(w);
    tn_fail(&err, TN_E_syntax, "unexpected symbol near '='");
    loaded(&w->fake, &err);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "message", "unexpected symbol near '='");
    assert_int_equal(w->fake.opened, 0);
    forget(&a);
}

static void on_read(void *arg, const struct tn_run_view *v, const struct tn_err *err)
{
    int *status = arg;
    assert_null(err);
    *status = v->status;
}

static int status_of(struct world *w, const char *run_id)
{
    int status = -1;
    tn_runner_read(w->runner, TEAM, run_id, on_read, &status);
    for (int i = 0; i < TURNS_MAX && status < 0; i++) tn_loop_turn(w->loop, true);
    return status;
}

static void a_run_can_be_cancelled_while_it_loads(void **state)
{
    struct world *w = *state;
    for (int dry = 0; dry < 2; dry++) {
        struct answer a, c;
        w->fake.loads = true;
        ask(w, &a, "sync_items", dry);
        until_loading(w);
        assert_int_equal(status_of(w, a.id), TN_RUN_running);
        cancel(w, &c, a.id);
        assert_int_equal(c.err.kind, TN_E_none);
        loaded(&w->fake, NULL);
        wait_for(w, &a);
        assert_int_equal(a.v.status, TN_RUN_failure);
        error_is(&a, "code", "ERR_CANCELLED");
        assert_int_equal(count_of(w, "items"), 0);
        w->fake.opened = 0;
        forget(&a);
    }
}

static void a_close_waits_for_what_loads_and_leaves_the_run_to_the_next_one(void **state)
{
    struct world *w = *state;
    struct answer a, b = {0};
    bool closed = false;
    w->fake.loads = true;
    ask(w, &a, "sync_items", false);
    until_loading(w);
    tn_runner_close(w->runner, on_closed, &closed);
    for (int i = 0; i < 20; i++) tn_loop_turn(w->loop, false);
    assert_false(closed);
    loaded(&w->fake, NULL);
    turn_until(w, &closed);
    w->fake.loads = false;
    tn_runner_free(w->runner);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    memcpy(b.id, a.id, sizeof b.id);
    tn_run_view_init(&b.v);
    wait_for(w, &b);
    assert_int_equal(b.v.status, TN_RUN_success);
    counts_are(&b.v, ITEMS, 0, 0, 0);
    forget(&a), forget(&b);
}

static void a_runner_that_is_dropped_stops_what_loads(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.loads = true;
    ask(w, &a, "sync_items", false);
    until_loading(w);
    tn_runner_free(w->runner);
    assert_null(w->fake.loading);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    forget(&a);
}

/* ------------------------------------------------------------------ ends and beginnings */

static void a_graceful_close_leaves_the_run_to_the_next_one(void **state)
{
    struct world *w = *state;
    struct answer a, b = {0};
    bool closed = false;
    w->fake.hold_at = 4;
    ask(w, &a, "sync_items", false);
    assert_non_null(tn_runner_wait(w->runner, TEAM, a.id, on_waited, &a));
    until_stored(w, 4 * PAGE);
    tn_runner_close(w->runner, on_closed, &closed);
    assert_false(closed);
    turn_until(w, &closed);
    assert_true(a.done);
    assert_int_equal(a.err.kind, TN_E_cancelled);
    assert_int_equal(count_of(w, "items"), 4 * PAGE);

    w->fake.hold_at = -1;
    tn_runner_free(w->runner);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    memcpy(b.id, a.id, sizeof b.id);
    tn_run_view_init(&b.v);
    wait_for(w, &b);
    assert_int_equal(b.v.status, TN_RUN_success);
    assert_int_equal(b.v.attempt, 2);
    assert_int_equal(b.v.crashes, 0);
    counts_are(&b.v, ITEMS, 0, 0, 0);
    forget(&a), forget(&b);
}

static void a_run_whose_scripts_were_replaced_long_ago_goes_on_with_those_that_serve(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.hold_at = 4;
    ask(w, &a, "sync_items", false);
    until_held(w);
    w->fake.waiting->replaced_us = tn_mono_us();
    for (int i = 0; i < TURNS_MAX && w->fake.opened < 2; i++) tn_loop_turn(w->loop, true);
    let_go(w);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_success);
    assert_int_equal(a.v.attempt, 2);
    assert_int_equal(a.v.crashes, 0);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    assert_int_equal(w->fake.opened, 2);
    forget(&a);
}

static void a_closed_runner_takes_no_more(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    bool closed = false;
    struct tn_runner_request q = {
        .team = TEAM, .integration = integration, .operation = "sync_again"};
    w->fake.hold_at = 4;
    ask(w, &a, "sync_items", false);
    until_held(w);
    tn_runner_close(w->runner, on_closed, &closed);
    b = (struct answer){0};
    tn_runner_start(w->runner, &q, on_started, &b);
    turn_until(w, &closed);
    assert_true(b.started);
    assert_int_equal(b.err.kind, TN_E_unavailable);
    b = (struct answer){0}; /* a request that came late still holds the runner */
    tn_runner_start(w->runner, &q, on_started, &b);
    turn_until(w, &b.started);
    assert_int_equal(b.err.kind, TN_E_unavailable);
    assert_int_equal(w->fake.counters.runs_active, 0);
    tn_runner_free(w->runner);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    forget(&a);
}

/* A worker in another process: starts a run (unless one waits) and works until a fault kills it. */
static void child_worker(struct world *w, const struct tn_id *holder, const char *faults,
                         bool start)
{
    struct tn_runner_request q = {
        .team = TEAM, .integration = integration, .operation = "sync_items"};
    struct tn_store_options o = {.dir = w->dir, .socket = w->socket, .holder = *holder};
    struct answer a = {0};
    struct tn_err err;
    struct fake f;
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_store *store = loop ? tn_store_open(loop, &o, &err) : NULL;
    if (!store) _exit(1);
    fill_fake(&f, loop);
    f.page = w->fake.page;
    f.items = w->fake.items;
    f.commit_rows = w->fake.commit_rows;
    f.without_cursor = w->fake.without_cursor;
    f.id_at = w->fake.id_at;
    f.number_at = w->fake.number_at;
    f.adopt = w->fake.adopt;
    f.resource = w->fake.resource;
    tn_fault_arm(faults);
    while (!tn_store_ready(store)) tn_loop_turn(loop, true);
    struct tn_runner *r = new_runner(loop, store, &f);
    if (start) tn_runner_start(r, &q, on_started, &a);
    tn_loop_run(loop);
    _exit(2);
}

/* Lets a worker work until it is killed; its lease ends as the supervisor would see to. */
static void crash_worker(struct world *w, const char *faults, bool start)
{
    struct tn_id holder = tn_id_new();
    struct defined d = {0};
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) child_worker(w, &holder, faults, start);
    for (int i = 0; i < TURNS_MAX && waitpid(pid, &status, WNOHANG) == 0; i++)
        tn_loop_turn(w->loop, false);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    tn_store_release(w->store, &holder, on_defined, &d);
    turn_until(w, &d.done);
    assert_int_equal(d.err.kind, TN_E_none);
}

static bool note_id(void *arg, const struct tn_row *row)
{
    tn_id_text(&row->id, ((struct answer *)arg)->id);
    return true;
}

/* The run that was asked for last. */
static void find_run(struct world *w, struct answer *a)
{
    struct tn_query q = {.team = TEAM, .table = "run"};
    struct tn_page page;
    struct tn_err err;
    *a = (struct answer){0};
    tn_run_view_init(&a->v);
    tn_page_init(&page);
    assert_true(tn_store_query(w->store, &q, note_id, a, &page, &err));
    assert_true(page.count > 0);
    tn_page_clear(&page);
}

static void a_run_whose_worker_dies_is_finished_by_another(void **state)
{
    static const char *const faults[] = {
        "sync.page.fetched=crash:1",    "sync.page.fetched=crash:4",
        "sync.page.mapped=crash:1",     "sync.page.mapped=crash:4",
        "sync.page.committed=crash:1",  "sync.page.committed=crash:5",
        "sync.page.committed=crash:10",
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct answer a;
        if (i) set_up(state);
        struct world *w = *state;
        tn_runner_free(w->runner);
        crash_worker(w, faults[i], true);
        w->runner = new_runner(w->loop, w->store, &w->fake);
        find_run(w, &a);
        wait_for(w, &a);
        assert_int_equal(a.v.status, TN_RUN_success);
        assert_int_equal(a.v.attempt, 2);
        counts_are(&a.v, ITEMS, 0, 0, 0);
        assert_int_equal(count_of(w, "items"), ITEMS);
        assert_int_equal(item_events(w), ITEMS);
        forget(&a);
        if (i + 1 < sizeof faults / sizeof *faults) tear_down(state);
    }
}

static void pages_that_travel_together_are_all_or_none(void **state)
{
    struct world *w = *state;
    struct answer a;
    tn_runner_free(w->runner);
    w->fake.commit_rows = 0;
    w->fake.items = 20000;
    crash_worker(w, "sync.page.committed=crash:4", true);
    crash_worker(w, "sync.page.mapped=crash:20", false);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    find_run(w, &a);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_success);
    assert_int_equal(a.v.pages, 200);
    counts_are(&a.v, 20000, 0, 0, 0);
    assert_int_equal(item_events(w), 20000);
    forget(&a);
}

static void dying_again_and_again_still_ends_as_long_as_pages_are_committed(void **state)
{
    struct world *w = *state;
    struct answer a;
    tn_runner_free(w->runner);
    for (int i = 0; i < 5; i++) crash_worker(w, "sync.page.committed=crash:2", i == 0);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    find_run(w, &a);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_success);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    assert_int_equal(item_events(w), ITEMS);
    forget(&a);
}

static void a_run_that_kills_three_workers_is_given_up(void **state)
{
    struct world *w = *state;
    struct answer a;
    tn_runner_free(w->runner);
    for (int i = 0; i < 3; i++) crash_worker(w, "sync.page.fetched=crash:1", i == 0);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    find_run(w, &a);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "code", "INTERNAL_ERROR");
    assert_int_equal(w->fake.opened, 0);
    forget(&a);
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_success);
    forget(&a);
}

static void without_a_cursor_it_begins_anew_and_doubles_nothing(void **state)
{
    struct world *w = *state;
    struct answer a;
    tn_runner_free(w->runner);
    w->fake.without_cursor = true;
    crash_worker(w, "sync.page.committed=crash:4", true);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    find_run(w, &a);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_success);
    assert_int_equal(a.v.counts.processed, ITEMS);
    assert_int_equal(count_of(w, "items"), ITEMS);
    assert_int_equal(item_events(w), ITEMS);
    forget(&a);
}

static void after_the_whole_group_died_the_next_start_finishes_the_run(void **state)
{
    struct world *w = *state;
    struct answer a;
    int status = 0;
    struct tn_id holder = tn_id_new();
    tn_runner_free(w->runner);
    pid_t pid = fork();
    if (pid == 0) child_worker(w, &holder, "sync.page.committed=crash:3", true);
    for (int i = 0; i < TURNS_MAX && waitpid(pid, &status, WNOHANG) == 0; i++)
        tn_loop_turn(w->loop, false);
    tn_store_close(w->store);
    tn_store_server_close(w->server);
    open_server(w, false);
    open_client(w);
    w->runner = new_runner(w->loop, w->store, &w->fake);
    find_run(w, &a);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_success);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    assert_int_equal(count_of(w, "items"), ITEMS);
    forget(&a);
}

/* ------------------------------------------------------------------ records made anew over there
 */

static const struct tn_field plain_fields[] = {
    {.name = "externalId", .type = TN_FIELD_text},
    {.name = "partNumber", .type = TN_FIELD_text, .required = true},
    {.name = "description", .type = TN_FIELD_text},
    {.name = "quantity", .type = TN_FIELD_any},
};
static const struct tn_entity plain = {
    .name = "item", .plural = "items", .fields = plain_fields, .n_fields = 4, .key = number_key};

static void first_load(struct world *w)
{
    struct answer a;
    w->fake.resource = &plain;
    w->fake.adopt = true;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    forget(&a);
}

static struct tn_id record_of(struct world *w, const char *number)
{
    struct tn_str key = tn_str(number);
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    tn_buf_init(&hold, 1 << 20);
    if (!tn_store_get_by_key(w->store, TEAM, "items", &key, 1, &row, &hold, &err))
        fail_msg("%s: %s", number, err.text);
    tn_buf_clear(&hold);
    return row.id;
}

/* The record of this number is the one that is linked to this id. */
static void is_linked(struct world *w, const char *number, int id)
{
    const struct tn_id record = record_of(w, number);
    struct tn_origin source = {.entity = TN_STR("item")};
    struct tn_link link;
    struct tn_buf hold;
    struct tn_err err;
    char external_id[32];
    assert_true(tn_id_parse(tn_str(integration), &source.integration));
    snprintf(external_id, sizeof external_id, "%lld", 300000047274444LL + id);
    tn_buf_init(&hold, 1 << 20);
    if (!tn_store_link(w->store, TEAM, &source, tn_str(external_id), &link, &hold, &err))
        fail_msg("%s: %s", external_id, err.text);
    assert_true(tn_id_eq(&link.record, &record));
    tn_buf_clear(&hold);
}

static bool no_kv(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    (void)value, (void)version;
    fail_msg("%s is left: %.*s", (const char *)arg, TN_FMT(key));
    return false;
}

static void nothing_is_left(struct world *w)
{
    static char spaces[2][16] = {"run.aside", "run.seen"};
    struct tn_err err;
    for (size_t i = 0; i < 2; i++)
        assert_true(tn_store_kv_list(w->store, TEAM, spaces[i], TN_STR(""), TN_STR(""), 10, no_kv,
                                     spaces[i], &err));
}

/* 950 was made anew as 5000; 1000 is new and has the number of 3, which is still there. */
static int made_anew(int i)
{
    return i == 950 ? 5000 : i;
}
static int like_three(int i)
{
    return i == ITEMS ? 3 : i;
}

static void a_record_made_anew_is_adopted_once_all_pages_came(void **state)
{
    struct world *w = *state;
    struct answer a;
    first_load(w);
    const struct tn_id before = record_of(w, "P-950");
    w->fake.items = ITEMS + 1;
    w->fake.id_at = made_anew;
    w->fake.number_at = like_three;
    for (int i = 0; i < 2; i++) {
        run_to_end(w, &a, "sync_items", false);
        assert_int_equal(a.v.status, TN_RUN_partial);
        counts_are(&a.v, 0, i ? 0 : 1, i ? ITEMS : ITEMS - 1, 1);
        error_is(&a, "code", "ERR_DUPLICATE_KEY");
        struct tn_json *json = tn_json_new();
        struct tn_str says = first_error(json, &a, "message");
        if (!memmem(says.p, says.n, "that one came, too", 18)) fail_msg("%.*s", TN_FMT(says));
        tn_json_free(json);
        assert_int_equal(count_of(w, "quarantine"), 1);
        assert_int_equal(count_of(w, "items"), ITEMS);
        forget(&a);
        nothing_is_left(w);
    }
    const struct tn_id after = record_of(w, "P-950");
    assert_true(tn_id_eq(&before, &after));
    is_linked(w, "P-950", 5000);
    is_linked(w, "P-3", 3);
}

/* The id 100 is gone, 200 has its number now, 300 that of 200, and 7000 that of 300. */
static int shifted(int i)
{
    return i == 100 ? 200 : i == 200 ? 300 : i == 300 ? 7000 : i;
}

static void ids_that_move_along_a_chain_of_pages_keep_their_numbers_records(void **state)
{
    static const char *const numbers[] = {"P-100", "P-200", "P-300"};
    static const int ids[] = {200, 300, 7000};
    struct world *w = *state;
    struct tn_id before[3];
    struct answer a;
    first_load(w);
    for (int i = 0; i < 3; i++) before[i] = record_of(w, numbers[i]);
    w->fake.id_at = shifted;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 3, ITEMS - 3, 0);
    forget(&a);
    for (int i = 0; i < 3; i++) {
        const struct tn_id after = record_of(w, numbers[i]);
        is_linked(w, numbers[i], ids[i]);
        assert_true(tn_id_eq(&before[i], &after));
    }
    assert_int_equal(count_of(w, "items"), ITEMS);
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 0, ITEMS, 0);
    forget(&a);
    nothing_is_left(w);
}

static int exchanged(int i)
{
    return i == 100 ? 900 : i == 900 ? 100 : i;
}

static void records_on_two_pages_exchange_their_keys(void **state)
{
    struct world *w = *state;
    struct answer a;
    first_load(w);
    w->fake.id_at = exchanged;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 2, ITEMS - 2, 0);
    forget(&a);
    is_linked(w, "P-100", 900);
    is_linked(w, "P-900", 100);
    assert_int_equal(count_of(w, "quarantine"), 0);
}

/* All were made anew, so that they come in many groups at the end. */
static int all_anew(int i)
{
    return i + 10000;
}

static void a_source_that_was_filled_anew_keeps_its_records(void **state)
{
    struct world *w = *state;
    struct answer a;
    first_load(w);
    const struct tn_id before = record_of(w, "P-500");
    w->fake.id_at = all_anew;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, ITEMS, 0, 0);
    forget(&a);
    const struct tn_id after = record_of(w, "P-500");
    assert_true(tn_id_eq(&before, &after));
    assert_int_equal(count_of(w, "items"), ITEMS);
    assert_int_equal(count_of(w, "quarantine"), 0);
    nothing_is_left(w);
}

/* A run that may have missed the former id adopts nothing and loses nothing. */
static void a_run_that_does_not_see_all_adopts_nothing(void **state)
{
    struct world *w = *state;
    struct answer a;
    first_load(w);
    w->fake.id_at = made_anew;
    w->fake.filters = "{\"modifiedSince\":\"2026-01-01\"}";
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 0, ITEMS - 1, 1);
    forget(&a);
    assert_int_equal(count_of(w, "quarantine"), 1);
    w->fake.filters = NULL;
    w->fake.items = ITEMS + PAGE;
    w->fake.fail_at = ITEMS / PAGE;
    w->fake.fail_kind = TN_E_timeout;
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.status, TN_RUN_failure);
    counts_are(&a.v, 0, 0, ITEMS - 1, 1);
    forget(&a);
    assert_int_equal(count_of(w, "quarantine"), 1);
    is_linked(w, "P-950", 950);
    nothing_is_left(w);
    w->fake.items = ITEMS;
    w->fake.fail_at = -1;
    w->fake.nameless_every = 999; /* whose id is it? */
    run_to_end(w, &a, "sync_items", false);
    assert_int_equal(a.v.counts.failed, 2);
    forget(&a);
    is_linked(w, "P-950", 950);
    w->fake.nameless_every = 0;
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, 0, 1, ITEMS - 1, 0);
    forget(&a);
    is_linked(w, "P-950", 5000);
    nothing_is_left(w);
}

/* Whatever it dies at: what is kept aside and what came is known to the next worker. */
static void a_record_is_adopted_after_its_worker_died(void **state)
{
    static const char *const faults[] = {
        "sync.page.committed=crash:2",
        "sync.page.mapped=crash:9",
        "sync.page.mapped=crash:11",
        "sync.asides.moved=crash:1",
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct answer a;
        if (i) set_up(state);
        struct world *w = *state;
        first_load(w);
        tn_runner_free(w->runner);
        w->fake.items = ITEMS + 1;
        w->fake.id_at = shifted;
        w->fake.number_at = like_three;
        crash_worker(w, faults[i], true);
        w->runner = new_runner(w->loop, w->store, &w->fake);
        find_run(w, &a);
        wait_for(w, &a);
        assert_int_equal(a.v.attempt, 2);
        assert_int_equal(a.v.counts.failed, 1);
        assert_int_equal(a.v.counts.processed, ITEMS + 1);
        if (i < 3) counts_are(&a.v, 0, 3, ITEMS - 3, 1);
        is_linked(w, "P-100", 200);
        is_linked(w, "P-200", 300);
        is_linked(w, "P-300", 7000);
        is_linked(w, "P-3", 3);
        assert_int_equal(count_of(w, "items"), ITEMS);
        assert_int_equal(count_of(w, "quarantine"), 1);
        nothing_is_left(w);
        forget(&a);
        if (i + 1 < sizeof faults / sizeof *faults) tear_down(state);
    }
}

/* ------------------------------------------------------------------ the store says no */

static void on_touched(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)done;
    assert_null(err);
    *(bool *)arg = true;
}

/* Somebody else writes into the run's row. */
static void touch_row(struct world *w, const char *id, const char *patch)
{
    struct tn_commit *c = tn_commit_new(w->store);
    struct tn_err err;
    struct tn_id run;
    bool done = false;
    assert_true(tn_id_parse(tn_str(id), &run));
    assert_true(tn_commit_patch(c, TEAM, "run", &run, tn_str(patch), TN_ANY, &err));
    tn_store_commit(w->store, c, on_touched, &done);
    turn_until(w, &done);
}

static void a_row_that_was_touched_meanwhile_is_read_again(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.hold_at = 3;
    ask(w, &a, "sync_items", false);
    until_stored(w, 3 * PAGE);
    touch_row(w, a.id, "{\"note\":1}");
    let_go(w);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_success);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    forget(&a);
}

static void a_run_that_was_taken_over_writes_nothing_more(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.hold_at = 3;
    ask(w, &a, "sync_items", false);
    until_stored(w, 3 * PAGE);
    touch_row(w, a.id, "{\"attempt\":2}");
    let_go(w);
    for (int i = 0; i < TURNS_MAX && !w->fake.counters.runs_lost; i++) tn_loop_turn(w->loop, true);
    assert_int_equal(w->fake.counters.runs_lost, 1);
    assert_int_equal(count_of(w, "items"), 3 * PAGE);
    forget(&a);
}

static void a_disk_that_recovers_costs_nothing(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.hold_at = 3;
    ask(w, &a, "sync_items", false);
    until_stored(w, 3 * PAGE);
    tn_fault_arm("store.commit=fail:2,store.commit=fail:3");
    let_go(w);
    wait_for(w, &a);
    assert_true(tn_fault_passes("store.commit") > 3);
    assert_int_equal(a.v.status, TN_RUN_success);
    counts_are(&a.v, ITEMS, 0, 0, 0);
    assert_int_equal(item_events(w), ITEMS);
    forget(&a);
}

static void a_disk_that_stays_broken_fails_the_run_and_moves_no_cursor(void **state)
{
    struct world *w = *state;
    struct answer a;
    w->fake.hold_at = 3;
    ask(w, &a, "sync_items", false);
    until_stored(w, 3 * PAGE);
    tn_fault_arm("store.commit=fail:1+");
    let_go(w);
    wait_for(w, &a);
    assert_int_equal(a.v.status, TN_RUN_failure);
    error_is(&a, "code", "ERR_DATABASE");
    counts_are(&a.v, 3 * PAGE, 0, 0, 0);
    assert_true(tn_str_is(a.v.cursor, "{\"offset\":300}"));
    assert_int_equal(count_of(w, "items"), 3 * PAGE);
    tn_fault_arm(NULL);
    for (int i = 0; i < TURNS_MAX && w->fake.counters.runs_active; i++) tn_loop_turn(w->loop, true);
    assert_int_equal(status_of(w, a.id), TN_RUN_failure);
    forget(&a);
    run_to_end(w, &a, "sync_items", false);
    counts_are(&a.v, ITEMS - 3 * PAGE, 0, 3 * PAGE, 0);
    forget(&a);
}

/* ------------------------------------------------------------------ retries */

static void on_kept(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)done;
    on_defined(arg, err);
}

static void keep(struct world *w, int64_t team, const char *table, struct tn_id *id,
                 const char *body)
{
    struct tn_commit *c = tn_commit_new(w->store);
    struct defined d = {0};
    struct tn_err err;
    *id = tn_id_new();
    if (!tn_commit_put(c, team, table, id, tn_str(body), TN_NEW_ONLY, &err))
        fail_msg("%s", err.text);
    tn_store_commit(w->store, c, on_kept, &d);
    turn_until(w, &d.done);
    assert_int_equal(d.err.kind, TN_E_none);
}

/* Puts a record into quarantine by hand and its id into the plan. */
static void set_aside(struct world *w, struct tn_buf *plan, struct tn_id *id, const char *key,
                      const char *payload)
{
    struct tn_buf body;
    struct tn_jw jw;
    char text[TN_ID_LEN + 1];
    tn_buf_init(&body, 4096);
    tn_jw_init(&jw, &body);
    tn_jw_object(&jw);
    tn_jw_kz(&jw, "integration", integration);
    tn_jw_kz(&jw, "operation", "sync_items");
    tn_jw_kz(&jw, "entity", "item");
    tn_jw_kz(&jw, "external_id", key);
    tn_jw_kz(&jw, "status", "open");
    tn_jw_kz(&jw, "reason", "as it was");
    tn_jw_kz(&jw, "payload", payload);
    tn_jw_end(&jw);
    keep(w, TEAM, "quarantine", id, tn_buf_str(&body).p);
    tn_id_text(id, text);
    tn_buf_addf(plan, "%c\"%s\"", plan->n > 8 ? ',' : '[', text);
    tn_buf_clear(&body);
}

static void retry(struct world *w, struct answer *a, int64_t team, const struct tn_buf *ids)
{
    struct tn_buf plan;
    struct tn_id id;
    char filters[80], text[TN_ID_LEN + 1];
    tn_buf_init(&plan, 4096);
    tn_buf_addf(&plan, "{%.*s]}", TN_FMT(tn_buf_str(ids)));
    keep(w, team, "plan", &id, plan.p);
    tn_buf_clear(&plan);
    tn_id_text(&id, text);
    snprintf(filters, sizeof filters, "{\"plan\":\"%s\"}", text);
    struct tn_runner_request q = {.team = team,
                                  .integration = integration,
                                  .operation = "sync_items",
                                  .filters = tn_str(filters),
                                  .trigger = "RETRY"};
    *a = (struct answer){0};
    tn_run_view_init(&a->v);
    tn_runner_start(w->runner, &q, on_started, a);
    turn_until(w, &a->started);
    assert_non_null(tn_runner_wait(w->runner, team, a->id, on_waited, a));
    turn_until(w, &a->done);
    if (a->err.kind) fail_msg("%s", a->err.text);
    assert_int_equal(w->fake.opened, w->fake.closed);
}

static void it_says(struct world *w, const struct tn_id *id, const char *what)
{
    struct tn_row row;
    struct tn_buf hold;
    struct tn_err err;
    tn_buf_init(&hold, 65536);
    if (!tn_store_get(w->store, TEAM, "quarantine", id, &row, &hold, &err))
        fail_msg("%s", err.text);
    if (!strstr(hold.p, what)) fail_msg("'%s' is not in %s", what, hold.p);
    tn_buf_clear(&hold);
}

static void a_retry_cures_what_the_store_takes_and_keeps_the_rest(void **state)
{
    struct world *w = *state;
    struct tn_id good, taken, unreadable, bad, keyless;
    struct answer a;
    struct tn_buf ids;
    w->fake.items = 1;
    run_to_end(w, &a, "sync_items", false);
    forget(&a);
    tn_buf_init(&ids, 4096);
    tn_buf_adds(&ids, "\"ids\":");
    set_aside(w, &ids, &good, "5",
              "{\"ItemId\":5,\"ItemNumber\":\"P-5\",\"Description\":\"five\"}");
    set_aside(w, &ids, &taken, "9",
              "{\"ItemId\":9,\"ItemNumber\":\"P-0\",\"Description\":\"nine\"}");
    set_aside(w, &ids, &unreadable, "?1", "7;too few cells");
    set_aside(w, &ids, &bad, "8", "{\"ItemId\":8,\"ItemNumber\":\"P-8\"}");
    set_aside(w, &ids, &keyless, "?2",
              "{\"ItemId\":6,\"ItemNumber\":\"P-6\",\"Description\":\"six\"}");

    retry(w, &a, TEAM + 1, &ids);
    counts_are(&a.v, 0, 0, 0, 0);
    assert_int_equal(count_of(w, "quarantine"), 5);
    forget(&a);

    unsigned pages = w->fake.pages;
    retry(w, &a, TEAM, &ids);
    counts_are(&a.v, 2, 0, 0, 3);
    assert_int_equal(a.v.status, TN_RUN_partial);
    assert_int_equal(w->fake.pages, pages);
    assert_int_equal(count_of(w, "items"), 3);
    assert_int_equal(item_events(w), 3);
    assert_int_equal(count_of(w, "quarantine"), 3);
    it_says(w, &taken, "\"attempts\":2");
    it_says(w, &taken, "ERR_DUPLICATE_KEY");
    it_says(w, &taken, a.id);
    it_says(w, &unreadable, "7;too few cells");
    it_says(w, &bad, "\"field\":\"description\"");
    forget(&a);
    tn_buf_clear(&ids);
}

static void a_retry_goes_by_the_rules(void **state)
{
    struct world *w = *state;
    const struct tn_entity *list[] = {&naming};
    const struct tn_entities all = {list, 1};
    struct tn_id lost, bad;
    struct answer a;
    struct tn_buf ids;
    w->fake.resource = &naming;
    w->fake.resources = &all;
    tn_buf_init(&ids, 4096);
    tn_buf_adds(&ids, "\"ids\":");
    set_aside(w, &ids, &lost, "5",
              "{\"ItemId\":5,\"ItemNumber\":\"P-5\","
              "\"Description\":\"018f2a00-0000-7000-8000-000000000000\"}");
    set_aside(w, &ids, &bad, "8", "{\"ItemId\":8,\"ItemNumber\":\"P-8\"}");
    retry(w, &a, TEAM, &ids);
    counts_are(&a.v, 0, 0, 0, 2);
    assert_int_equal(count_of(w, "quarantine"), 2);
    it_says(w, &lost, "\"code\":\"ERR_DATA_MAPPING\"");
    it_says(w, &lost, "\"faults\":[{\"code\":\"reference\",\"path\":\"description\"");
    it_says(w, &lost, "\"attempts\":2");
    it_says(w, &bad, "\"attempts\":2");
    forget(&a);

    w->fake.resource = NULL;
    retry(w, &a, TEAM, &ids);
    counts_are(&a.v, 1, 0, 0, 1);
    assert_int_equal(count_of(w, "quarantine"), 1);
    it_says(w, &bad, "\"attempts\":3");
    forget(&a);
    tn_buf_clear(&ids);
}

/* The first is to be written over a record that changes meanwhile. */
static void a_retry_is_settled_once_what_changed_meanwhile_is_stored(void **state)
{
    struct world *w = *state;
    struct tn_id over, fresh;
    struct answer a;
    struct tn_buf ids;
    w->fake.resource = &numbered;
    tn_buf_init(&ids, 4096);
    tn_buf_adds(&ids, "\"ids\":");
    set_aside(w, &ids, &over, "5",
              "{\"ItemId\":5,\"ItemNumber\":\"P-5\",\"Description\":\"five\"}");
    retry(w, &a, TEAM, &ids);
    counts_are(&a.v, 1, 0, 0, 0);
    forget(&a);
    tn_buf_reset(&ids);
    tn_buf_adds(&ids, "\"ids\":");
    set_aside(w, &ids, &over, "5",
              "{\"ItemId\":5,\"ItemNumber\":\"P-5\",\"Description\":\"other\"}");
    set_aside(w, &ids, &fresh, "6",
              "{\"ItemId\":6,\"ItemNumber\":\"P-6\",\"Description\":\"six\"}");
    tn_fault_arm("sync.stale=fail:1");
    retry(w, &a, TEAM, &ids);
    assert_true(tn_fault_passes("sync.stale") >= 2);
    tn_fault_arm(NULL);
    counts_are(&a.v, 1, 1, 0, 0);
    assert_int_equal(count_of(w, "quarantine"), 0);
    assert_int_equal(count_of(w, "items"), 2);
    forget(&a);
    tn_buf_clear(&ids);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_first_load_then_nothing_then_what_changed),
        TEST(values_pass_through_exactly),
        TEST(a_dry_run_writes_nothing),
        TEST(bad_records_are_listed_and_the_rest_is_stored),
        TEST(records_without_a_key_lie_in_quarantine_once),
        TEST(a_record_that_names_another_needs_it),
        TEST(a_named_record_that_is_deleted_before_the_commit_leaves_no_dangling_reference),
        TEST(a_record_that_changes_while_it_is_judged_is_judged_anew),
        TEST(a_run_ends_after_a_last_page_that_was_judged_anew),
        TEST(when_all_fail_at_most_a_hundred_are_listed),
        TEST(a_key_that_another_record_holds_fails_that_record),
        TEST(a_source_that_fails_ends_the_run_with_its_code),
        TEST(a_sign_in_page_is_no_page_of_records),
        TEST(the_same_page_for_ever_is_stopped),
        TEST(an_operation_that_does_not_open_is_a_failed_run),
        TEST(a_source_without_records_is_a_success),
        TEST(a_retry_cures_what_the_store_takes_and_keeps_the_rest),
        TEST(a_retry_goes_by_the_rules),
        TEST(a_retry_is_settled_once_what_changed_meanwhile_is_stored),
        TEST(two_starts_of_one_operation_are_one_run),
        TEST(starts_in_the_same_turn_too),
        TEST(another_operation_runs_beside_it),
        TEST(runs_add_up_on_the_row_and_stay_when_their_rows_go),
        TEST(more_runs_than_places_wait_for_their_turn),
        TEST(waits_and_cancels_reach_a_run_of_another_worker),
        TEST(waits_for_what_is_not_there_are_told_so),
        TEST(a_run_can_be_cancelled_while_it_waits_for_its_peer),
        TEST(a_run_can_be_cancelled_at_full_speed),
        TEST(a_run_waits_until_its_adapter_is_loaded),
        TEST(an_adapter_that_does_not_load_fails_its_run),
        TEST(a_run_can_be_cancelled_while_it_loads),
        TEST(a_close_waits_for_what_loads_and_leaves_the_run_to_the_next_one),
        TEST(a_runner_that_is_dropped_stops_what_loads),
        TEST(a_graceful_close_leaves_the_run_to_the_next_one),
        TEST(a_run_whose_scripts_were_replaced_long_ago_goes_on_with_those_that_serve),
        TEST(a_closed_runner_takes_no_more),
        TEST(a_run_whose_worker_dies_is_finished_by_another),
        TEST(pages_that_travel_together_are_all_or_none),
        TEST(dying_again_and_again_still_ends_as_long_as_pages_are_committed),
        TEST(a_run_that_kills_three_workers_is_given_up),
        TEST(without_a_cursor_it_begins_anew_and_doubles_nothing),
        TEST(after_the_whole_group_died_the_next_start_finishes_the_run),
        TEST(a_record_made_anew_is_adopted_once_all_pages_came),
        TEST(ids_that_move_along_a_chain_of_pages_keep_their_numbers_records),
        TEST(records_on_two_pages_exchange_their_keys),
        TEST(a_source_that_was_filled_anew_keeps_its_records),
        TEST(a_run_that_does_not_see_all_adopts_nothing),
        TEST(a_record_is_adopted_after_its_worker_died),
        TEST(a_row_that_was_touched_meanwhile_is_read_again),
        TEST(a_run_that_was_taken_over_writes_nothing_more),
        TEST(a_disk_that_recovers_costs_nothing),
        TEST(a_disk_that_stays_broken_fails_the_run_and_moves_no_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
