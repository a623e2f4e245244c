/* SPDX-License-Identifier: MIT */
#include "api/integrations.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "loop/shared.h"
#include "model/audit.h"
#include "net/egress.h"
#include "scripts/scripts.h"
#include "scripts/trial/evidence.h"
#include "store/commit.h"
#include "store/read.h"
#include "sync/run_totals.h"
#include "sync/runner.h"

enum { NAME_MAX_CHARS = 100, TITLE_MAX_CHARS = 200, CONFIG_MAX = TN_MIB };

static const char table[] = "integration", mask[] = "********";

/* ---- reading ---- */

const struct tn_decl *api_adapter(const struct tn_api *api, struct tn_str name)
{
    const struct tn_units *units = tn_scripts_units(api->p.scripts);
    for (size_t i = 0; i < tn_units_adapters(units); i++) {
        const struct tn_decl *a = tn_units_adapter_at(units, i);
        if (tn_str_is(name, a->name)) return a;
    }
    return NULL;
}

/* A request that waits for its integration. */
struct looking {
    struct tn_api *api;
    struct tn_http_exchange *x;
    api_integration_fn then;
};

static void looked_up(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct looking *l = arg;
    struct tn_integration i;
    struct tn_err err;
    tn_integration_init(&i);
    if (failed)
        tn_answer_err(l->x, failed);
    else if (tn_integration_found(&i, found, 0, l->api->p.secrets, tn_http_param(l->x, "id"), &err))
        l->then(l->api, l->x, &i);
    else
        tn_answer_err(l->x, &err);
    tn_integration_clear(&i);
    tn_free(l);
}

void api_with_integration(struct tn_api *api, struct tn_http_exchange *x, api_integration_fn then)
{
    struct looking *l = TN_NEW(struct looking);
    struct tn_read *read = tn_read_new(api_actor(x)->team);
    *l = (struct looking){api, x, then};
    tn_integration_ask(read, tn_http_param(x, "id"));
    tn_store_read(api->p.store, read, NULL, looked_up, l);
}

static void write_time(struct tn_jw *w, const char *key, int64_t ms)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(ms, text);
    tn_jw_kz(w, key, ms ? text : NULL);
}

/* The members that the list and the details share. */
static void write_row(const struct tn_integration *i, const struct tn_run_totals *t,
                      struct tn_jw *w)
{
    char id[TN_ID_LEN + 1];
    tn_id_text(&i->id, id);
    tn_jw_kz(w, "id", id);
    tn_jw_kstr(w, "name", i->name);
    tn_jw_kstr(w, "displayName", i->display_name);
    tn_jw_kstr(w, "type", i->type);
    tn_jw_kstr(w, "integrationType", i->adapter);
    tn_jw_kbool(w, "enabled", i->enabled);
    write_time(w, "lastSync", t->last_ms);
    tn_jw_kz(w, "lastSyncStatus", t->last_ms ? tn_run_status_name(t->last) : NULL);
    tn_jw_kint(w, "totalSyncs", t->success + t->partial + t->failure);
    tn_jw_kint(w, "successCount", t->success + t->partial);
    tn_jw_kint(w, "failureCount", t->failure);
}

/* The config with defaults filled in and secrets masked. */
static void write_config(struct tn_api *api, const struct tn_integration *i, struct tn_jw *w)
{
    const struct tn_decl *adapter = api_adapter(api, i->adapter);
    struct tn_json *stored = tn_json_new(), *filled = tn_json_new();
    struct tn_buf full;
    struct tn_jw fill;
    struct tn_err err;
    tn_buf_init(&full, CONFIG_MAX * 2);
    tn_jw_key(w, TN_STR("config"));
    if (adapter && tn_json_parse(stored, tn_buf_str(&i->config), &err)) {
        const struct tn_adapter *a = &adapter->adapter;
        tn_jw_init(&fill, &full);
        tn_field_fill(a->fields, a->n_fields, tn_json_root(stored), &fill);
        if (tn_json_parse(filled, tn_buf_str(&full), &err))
            tn_field_mask(a->fields, a->n_fields, tn_json_root(filled), mask, w);
        else
            tn_jw_null(w);
    } else {
        tn_jw_null(w); /* its adapter is gone, so nobody knows which members are secret */
    }
    if (full.p) memset(full.p, 0, full.n);
    tn_buf_clear(&full);
    tn_json_free(stored);
    tn_json_free(filled);
}

