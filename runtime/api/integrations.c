/* SPDX-License-Identifier: MIT */
#include "api/integrations.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/shared.h"
#include "net/egress.h"
#include "script/decl.h"
#include "store/commit.h"
#include "store/store.h"
#include "sync/runner.h"

enum { NAME_MAX_CHARS = 100, TITLE_MAX_CHARS = 200, CONFIG_MAX = TN_MIB };

static const char table[] = "integration", mask[] = "********";

/* ---- reading ---- */

const struct tn_decl *api_adapter(const struct tn_api *api, struct tn_str name)
{
    const struct tn_scripts_ops *s = api->p.scripts;
    for (size_t i = 0; i < s->adapters(api->p.scripts_self); i++) {
        const struct tn_decl *a = s->adapter(api->p.scripts_self, i);
        if (tn_str_is(name, a->name)) return a;
    }
    return NULL;
}

bool api_integration_of(struct tn_api *api, struct tn_http_exchange *x, struct tn_integration *i)
{
    struct tn_err err;
    if (tn_integration_load(i, api->p.store, api->p.secrets, api_who(x)->team,
                            tn_http_param(x, "id"), &err))
        return true;
    tn_answer_err(x, &err);
    return false;
}

/* What the runs of an integration add up to. */
struct totals {
    int64_t all, success, failure, last_ms;
    char last_status[24];
};

static bool take_last(void *arg, const struct tn_row *row)
{
    struct totals *t = arg;
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    struct tn_str text;
    struct tn_err err;
    tn_arena_init(&arena);
    if (tn_json_parse(json, row->body, &err)) {
        struct tn_jval body = tn_json_root(json);
        if (tn_jtext(tn_jget_z(body, "status"), &arena, &text))
            snprintf(t->last_status, sizeof t->last_status, "%.*s", TN_FMT(text));
        if (tn_jtext(tn_jget_z(body, "finished_at"), &arena, &text))
            tn_time_parse(text, &t->last_ms);
    }
    tn_arena_clear(&arena);
    tn_json_free(json);
    return false;
}

/* The newest runs of the integration that have this status to fn; *count: how many there are. */
static bool each_run(struct tn_api *api, int64_t team, struct tn_str id, const char *status,
                     size_t limit, tn_row_fn fn, void *arg, int64_t *count, struct tn_err *err)
{
    struct tn_str wanted = tn_str(status);
    struct tn_filter filters[] = {{"integration", TN_FILTER_eq, &id, 1},
                                  {"status", TN_FILTER_eq, &wanted, 1}};
    struct tn_query q = {.team = team,
                         .table = "run",
                         .filters = filters,
                         .filter_count = 2,
                         .sort = {{"finished_at", true}},
                         .sort_count = 1,
                         .limit = limit,
                         .total = true};
    struct tn_page page;
    tn_page_init(&page);
    bool ok = tn_store_query(api->p.store, &q, fn, arg, &page, err);
    *count = page.total;
    tn_page_clear(&page);
    return ok;
}

static bool totals_of(struct tn_api *api, int64_t team, const struct tn_id *id, struct totals *out,
                      struct tn_err *err)
{
    static const char *const ended[] = {"SUCCESS", "PARTIAL", "FAILURE"};
    char text[TN_ID_LEN + 1];
    tn_id_text(id, text);
    *out = (struct totals){.all = 0};
    for (int i = 0; i < 3; i++) {
        struct totals one = {.all = 0};
        int64_t n;
        if (!each_run(api, team, tn_str(text), ended[i], 1, take_last, &one, &n, err)) return false;
        out->all += n;
        if (i < 2)
            out->success += n;
        else
            out->failure += n;
        if (one.last_ms <= out->last_ms) continue;
        out->last_ms = one.last_ms;
        memcpy(out->last_status, one.last_status, sizeof out->last_status);
    }
    return true;
}

static void write_time(struct tn_jw *w, const char *key, int64_t ms)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(ms, text);
    tn_jw_kz(w, key, ms ? text : NULL);
}

