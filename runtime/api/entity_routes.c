/* SPDX-License-Identifier: MIT */
#include "api/entity_routes.h"

#include "api/entity_answer.h"
#include "api/entity_tag.h"
#include "model/query.h"
#include "store/read.h"

enum { PARAMETERS_MAX = 64 };

static const struct tn_entity *entity_of(const struct tn_http_exchange *x)
{
    const struct api_entity *row = tn_http_match(x)->route->user;
    return row->entity;
}

static int64_t team_of(const struct tn_http_exchange *x)
{
    return tn_entity_team(entity_of(x), api_actor(x)->team);
}

/* A read on its way; belongs to its exchange. */
struct reading {
    struct tn_api *api;
    struct tn_http_exchange *x;
    size_t limit, offset;
};

static struct reading *reading_new(struct tn_api *api, struct tn_http_exchange *x)
{
    struct reading *r = tn_http_alloc(x, sizeof *r);
    r->api = api;
    r->x = x;
    return r;
}

/* ---- one record ---- */

static void answer_no_such(struct tn_http_exchange *x)
{
    struct tn_err err;
    tn_fail(&err, TN_E_not_found, "there is no %s '%.*s'", entity_of(x)->name,
            TN_FMT(tn_http_param(x, "id")));
    tn_answer_err(x, &err);
}

static void got(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct reading *r = arg;
    struct tn_answer a;
    char tag[API_TAG_LEN];
    const struct tn_row *row = found ? tn_found_row(found, 0, 0) : NULL;
    if (!err && !row) err = tn_found_err(found, 0);
    if (!row && (!err || err->kind == TN_E_not_found)) {
        answer_no_such(r->x);
        return;
    }
    if (!row) {
        tn_answer_err(r->x, err);
        return;
    }
    struct tn_str known = tn_http_get(r->x, "If-None-Match");
    api_tag(row->version, tag);
    tn_http_header(r->x, "ETag", tn_str(tag));
    if (known.p && api_tags_have(known, row->version, true)) {
        tn_http_reply(r->x, 304, NULL, TN_STR(""));
        return;
    }
    tn_answer_begin(&a, r->x);
    api_record_write(&a.w, r->api->json, entity_of(r->x), row);
    tn_answer_send(&a, 200);
}

void api_entity_get(void *arg, struct tn_http_exchange *x)
{
    static const char *const none[] = {NULL};
    struct tn_api *api = arg;
    struct tn_id id;
    if (!api_query_known(x, none)) return;
    if (!tn_id_parse(tn_http_param(x, "id"), &id)) {
        answer_no_such(x);
        return;
    }
    struct tn_read *read = tn_read_new(team_of(x));
    tn_read_get(read, entity_of(x)->plural, &id);
    tn_store_read(api->p.store, read, NULL, got, reading_new(api, x));
}

/* ---- lists ---- */

/* The parameters that this list takes: its filters and the common ones. */
static bool known_parameters(const struct tn_entity *e, struct tn_http_exchange *x)
{
    const char *names[PARAMETERS_MAX + 7] = {"limit", "offset", "cursor", "sort", "order"};
    size_t n = 5;
    for (const char *const *f = e->filter; f && *f && n < PARAMETERS_MAX + 5; f++) names[n++] = *f;
    return api_query_known(x, names);
}

static bool take_filters(struct tn_list_query *l, struct tn_http_exchange *x, struct tn_err *err)
{
    for (const char *const *f = l->entity->filter; f && *f; f++) {
        struct tn_str value = tn_http_query(x, *f, NULL);
        if (value.p && !tn_list_query_where(l, tn_str(*f), TN_FILTER_eq, &value, 1, err))
            return false;
    }
    return true;
}

static bool take_sort(struct tn_list_query *l, struct tn_http_exchange *x, struct tn_err *err)
{
    struct tn_str sort = tn_http_query(x, "sort", NULL), order = tn_http_query(x, "order", NULL);
    bool down = tn_str_is(order, "desc");
    if (order.p && !down && !tn_str_is(order, "asc")) {
        tn_fail(err, TN_E_syntax, "order is asc or desc");
        tn_fail_field(err, "order");
        return tn_fail_code(err, TN_CODE_parameter, "%s", "");
    }
    if (!sort.p && !down) return true;
    return tn_list_query_sort(l, sort.p ? sort : TN_STR("createdAt"), down, err);
}

static void write_pagination(struct tn_jw *w, const struct reading *r, const struct tn_list *page)
{
    tn_jw_key(w, TN_STR("pagination"));
    tn_jw_object(w);
    tn_jw_kint(w, "total", page->total);
    if (page->total_capped) tn_jw_kbool(w, "totalCapped", true);
    tn_jw_kint(w, "limit", (int64_t)r->limit);
    tn_jw_kint(w, "offset", (int64_t)r->offset);
    tn_jw_kbool(w, "hasMore", page->more);
    if (page->more)
        tn_jw_kstr(w, "nextCursor", page->next);
    else
        tn_jw_knull(w, "nextCursor");
    tn_jw_end(w);
}

static void write_page(struct tn_jw *w, const struct reading *r, struct tn_found *found)
{
    const struct tn_entity *e = entity_of(r->x);
    const struct tn_row *row;
    tn_jw_object(w);
    tn_jw_key(w, tn_str(e->plural));
    tn_jw_array(w);
    for (size_t i = 0; (row = tn_found_row(found, 0, i)); i++)
        api_record_write(w, r->api->json, e, row);
    tn_jw_end(w);
    write_pagination(w, r, tn_found_list(found, 0));
    tn_jw_end(w);
}

static void listed(void *arg, struct tn_found *found, const struct tn_err *err)
{
    const struct reading *r = arg;
    struct tn_answer a;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        /* Only the query comes from the caller, so it is at fault. */
        struct tn_err said = *err;
        if (said.kind == TN_E_invalid) {
            said.kind = TN_E_syntax;
            said.code = TN_CODE_parameter;
        }
        tn_answer_err(r->x, &said);
        return;
    }
    tn_answer_begin(&a, r->x);
    write_page(&a.w, r, found);
    tn_answer_send(&a, 200);
}

void api_entity_list(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    const struct tn_entity *e = entity_of(x);
    struct tn_list_query l;
    struct tn_err err;
    int64_t limit, offset;
    if (!known_parameters(e, x) || !api_query_int(x, "limit", e->page, 1, e->page_max, &limit) ||
        !api_query_int(x, "offset", 0, 0, INT64_MAX, &offset))
        return;
    tn_list_query_init(&l, e, api_actor(x)->team, true);
    if (take_filters(&l, x, &err) && take_sort(&l, x, &err)) {
        struct reading *r = reading_new(api, x);
        struct tn_read *read = tn_read_new(team_of(x));
        tn_list_query_page(&l, (size_t)limit, (size_t)offset, tn_http_query(x, "cursor", NULL),
                           true);
        r->limit = l.q.limit;
        r->offset = l.q.offset;
        tn_read_query(read, &l.q);
        tn_store_read(api->p.store, read, NULL, listed, r);
    } else {
        tn_answer_err(x, &err);
    }
    tn_list_query_clear(&l);
}