/* The name of its isolate, in the page that the processes share. */
static void isolate_name(const struct tn_integration *i, char name[TN_UNIT_NAME])
{
    _Static_assert(sizeof "integrations:" + NAME_MAX_CHARS <= TN_UNIT_NAME, "no name is cut");
    snprintf(name, TN_UNIT_NAME, "integrations:%.*s", TN_FMT(i->name));
}

static bool in_quarantine(const struct tn_api *api, const struct tn_integration *i)
{
    char name[TN_UNIT_NAME];
    isolate_name(i, name);
    return tn_shared_quarantined(api->p.shared, name);
}

/* A request for the details of one integration. */
struct showing {
    struct tn_api *api;
    struct tn_http_exchange *x;
    int status;
    char id[TN_ID_LEN + 1];
};

static void write_details(struct tn_api *api, const struct tn_integration *i,
                          const struct tn_run_totals *t, struct tn_jw *w)
{
    tn_jw_object(w);
    write_row(i, t, w);
    write_config(api, i, w);
    tn_jw_kbool(w, "quarantined", in_quarantine(api, i));
    write_time(w, "createdAt", i->created_ms);
    write_time(w, "updatedAt", i->updated_ms);
    tn_jw_end(w);
}

static void show(struct showing *s, const struct tn_found *found)
{
    struct tn_integration i;
    struct tn_run_totals totals;
    struct tn_answer a;
    struct tn_err err;
    tn_integration_init(&i);
    if (tn_integration_found(&i, found, 0, s->api->p.secrets, tn_str(s->id), &err) &&
        tn_run_totals_found(found, 1, &totals, &err)) {
        if (s->status == 201) tn_http_headerf(s->x, "Location", "/api/v1/integrations/%s", s->id);
        tn_answer_begin(&a, s->x);
        write_details(s->api, &i, &totals, &a.w);
        tn_answer_send(&a, s->status);
    } else {
        tn_answer_err(s->x, &err);
    }
    tn_integration_clear(&i);
}

static void details_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct showing *s = arg;
    if (err)
        tn_answer_err(s->x, err);
    else
        show(s, found);
    tn_free(s);
}

static void answer_details(struct tn_api *api, struct tn_http_exchange *x, const struct tn_id *id,
                           int status)
{
    struct showing *s = TN_NEW(struct showing);
    struct tn_read *read = tn_read_new(api_actor(x)->team);
    *s = (struct showing){.api = api, .x = x, .status = status};
    tn_id_text(id, s->id);
    tn_read_get(read, table, id);
    tn_run_totals_ask(read, id);
    tn_store_read(api->p.store, read, NULL, details_found, s);
}

/* The list, first without what the runs add up to. */
struct listing {
    struct tn_api *api;
    struct tn_http_exchange *x;
    uint64_t limit;
    struct tn_found *rows;
};

static bool list_one(struct listing *l, size_t at, const struct tn_found *totals, struct tn_jw *w,
                     struct tn_err *err)
{
    struct tn_integration i;
    struct tn_run_totals t;
    tn_integration_init(&i);
    bool ok = tn_integration_decode(&i, tn_found_row(l->rows, 0, at), NULL, err) &&
              tn_run_totals_found(totals, at, &t, err);
    if (ok) {
        tn_jw_object(w);
        write_row(&i, &t, w);
        tn_jw_end(w);
    }
    tn_integration_clear(&i);
    return ok;
}

static void answer_list(struct listing *l, const struct tn_found *totals)
{
    struct tn_answer a;
    struct tn_err err;
    bool ok = true;
    const struct tn_list *rows = tn_found_list(l->rows, 0);
    tn_answer_begin(&a, l->x);
    tn_jw_array(&a.w);
    for (size_t i = 0; ok && i < rows->count; i++) ok = list_one(l, i, totals, &a.w, &err);
    tn_jw_end(&a.w);
    if (ok) {
        if (rows->more)
            tn_http_headerf(l->x, "Link",
                            "</api/v1/integrations?limit=%llu&cursor=%s>; rel=\"next\"",
                            (unsigned long long)l->limit, rows->next.p);
        tn_answer_send(&a, 200);
        return;
    }
    tn_buf_clear(&a.body);
    tn_answer_err(l->x, &err);
}

