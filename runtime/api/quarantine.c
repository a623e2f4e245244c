/* SPDX-License-Identifier: MIT */
#include "api/quarantine.h"

#include <stdlib.h>

#include "access/secrets.h"
#include "base/alloc.h"
#include "base/hint.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/audit.h"
#include "store/commit.h"

enum {
    LIST_USUAL = 50,
    GROUPS_MAX = 200,
    GROUP_ROWS = 2000, /* of the newest records, which are looked at for groups */
    STEP = 200,
    REASON_MAX = 200,
    REASON_BYTES = 4096
};

static const char table[] = "quarantine";

/* ---- selections ---- */

static const struct {
    const char *name, *column;
    enum tn_filter_op op;
} members[] = {
    {"integration", "integration", TN_FILTER_eq},
    {"operation", "operation", TN_FILTER_eq},
    {"entity", "entity", TN_FILTER_eq},
    {"code", "code", TN_FILTER_eq},
    {"status", "status", TN_FILTER_eq},
    {"externalId", "external_id", TN_FILTER_eq},
    {"run", "run", TN_FILTER_eq},
    {"createdAfter", "created", TN_FILTER_ge},
    {"createdBefore", "created", TN_FILTER_le},
};
enum { MEMBERS = sizeof members / sizeof *members };

static bool bad_member(struct tn_err *err, struct tn_str name, const char *text)
{
    tn_fail(err, TN_E_syntax, "%.*s %s", TN_FMT(name), text);
    return tn_fail_field(err, "%.*s", TN_FMT(name));
}

static bool unknown_member(struct tn_err *err, struct tn_str name)
{
    const char *known[MEMBERS + 1] = {NULL};
    for (int i = 0; i < MEMBERS; i++) known[i] = members[i].name;
    tn_fail(err, TN_E_syntax, "records in quarantine have no filter '%.*s'%s", TN_FMT(name),
            tn_did_you_mean(name, known).text);
    return tn_fail_field(err, "%.*s", TN_FMT(name));
}

/* By id or name; what is neither stays, and then nothing is found. */
static struct tn_str integration_id(const struct api_scan *scan, struct tn_str value)
{
    for (size_t i = 0; i < scan->name_count; i++)
        if (tn_str_is(value, scan->names[i].name)) return tn_str(scan->names[i].id);
    return value;
}

bool api_scan_filter(struct api_scan *scan, struct tn_str name, struct tn_str value,
                     struct tn_err *err)
{
    struct api_selection *of = &scan->of;
    int64_t ms;
    int m = 0;
    while (m < MEMBERS && !tn_str_is(name, members[m].name)) m++;
    if (m == MEMBERS) return unknown_member(err, name);
    if (of->count == API_QUARANTINE_FILTERS) return bad_member(err, name, "is one filter too many");
    if (!value.n) return bad_member(err, name, "has no value");
    if (members[m].op != TN_FILTER_eq && !tn_time_parse(value, &ms))
        return bad_member(err, name, "has to be a time, as in 2026-01-31T08:00:00Z");
    if (m == 0) value = integration_id(scan, value);
    of->values[of->count] =
        (struct tn_str){tn_arena_strndup(&of->memory, value.p, value.n), value.n};
    of->list[of->count] = (struct tn_filter){members[m].column, members[m].op, NULL, 1};
    of->count++;
    return true;
}

bool api_scan_id(struct api_scan *scan, struct tn_str id, struct tn_err *err)
{
    struct api_selection *of = &scan->of;
    struct tn_id parsed;
    char text[TN_ID_LEN + 1];
    if (!tn_id_parse(id, &parsed))
        return tn_fail(err, TN_E_not_found, "there is no record '%.*s' in quarantine", TN_FMT(id));
    tn_id_text(&parsed, text);
    of->ids = tn_realloc(of->ids, (of->id_count + 1) * sizeof *of->ids);
    of->ids[of->id_count++] = tn_str(tn_arena_strdup(&of->memory, text));
    return true;
}

/* ---- scans ---- */

struct api_scan *api_scan_new(struct tn_api *api, struct tn_http_exchange *x)
{
    struct api_scan *scan = TN_NEW(struct api_scan);
    scan->api = api;
    scan->x = x;
    scan->team = api_actor(x)->team;
    scan->json = tn_json_new();
    scan->total = -1;
    tn_arena_init(&scan->of.memory);
    return scan;
}

