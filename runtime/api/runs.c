/* SPDX-License-Identifier: MIT */
#include "api/runs.h"

#include <stdio.h>

#include "api/integrations.h"
#include "base/alloc.h"
#include "base/time.h"
#include "scripts/decl.h"
#include "scripts/scripts.h"
#include "store/read.h"
#include "sync/run_view.h"
#include "sync/runner.h"

enum { LOGS_USUAL = 50, LOGS_MAX = 100 };

/* ---- start ---- */

/* A start that waits for its run. */
struct starting {
    struct tn_api *api;
    struct tn_http_exchange *x;
    struct tn_runner_wait *wait;
    int64_t team;
    bool answer_later; /* wait: the answer is the result */
    char integration[TN_ID_LEN + 1];
};

static void client_gone(void *arg, struct tn_http_exchange *x)
{
    struct starting *s = arg;
    if (s->wait) tn_runner_wait_cancel(s->wait); /* the run goes on; its log tells the rest */
    tn_http_abort(x);
    tn_free(s);
}

static void ended(void *arg, const struct tn_run_view *v, const struct tn_err *err)
{
    struct starting *s = arg;
    if (err) {
        tn_answer_err(s->x, err);
    } else {
        struct tn_answer a;
        tn_answer_begin(&a, s->x);
        tn_run_view_result(v, &a.w);
        tn_answer_send(&a, 200);
    }
    tn_free(s);
}

static void answer_accepted(struct starting *s, const char *run_id)
{
    struct tn_answer a;
    tn_http_headerf(s->x, "Location", "/api/v1/integrations/%s/logs/%s", s->integration, run_id);
    tn_answer_begin(&a, s->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "runId", run_id);
    tn_jw_kz(&a.w, "status", tn_run_status_name(TN_RUN_running));
    tn_jw_end(&a.w);
    tn_answer_send(&a, 202);
    tn_free(s);
}

static void started(void *arg, const char *run_id, const struct tn_err *err)
{
    struct starting *s = arg;
    if (err && err->kind != TN_E_none) {
        tn_answer_err(s->x, err);
        tn_free(s);
    } else if (!s->answer_later) {
        answer_accepted(s, run_id);
    } else {
        s->wait = tn_runner_wait(s->api->p.runner, s->team, run_id, ended, s);
        tn_http_on_gone(s->x, client_gone, s);
    }
}

static bool fail_member(struct tn_err *err, const char *field, const char *text)
{
    tn_fail(err, TN_E_invalid, "%s", text);
    return tn_fail_field(err, "%s", field);
}

static const struct tn_operation *find_operation(const struct tn_adapter *a, struct tn_str name)
{
    for (const struct tn_operation *o = a->operations; o && o->name; o++)
        if (tn_str_is(name, o->name)) return o;
    return NULL;
}

static bool unknown_operation(const struct tn_decl *adapter, struct tn_str name, struct tn_err *err)
{
    char known[256] = "";
    size_t n = 0;
    for (const struct tn_operation *o = adapter->adapter.operations; o && o->name; o++)
        if (n < sizeof known)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", o->name);
    tn_fail(err, TN_E_invalid, "%s has no operation '%.*s'; it has: %s", adapter->name,
            TN_FMT(name), known);
    return tn_fail_field(err, "operation");
}

/* What the body asks for; texts are in the integration's memory. */
struct wish {
    const struct tn_operation *operation;
    struct tn_str filters;
    bool dry_run, wait;
};