static void list_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct listing *l = arg;
    if (!l->rows && !err && !(err = tn_found_err(found, 0))) {
        struct tn_read *read = tn_read_new(api_actor(l->x)->team);
        l->rows = tn_found_ref(found);
        for (size_t i = 0; i < tn_found_list(found, 0)->count; i++)
            tn_run_totals_ask(read, &tn_found_row(found, 0, i)->id);
        tn_store_read(l->api->p.store, read, NULL, list_found, l);
        return;
    }
    if (err)
        tn_answer_err(l->x, err);
    else
        answer_list(l, found);
    tn_found_unref(l->rows);
    tn_free(l);
}

/* Without a limit the list is as long as one may be.  False: x is answered. */
static bool take_limit(struct tn_http_exchange *x, uint64_t *limit)
{
    struct tn_err err;
    struct tn_str text = tn_http_query(x, "limit", NULL);
    *limit = TN_LIMIT_PAGE;
    if (!text.p) return true;
    if (tn_str_u64(text, limit) && *limit) {
        if (*limit > TN_LIMIT_PAGE) *limit = TN_LIMIT_PAGE;
        return true;
    }
    tn_fail(&err, TN_E_syntax, "limit has to be a whole number from 1");
    tn_fail_field(&err, "limit");
    tn_answer_err(x, &err);
    return false;
}

void api_integrations_list(void *arg, struct tn_http_exchange *x)
{
    uint64_t limit;
    if (!take_limit(x, &limit)) return;
    struct listing *l = TN_NEW(struct listing);
    struct tn_read *read = tn_read_new(api_actor(x)->team);
    *l = (struct listing){.api = arg, .x = x, .limit = limit};
    tn_read_query(read, &(struct tn_query){.table = table,
                                           .sort = {{"name", false}},
                                           .sort_count = 1,
                                           .limit = (size_t)limit,
                                           .cursor = tn_http_query(x, "cursor", NULL)});
    tn_store_read(l->api->p.store, read, NULL, list_found, l);
}

static void get(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    answer_details(api, x, &i->id, 200);
}

void api_integrations_get(void *arg, struct tn_http_exchange *x)
{
    struct tn_id id;
    if (tn_id_parse(tn_http_param(x, "id"), &id))
        answer_details(arg, x, &id, 200);
    else
        api_with_integration(arg, x, get);
}

/* ---- writing ---- */

static bool bad(struct tn_err *err, const char *field, const char *text)
{
    tn_fail(err, TN_E_invalid, "%s", text);
    return tn_fail_field(err, "%s", field);
}

/* A text member of the body into *out; absent leaves it. */
static bool take_text(struct tn_integration *i, struct tn_jval body, const char *key, size_t max,
                      struct tn_str *out, struct tn_err *err)
{
    struct tn_jval v = tn_jget_z(body, key);
    struct tn_str text;
    if (tn_jis(v, TN_JSON_absent)) return true;
    if (!tn_jtext(v, &i->memory, &text) || !text.n || text.n > max) {
        tn_fail(err, TN_E_invalid, "%s has to be a text of 1 to %zu characters", key, max);
        return tn_fail_field(err, "%s", key);
    }
    *out = (struct tn_str){tn_arena_strndup(&i->memory, text.p, text.n), text.n};
    return true;
}

static bool name_ok(struct tn_str name)
{
    struct tn_id id;
    for (size_t k = 0; k < name.n; k++) {
        char c = name.p[k];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (k == 0 || (c != '_' && c != '-' && c != '.'))) return false;
    }
    return name.n > 0 && !tn_id_parse(name, &id);
}

static bool unknown_adapter(const struct tn_api *api, struct tn_str name, struct tn_err *err)
{
    char known[256] = "";
    size_t n = 0;
    const struct tn_units *units = tn_scripts_units(api->p.scripts);
    for (size_t i = 0; i < tn_units_adapters(units) && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              tn_units_adapter_at(units, i)->name);
    tn_fail(err, TN_E_invalid, "there is no adapter '%.*s'; installed are: %s", TN_FMT(name),
            known);
    return tn_fail_field(err, "integrationType");
}