static void scan_free(struct api_scan *scan)
{
    if (scan->drop) scan->drop(scan->own);
    for (size_t i = 0; i < scan->name_count; i++) tn_free(scan->names[i].name);
    tn_free(scan->names);
    tn_free(scan->of.ids);
    tn_arena_clear(&scan->of.memory);
    tn_json_free(scan->json);
    tn_free(scan->cursor);
    tn_free(scan);
}

static void scan_fail(struct api_scan *scan, const struct tn_err *err)
{
    tn_answer_err(scan->x, err);
    scan_free(scan);
}

const char *api_scan_name(const struct api_scan *scan, struct tn_str id)
{
    for (size_t i = 0; i < scan->name_count; i++)
        if (tn_str_is(id, scan->names[i].id)) return scan->names[i].name;
    return NULL;
}

static bool take_rows(struct api_scan *scan, const struct tn_found *found, struct tn_err *err)
{
    const struct tn_list *list = tn_found_list(found, 0);
    for (size_t i = 0; i < list->count && scan->seen < scan->max; i++, scan->seen++) {
        const struct tn_row *row = tn_found_row(found, 0, i);
        if (!tn_json_parse(scan->json, row->body, err) ||
            !scan->row(scan, row, tn_json_root(scan->json), err))
            return false;
    }
    if (scan->total < 0) {
        scan->total = list->total;
        scan->total_capped = list->total_capped;
    }
    tn_free(scan->cursor);
    scan->more = list->more;
    scan->cursor = list->more ? tn_strndup(list->next.p, list->next.n) : NULL;
    return true;
}

static void step(struct api_scan *scan);

static void step_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct api_scan *scan = arg;
    struct tn_err err;
    if (!failed) failed = tn_found_err(found, 0);
    if (failed) {
        err = *failed; /* the query is the caller's */
        if (err.kind == TN_E_invalid) err.kind = TN_E_syntax;
        scan_fail(scan, &err);
    } else if (!take_rows(scan, found, &err)) {
        scan_fail(scan, &err);
    } else if (scan->more && scan->seen < scan->max) {
        step(scan);
    } else {
        scan->done(scan);
        scan_free(scan);
    }
}

static void step(struct api_scan *scan)
{
    struct api_selection *of = &scan->of;
    struct tn_read *read = tn_read_new(scan->team);
    size_t n = of->count, left = scan->max - scan->seen;
    for (size_t i = 0; i < n; i++) of->list[i].values = &of->values[i];
    if (of->ids) of->list[n++] = (struct tn_filter){"id", TN_FILTER_in, of->ids, of->id_count};
    tn_read_query(read, &(struct tn_query){.table = table,
                                           .filters = of->list,
                                           .filter_count = n,
                                           .sort = {{"created", true}},
                                           .sort_count = scan->newest_first,
                                           .limit = left < STEP ? left : STEP,
                                           .cursor = tn_str(scan->cursor),
                                           .total = scan->total < 0});
    tn_store_read(scan->api->p.store, read, NULL, step_found, scan);
}

static void take_names(struct api_scan *scan, const struct tn_found *found)
{
    const struct tn_list *list = tn_found_list(found, 0);
    struct tn_err err;
    scan->names = tn_alloc((list->count + 1) * sizeof *scan->names);
    for (size_t i = 0; i < list->count; i++) {
        const struct tn_row *row = tn_found_row(found, 0, i);
        struct tn_str name;
        if (!tn_json_parse(scan->json, row->body, &err)) continue;
        if (!tn_jtext(tn_jget_z(tn_json_root(scan->json), "name"), &scan->of.memory, &name))
            continue;
        tn_id_text(&row->id, scan->names[scan->name_count].id);
        scan->names[scan->name_count++].name = tn_strndup(name.p, name.n);
    }
}

static void names_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct api_scan *scan = arg;
    struct tn_err err;
    if (!failed) failed = tn_found_err(found, 0);
    if (failed) {
        scan_fail(scan, failed);
        return;
    }
    take_names(scan, found);
    if (scan->select(scan, &err))
        step(scan);
    else
        scan_fail(scan, &err);
}