static bool take_wish(const struct tn_decl *adapter, struct tn_integration *i, struct tn_jval body,
                      struct wish *wish, struct tn_err *err)
{
    static const char *const members[] = {"operation", "filters", "dryRun", "wait", NULL};
    struct tn_str name;
    *wish = (struct wish){.wait = true, .filters = TN_STR("{}")};
    if (!api_members_known(body, members, NULL, err)) return false;
    if (!tn_jtext(tn_jget_z(body, "operation"), &i->memory, &name))
        return fail_member(err, "operation", "operation is missing, as in \"sync_items\"");
    wish->operation = find_operation(&adapter->adapter, name);
    if (!wish->operation) return unknown_operation(adapter, name, err);
    struct tn_jval filters = tn_jget_z(body, "filters"), flag;
    if (tn_jis(filters, TN_JSON_object)) {
        wish->filters = tn_jraw(filters);
        if (!tn_field_check(wish->operation->filters, wish->operation->n_filters, filters,
                            "filters", 0, err))
            return false;
    } else if (!tn_jis(filters, TN_JSON_absent)) {
        return fail_member(err, "filters", "filters has to be an object");
    }
    flag = tn_jget_z(body, "dryRun");
    if (!tn_jis(flag, TN_JSON_absent) && !tn_jbool(flag, &wish->dry_run))
        return fail_member(err, "dryRun", "dryRun has to be true or false");
    flag = tn_jget_z(body, "wait");
    if (!tn_jis(flag, TN_JSON_absent) && !tn_jbool(flag, &wish->wait))
        return fail_member(err, "wait", "wait has to be true or false");
    return true;
}

static void start(struct tn_api *api, struct tn_http_exchange *x, const struct tn_integration *i,
                  const struct wish *wish)
{
    struct starting *s = TN_NEW(struct starting);
    *s = (struct starting){
        .api = api, .x = x, .team = i->team, .answer_later = wish->wait || wish->dry_run};
    tn_id_text(&i->id, s->integration);
    struct tn_runner_request q = {.team = i->team,
                                  .integration = s->integration,
                                  .operation = wish->operation->name,
                                  .filters = wish->filters,
                                  .trigger = tn_http_is_unix(x, NULL) ? "CLI" : "API",
                                  .dry_run = wish->dry_run};
    tn_runner_start(api->p.runner, &q, started, s);
}

/* The body is read once more: the parser served others meanwhile. */
static void start_run(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    struct tn_jval body;
    struct wish wish;
    struct tn_err err;
    if (!api_body(api, x, &body)) return;
    const struct tn_decl *adapter =
        tn_units_must_adapter(tn_scripts_units(api->p.scripts), i->adapter, &err);
    if (adapter && !i->enabled)
        tn_fail(&err, TN_E_conflict, "integration '%.*s' is disabled", TN_FMT(i->name));
    else if (adapter && take_wish(adapter, i, body, &wish, &err)) {
        start(api, x, i, &wish);
        return;
    }
    tn_answer_err(x, &err);
}

void api_runs_start(void *arg, struct tn_http_exchange *x)
{
    struct tn_jval body;
    if (api_body(arg, x, &body)) api_with_integration(arg, x, start_run);
}

/* ---- logs ---- */

static bool write_one(const struct tn_row *row, struct tn_jw *w, struct tn_err *err)
{
    struct tn_run_view v;
    tn_run_view_init(&v);
    bool ok = tn_run_view_of(row, &v, err);
    if (ok) tn_run_view_row(&v, w);
    tn_run_view_clear(&v);
    return ok;
}

/* A filter taken from the query; absent: none. */
struct filters {
    struct tn_filter list[5];
    struct tn_str values[5];
    size_t n;
};

static void add_filter(struct filters *f, const char *column, enum tn_filter_op op,
                       struct tn_str value)
{
    if (!value.p) return;
    f->values[f->n] = value;
    f->list[f->n] = (struct tn_filter){column, op, &f->values[f->n], 1};
    f->n++;
}

static bool log_filters(struct tn_http_exchange *x, struct filters *f)
{
    static const struct {
        const char *parameter, *column;
        enum tn_filter_op op;
    } dates[] = {{"startDate", "created", TN_FILTER_ge}, {"endDate", "created", TN_FILTER_le}};
    struct tn_str status = tn_http_query(x, "status", NULL);
    enum tn_run_status parsed;
    struct tn_err err;
    int64_t ms;
    if (status.p && !tn_run_status_parse(status, &parsed)) {
        fail_member(&err, "status", "status is one of SUCCESS, PARTIAL, FAILURE, RUNNING");
        tn_answer_err(x, &err);
        return false;
    }
    add_filter(f, "status", TN_FILTER_eq, status);
    add_filter(f, "operation", TN_FILTER_eq, tn_http_query(x, "operation", NULL));
    for (int i = 0; i < 2; i++) {
        struct tn_str date = tn_http_query(x, dates[i].parameter, NULL);
        if (date.p && !tn_time_parse(date, &ms)) {
            tn_fail(&err, TN_E_invalid, "%s has to be a date, as in 2026-01-31T08:00:00Z",
                    dates[i].parameter);
            tn_fail_field(&err, "%s", dates[i].parameter);
            tn_answer_err(x, &err);
            return false;
        }
        add_filter(f, dates[i].column, dates[i].op, date);
    }
    return true;
}