static bool is_masked(const struct tn_field *f, struct tn_jval value)
{
    struct tn_arena arena;
    struct tn_str text;
    tn_arena_init(&arena);
    bool masked =
        f && f->type == TN_FIELD_secret && tn_jtext(value, &arena, &text) && tn_str_is(text, mask);
    tn_arena_clear(&arena);
    return masked;
}

/* given over stored: a secret that is masked and what is absent stays; null takes a member out. */
static void merge_config(const struct tn_adapter *a, struct tn_jval stored, struct tn_jval given,
                         struct tn_jw *w)
{
    tn_jw_object(w);
    for (struct tn_jiter it = tn_jiter(stored); tn_jnext(&it);) {
        if (!tn_jis(tn_jget(given, it.key), TN_JSON_absent)) continue;
        tn_jw_key(w, it.key);
        tn_jw_raw(w, tn_jraw(it.value));
    }
    for (struct tn_jiter it = tn_jiter(given); tn_jnext(&it);) {
        const struct tn_field *f = tn_field_find(a->fields, a->n_fields, it.key);
        struct tn_jval value = it.value;
        if (is_masked(f, value)) value = tn_jget(stored, it.key);
        if (tn_jis(value, TN_JSON_null) || tn_jis(value, TN_JSON_absent)) continue;
        tn_jw_key(w, it.key);
        tn_jw_raw(w, tn_jraw(value));
    }
    tn_jw_end(w);
}

static bool same_place(struct tn_jval a, struct tn_jval b)
{
    struct tn_arena arena;
    struct tn_str at, bt;
    struct tn_url au, bu;
    struct tn_err ignored;
    tn_arena_init(&arena);
    bool same = tn_jtext(a, &arena, &at) && tn_jtext(b, &arena, &bt) &&
                tn_url_parse(at, &au, &ignored) && tn_url_parse(bt, &bu, &ignored) &&
                tn_url_same_origin(&au, &bu);
    tn_arena_clear(&arena);
    return same;
}

/* Secrets that are kept go nowhere but where they were meant for: who names another server has to
 * know them. */
static bool may_keep_secrets(const struct tn_adapter *a, struct tn_jval stored,
                             struct tn_jval given, struct tn_err *err)
{
    const char *moved = NULL;
    for (size_t i = 0; i < a->n_fields && !moved; i++) {
        struct tn_jval was = tn_jget_z(stored, a->fields[i].name),
                       is = tn_jget_z(given, a->fields[i].name);
        if (a->fields[i].type == TN_FIELD_url && !tn_jis(is, TN_JSON_absent) &&
            !same_place(was, is))
            moved = a->fields[i].name;
    }
    for (size_t i = 0; i < a->n_fields && moved; i++) {
        const struct tn_field *f = &a->fields[i];
        struct tn_jval is = tn_jget_z(given, f->name);
        bool kept = tn_jis(is, TN_JSON_absent) || is_masked(f, is);
        if (f->type != TN_FIELD_secret || !kept ||
            tn_jis(tn_jget_z(stored, f->name), TN_JSON_absent))
            continue;
        tn_fail(err, TN_E_invalid, "%s names another server, so %s has to be given again", moved,
                f->name);
        return tn_fail_field(err, "config.%s", f->name);
    }
    return true;
}