void api_scan_start(struct api_scan *scan)
{
    struct tn_read *read = tn_read_new(scan->team);
    tn_read_query(read, &(struct tn_query){.table = "integration", .limit = TN_LIMIT_PAGE});
    tn_store_read(scan->api->p.store, read, NULL, names_found, scan);
}

/* ---- one record ---- */

static void write_member(struct tn_jw *w, const char *key, struct tn_jval body, const char *member)
{
    struct tn_jval v = tn_jget_z(body, member);
    if (!tn_jis(v, TN_JSON_absent) && !tn_str_is(tn_jraw(v), "\"\""))
        tn_jw_kraw(w, key, tn_jraw(v));
}

static void write_times(struct tn_jw *w, const struct tn_row *row)
{
    char at[TN_TIME_LEN + 1];
    tn_time_text(row->created_ms, at);
    tn_jw_kz(w, "createdAt", at);
    tn_time_text(row->updated_ms, at);
    tn_jw_kz(w, "updatedAt", at);
}

static void write_integration(const struct api_scan *scan, struct tn_str id, struct tn_jw *w)
{
    tn_jw_key(w, TN_STR("integration"));
    tn_jw_object(w);
    tn_jw_kstr(w, "id", id);
    tn_jw_kz(w, "name", api_scan_name(scan, id));
    tn_jw_end(w);
}

static void write_members_of(const struct api_scan *scan, const struct tn_row *row,
                             struct tn_jval body, struct tn_jw *w)
{
    static const char *const shown[][2] = {
        {"operation", "operation"},
        {"entity", "entity"},
        {"status", "status"},
        {"attempts", "attempts"},
        {"code", "code"},
        {"reason", "reason"},
        {"field", "field"},
        {"file", "file"},
        {"line", "line"},
        {"generation", "generation"},
        {"runId", "run"},
        {"discardedBy", "discarded_by"},
        {"discardedAt", "discarded_at"},
        {"discardReason", "discard_reason"},
        {"retriedBy", "retried_by"},
        {"retriedAt", "retried_at"},
    };
    struct tn_arena arena;
    char id[TN_ID_LEN + 1];
    tn_arena_init(&arena);
    struct tn_str external = tn_jtext_or(body, "external_id", &arena, "");
    tn_id_text(&row->id, id);
    tn_jw_kz(w, "id", id);
    write_integration(scan, tn_jtext_or(body, "integration", &arena, ""), w);
    if (external.n && external.p[0] == '?') /* the name of bytes that have none */
        tn_jw_knull(w, "externalId");
    else
        tn_jw_kstr(w, "externalId", external);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        write_member(w, shown[i][0], body, shown[i][1]);
    write_times(w, row);
    tn_arena_clear(&arena);
}

void api_quarantine_row(const struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                        struct tn_jw *w)
{
    tn_jw_object(w);
    write_members_of(scan, row, body, w);
    tn_jw_end(w);
}

/* ---- the list ---- */

struct list {
    struct tn_buf rows;
    struct tn_jw w;
};

static void list_drop(void *own)
{
    struct list *l = own;
    tn_buf_clear(&l->rows);
    tn_free(l);
}

/* The filters of the query, without what is the list's own. */
static bool select_query(struct api_scan *scan, struct tn_err *err)
{
    for (size_t i = 0; i < tn_http_query_count(scan->x); i++) {
        struct tn_str name, value;
        tn_http_query_at(scan->x, i, &name, &value);
        if (tn_str_is(name, "limit") || tn_str_is(name, "cursor")) continue;
        if (!api_scan_filter(scan, name, value, err)) return false;
    }
    return true;
}

static bool list_row(struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                     struct tn_err *err)
{
    struct list *l = scan->own;
    api_quarantine_row(scan, row, body, &l->w);
    return tn_buf_ok(&l->rows, "the list", err);
}

static void write_total(const struct api_scan *scan, struct tn_jw *w)
{
    tn_jw_kint(w, "total", scan->total);
    tn_jw_kbool(w, "totalCapped", scan->total_capped);
}