/* A request for a page of the log. */
struct list {
    struct tn_http_exchange *x;
    int64_t number, limit;
    bool by_id; /* the integration may be gone: LIST_IS and LIST_WAS were asked, too */
};

/* Questions: the page; the integration; any run of it. */
enum { LIST_PAGE, LIST_IS, LIST_WAS };

/* Of an integration that is gone its runs still tell. */
static bool list_stands(const struct list *l, const struct tn_found *found, struct tn_err *err)
{
    const struct tn_err *gone = l->by_id ? tn_found_err(found, LIST_IS) : NULL;
    if (!gone || (gone->kind == TN_E_not_found && tn_found_row(found, LIST_WAS, 0))) return true;
    *err = *gone;
    if (gone->kind != TN_E_not_found) return false;
    return tn_fail(err, TN_E_not_found, "there is no integration '%.*s'",
                   TN_FMT(tn_http_param(l->x, "id")));
}

static bool write_list(const struct list *l, const struct tn_found *found, struct tn_jw *w,
                       struct tn_err *err)
{
    const struct tn_list *rows = tn_found_list(found, 0);
    tn_jw_object(w);
    tn_jw_key(w, TN_STR("logs"));
    tn_jw_array(w);
    for (size_t i = 0; i < rows->count; i++)
        if (!write_one(tn_found_row(found, 0, i), w, err)) return false;
    tn_jw_end(w);
    tn_jw_kint(w, "total", rows->total);
    tn_jw_kint(w, "page", l->number);
    tn_jw_kint(w, "limit", l->limit);
    tn_jw_kint(w, "totalPages", (rows->total + l->limit - 1) / l->limit);
    tn_jw_end(w);
    return true;
}

static void list_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct list *l = arg;
    struct tn_answer a;
    struct tn_err err;
    if (!failed) failed = tn_found_err(found, 0);
    if (!failed && !list_stands(l, found, &err)) failed = &err;
    tn_answer_begin(&a, l->x);
    if (!failed && !write_list(l, found, &a.w, &err)) failed = &err;
    if (failed) {
        tn_buf_clear(&a.body);
        tn_answer_err(l->x, failed);
    } else {
        tn_answer_send(&a, 200);
    }
    tn_free(l);
}

/* The filters are views of x; false: x is answered. */
static bool take_list(struct tn_http_exchange *x, struct list *l, struct filters *f)
{
    *l = (struct list){.x = x};
    *f = (struct filters){.n = 0};
    return api_query_int(x, "page", 1, 1, 100000 / LOGS_MAX, &l->number) &&
           api_query_int(x, "limit", LOGS_USUAL, 1, LOGS_MAX, &l->limit) && log_filters(x, f);
}

/* Runs of an integration, newest first. */
static void ask_page(struct tn_read *read, const struct tn_filter *filters, size_t n, size_t limit,
                     size_t offset)
{
    tn_read_query(read, &(struct tn_query){.table = "run",
                                           .filters = filters,
                                           .filter_count = n,
                                           .sort = {{"created", true}},
                                           .sort_count = 1,
                                           .limit = limit,
                                           .offset = offset,
                                           .total = true});
}