static bool take_config(struct tn_api *api, struct tn_integration *i, struct tn_jval given,
                        struct tn_err *err)
{
    const struct tn_decl *decl = api_adapter(api, i->adapter);
    struct tn_json *stored = tn_json_new(), *merged = tn_json_new();
    struct tn_buf out;
    struct tn_jw w;
    bool ok = false;
    tn_buf_init(&out, CONFIG_MAX);
    if (!decl) {
        unknown_adapter(api, i->adapter, err);
        goto out;
    }
    if (!tn_jis(given, TN_JSON_absent) && !tn_jis(given, TN_JSON_object)) {
        bad(err, "config", "config has to be an object");
        goto out;
    }
    if (i->config.n && !tn_json_parse(stored, tn_buf_str(&i->config), err)) goto out;
    if (i->config.n && !may_keep_secrets(&decl->adapter, tn_json_root(stored), given, err))
        goto out;
    tn_jw_init(&w, &out);
    merge_config(&decl->adapter, tn_json_root(stored), given, &w);
    if (!tn_buf_ok(&out, "the configuration", err)) goto out;
    if (!tn_json_parse(merged, tn_buf_str(&out), err)) goto out;
    ok = tn_field_check(decl->adapter.fields, decl->adapter.n_fields, tn_json_root(merged),
                        "config", TN_FIELD_FROM_OUTSIDE, err);
    if (ok) {
        tn_buf_reset(&i->config);
        tn_buf_addstr(&i->config, tn_buf_str(&out));
        ok = tn_buf_ok(&i->config, "the configuration", err);
    }
out:
    if (out.p) memset(out.p, 0, out.n);
    tn_buf_clear(&out);
    tn_json_free(stored);
    tn_json_free(merged);
    return ok;
}

static bool only_known(struct tn_jval body, struct tn_err *err)
{
    static const char *const members[] = {"name",    "displayName", "type", "integrationType",
                                          "enabled", "config",      NULL};
    /* What our own answers carry may be sent back; it changes nothing. */
    static const char *const ours[] = {
        "id",           "lastSync",  "lastSyncStatus", "totalSyncs",  "successCount",
        "failureCount", "createdAt", "updatedAt",      "quarantined", NULL};
    return api_members_known(body, members, ours, err);
}

/* The body over what i has; i of a new integration is empty. */
static bool take_body(struct tn_api *api, struct tn_integration *i, struct tn_jval body,
                      struct tn_err *err)
{
    struct tn_jval enabled = tn_jget_z(body, "enabled");
    struct tn_str before = i->adapter;
    if (!only_known(body, err) || !take_text(i, body, "name", NAME_MAX_CHARS, &i->name, err) ||
        !take_text(i, body, "displayName", TITLE_MAX_CHARS, &i->display_name, err) ||
        !take_text(i, body, "type", NAME_MAX_CHARS, &i->type, err) ||
        !take_text(i, body, "integrationType", NAME_MAX_CHARS, &i->adapter, err))
        return false;
    if (!tn_jis(enabled, TN_JSON_absent) && !tn_jbool(enabled, &i->enabled))
        return bad(err, "enabled", "enabled has to be true or false");
    if (!i->name.p) return bad(err, "name", "name is missing: a short name, unique in the team");
    if (!name_ok(i->name))
        return bad(err, "name",
                   "name takes letters, digits, '_', '-' and '.', a letter or digit "
                   "first, and may not look like an id");
    if (!i->adapter.p)
        return bad(err, "integrationType", "integrationType is missing: the adapter's name");
    if (!api_adapter(api, i->adapter)) return unknown_adapter(api, i->adapter, err);
    const struct tn_adapter *a = &api_adapter(api, i->adapter)->adapter;
    /* What one adapter calls a secret another may show: nothing of the old configuration stays. */
    if (before.p && !tn_str_eq(before, i->adapter)) tn_buf_reset(&i->config);
    if (!i->type.p) i->type = tn_str(a->type ? a->type : "ERP");
    if (a->type && !tn_str_is(i->type, a->type)) {
        tn_fail(err, TN_E_invalid, "type of a %.*s integration is %s", TN_FMT(i->adapter), a->type);
        return tn_fail_field(err, "type");
    }
    if (!i->display_name.p) i->display_name = i->name;
    return take_config(api, i, tn_jget_z(body, "config"), err);
}

/* ---- an integration goes: its runs end ---- */

static void cancel_said(void *arg, const struct tn_err *err)
{
    (void)arg, (void)err; /* it ended by itself meanwhile */
}

/* A write under way: kept until the store has answered. */
struct writing {
    struct tn_api *api;
    struct tn_http_exchange *x;
    struct tn_integration i;
    char before[TN_UNIT_NAME]; /* the name of its isolate until then; "": it had none */
    int status;
    struct tn_commit *commit; /* while it is gathered */
};