/* The members that the list and the details share. */
static bool write_row(struct tn_api *api, const struct tn_integration *i, struct tn_jw *w,
                      struct tn_err *err)
{
    struct totals t;
    char id[TN_ID_LEN + 1];
    if (!totals_of(api, i->team, &i->id, &t, err)) return false;
    tn_id_text(&i->id, id);
    tn_jw_kz(w, "id", id);
    tn_jw_kstr(w, "name", i->name);
    tn_jw_kstr(w, "displayName", i->display_name);
    tn_jw_kstr(w, "type", i->type);
    tn_jw_kstr(w, "integrationType", i->adapter);
    tn_jw_kbool(w, "enabled", i->enabled);
    write_time(w, "lastSync", t.last_ms);
    tn_jw_kz(w, "lastSyncStatus", t.last_ms ? t.last_status : NULL);
    tn_jw_kint(w, "totalSyncs", t.all);
    tn_jw_kint(w, "successCount", t.success);
    tn_jw_kint(w, "failureCount", t.failure);
    return true;
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

static void answer_details(struct tn_api *api, struct tn_http_exchange *x,
                           const struct tn_integration *i, int status)
{
    struct tn_answer a;
    struct tn_err err;
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    if (!write_row(api, i, &a.w, &err)) {
        tn_buf_clear(&a.body);
        tn_answer_err(x, &err);
        return;
    }
    write_config(api, i, &a.w);
    tn_jw_kbool(&a.w, "quarantined", in_quarantine(api, i));
    write_time(&a.w, "createdAt", i->created_ms);
    write_time(&a.w, "updatedAt", i->updated_ms);
    tn_jw_end(&a.w);
    tn_answer_send(&a, status);
}

struct listing {
    struct tn_api *api;
    struct tn_answer answer;
    struct tn_err err;
    bool failed;
};

static bool list_one(void *arg, const struct tn_row *row)
{
    struct listing *l = arg;
    struct tn_integration i;
    tn_integration_init(&i);
    l->failed = !tn_integration_decode(&i, row, l->api->p.secrets, &l->err);
    if (!l->failed) {
        tn_jw_object(&l->answer.w);
        l->failed = !write_row(l->api, &i, &l->answer.w, &l->err);
        if (!l->failed) tn_jw_end(&l->answer.w);
    }
    tn_integration_clear(&i);
    return !l->failed;
}

void api_integrations_list(void *arg, struct tn_http_exchange *x)
{
    struct listing l = {.api = arg};
    struct tn_query q = {.team = api_who(x)->team,
                         .table = table,
                         .sort = {{"name", false}},
                         .sort_count = 1,
                         .limit = TN_LIMIT_PAGE};
    struct tn_page page;
    tn_page_init(&page);
    tn_answer_begin(&l.answer, x);
    tn_jw_array(&l.answer.w);
    if (!tn_store_query(l.api->p.store, &q, list_one, &l, &page, &l.err) || l.failed) {
        tn_buf_clear(&l.answer.body);
        tn_answer_err(x, &l.err);
    } else {
        tn_jw_end(&l.answer.w);
        tn_answer_send(&l.answer, 200);
    }
    tn_page_clear(&page);
}

void api_integrations_get(void *arg, struct tn_http_exchange *x)
{
    struct tn_integration i;
    tn_integration_init(&i);
    if (api_integration_of(arg, x, &i)) answer_details(arg, x, &i, 200);
    tn_integration_clear(&i);
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
    const struct tn_scripts_ops *s = api->p.scripts;
    for (size_t i = 0; i < s->adapters(api->p.scripts_self) && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              s->adapter(api->p.scripts_self, i)->name);
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

static bool cancel_run(void *arg, const struct tn_row *row)
{
    struct tn_api *api = arg;
    char id[TN_ID_LEN + 1];
    tn_id_text(&row->id, id);
    tn_runner_cancel(api->p.runner, row->team, id, cancel_said, NULL);
    return true;
}

static void cancel_runs(struct tn_api *api, const struct tn_integration *i)
{
    char id[TN_ID_LEN + 1];
    int64_t n;
    struct tn_err err;
    tn_id_text(&i->id, id);
    if (!each_run(api, i->team, tn_str(id), "RUNNING", TN_LIMIT_PAGE, cancel_run, api, &n, &err))
        tn_log(api->p.log, TN_LOG_warn, "sync", "runs of the deleted integration %s: %s", id,
               err.text);
}

/* A write under way: kept until the store has answered. */
struct writing {
    struct tn_api *api;
    struct tn_http_exchange *x;
    struct tn_integration i;
    char before[TN_UNIT_NAME]; /* the name of its isolate until then; "": it had none */
    int status;
};

/* Whose name nobody bears any more is in quarantine no more. */
static void forget_name(const struct writing *w)
{
    char now[TN_UNIT_NAME] = "";
    if (w->status != 204) isolate_name(&w->i, now);
    if (strcmp(w->before, now) != 0) tn_shared_release(w->api->p.shared, w->before);
}

static void written(void *arg, const struct tn_committed *done, const struct tn_err *failed)
{
    struct writing *w = arg;
    struct tn_err err;
    char id[TN_ID_LEN + 1];
    struct tn_integration fresh;
    (void)done;
    tn_integration_init(&fresh);
    tn_id_text(&w->i.id, id);
    if (!failed) forget_name(w);
    if (failed) {
        err = *failed;
        if (err.kind == TN_E_conflict || err.kind == TN_E_key_taken)
            tn_fail(&err, TN_E_conflict,
                    w->status == 201
                        ? "an integration named '%.*s' exists already"
                        : "integration '%.*s' was changed meanwhile, or its new name is taken",
                    TN_FMT(w->i.name));
        tn_answer_err(w->x, &err);
    } else if (w->status == 204) {
        cancel_runs(w->api, &w->i);
        tn_http_reply(w->x, 204, NULL, TN_STR(""));
    } else if (!tn_integration_load(&fresh, w->api->p.store, w->api->p.secrets, w->i.team,
                                    tn_str(id), &err)) {
        tn_answer_err(w->x, &err);
    } else {
        if (w->status == 201) tn_http_headerf(w->x, "Location", "/api/v1/integrations/%s", id);
        answer_details(w->api, w->x, &fresh, w->status);
    }
    tn_integration_clear(&fresh);
    tn_integration_clear(&w->i);
    tn_free(w);
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
    if (err) tn_answer_err(w->x, err);
    tn_integration_clear(&w->i);
    tn_free(w);
}

static bool audit(struct tn_commit *commit, const struct writing *w, const char *action,
                  struct tn_err *err)
{
    char object[160];
    snprintf(object, sizeof object, "integration/%.*s", TN_FMT(w->i.name));
    return tn_commit_audit(commit, w->i.team, api_who(w->x)->name, action, object, TN_STR(""), err);
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
    w->i.team = api_who(x)->team;
    if (take_body(api, &w->i, body, &err))
        put(w, TN_NEW_ONLY, "integration.create");
    else
        give_up(w, &err);
}

void api_integrations_update(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_jval body;
    struct tn_err err;
    if (!api_body(api, x, &body)) return;
    struct writing *w = writing_new(api, x, 200);
    if (!api_integration_of(api, x, &w->i)) {
        give_up(w, NULL);
        return;
    }
    isolate_name(&w->i, w->before);
    if (!take_body(api, &w->i, body, &err))
        give_up(w, &err);
    else
        put(w, w->i.version, "integration.update");
}

void api_integrations_delete(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_err err;
    struct writing *w = writing_new(api, x, 204);
    if (!api_integration_of(api, x, &w->i)) {
        give_up(w, NULL);
        return;
    }
    struct tn_commit *commit = tn_commit_new(api->p.store);
    char id[TN_ID_LEN + 1];
    isolate_name(&w->i, w->before);
    tn_id_text(&w->i.id, id);
    if (tn_commit_delete(commit, w->i.team, table, &w->i.id, w->i.version, &err) &&
        api->p.scripts->forget(api->p.scripts_self, w->i.team, id, commit, &err) &&
        audit(commit, w, "integration.delete", &err)) {
        tn_store_commit(api->p.store, commit, written, w);
        return;
    }
    tn_commit_free(commit);
    give_up(w, &err);
}

/* ---- out of quarantine ---- */

/* From the next call on its scripts run again, in all workers; what they do wrong counts anew. */
void api_integrations_release(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_err err;
    char name[TN_UNIT_NAME];
    struct writing *w = writing_new(api, x, 200);
    if (!api_integration_of(api, x, &w->i)) {
        give_up(w, NULL);
        return;
    }
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

/* ---- is the other side there? ---- */

enum { TEST_MS = 30000, FRESH_MS = 1000 };

struct probing {
    struct tn_api *api;
    struct tn_http_exchange *x;
    struct tn_id id;
    int64_t team;
    bool test;
    struct tn_probed found;
    struct tn_answer health;
};

static struct tn_str health_key(const struct tn_id *id, char out[TN_ID_LEN + 1])
{
    tn_id_text(id, out);
    return (struct tn_str){out, TN_ID_LEN};
}

static void write_health(struct tn_jw *w, const struct tn_probed *p)
{
    char now[TN_TIME_LEN + 1];
    tn_time_text(tn_now_ms(), now);
    tn_jw_object(w);
    tn_jw_kbool(w, "connected", p->connected);
    tn_jw_kint(w, "responseTime", p->took_ms);
    tn_jw_kz(w, "version", p->version[0] ? p->version : NULL);
    tn_jw_kz(w, "lastCheck", now);
    if (!p->connected) {
        tn_jw_kz(w, "error", p->err.text);
        tn_jw_kz(w, "code", tn_answer_code(p->err.kind));
    }
    tn_jw_end(w);
}

static void answer_test(struct tn_http_exchange *x, const struct tn_probed *p)
{
    struct tn_answer a;
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_kbool(&a.w, "success", p->connected);
    tn_jw_kz(&a.w, "message", p->connected ? "Connection successful" : p->err.text);
    tn_jw_kint(&a.w, "responseTime", p->took_ms);
    tn_jw_kz(&a.w, "version", p->version[0] ? p->version : NULL);
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
static void probed(void *arg, const struct tn_probed *found)
{
    struct probing *p = arg;
    struct tn_commit *commit = tn_commit_new(p->api->p.store);
    struct tn_err err;
    char key[TN_ID_LEN + 1];
    p->found = *found;
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

static void probe(struct tn_api *api, struct tn_http_exchange *x, const struct tn_integration *i,
                  bool test)
{
    struct probing *p = TN_NEW(struct probing);
    char id[TN_ID_LEN + 1];
    *p = (struct probing){.api = api, .x = x, .id = i->id, .team = i->team, .test = test};
    tn_id_text(&i->id, id);
    api->p.scripts->probe(api->p.scripts_self, i->team, id, test ? TEST_MS : FRESH_MS, probed, p);
}

void api_integrations_test(void *arg, struct tn_http_exchange *x)
{
    struct tn_integration i;
    tn_integration_init(&i);
    if (api_integration_of(arg, x, &i)) probe(arg, x, &i, true);
    tn_integration_clear(&i);
}

/* The last check that is known, at once; ?fresh=1, or none known yet: a new one. */
void api_integrations_health(void *arg, struct tn_http_exchange *x)
{
    static const char *const parameters[] = {"fresh", NULL};
    struct tn_api *api = arg;
    struct tn_integration i;
    struct tn_buf stored;
    struct tn_err err;
    char key[TN_ID_LEN + 1];
    tn_integration_init(&i);
    tn_buf_init(&stored, 64 * TN_KIB);
    if (api_query_known(x, parameters) && api_integration_of(api, x, &i)) {
        bool fresh = tn_str_is(tn_http_query(x, "fresh", NULL), "1");
        if (!fresh && tn_store_kv_get(api->p.store, i.team, "health", health_key(&i.id, key),
                                      &stored, NULL, &err))
            tn_http_reply(x, 200, "application/json", tn_buf_str(&stored));
        else
            probe(api, x, &i, false);
    }
    tn_buf_clear(&stored);
    tn_integration_clear(&i);
}