static void list_of(struct tn_api *api, struct tn_http_exchange *x, const struct tn_id *integration,
                    bool by_id)
{
    struct list *l = TN_NEW(struct list);
    struct tn_read *read = tn_read_new(api_actor(x)->team);
    struct filters f;
    char id[TN_ID_LEN + 1];
    if (!take_list(x, l, &f)) { /* it was looked at before */
        tn_read_free(read);
        tn_free(l);
        return;
    }
    tn_id_text(integration, id);
    l->by_id = by_id;
    add_filter(&f, "integration", TN_FILTER_eq, tn_str(id));
    ask_page(read, f.list, f.n, (size_t)l->limit, (size_t)((l->number - 1) * l->limit));
    if (by_id) {
        tn_read_get(read, "integration", integration);
        ask_page(read, &f.list[f.n - 1], 1, 1, 0);
    }
    tn_store_read(api->p.store, read, NULL, list_found, l);
}

static void list(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    list_of(api, x, &i->id, false);
}

void api_runs_list(void *arg, struct tn_http_exchange *x)
{
    static const char *const parameters[] = {"page",      "limit",   "operation", "status",
                                             "startDate", "endDate", NULL};
    struct filters f;
    struct list l;
    struct tn_id id;
    if (!api_query_known(x, parameters) || !take_list(x, &l, &f)) return;
    if (tn_id_parse(tn_http_param(x, "id"), &id))
        list_of(arg, x, &id, true);
    else
        api_with_integration(arg, x, list);
}

/* ---- one run ---- */

/* A request about the run of its path, which has to be one of the integration. */
struct about {
    struct tn_api *api;
    struct tn_http_exchange *x;
    void (*then)(const struct about *a, const struct tn_run_view *v);
    char owner[TN_ID_LEN + 1], name[128];
};

static void about_answer(void *arg, const struct tn_run_view *v, const struct tn_err *failed)
{
    struct about *a = arg;
    struct tn_err err;
    bool ours = v && strcmp(v->integration, a->owner) == 0;
    if (failed) err = *failed;
    if (!ours && (v || err.kind == TN_E_not_found))
        tn_fail(&err, TN_E_not_found, "integration '%s' has no run '%.*s'", a->name,
                TN_FMT(tn_http_param(a->x, "run")));
    if (ours)
        a->then(a, v);
    else
        tn_answer_err(a->x, &err);
    tn_free(a);
}

/* integration: its id; name: as the caller calls it. */
static void with_run_of(struct tn_api *api, struct tn_http_exchange *x,
                        const struct tn_id *integration, struct tn_str name,
                        void (*then)(const struct about *a, const struct tn_run_view *v))
{
    struct about *a = TN_NEW(struct about);
    char id[64];
    *a = (struct about){.api = api, .x = x, .then = then};
    tn_id_text(integration, a->owner);
    snprintf(a->name, sizeof a->name, "%.*s", TN_FMT(name));
    snprintf(id, sizeof id, "%.*s", TN_FMT(tn_http_param(x, "run")));
    tn_runner_read(api->p.runner, api_actor(x)->team, id, about_answer, a);
}

static void with_run(struct tn_api *api, struct tn_http_exchange *x, const struct tn_integration *i,
                     void (*then)(const struct about *a, const struct tn_run_view *v))
{
    with_run_of(api, x, &i->id, i->name, then);
}

static void show(const struct about *about, const struct tn_run_view *v)
{
    struct tn_answer a;
    tn_answer_begin(&a, about->x);
    tn_run_view_detail(v, &a.w);
    tn_answer_send(&a, 200);
}

static void get(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    with_run(api, x, i, show);
}

void api_runs_get(void *arg, struct tn_http_exchange *x)
{
    struct tn_id id;
    /* By ids: the integration may be gone. */
    if (tn_id_parse(tn_http_param(x, "id"), &id))
        with_run_of(arg, x, &id, tn_http_param(x, "id"), show);
    else
        api_with_integration(arg, x, get);
}

static void cancelled(void *arg, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    if (err && err->kind != TN_E_none)
        tn_answer_err(x, err);
    else
        tn_http_reply(x, 204, NULL, TN_STR(""));
}

static void cancel_it(const struct about *a, const struct tn_run_view *v)
{
    tn_runner_cancel(a->api->p.runner, api_actor(a->x)->team, v->id, cancelled, a->x);
}

static void cancel(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    with_run(api, x, i, cancel_it);
}

void api_runs_cancel(void *arg, struct tn_http_exchange *x)
{
    api_with_integration(arg, x, cancel);
}