/* Whose name nobody bears any more is in quarantine no more. */
static void forget_name(const struct writing *w)
{
    char now[TN_UNIT_NAME] = "";
    if (w->status != 204) isolate_name(&w->i, now);
    if (strcmp(w->before, now) != 0) tn_shared_release(w->api->p.shared, w->before);
}

static void writing_free(struct writing *w)
{
    tn_integration_clear(&w->i);
    tn_free(w);
}

/* The integration is gone, its runs are to end. */
static void runs_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct writing *w = arg;
    char id[TN_ID_LEN + 1];
    if (!err) err = tn_found_err(found, 0);
    tn_id_text(&w->i.id, id);
    if (err)
        tn_log(w->api->p.log, TN_LOG_warn, "sync", "runs of the deleted integration %s: %s", id,
               err->text);
    for (size_t i = 0; !err && i < tn_found_list(found, 0)->count; i++) {
        const struct tn_row *row = tn_found_row(found, 0, i);
        tn_id_text(&row->id, id);
        tn_runner_cancel(w->api->p.runner, row->team, id, cancel_said, NULL);
    }
    tn_http_reply(w->x, 204, NULL, TN_STR(""));
    writing_free(w);
}

static void cancel_runs(struct writing *w)
{
    struct tn_read *read = tn_read_new(w->i.team);
    char text[TN_ID_LEN + 1];
    tn_id_text(&w->i.id, text);
    struct tn_str integration = tn_str(text), running = tn_str(tn_run_status_name(TN_RUN_running));
    struct tn_filter filters[] = {{"integration", TN_FILTER_eq, &integration, 1},
                                  {"status", TN_FILTER_eq, &running, 1}};
    tn_read_query(
        read, &(struct tn_query){
                  .table = "run", .filters = filters, .filter_count = 2, .limit = TN_LIMIT_PAGE});
    tn_store_read(w->api->p.store, read, NULL, runs_found, w);
}

static void not_written(struct writing *w, const struct tn_err *failed)
{
    struct tn_err err = *failed;
    if (err.kind == TN_E_conflict || err.kind == TN_E_key_taken)
        tn_fail(&err, TN_E_conflict,
                w->status == 201
                    ? "an integration named '%.*s' exists already"
                    : "integration '%.*s' was changed meanwhile, or its new name is taken",
                TN_FMT(w->i.name));
    tn_answer_err(w->x, &err);
}

static void written(void *arg, const struct tn_committed *done, const struct tn_err *failed)
{
    struct writing *w = arg;
    (void)done;
    if (!failed) forget_name(w);
    if (!failed && w->status == 204) {
        cancel_runs(w);
        return;
    }
    if (failed)
        not_written(w, failed);
    else
        answer_details(w->api, w->x, &w->i.id, w->status);
    writing_free(w);
}

static struct writing *writing_new(struct tn_api *api, struct tn_http_exchange *x, int status)
{
    struct writing *w = TN_NEW(struct writing);
    w->api = api;
    w->x = x;
    w->status = status;
    tn_integration_init(&w->i);
    return w;
}

static void give_up(struct writing *w, const struct tn_err *err)
{
    tn_answer_err(w->x, err);
    writing_free(w);
}

/* A write to an integration that is there; takes *i over. */
static struct writing *writing_to(struct tn_api *api, struct tn_http_exchange *x,
                                  struct tn_integration *i, int status)
{
    struct writing *w = writing_new(api, x, status);
    w->i = *i;
    tn_integration_init(i);
    return w;
}

static bool audit(struct tn_commit *commit, const struct writing *w, const char *action,
                  struct tn_err *err)
{
    char id[TN_ID_LEN + 1];
    struct tn_buf detail;
    struct tn_jw j;
    tn_id_text(&w->i.id, id);
    tn_buf_init(&detail, TN_LIMIT_RECORD);
    tn_jw_init(&j, &detail);
    tn_jw_object(&j);
    tn_jw_kstr(&j, "name", w->i.name); /* the row outlives the integration */
    tn_jw_end(&j);
    bool ok = tn_audit(commit, w->i.team, api_actor(w->x), action, id, tn_buf_str(&detail), err);
    tn_buf_clear(&detail);
    return ok;
}

