/* SPDX-License-Identifier: MIT */
#include "api/journal.h"

#include "base/alloc.h"
#include "base/hint.h"
#include "base/limits.h"
#include "base/time.h"
#include "store/read.h"
#include "sync/inbound.h"
#include "sync/run_view.h"

enum { LIMIT_USUAL = 50, FILTERS_MAX = 6 };

/* A parameter that filters; form: how its value has to look. */
struct parameter {
    const char *name, *column;
    enum tn_filter_op op;
    enum { ANY, TIME, ID, RUN_STATUS, EVENT_STATUS } form;
};

/* One kind of list. */
struct journal {
    const char *table, *member;
    struct parameter parameters[FILTERS_MAX]; /* a name of NULL ends them */
    bool system;                              /* rows of no team may be asked for */
    bool (*write)(const struct tn_row *row, struct tn_jw *w, struct tn_err *err);
};

/* ---- rows ---- */

static void write_id(struct tn_jw *w, const struct tn_row *row)
{
    char id[TN_ID_LEN + 1];
    tn_id_text(&row->id, id);
    tn_jw_kz(w, "id", id);
}

static void write_created(struct tn_jw *w, const char *key, const struct tn_row *row)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(row->created_ms, text);
    tn_jw_kz(w, key, text);
}

/* The members of the body by the names that they have in answers. */
struct shown {
    const char *stored, *name;
};

static bool write_members(const struct tn_row *row, const struct shown *shown, size_t n,
                          struct tn_jw *w, struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    bool ok = tn_json_parse(json, row->body, err);
    for (size_t i = 0; ok && i < n; i++) {
        struct tn_jval v = tn_jget_z(tn_json_root(json), shown[i].stored);
        if (tn_jis(v, TN_JSON_absent))
            tn_jw_knull(w, shown[i].name);
        else
            tn_jw_kraw(w, shown[i].name, tn_jraw(v));
    }
    tn_json_free(json);
    return ok;
}

static bool write_audit(const struct tn_row *row, struct tn_jw *w, struct tn_err *err)
{
    static const struct shown shown[] = {{"actor", "actor"},      {"actor_kind", "actorKind"},
                                         {"actor_id", "actorId"}, {"request", "requestId"},
                                         {"address", "address"},  {"action", "action"},
                                         {"object", "object"},    {"detail", "detail"}};
    tn_jw_object(w);
    write_id(w, row);
    write_created(w, "at", row);
    bool ok = write_members(row, shown, sizeof shown / sizeof *shown, w, err);
    tn_jw_end(w);
    return ok;
}

static bool write_event(const struct tn_row *row, struct tn_jw *w, struct tn_err *err)
{
    static const struct shown shown[] = {{"integration", "integration"},
                                         {"delivery", "delivery"},
                                         {"type", "type"},
                                         {"status", "status"},
                                         {"run", "run"},
                                         {"failed", "failed"},
                                         {"reason", "reason"}};
    tn_jw_object(w);
    write_id(w, row);
    write_created(w, "receivedAt", row);
    bool ok = write_members(row, shown, sizeof shown / sizeof *shown, w, err);
    tn_jw_end(w);
    return ok;
}

static bool write_run(const struct tn_row *row, struct tn_jw *w, struct tn_err *err)
{
    struct tn_run_view v;
    tn_run_view_init(&v);
    bool ok = tn_run_view_of(row, &v, err);
    if (ok) tn_run_view_listed(&v, w);
    tn_run_view_clear(&v);
    return ok;
}

/* ---- the lists ---- */

#define SPAN                                                                                       \
    {"from", "created", TN_FILTER_ge, TIME},                                                       \
    {                                                                                              \
        "to", "created", TN_FILTER_le, TIME                                                        \
    }

