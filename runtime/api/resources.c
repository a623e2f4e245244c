/* SPDX-License-Identifier: MIT */
#include "api/resources.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/time.h"
#include "scripts/decl.h"
#include "store/store.h"

enum { PARAMETERS_MAX = 64 };

static const struct tn_decl *resource_of(const struct tn_http_exchange *x)
{
    return tn_http_match(x)->route->user;
}

/* One record: its id, its body's members byte for byte, and when it came to be and changed. */
static void write_record(struct tn_jw *w, const struct tn_row *row)
{
    char id[TN_ID_LEN + 1], created[TN_TIME_LEN + 1], updated[TN_TIME_LEN + 1];
    struct tn_str inside = {row->body.p + 1, row->body.n - 2};
    tn_id_text(&row->id, id);
    tn_time_text(row->created_ms, created);
    tn_time_text(row->updated_ms, updated);
    tn_jw_object(w);
    tn_jw_kz(w, "id", id);
    if (tn_str_trim(inside).n) {
        tn_buf_addc(w->out, ',');
        tn_buf_addstr(w->out, inside);
    }
    tn_jw_kz(w, "createdAt", created);
    tn_jw_kz(w, "updatedAt", updated);
    tn_jw_kint(w, "version", row->version);
    tn_jw_end(w);
}

void api_resources_get(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    const struct tn_decl *r = resource_of(x);
    struct tn_str wanted = tn_http_param(x, "id");
    struct tn_id id;
    struct tn_row row;
    struct tn_buf hold;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    tn_err_clear(&err);
    bool found =
        tn_id_parse(wanted, &id) &&
        tn_store_get(api->p.store, api_actor(x)->team, r->resource.plural, &id, &row, &hold, &err);
    if (found) {
        struct tn_answer a;
        char tag[32];
        snprintf(tag, sizeof tag, "\"%lld\"", (long long)row.version);
        tn_http_header(x, "ETag", tn_str(tag));
        if (tn_str_is(tn_http_get(x, "If-None-Match"), tag)) {
            tn_http_reply(x, 304, NULL, TN_STR(""));
        } else {
            tn_answer_begin(&a, x);
            write_record(&a.w, &row);
            tn_answer_send(&a, 200);
        }
    } else {
        if (err.kind == TN_E_none || err.kind == TN_E_not_found)
            tn_fail(&err, TN_E_not_found, "there is no %s '%.*s'", r->name, TN_FMT(wanted));
        tn_answer_err(x, &err);
    }
    tn_buf_clear(&hold);
}

/* ---- lists ---- */

struct listing {
    struct tn_query q;
    struct tn_filter filters[TN_STORE_FILTERS_MAX];
    struct tn_str values[TN_STORE_FILTERS_MAX];
    char column[64];
    struct tn_answer answer;
};

static bool list_one(void *arg, const struct tn_row *row)
{
    struct listing *l = arg;
    write_record(&l->answer.w, row);
    return true;
}

/* The parameters that this list takes: its filters and the common ones. */
static bool known_parameters(const struct tn_entity *r, struct tn_http_exchange *x)
{
    const char *names[PARAMETERS_MAX + 7] = {"limit", "offset", "cursor", "sort", "order"};
    size_t n = 5;
    for (const char *const *f = r->filter; f && *f && n < PARAMETERS_MAX; f++) names[n++] = *f;
    return api_query_known(x, names);
}

static void take_filters(struct listing *l, const struct tn_entity *r, struct tn_http_exchange *x)
{
    for (const char *const *f = r->filter; f && *f; f++) {
        struct tn_str value = tn_http_query(x, *f, NULL);
        if (!value.p || l->q.filter_count == TN_STORE_FILTERS_MAX) continue;
        size_t i = l->q.filter_count++;
        l->values[i] = value;
        l->filters[i] = (struct tn_filter){*f, TN_FILTER_eq, &l->values[i], 1};
    }
    l->q.filters = l->filters;
}

/* What people call the system columns. */
static const char *sort_column(const struct tn_entity *r, struct tn_str name)
{
    if (tn_str_is(name, "createdAt")) return "created";
    if (tn_str_is(name, "updatedAt")) return "updated";
    for (const char *const *s = r->sort; s && *s; s++)
        if (tn_str_is(name, *s)) return *s;
    return NULL;
}

static bool take_sort(struct listing *l, const struct tn_entity *r, struct tn_http_exchange *x)
{
    struct tn_str sort = tn_http_query(x, "sort", NULL), order = tn_http_query(x, "order", NULL);
    struct tn_err err;
    bool down = tn_str_is(order, "desc");
    if (order.p && !down && !tn_str_is(order, "asc")) {
        tn_fail(&err, TN_E_invalid, "order is asc or desc");
        tn_fail_field(&err, "order");
        tn_answer_err(x, &err);
        return false;
    }
    if (!sort.p) {
        if (!down) return true;
        sort = TN_STR("createdAt");
    }
    const char *column = sort_column(r, sort);
    if (!column) {
        tn_fail(&err, TN_E_invalid, "this list cannot be sorted by '%.*s'", TN_FMT(sort));
        tn_fail_field(&err, "sort");
        tn_answer_err(x, &err);
        return false;
    }
    l->q.sort[0] = (struct tn_sort){column, down};
    l->q.sort_count = 1;
    return true;
}

static void write_pagination(struct tn_jw *w, const struct listing *l, const struct tn_page *page)
{
    tn_jw_key(w, TN_STR("pagination"));
    tn_jw_object(w);
    tn_jw_kint(w, "total", page->total);
    tn_jw_kint(w, "limit", (int64_t)l->q.limit);
    tn_jw_kint(w, "offset", (int64_t)l->q.offset);
    tn_jw_kbool(w, "hasMore", page->more);
    if (page->more)
        tn_jw_kstr(w, "nextCursor", tn_buf_str(&page->next));
    else
        tn_jw_knull(w, "nextCursor");
    tn_jw_end(w);
}

void api_resources_list(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    const struct tn_decl *decl = resource_of(x);
    const struct tn_entity *r = &decl->resource;
    struct listing l = {.q = {.team = api_actor(x)->team, .table = r->plural, .total = true}};
    struct tn_page page;
    struct tn_err err;
    int64_t limit, offset;
    if (!known_parameters(r, x) || !api_query_int(x, "limit", r->page, 1, r->page_max, &limit) ||
        !api_query_int(x, "offset", 0, 0, INT64_MAX, &offset) || !take_sort(&l, r, x))
        return;
    take_filters(&l, r, x);
    l.q.limit = (size_t)limit;
    l.q.offset = (size_t)offset;
    l.q.cursor = tn_http_query(x, "cursor", NULL);
    tn_page_init(&page);
    tn_answer_begin(&l.answer, x);
    tn_jw_object(&l.answer.w);
    tn_jw_key(&l.answer.w, tn_str(r->plural));
    tn_jw_array(&l.answer.w);
    if (tn_store_query(api->p.store, &l.q, list_one, &l, &page, &err)) {
        tn_jw_end(&l.answer.w);
        write_pagination(&l.answer.w, &l, &page);
        tn_jw_end(&l.answer.w);
        tn_answer_send(&l.answer, 200);
    } else {
        tn_buf_clear(&l.answer.body);
        tn_answer_err(x, &err);
    }
    tn_page_clear(&page);
}