static void put(struct writing *w, int64_t based_on, const char *action)
{
    struct tn_commit *commit = tn_commit_new(w->api->p.store);
    struct tn_err err;
    if (tn_integration_put(&w->i, commit, w->api->p.secrets, based_on, &err) &&
        audit(commit, w, action, &err)) {
        tn_store_commit(w->api->p.store, commit, written, w);
        return;
    }
    tn_commit_free(commit);
    give_up(w, &err);
}

void api_integrations_create(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_jval body;
    struct tn_err err;
    if (!api_body(api, x, &body)) return;
    struct writing *w = writing_new(api, x, 201);
    w->i.id = tn_id_new();
    w->i.team = api_actor(x)->team;
    if (take_body(api, &w->i, body, &err))
        put(w, TN_NEW_ONLY, "integration.create");
    else
        give_up(w, &err);
}

/* The body is read once more: the parser served others meanwhile. */
static void update(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    struct tn_jval body;
    struct tn_err err;
    if (!api_body(api, x, &body)) return;
    struct writing *w = writing_to(api, x, i, 200);
    isolate_name(&w->i, w->before);
    if (!take_body(api, &w->i, body, &err))
        give_up(w, &err);
    else
        put(w, w->i.version, "integration.update");
}

void api_integrations_update(void *arg, struct tn_http_exchange *x)
{
    struct tn_jval body;
    if (api_body(arg, x, &body)) api_with_integration(arg, x, update);
}

static void evidence_forgotten(void *arg, const struct tn_err *err)
{
    struct writing *w = arg;
    struct tn_commit *commit = w->commit;
    struct tn_err why;
    w->commit = NULL;
    if (!err && !audit(commit, w, "integration.delete", &why)) err = &why;
    if (!err) {
        tn_store_commit(w->api->p.store, commit, written, w);
        return;
    }
    tn_commit_free(commit);
    give_up(w, err);
}

static void remove_it(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    struct tn_err err;
    struct writing *w = writing_to(api, x, i, 204);
    struct tn_commit *commit = tn_commit_new(api->p.store);
    char id[TN_ID_LEN + 1];
    isolate_name(&w->i, w->before);
    tn_id_text(&w->i.id, id);
    if (tn_commit_delete(commit, w->i.team, table, &w->i.id, w->i.version, &err)) {
        w->commit = commit;
        tn_evidence_forget(api->p.store, w->i.team, id, commit, evidence_forgotten, w);
        return;
    }
    tn_commit_free(commit);
    give_up(w, &err);
}

void api_integrations_delete(void *arg, struct tn_http_exchange *x)
{
    api_with_integration(arg, x, remove_it);
}

/* ---- out of quarantine ---- */

/* From the next call on its scripts run again, in all workers; what they do wrong counts anew. */
static void release(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    struct tn_err err;
    char name[TN_UNIT_NAME];
    struct writing *w = writing_to(api, x, i, 200);
    struct tn_commit *commit = tn_commit_new(api->p.store);
    isolate_name(&w->i, name);
    if (audit(commit, w, "integration.release", &err)) {
        api_release(api, x, name);
        tn_store_commit(api->p.store, commit, written, w);
        return;
    }
    tn_commit_free(commit);
    give_up(w, &err);
}

void api_integrations_release(void *arg, struct tn_http_exchange *x)
{
    api_with_integration(arg, x, release);
}

/* ---- is the other side there? ---- */

enum { TEST_MS = 30000, FRESH_MS = 1000 };

struct probing {
    struct tn_api *api;
    struct tn_http_exchange *x;
    struct tn_id id;
    int64_t team;
    bool test;
    struct tn_health found;
    char version[64]; /* that found points to */
    struct tn_answer health;
};

static struct tn_str health_key(const struct tn_id *id, char out[TN_ID_LEN + 1])
{
    tn_id_text(id, out);
    return (struct tn_str){out, TN_ID_LEN};
}