static const struct journal audit = {
    .table = "audit",
    .member = "audit",
    .parameters = {{"actor", "actor", TN_FILTER_eq, ANY},
                   {"action", "action", TN_FILTER_eq, ANY},
                   {"object", "object", TN_FILTER_eq, ANY},
                   SPAN},
    .system = true,
    .write = write_audit,
};
static const struct journal inbound = {
    .table = "inbound",
    .member = "inbound",
    .parameters = {{"integration", "integration", TN_FILTER_eq, ID},
                   {"status", "status", TN_FILTER_eq, EVENT_STATUS},
                   SPAN},
    .write = write_event,
};
static const struct journal runs = {
    .table = "run",
    .member = "runs",
    .parameters = {{"integration", "integration", TN_FILTER_eq, ID},
                   {"operation", "operation", TN_FILTER_eq, ANY},
                   {"status", "status", TN_FILTER_eq, RUN_STATUS},
                   SPAN},
    .write = write_run,
};

/* ---- the request ---- */

struct asked {
    struct tn_filter filters[FILTERS_MAX];
    struct tn_str values[FILTERS_MAX];
    size_t n;
    int64_t team;
    uint64_t limit;
    struct tn_str cursor;
};

static bool refuse(struct tn_err *err, const char *name, const char *text)
{
    tn_fail(err, TN_E_syntax, "%s %s", name, text);
    return tn_fail_field(err, "%s", name);
}

static bool known(const struct journal *j, const struct tn_http_exchange *x, struct tn_err *err)
{
    const char *names[FILTERS_MAX + 4] = {"limit", "cursor"};
    size_t n = 2;
    if (j->system) names[n++] = "scope";
    for (size_t i = 0; i < FILTERS_MAX && j->parameters[i].name; i++)
        names[n++] = j->parameters[i].name;
    for (size_t i = 0; i < tn_http_query_count(x); i++) {
        struct tn_str name, value;
        bool there = false;
        tn_http_query_at(x, i, &name, &value);
        for (size_t k = 0; k < n; k++) there = there || tn_str_is(name, names[k]);
        if (there) continue;
        tn_fail(err, TN_E_syntax, "there is no parameter '%.*s'%s", TN_FMT(name),
                tn_did_you_mean(name, names).text);
        return tn_fail_field(err, "%.*s", TN_FMT(name));
    }
    return true;
}

/* Absent: value.p is NULL. */
static bool take(const struct tn_http_exchange *x, const char *name, struct tn_str *value,
                 struct tn_err *err)
{
    unsigned times = 0;
    *value = tn_http_query(x, name, &times);
    if (!times) *value = (struct tn_str){0};
    return times < 2 || refuse(err, name, "is given more than once");
}

static bool well_formed(const struct parameter *p, struct tn_str value, struct tn_err *err)
{
    enum tn_run_status status;
    struct tn_id id;
    int64_t ms;
    switch (p->form) {
    case ANY: return true;
    case TIME:
        return tn_time_parse(value, &ms) ||
               refuse(err, p->name, "has to be a time, as in 2026-01-31T08:00:00Z");
    case ID:
        return tn_id_parse(value, &id) ||
               refuse(err, p->name, "has to be the id of an integration");
    case RUN_STATUS:
        return tn_run_status_parse(value, &status) ||
               refuse(err, p->name, "is one of SUCCESS, PARTIAL, FAILURE, RUNNING");
    case EVENT_STATUS:
        return tn_str_is(value, TN_INBOUND_accepted) || tn_str_is(value, TN_INBOUND_ignored) ||
               tn_str_is(value, TN_INBOUND_waiting) || tn_str_is(value, TN_INBOUND_done) ||
               tn_str_is(value, TN_INBOUND_failed) ||
               refuse(err, p->name, "is one of ACCEPTED, IGNORED, WAITING, DONE, FAILED");
    }
    return true;
}

static bool take_filters(const struct journal *j, const struct tn_http_exchange *x, struct asked *a,
                         struct tn_err *err)
{
    for (size_t i = 0; i < FILTERS_MAX && j->parameters[i].name; i++) {
        const struct parameter *p = &j->parameters[i];
        struct tn_str *value = &a->values[a->n];
        if (!take(x, p->name, value, err)) return false;
        if (!value->p) continue;
        if (!well_formed(p, *value, err)) return false;
        a->filters[a->n++] = (struct tn_filter){p->column, p->op, value, 1};
    }
    return true;
}