static void list_done(struct api_scan *scan)
{
    struct list *l = scan->own;
    struct tn_answer a;
    tn_jw_end(&l->w);
    tn_answer_begin(&a, scan->x);
    tn_jw_object(&a.w);
    tn_jw_kraw(&a.w, "records", tn_buf_str(&l->rows));
    write_total(scan, &a.w);
    tn_jw_kz(&a.w, "nextCursor", scan->cursor);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static bool take_limit(struct tn_http_exchange *x, size_t *limit)
{
    struct tn_err err;
    unsigned times = 0;
    uint64_t n = LIST_USUAL;
    struct tn_str text = tn_http_query(x, "limit", &times);
    if (times > 1 || (times && (!tn_str_u64(text, &n) || !n))) {
        bad_member(&err, TN_STR("limit"), "has to be a whole number from 1, given once");
        tn_answer_err(x, &err);
        return false;
    }
    *limit = n < TN_LIMIT_PAGE ? (size_t)n : TN_LIMIT_PAGE;
    return true;
}

void api_quarantine_list(void *arg, struct tn_http_exchange *x)
{
    size_t limit;
    if (!take_limit(x, &limit)) return;
    struct api_scan *scan = api_scan_new(arg, x);
    struct list *l = TN_NEW(struct list);
    struct tn_str cursor = tn_http_query(x, "cursor", NULL);
    tn_buf_init(&l->rows, 64 * TN_MIB);
    tn_jw_init(&l->w, &l->rows);
    tn_jw_array(&l->w);
    scan->max = limit;
    scan->newest_first = true;
    scan->cursor = cursor.n ? tn_strndup(cursor.p, cursor.n) : NULL;
    scan->select = select_query;
    scan->row = list_row;
    scan->done = list_done;
    scan->drop = list_drop;
    scan->own = l;
    api_scan_start(scan);
}

/* ---- groups by cause ---- */

struct group {
    struct tn_str integration, operation, entity, code, field, file, pattern;
    int64_t line, count, first_ms, last_ms;
    struct tn_id sample;
};

struct groups {
    struct group list[GROUPS_MAX];
    size_t count;
    bool capped;
    struct tn_arena memory;
};

static void groups_drop(void *own)
{
    struct groups *g = own;
    tn_arena_clear(&g->memory);
    tn_free(g);
}

/* The row's own bytes are gone with the step that read it. */
static struct tn_str kept(struct groups *g, struct tn_jval body, const char *member)
{
    struct tn_str text = tn_jtext_or(body, member, &g->memory, "");
    return (struct tn_str){tn_arena_strndup(&g->memory, text.p, text.n), text.n};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The reason without what differs from record to record: numbers, and what stands in quotes. */
static struct tn_str pattern_of(struct tn_str reason, struct tn_arena *arena)
{
    char out[REASON_MAX];
    size_t n = 0;
    for (size_t i = 0; i < reason.n && n < sizeof out - 3; i++) {
        char c = reason.p[i];
        const char *end =
            c == '"' || c == '\'' ? memchr(reason.p + i + 1, c, reason.n - i - 1) : NULL;
        if (end) {
            out[n++] = c;
            out[n++] = '*';
            out[n++] = c;
            i = (size_t)(end - reason.p);
        } else if (is_digit(c)) {
            if (!n || out[n - 1] != '#') out[n++] = '#';
        } else {
            out[n++] = c;
        }
    }
    while (n && ((unsigned char)out[n - 1] & 0xC0) == 0x80) n--; /* no half character at the end */
    if (n && ((unsigned char)out[n - 1] & 0xC0) == 0xC0) n--;
    return (struct tn_str){tn_arena_strndup(arena, out, n), n};
}

static bool same_cause(const struct group *a, const struct group *b)
{
    return tn_str_eq(a->integration, b->integration) && tn_str_eq(a->operation, b->operation) &&
           tn_str_eq(a->entity, b->entity) && tn_str_eq(a->code, b->code) &&
           tn_str_eq(a->field, b->field) && tn_str_eq(a->pattern, b->pattern);
}

static struct group *group_for(struct groups *g, const struct group *like)
{
    for (size_t i = 0; i < g->count; i++)
        if (same_cause(&g->list[i], like)) return &g->list[i];
    if (g->count == GROUPS_MAX) {
        g->capped = true;
        return NULL;
    }
    g->list[g->count] = *like;
    return &g->list[g->count++];
}

static bool group_row(struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                      struct tn_err *err)
{
    struct groups *g = scan->own;
    struct group like = {.integration = kept(g, body, "integration"),
                         .operation = kept(g, body, "operation"),
                         .entity = kept(g, body, "entity"),
                         .code = kept(g, body, "code"),
                         .field = kept(g, body, "field"),
                         .file = kept(g, body, "file"),
                         .first_ms = row->created_ms,
                         .last_ms = row->created_ms,
                         .sample = row->id};
    (void)err;
    tn_jint(tn_jget_z(body, "line"), &like.line);
    like.pattern = pattern_of(tn_jtext_or(body, "reason", &g->memory, ""), &g->memory);
    struct group *to = group_for(g, &like);
    if (!to) return true;
    to->count++;
    if (row->created_ms < to->first_ms) to->first_ms = row->created_ms;
    if (row->created_ms > to->last_ms) to->last_ms = row->created_ms;
    return true;
}

static int by_count(const void *a, const void *b)
{
    int64_t x = ((const struct group *)a)->count, y = ((const struct group *)b)->count;
    return (x < y) - (x > y);
}

static void write_group(const struct api_scan *scan, const struct group *g, struct tn_jw *w)
{
    char text[TN_TIME_LEN + TN_ID_LEN + 1];
    tn_jw_object(w);
    write_integration(scan, g->integration, w);
    tn_jw_kstr(w, "operation", g->operation);
    tn_jw_kstr(w, "entity", g->entity);
    tn_jw_kstr(w, "code", g->code);
    tn_jw_kstr(w, "field", g->field);
    tn_jw_kstr(w, "reason", g->pattern);
    tn_jw_kstr(w, "file", g->file);
    tn_jw_kint(w, "line", g->line);
    tn_jw_kint(w, "count", g->count);
    tn_time_text(g->first_ms, text);
    tn_jw_kz(w, "firstAt", text);
    tn_time_text(g->last_ms, text);
    tn_jw_kz(w, "lastAt", text);
    tn_id_text(&g->sample, text);
    tn_jw_kz(w, "sampleId", text);
    tn_jw_end(w);
}

static void groups_done(struct api_scan *scan)
{
    struct groups *g = scan->own;
    struct tn_answer a;
    qsort(g->list, g->count, sizeof *g->list, by_count);
    tn_answer_begin(&a, scan->x);
    tn_jw_object(&a.w);
    tn_jw_key(&a.w, TN_STR("groups"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < g->count; i++) write_group(scan, &g->list[i], &a.w);
    tn_jw_end(&a.w);
    write_total(scan, &a.w);
    tn_jw_kbool(&a.w, "capped", g->capped || scan->more);
    tn_jw_kint(&a.w, "looked", (int64_t)scan->seen);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static bool select_open(struct api_scan *scan, struct tn_err *err)
{
    if (!select_query(scan, err)) return false;
    return tn_http_query(scan->x, "status", NULL).p ||
           api_scan_filter(scan, TN_STR("status"), TN_STR("open"), err);
}

void api_quarantine_groups(void *arg, struct tn_http_exchange *x)
{
    struct api_scan *scan = api_scan_new(arg, x);
    struct groups *g = TN_NEW(struct groups);
    tn_arena_init(&g->memory);
    scan->max = GROUP_ROWS;
    scan->newest_first = true;
    scan->select = select_open;
    scan->row = group_row;
    scan->done = groups_done;
    scan->drop = groups_drop;
    scan->own = g;
    api_scan_start(scan);
}

/* ---- one record by its id ---- */

struct one {
    struct tn_answer a;
    bool found;
};

static bool select_one(struct api_scan *scan, struct tn_err *err)
{
    return api_scan_id(scan, tn_http_param(scan->x, "id"), err);
}

static bool one_row(struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                    struct tn_err *err)
{
    struct one *one = scan->own;
    (void)err;
    one->found = true;
    tn_answer_begin(&one->a, scan->x);
    tn_jw_object(&one->a.w);
    write_members_of(scan, row, body, &one->a.w);
    write_member(&one->a.w, "faults", body, "faults");
    tn_jw_end(&one->a.w);
    return true;
}

static void no_record(struct tn_http_exchange *x)
{
    struct tn_err err;
    tn_fail(&err, TN_E_not_found, "there is no record '%.*s' in quarantine",
            TN_FMT(tn_http_param(x, "id")));
    tn_answer_err(x, &err);
}

static void one_done(struct api_scan *scan)
{
    struct one *one = scan->own;
    if (one->found)
        tn_answer_send(&one->a, 200);
    else
        no_record(scan->x);
}

void api_quarantine_get(void *arg, struct tn_http_exchange *x)
{
    struct api_scan *scan = api_scan_new(arg, x);
    scan->max = 1;
    scan->select = select_one;
    scan->row = one_row;
    scan->done = one_done;
    scan->drop = tn_free;
    scan->own = TN_NEW(struct one);
    api_scan_start(scan);
}

/* ---- its payload ---- */

/* An answer that waits until it stands in the audit log. */
struct shown {
    struct tn_http_exchange *x;
    struct tn_buf payload;
    bool found, is_json;
};

static void shown_free(struct shown *s)
{
    tn_buf_clear(&s->payload);
    tn_free(s);
}

static void payload_audited(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct shown *s = arg;
    (void)done;
    if (err)
        tn_answer_err(s->x, err);
    else
        tn_http_reply(s->x, 200, s->is_json ? "application/json" : "application/octet-stream",
                      tn_buf_str(&s->payload));
    shown_free(s);
}

static bool payload_row(struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                        struct tn_err *err)
{
    struct shown *s = scan->own;
    struct tn_str stored = tn_jtext_or(body, "payload", &scan->of.memory, "");
    bool sealed = false;
    (void)row;
    tn_jbool(tn_jget_z(body, "sealed"), &sealed);
    /* Events from outside keep the seal of table "inbound". */
    struct tn_str delivery = tn_jtext_or(body, "delivery", &scan->of.memory, "");
    struct tn_str sealed_for = delivery.n ? delivery : TN_STR("quarantine");
    if (!sealed) tn_buf_addstr(&s->payload, stored);
    if (sealed && !tn_unseal(&scan->api->p.secrets->payload, stored, sealed_for, &s->payload, err))
        return false;
    struct tn_err ignored;
    s->is_json = tn_json_parse(scan->json, tn_buf_str(&s->payload), &ignored);
    s->found = true;
    return true;
}

static void payload_drop(void *own)
{
    if (own) shown_free(own);
}

static void payload_done(struct api_scan *scan)
{
    struct shown *s = scan->own;
    const struct tn_actor *who = api_actor(scan->x);
    struct tn_commit *commit = tn_commit_new(scan->api->p.store);
    struct tn_err err;
    if (!s->found) {
        tn_commit_free(commit);
        no_record(scan->x);
    } else if (tn_audit(commit, who->team, who, "quarantine.payload", scan->of.ids[0].p, TN_STR(""),
                        &err)) {
        scan->own = NULL;
        tn_store_commit(scan->api->p.store, commit, payload_audited, s);
    } else {
        tn_commit_free(commit);
        tn_answer_err(scan->x, &err);
    }
}

void api_quarantine_payload(void *arg, struct tn_http_exchange *x)
{
    struct api_scan *scan = api_scan_new(arg, x);
    struct shown *s = TN_NEW(struct shown);
    s->x = x;
    tn_buf_init(&s->payload, 16 * TN_MIB);
    scan->max = 1;
    scan->select = select_one;
    scan->row = payload_row;
    scan->done = payload_done;
    scan->drop = payload_drop;
    scan->own = s;
    api_scan_start(scan);
}

/* ---- giving up ---- */

bool api_quarantine_discard(struct tn_commit *commit, const struct tn_actor *who,
                            const struct tn_id *id, struct tn_str reason, int64_t based_on,
                            struct tn_err *err)
{
    struct tn_buf patch;
    struct tn_jw w;
    char at[TN_TIME_LEN + 1];
    tn_time_text(tn_now_ms(), at);
    tn_buf_init(&patch, 2 * REASON_BYTES);
    tn_jw_init(&w, &patch);
    tn_jw_object(&w);
    tn_jw_kz(&w, "status", "discarded");
    tn_jw_kz(&w, "discarded_by", who->name);
    tn_jw_kz(&w, "discarded_at", at);
    if (reason.n) tn_jw_kstr(&w, "discard_reason", reason);
    tn_jw_end(&w);
    bool ok = tn_buf_ok(&patch, "the reason", err) &&
              tn_commit_patch(commit, who->team, table, id, tn_buf_str(&patch), based_on, err);
    tn_buf_clear(&patch);
    return ok;
}