static void write_health(struct tn_jw *w, const struct tn_health *p)
{
    char now[TN_TIME_LEN + 1];
    tn_time_text(tn_now_ms(), now);
    tn_jw_object(w);
    tn_jw_kbool(w, "connected", p->connected);
    tn_jw_kint(w, "responseTime", p->took_ms);
    tn_jw_kz(w, "version", p->version);
    tn_jw_kz(w, "lastCheck", now);
    if (!p->connected) {
        tn_jw_kz(w, "error", p->err.text);
        tn_jw_kz(w, "code", tn_answer_code(p->err.kind));
    }
    tn_jw_end(w);
}

static void answer_test(struct tn_http_exchange *x, const struct tn_health *p)
{
    struct tn_answer a;
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_kbool(&a.w, "success", p->connected);
    tn_jw_kz(&a.w, "message", p->connected ? "Connection successful" : p->err.text);
    tn_jw_kint(&a.w, "responseTime", p->took_ms);
    tn_jw_kz(&a.w, "version", p->version);
    if (!p->connected) tn_jw_kz(&a.w, "code", tn_answer_code(p->err.kind));
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

/* The answer tells what was found, even where it could not be kept: the next check writes it again.
 */
static void remembered(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct probing *p = arg;
    (void)done, (void)err;
    if (p->test) {
        tn_buf_clear(&p->health.body);
        answer_test(p->x, &p->found);
    } else {
        tn_answer_send(&p->health, 200);
    }
    tn_free(p);
}

/* Kept first, so that the other workers, and the next request, know too. */
static void probed(void *arg, const struct tn_health *found)
{
    struct probing *p = arg;
    struct tn_commit *commit = tn_commit_new(p->api->p.store);
    struct tn_err err;
    char key[TN_ID_LEN + 1];
    p->found = *found;
    if (found->version) {
        snprintf(p->version, sizeof p->version, "%s", found->version);
        p->found.version = p->version;
    }
    tn_answer_begin(&p->health, p->x);
    write_health(&p->health.w, found);
    if (tn_commit_kv_set(commit, p->team, "health", health_key(&p->id, key),
                         tn_buf_str(&p->health.body), TN_ANY, 0, &err)) {
        tn_store_commit(p->api->p.store, commit, remembered, p);
        return;
    }
    tn_commit_free(commit);
    remembered(p, NULL, &err);
}

static void not_probed(void *arg)
{
    struct probing *p = arg;
    struct tn_health h = p->found;
    probed(p, &h);
}

static struct probing *probing_new(struct tn_api *api, struct tn_http_exchange *x,
                                   const struct tn_integration *i, bool test)
{
    struct probing *p = TN_NEW(struct probing);
    *p = (struct probing){.api = api, .x = x, .id = i->id, .team = i->team, .test = test};
    return p;
}

static void probe(struct probing *p)
{
    char id[TN_ID_LEN + 1];
    tn_id_text(&p->id, id);
    if (!tn_connections_health(tn_scripts_connections(p->api->p.scripts), p->team, id,
                               p->test ? TEST_MS : FRESH_MS, probed, p, &p->found.err))
        tn_loop_defer(p->api->p.loop, not_probed, p);
}

static void test(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    probe(probing_new(api, x, i, true));
}

void api_integrations_test(void *arg, struct tn_http_exchange *x)
{
    api_with_integration(arg, x, test);
}

static void health_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct probing *p = arg;
    const struct tn_kv *kv = found ? tn_found_kv(found, 0, 0) : NULL;
    if (err && err->kind == TN_E_cancelled)
        tn_answer_err(p->x, err);
    else if (kv)
        tn_http_reply(p->x, 200, "application/json", kv->value);
    else {
        probe(p);
        return;
    }
    tn_free(p);
}

/* The last check that is known, at once; ?fresh=1, or none known yet: a new one. */
static void health(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    struct probing *p = probing_new(api, x, i, false);
    struct tn_read *read;
    char key[TN_ID_LEN + 1];
    if (tn_str_is(tn_http_query(x, "fresh", NULL), "1")) {
        probe(p);
        return;
    }
    read = tn_read_new(i->team);
    tn_read_kv(read, "health", health_key(&i->id, key));
    tn_store_read(api->p.store, read, NULL, health_found, p);
}

void api_integrations_health(void *arg, struct tn_http_exchange *x)
{
    static const char *const parameters[] = {"fresh", NULL};
    if (api_query_known(x, parameters)) api_with_integration(arg, x, health);
}