static bool take_page(const struct tn_http_exchange *x, struct asked *a, struct tn_err *err)
{
    struct tn_str limit;
    a->limit = LIMIT_USUAL;
    if (!take(x, "limit", &limit, err) || !take(x, "cursor", &a->cursor, err)) return false;
    if (limit.p && (!tn_str_u64(limit, &a->limit) || a->limit == 0))
        return refuse(err, "limit", "has to be a whole number from 1");
    if (a->limit > TN_LIMIT_PAGE) a->limit = TN_LIMIT_PAGE;
    return true;
}

/* Changes of scripts and the like belong to no team. */
static bool take_scope(const struct journal *j, const struct tn_http_exchange *x, struct asked *a,
                       struct tn_err *err)
{
    struct tn_str scope = {0};
    a->team = api_actor(x)->team;
    if (!j->system || !take(x, "scope", &scope, err)) return !j->system;
    if (tn_str_is(scope, "system")) a->team = TN_TEAM_SYSTEM;
    if (!scope.p || a->team == TN_TEAM_SYSTEM || tn_str_is(scope, "team")) return true;
    return refuse(err, "scope", "is one of team, system");
}

/* ---- the answer ---- */

struct listing {
    struct tn_http_exchange *x;
    const struct journal *journal;
    int64_t limit;
};

static bool write_page(const struct listing *l, const struct tn_found *found, struct tn_jw *w,
                       struct tn_err *err)
{
    const struct tn_list *rows = tn_found_list(found, 0);
    tn_jw_object(w);
    tn_jw_key(w, tn_str(l->journal->member));
    tn_jw_array(w);
    for (size_t i = 0; i < rows->count; i++)
        if (!l->journal->write(tn_found_row(found, 0, i), w, err)) return false;
    tn_jw_end(w);
    tn_jw_key(w, TN_STR("pagination"));
    tn_jw_object(w);
    tn_jw_kint(w, "limit", l->limit);
    tn_jw_kbool(w, "hasMore", rows->more);
    tn_jw_kz(w, "nextCursor", rows->more ? rows->next.p : NULL);
    tn_jw_end(w);
    tn_jw_end(w);
    return true;
}

static void found_page(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct listing *l = arg;
    struct tn_answer a;
    struct tn_err err;
    if (!failed) failed = tn_found_err(found, 0);
    if (failed) err = *failed;
    tn_answer_begin(&a, l->x);
    if (!failed && write_page(l, found, &a.w, &err)) {
        tn_answer_send(&a, 200);
    } else {
        tn_buf_clear(&a.body);
        if (err.kind == TN_E_invalid && tn_str_is(TN_STR("cursor"), err.field))
            refuse(&err, "cursor", "is not one of this list");
        tn_answer_err(l->x, &err);
    }
    tn_free(l);
}

static void list(struct tn_api *api, struct tn_http_exchange *x, const struct journal *j)
{
    struct asked a = {.n = 0};
    struct tn_err err;
    if (!known(j, x, &err) || !take_filters(j, x, &a, &err) || !take_page(x, &a, &err) ||
        !take_scope(j, x, &a, &err)) {
        tn_answer_err(x, &err);
        return;
    }
    struct listing *l = TN_NEW(struct listing);
    struct tn_read *read = tn_read_new(a.team);
    *l = (struct listing){.x = x, .journal = j, .limit = (int64_t)a.limit};
    tn_read_query(read, &(struct tn_query){.table = j->table,
                                           .filters = a.filters,
                                           .filter_count = a.n,
                                           .sort = {{"created", true}},
                                           .sort_count = 1,
                                           .limit = (size_t)a.limit,
                                           .cursor = a.cursor});
    tn_store_read(api->p.store, read, NULL, found_page, l);
}

void api_journal_audit(void *arg, struct tn_http_exchange *x)
{
    list(arg, x, &audit);
}

void api_journal_inbound(void *arg, struct tn_http_exchange *x)
{
    list(arg, x, &inbound);
}

void api_journal_runs(void *arg, struct tn_http_exchange *x)
{
    list(arg, x, &runs);
}
