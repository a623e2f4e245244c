/* SPDX-License-Identifier: MIT */
#include "api/plans.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/letters.h"
#include "api/quarantine.h"
#include "base/alloc.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/audit.h"
#include "store/commit.h"
#include "sync/retry.h"
#include "sync/run_view.h"
#include "sync/runner.h"

enum { IDS_MAX = 2000, SAMPLES = 20, ROWS_SHOWN = 100, REASON_MAX = 500, OPERATION_MAX = 65 };
#define LIFE_MS (3600LL * 1000)

static const char table[] = "plan";

/* A plan that is being made, or carried out. */
struct plan {
    struct tn_api *api;
    struct tn_http_exchange *x;
    int64_t team, version; /* version: of its row; TN_NEW_ONLY: it has none yet */
    struct tn_id id;
    char id_text[TN_ID_LEN + 1];
    bool retry, direct, by_ids;
    char *wish;            /* the request's body, or the plan's: JSON */
    struct tn_buf samples; /* JSON array */
    struct tn_jw w;
    struct tn_id *ids;
    size_t count;
    int64_t row_version; /* of the last of ids */
    char integration[TN_ID_LEN + 1], name[300], operation[OPERATION_MAX];
    bool mixed;   /* several operations */
    bool letters; /* they are deliveries, not records of a sync (letters.h) */
    bool acting;  /* it is carried out: deliveries are added to the commit as they come */
    struct tn_commit *letter; /* NULL: none was added */
    size_t left;              /* deliveries that the commit has no room for: they stay open */
    int64_t wanted, matching, planned;
    struct tn_buf body;
};

static struct plan *plan_new(struct tn_api *api, struct tn_http_exchange *x)
{
    struct plan *p = TN_NEW(struct plan);
    p->api = api;
    p->x = x;
    p->team = api_actor(x)->team;
    p->version = TN_NEW_ONLY;
    p->id = tn_id_new();
    tn_id_text(&p->id, p->id_text);
    tn_buf_init(&p->samples, TN_LIMIT_RECORD);
    tn_buf_init(&p->body, TN_LIMIT_RECORD);
    tn_jw_init(&p->w, &p->samples);
    tn_jw_array(&p->w);
    return p;
}

static void plan_free(void *own)
{
    struct plan *p = own;
    if (!p) return;
    tn_free(p->wish);
    tn_buf_clear(&p->samples);
    tn_buf_clear(&p->body);
    tn_commit_free(p->letter);
    tn_free(p->ids);
    tn_free(p);
}

/* ---- how it is shown ---- */

static void write_members(struct tn_jw *w, struct tn_jval body)
{
    static const char *const shown[] = {"action",    "count",  "matching", "capped",  "operation",
                                        "reason",    "filter", "samples",  "effects", "createdBy",
                                        "expiresAt", "ranBy",  "runId",    "acted",   "left"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct tn_jval v = tn_jget_z(body, shown[i]);
        if (!tn_jis(v, TN_JSON_absent)) tn_jw_kraw(w, shown[i], tn_jraw(v));
    }
}

/* The answer of its making and of its start. */
static void answer_plan(struct plan *p, int status, const char *state, const char *run)
{
    struct tn_json *json = tn_json_new();
    struct tn_answer a;
    struct tn_err err;
    tn_http_headerf(p->x, "Location", "/api/v1/plans/%s", p->id_text);
    tn_answer_begin(&a, p->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "id", p->id_text);
    tn_jw_kz(&a.w, "state", state);
    if (tn_json_parse(json, tn_buf_str(&p->body), &err)) write_members(&a.w, tn_json_root(json));
    if (run) tn_jw_kz(&a.w, "runId", run);
    tn_jw_end(&a.w);
    tn_answer_send(&a, status);
    tn_json_free(json);
}

/* ---- making one ---- */

static bool fail_member(struct tn_err *err, const char *field, const char *text)
{
    tn_fail(err, TN_E_invalid, "%s", text);
    return tn_fail_field(err, "%s", field);
}

static bool select_ids(struct api_scan *scan, struct tn_jval ids, struct tn_err *err)
{
    struct tn_str id;
    size_t n = tn_jcount(ids);
    if (!tn_jis(ids, TN_JSON_array) || !n || n > IDS_MAX)
        return fail_member(err, "ids",
                           "ids has to be a list of 1 to 2000 ids of records: name more in "
                           "another plan, or name them by a filter");
    for (struct tn_jiter it = tn_jiter(ids); tn_jnext(&it);)
        if (!tn_jtext(it.value, &scan->of.memory, &id))
            return fail_member(err, "ids", "ids has to be a list of texts");
        else if (!api_scan_id(scan, id, err))
            return false;
    return true;
}

/* Only what is open can be tried again or given up. */
static bool select_filter(struct api_scan *scan, struct tn_jval filter, struct tn_err *err)
{
    struct tn_str value;
    if (!tn_jis(filter, TN_JSON_object) || !tn_jcount(filter))
        return fail_member(err, "filter",
                           "filter has to be an object with at least one member, as in "
                           "{\"integration\": \"fusion\"}");
    for (struct tn_jiter it = tn_jiter(filter); tn_jnext(&it);) {
        if (!tn_jtext(it.value, &scan->of.memory, &value))
            return fail_member(err, "filter", "the members of filter have to be texts");
        if (tn_str_is(it.key, "status"))
            return fail_member(err, "filter.status", "a plan is about open records alone");
        if (!api_scan_filter(scan, it.key, value, err)) return false;
    }
    return api_scan_filter(scan, TN_STR("status"), TN_STR("open"), err);
}

/* The records that the wish (of a body or of a plan) names. */
static bool select_wish(struct api_scan *scan, struct tn_err *err)
{
    struct plan *p = scan->own;
    if (!tn_json_parse(scan->json, tn_str(p->wish), err)) return false;
    struct tn_jval wish = tn_json_root(scan->json);
    struct tn_jval ids = tn_jget_z(wish, "ids"), filter = tn_jget_z(wish, "filter");
    p->by_ids = tn_jis(filter, TN_JSON_absent);
    tn_jint(tn_jget_z(wish, "matching"), &p->matching);
    tn_jint(tn_jget_z(wish, "count"), &p->planned);
    if (!p->by_ids) return select_filter(scan, filter, err);
    if (!select_ids(scan, ids, err)) return false;
    p->wanted = (int64_t)scan->of.id_count;
    return true;
}

static bool check_wish(struct tn_jval body, struct tn_err *err)
{
    static const char *const known[] = {"ids", "filter", "reason", NULL};
    struct tn_jval reason = tn_jget_z(body, "reason");
    bool ids = !tn_jis(tn_jget_z(body, "ids"), TN_JSON_absent);
    bool filter = !tn_jis(tn_jget_z(body, "filter"), TN_JSON_absent);
    if (!api_members_known(body, known, NULL, err)) return false;
    if (ids == filter)
        return fail_member(err, "ids", "name the records either by ids or by a filter");
    if (tn_jis(reason, TN_JSON_absent)) return true;
    if (tn_jis(reason, TN_JSON_string) && tn_jraw(reason).n <= REASON_MAX) return true;
    return fail_member(err, "reason", "reason has to be a text of at most 500 characters");
}

/* One run is of one operation. */
static void note_operation(struct api_scan *scan, struct plan *p, struct tn_jval body)
{
    struct tn_str integration = TN_STR(""), operation = TN_STR("");
    tn_jtext(tn_jget_z(body, "integration"), &scan->of.memory, &integration);
    tn_jtext(tn_jget_z(body, "operation"), &scan->of.memory, &operation);
    if (p->count) {
        bool other = !p->letters && !tn_str_is(integration, p->integration);
        p->mixed |= other || !tn_str_is(operation, p->operation);
        return;
    }
    p->letters = api_is_letter(body);
    const char *name = api_scan_name(scan, integration);
    snprintf(p->integration, sizeof p->integration, "%.*s", TN_FMT(integration));
    snprintf(p->operation, sizeof p->operation, "%.*s", TN_FMT(operation));
    snprintf(p->name, sizeof p->name, "%s", name ? name : p->integration);
}

static bool take_letter(struct plan *p, const struct tn_row *row, struct tn_jval body,
                        struct tn_err *err)
{
    if (!p->letter) p->letter = tn_commit_new(p->api->p.store);
    if (tn_commit_bytes(p->letter) > TN_LIMIT_COMMIT / 4) {
        p->left++;
        return true;
    }
    return api_letter_resend(p->api, api_actor(p->x), row, body, p->letter, err);
}

static bool plan_row(struct api_scan *scan, const struct tn_row *row, struct tn_jval body,
                     struct tn_err *err)
{
    struct plan *p = scan->own;
    if (!tn_str_is(tn_jraw(tn_jget_z(body, "status")), "\"open\"")) return true;
    note_operation(scan, p, body);
    if (p->count < SAMPLES) api_quarantine_row(scan, row, body, &p->w);
    if (p->count % 256 == 0) p->ids = tn_realloc(p->ids, (p->count + 256) * sizeof *p->ids);
    p->ids[p->count++] = row->id;
    p->row_version = row->version;
    if (p->retry && p->letters && p->acting && !p->mixed && !take_letter(p, row, body, err))
        return false;
    return tn_buf_ok(&p->samples, "the samples", err);
}

static void write_effects(const struct api_scan *scan, const struct plan *p, struct tn_jw *w)
{
    char text[900];
    size_t n;
    const char *noun = p->count == 1 ? "record" : "records";
    if (p->retry && p->letters)
        n = (size_t)snprintf(text, sizeof text,
                             "%zu %s of operation %s will be sent again, with all their tries. One "
                             "that is given up again comes back as a new row.",
                             p->count, p->count == 1 ? "delivery" : "deliveries", p->operation);
    else if (p->retry)
        n = (size_t)snprintf(
            text, sizeof text,
            "%zu %s of %s of %s will go through the mapping that serves now. Those that pass "
            "are stored and leave quarantine; the others stay there with their new reason.",
            p->count, noun, p->operation, p->name);
    else
        n = (size_t)snprintf(
            text, sizeof text,
            "%zu %s will be marked as discarded. A retry leaves them out; they stay to be "
            "looked at.",
            p->count, noun);
    if (scan->more && n < sizeof text)
        snprintf(text + n, sizeof text - n,
                 " More fit the filter, and a plan takes %d: carry this one out, then make another "
                 "for the rest.",
                 IDS_MAX);
    tn_jw_kz(w, "effects", text);
}

static void write_plan(struct api_scan *scan, struct plan *p)
{
    struct tn_jw w;
    char text[TN_ID_LEN + TN_TIME_LEN + 1];
    struct tn_err err;
    bool read = tn_json_parse(scan->json, tn_str(p->wish), &err);
    struct tn_jval reason = tn_jget_z(tn_json_root(scan->json), "reason");
    struct tn_jval filter = tn_jget_z(tn_json_root(scan->json), "filter");
    tn_jw_end(&p->w);
    tn_jw_init(&w, &p->body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "action", p->retry ? "retry" : "discard");
    tn_jw_kz(&w, "state", "ready");
    if (read && !p->by_ids) tn_jw_kraw(&w, "filter", tn_jraw(filter));
    if (read && !tn_jis(reason, TN_JSON_absent)) tn_jw_kraw(&w, "reason", tn_jraw(reason));
    tn_jw_kz(&w, "integration", p->integration);
    tn_jw_kz(&w, "operation", p->operation);
    if (p->letters) tn_jw_kbool(&w, "deliveries", true);
    tn_jw_kint(&w, "count", (int64_t)p->count);
    tn_jw_kint(&w, "matching", scan->total);
    tn_jw_kbool(&w, "capped", scan->more);
    tn_jw_kraw(&w, "samples", tn_buf_str(&p->samples));
    write_effects(scan, p, &w);
    tn_jw_kz(&w, "createdBy", api_actor(p->x)->name);
    tn_time_text(tn_now_ms() + LIFE_MS, text);
    tn_jw_kz(&w, "expiresAt", text);
    tn_jw_key(&w, TN_STR("ids"));
    tn_jw_array(&w);
    for (size_t i = 0; i < p->count; i++) {
        tn_id_text(&p->ids[i], text);
        tn_jw_z(&w, text);
    }
    tn_jw_end(&w);
    tn_jw_end(&w);
}

static bool check_plan(const struct plan *p, struct tn_err *err)
{
    if (p->direct && !p->count)
        return tn_fail(err, TN_E_not_found, "there is no open record '%.*s' in quarantine",
                       TN_FMT(tn_http_param(p->x, "id")));
    if (p->by_ids && (int64_t)p->count < p->wanted)
        return tn_fail(err, TN_E_not_found,
                       "%lld of these %lld ids are no open records in quarantine",
                       (long long)(p->wanted - (int64_t)p->count), (long long)p->wanted);
    if (!p->count)
        return tn_fail(err, TN_E_not_found, "no open record in quarantine fits this filter");
    if (!p->retry || !p->mixed) return true;
    tn_fail(err, TN_E_invalid,
            "these records are of several operations, and a retry is of one: name integration and "
            "operation in the filter");
    return tn_fail_field(err, "filter.operation");
}

static void plan_stored(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct plan *p = arg;
    (void)done;
    if (err)
        tn_answer_err(p->x, err);
    else
        answer_plan(p, 201, "ready", NULL);
    plan_free(p);
}

static bool put_plan(struct plan *p, struct tn_commit *commit, struct tn_err *err)
{
    return tn_buf_ok(&p->body, "the plan", err) &&
           tn_commit_put(commit, p->team, table, &p->id, tn_buf_str(&p->body), TN_NEW_ONLY, err);
}

static void start_retry(struct plan *p);
static void start_letters(struct plan *p);
static void discard_alone(struct plan *p);

/* The records are known: an action on one is done now, else the plan is stored. */
static void planned(struct api_scan *scan)
{
    struct plan *p = scan->own;
    struct tn_commit *commit;
    struct tn_err err;
    if (!check_plan(p, &err)) {
        tn_answer_err(p->x, &err);
        return;
    }
    scan->own = NULL;
    if (p->direct && !p->retry) {
        discard_alone(p);
        return;
    }
    write_plan(scan, p);
    if (p->direct && p->letters) {
        start_letters(p);
        return;
    }
    if (p->direct) {
        start_retry(p);
        return;
    }
    commit = tn_commit_new(p->api->p.store);
    if (put_plan(p, commit, &err)) {
        tn_store_commit(p->api->p.store, commit, plan_stored, p);
        return;
    }
    tn_commit_free(commit);
    tn_answer_err(p->x, &err);
    plan_free(p);
}

/* Reads the open records that the wish names into p, which the scan owns until done takes it. */
static void scan_for(struct plan *p, void (*done)(struct api_scan *scan))
{
    struct api_scan *scan = api_scan_new(p->api, p->x);
    scan->max = IDS_MAX;
    scan->select = select_wish;
    scan->row = plan_row;
    scan->done = done;
    scan->drop = plan_free;
    scan->own = p;
    api_scan_start(scan);
}

static void make(struct tn_api *api, struct tn_http_exchange *x, bool retry)
{
    struct tn_jval body;
    struct tn_err err;
    if (!api_body(api, x, &body)) return;
    if (!check_wish(body, &err)) {
        tn_answer_err(x, &err);
        return;
    }
    struct plan *p = plan_new(api, x);
    p->retry = retry;
    p->wish = tn_strndup(tn_http_body(x).p, tn_http_body(x).n);
    scan_for(p, planned);
}

void api_plans_retry(void *api, struct tn_http_exchange *x)
{
    make(api, x, true);
}

void api_plans_discard(void *api, struct tn_http_exchange *x)
{
    make(api, x, false);
}

static void act_on_one(struct tn_api *api, struct tn_http_exchange *x, bool retry)
{
    struct plan *p = plan_new(api, x);
    struct tn_buf wish;
    struct tn_jw w;
    tn_buf_init(&wish, TN_LIMIT_RECORD);
    tn_jw_init(&w, &wish);
    tn_jw_object(&w);
    tn_jw_key(&w, TN_STR("ids"));
    tn_jw_array(&w);
    tn_jw_str(&w, tn_http_param(x, "id"));
    tn_jw_end(&w);
    tn_jw_end(&w);
    p->retry = retry;
    p->direct = p->acting = true;
    p->wish = tn_strndup(wish.p, wish.n);
    tn_buf_clear(&wish);
    scan_for(p, planned);
}

void api_plans_retry_one(void *api, struct tn_http_exchange *x)
{
    act_on_one(api, x, true);
}

void api_plans_discard_one(void *api, struct tn_http_exchange *x)
{
    act_on_one(api, x, false);
}

/* ---- carrying it out ---- */

/* Its row says so from the commit on in which it happens; a second one finds another version. */
static bool mark_run(struct plan *p, struct tn_commit *commit, const char *state, const char *run,
                     struct tn_err *err)
{
    struct tn_buf patch;
    struct tn_jw w;
    tn_buf_init(&patch, TN_LIMIT_RECORD);
    tn_jw_init(&w, &patch);
    tn_jw_object(&w);
    tn_jw_kz(&w, "state", state);
    tn_jw_kz(&w, "ranBy", api_actor(p->x)->name);
    tn_jw_kint(&w, "acted", (int64_t)p->count);
    if (p->left) tn_jw_kint(&w, "left", (int64_t)p->left);
    if (run) tn_jw_kz(&w, "runId", run);
    tn_jw_end(&w);
    bool ok = tn_commit_patch(commit, p->team, table, &p->id, tn_buf_str(&patch), p->version, err);
    tn_buf_clear(&patch);
    return ok;
}

static bool audit(struct plan *p, struct tn_commit *commit, struct tn_err *err)
{
    char detail[80];
    snprintf(detail, sizeof detail, "{\"records\":%zu}", p->count);
    return tn_audit(commit, p->team, api_actor(p->x),
                    p->retry ? "quarantine.retry" : "quarantine.discard", p->id_text,
                    tn_str(detail), err);
}

/* What goes into the commit that starts the run of a retry: the plan, made or marked, and the audit
 * row. */
static bool with_run(void *arg, struct tn_commit *commit, const char *run_id, struct tn_err *err)
{
    struct plan *p = arg;
    if (p->version != TN_NEW_ONLY)
        return mark_run(p, commit, "running", run_id, err) && audit(p, commit, err);
    struct tn_buf whole; /* the plan is made in the same commit */
    tn_buf_init(&whole, TN_LIMIT_RECORD);
    tn_buf_addf(&whole, "{\"runId\":\"%s\",", run_id);
    tn_buf_add(&whole, p->body.p + 1, p->body.n - 1);
    bool ok = tn_buf_ok(&whole, "the plan", err) &&
              tn_commit_put(commit, p->team, table, &p->id, tn_buf_str(&whole), TN_NEW_ONLY, err) &&
              audit(p, commit, err);
    tn_buf_clear(&whole);
    return ok;
}

static void was_run(struct tn_err *err)
{
    tn_fail(err, TN_E_conflict, "this plan was carried out already: make a new one");
}

static void retry_started(void *arg, const char *run_id, const struct tn_err *err)
{
    struct plan *p = arg;
    struct tn_err said;
    if (err) {
        said = *err;
        if (err->kind == TN_E_conflict || err->kind == TN_E_not_found) was_run(&said);
        tn_answer_err(p->x, &said);
    } else {
        answer_plan(p, 202, "running", run_id);
    }
    plan_free(p);
}

static void start_retry(struct plan *p)
{
    char filters[80];
    snprintf(filters, sizeof filters, "{\"plan\":\"%s\"}", p->id_text);
    struct tn_runner_request q = {.team = p->team,
                                  .integration = p->integration,
                                  .operation = p->operation,
                                  .filters = tn_str(filters),
                                  .trigger = TN_RETRY_TRIGGER,
                                  .also = with_run};
    tn_runner_start(p->api->p.runner, &q, retry_started, p);
}

/* One delivery leaves no plan behind. */
static void answer_letter(struct plan *p)
{
    struct tn_answer a;
    char id[TN_ID_LEN + 1];
    tn_id_text(&p->ids[0], id);
    tn_answer_begin(&a, p->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "id", id);
    tn_jw_kz(&a.w, "status", "retried");
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static void letters_sent(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct plan *p = arg;
    struct tn_err said;
    (void)done;
    if (err) {
        said = *err;
        if (err->kind == TN_E_conflict) was_run(&said);
        tn_answer_err(p->x, &said);
    } else if (p->direct) {
        answer_letter(p);
    } else {
        answer_plan(p, 200, "done", NULL);
    }
    plan_free(p);
}

/* Their tickets, their rows, the plan and the audit row are one commit. */
static void start_letters(struct plan *p)
{
    struct tn_commit *commit = p->letter;
    struct tn_err err;
    p->letter = NULL;
    p->count -= p->left;
    if ((p->direct || mark_run(p, commit, "done", NULL, &err)) && audit(p, commit, &err)) {
        tn_store_commit(p->api->p.store, commit, letters_sent, p);
        return;
    }
    tn_commit_free(commit);
    tn_answer_err(p->x, &err);
    plan_free(p);
}

static void discarded(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct plan *p = arg;
    struct tn_err said;
    (void)done;
    if (err) {
        said = *err;
        if (err->kind == TN_E_conflict) was_run(&said);
        tn_answer_err(p->x, &said);
    } else {
        answer_plan(p, 200, "done", NULL);
    }
    plan_free(p);
}

static void start_discard(struct plan *p, struct tn_str reason)
{
    struct tn_commit *commit = tn_commit_new(p->api->p.store);
    struct tn_err err;
    bool ok = mark_run(p, commit, "done", NULL, &err) && audit(p, commit, &err);
    for (size_t i = 0; ok && i < p->count; i++)
        ok = api_quarantine_discard(commit, api_actor(p->x), &p->ids[i], reason, TN_ANY, &err);
    if (ok) {
        tn_store_commit(p->api->p.store, commit, discarded, p);
        return;
    }
    tn_commit_free(commit);
    tn_answer_err(p->x, &err);
    plan_free(p);
}

static void discarded_alone(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)done;
    if (err)
        tn_answer_err(arg, err);
    else
        tn_http_reply(arg, 204, NULL, TN_STR(""));
}

static void discard_alone(struct plan *p)
{
    const struct tn_actor *who = api_actor(p->x);
    struct tn_str reason = tn_http_query(p->x, "reason", NULL);
    struct tn_commit *commit = tn_commit_new(p->api->p.store);
    struct tn_err err;
    char id[TN_ID_LEN + 1];
    tn_id_text(&p->ids[0], id);
    if (api_quarantine_discard(commit, who, &p->ids[0], reason, p->row_version, &err) &&
        tn_audit(commit, p->team, who, "quarantine.discard", id, TN_STR(""), &err)) {
        tn_store_commit(p->api->p.store, commit, discarded_alone, p->x);
    } else {
        tn_commit_free(commit);
        tn_answer_err(p->x, &err);
    }
    plan_free(p);
}

/* Is the plan still about what people saw when it was made?  Named by ids it is about those that
 * are open; by a filter, as many records have to fit it now as did then. */
static bool unchanged(const struct api_scan *scan, const struct plan *p, struct tn_err *err)
{
    if (!p->count) return tn_fail(err, TN_E_conflict, "none of these records is open any more");
    if (p->by_ids) return true;
    if (scan->total == p->matching && (int64_t)p->count == p->planned) return true;
    return tn_fail(err, TN_E_conflict,
                   "%lld records fitted when the plan was made, now %lld do: make a new one",
                   (long long)p->matching, (long long)scan->total);
}

/* The records of the plan as they are now, just before it is carried out. */
static void looked_again(struct api_scan *scan)
{
    struct plan *p = scan->own;
    struct tn_str reason = TN_STR("");
    struct tn_err err;
    if (!unchanged(scan, p, &err)) {
        tn_answer_err(p->x, &err);
        return;
    }
    if (tn_json_parse(scan->json, tn_str(p->wish), &err))
        tn_jtext(tn_jget_z(tn_json_root(scan->json), "reason"), &scan->of.memory, &reason);
    tn_buf_adds(&p->body, p->wish);
    scan->own = NULL;
    if (p->retry && p->letters)
        start_letters(p);
    else if (p->retry)
        start_retry(p);
    else
        start_discard(p, reason);
}

/* ---- a plan that was made ---- */

static bool may_run(struct tn_jval body, struct tn_err *err)
{
    struct tn_arena arena;
    struct tn_str expires = TN_STR("");
    int64_t ms = 0;
    bool ok = true;
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(body, "expiresAt"), &arena, &expires);
    (void)tn_time_parse(expires, &ms);
    if (!tn_str_is(tn_jraw(tn_jget_z(body, "state")), "\"ready\"")) {
        was_run(err);
        ok = false;
    } else if (ms < tn_now_ms() || TN_FAULT("plans.expired")) {
        ok = tn_fail(err, TN_E_gone, "this plan was good until %.*s: make a new one",
                     TN_FMT(expires));
    }
    tn_arena_clear(&arena);
    return ok;
}

/* The plan's row becomes the wish: its ids or filter are read as those of a request are. */
static bool take_plan(struct plan *p, const struct tn_found *found, struct tn_json *json,
                      struct tn_err *err)
{
    const struct tn_err *failed = tn_found_err(found, 0);
    const struct tn_row *row = failed ? NULL : tn_found_row(found, 0, 0);
    if (!row || (failed && failed->kind == TN_E_not_found))
        return tn_fail(err, TN_E_not_found, "there is no plan '%s'", p->id_text);
    if (failed) {
        *err = *failed;
        return false;
    }
    p->version = row->version;
    p->wish = tn_strndup(row->body.p, row->body.n);
    return tn_json_parse(json, tn_str(p->wish), err);
}

static void run_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct plan *p = arg;
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    bool ok = !failed && take_plan(p, found, json, &err) && may_run(tn_json_root(json), &err);
    if (ok) p->retry = tn_str_is(tn_jraw(tn_jget_z(tn_json_root(json), "action")), "\"retry\"");
    p->acting = true;
    tn_json_free(json);
    if (ok) {
        scan_for(p, looked_again);
        return;
    }
    tn_answer_err(p->x, failed ? failed : &err);
    plan_free(p);
}

/* Reads the plan of the path; then gets it, and the plan to free. */
static void with_plan(struct tn_api *api, struct tn_http_exchange *x, tn_read_fn then)
{
    struct tn_str text = tn_http_param(x, "id");
    struct plan *p = plan_new(api, x);
    struct tn_err err;
    if (!tn_id_parse(text, &p->id)) {
        tn_fail(&err, TN_E_not_found, "there is no plan '%.*s'", TN_FMT(text));
        tn_answer_err(x, &err);
        plan_free(p);
        return;
    }
    tn_id_text(&p->id, p->id_text);
    struct tn_read *read = tn_read_new(p->team);
    tn_read_get(read, table, &p->id);
    tn_store_read(api->p.store, read, NULL, then, p);
}

void api_plans_run(void *api, struct tn_http_exchange *x)
{
    with_plan(api, x, run_found);
}

/* ---- how far it is ---- */

struct outcome {
    struct plan *p;
    struct tn_json *plan, *row;
    struct tn_found *found;      /* the plan, and the first of its records */
    const struct tn_run_view *v; /* of its run; NULL: it has none */
    char run[TN_ID_LEN + 1];
};

/* Counts that add up to the plan's. */
static void write_counts(const struct outcome *o, struct tn_jval body, struct tn_jw *w)
{
    static const struct tn_run_counts none;
    const struct tn_run_counts *c = o->v ? &o->v->counts : &none;
    int64_t all = 0;
    bool ready = tn_str_is(tn_jraw(tn_jget_z(body, "state")), "\"ready\"");
    tn_jint(tn_jget_z(body, "count"), &all);
    int64_t left = o->v ? all - c->processed : 0;
    bool running = o->v && o->v->status == TN_RUN_running;
    if (left < 0) left = 0;
    tn_jw_key(w, TN_STR("outcome"));
    tn_jw_object(w);
    tn_jw_kint(w, "total", all);
    bool retry = tn_str_is(tn_jraw(tn_jget_z(body, "action")), "\"retry\"");
    bool letters = tn_jis(tn_jget_z(body, "deliveries"), TN_JSON_bool);
    if (retry && !letters) {
        tn_jw_kint(w, "repaired", c->processed - c->failed);
        tn_jw_kint(w, "failed", c->failed);
        tn_jw_kint(w, "waiting", !o->v ? all : running ? left : 0);
        tn_jw_kint(w, "skipped", o->v && !running ? left : 0);
    } else {
        int64_t acted = 0;
        tn_jint(tn_jget_z(body, "acted"), &acted);
        tn_jw_kint(w, retry ? "sent" : "discarded", acted);
        tn_jw_kint(w, "waiting", ready ? all : 0);
        tn_jw_kint(w, "skipped", ready ? 0 : all - acted);
    }
    tn_jw_end(w);
}

static const struct tn_row *row_of(const struct tn_found *found, struct tn_str id)
{
    const struct tn_list *list = tn_found_list(found, 1);
    struct tn_id wanted;
    if (!tn_id_parse(id, &wanted)) return NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct tn_row *row = tn_found_row(found, 1, i);
        if (memcmp(&row->id, &wanted, sizeof wanted) == 0) return row;
    }
    return NULL;
}

static void write_fate(struct outcome *o, const struct tn_row *row, struct tn_str id,
                       struct tn_jw *w)
{
    struct tn_arena arena;
    struct tn_str run = TN_STR(""), status = TN_STR("");
    struct tn_err err;
    tn_arena_init(&arena);
    tn_jw_object(w);
    tn_jw_kstr(w, "id", id);
    if (!row || !tn_json_parse(o->row, row->body, &err)) {
        tn_jw_kz(w, "outcome", "repaired");
    } else {
        struct tn_jval body = tn_json_root(o->row);
        tn_jtext(tn_jget_z(body, "run"), &arena, &run);
        tn_jtext(tn_jget_z(body, "status"), &arena, &status);
        bool failed = o->v && tn_str_is(run, o->run);
        tn_jw_kz(w, "outcome",
                 tn_str_is(status, "discarded") ? "discarded"
                 : tn_str_is(status, "retried") ? "sent again"
                 : failed                       ? "failed"
                                                : "waiting");
        if (failed) tn_jw_kraw(w, "reason", tn_jraw(tn_jget_z(body, "reason")));
    }
    tn_jw_end(w);
    tn_arena_clear(&arena);
}

static void write_fates(struct outcome *o, struct tn_jval body, struct tn_jw *w)
{
    struct tn_arena arena;
    size_t n = 0;
    tn_arena_init(&arena);
    tn_jw_key(w, TN_STR("records"));
    tn_jw_array(w);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(body, "ids")); tn_jnext(&it) && n < ROWS_SHOWN;
         n++) {
        struct tn_str id = TN_STR("");
        tn_jtext(it.value, &arena, &id);
        write_fate(o, row_of(o->found, id), id, w);
    }
    tn_jw_end(w);
    tn_arena_clear(&arena);
}

static const char *state_of(const struct outcome *o, struct tn_jval body)
{
    if (o->v) return o->v->status == TN_RUN_running ? "running" : "done";
    return tn_str_is(tn_jraw(tn_jget_z(body, "state")), "\"ready\"") ? "ready" : "done";
}

static void write_outcome(struct outcome *o)
{
    struct tn_jval body = tn_json_root(o->plan);
    struct plan *p = o->p;
    struct tn_answer a;
    tn_answer_begin(&a, p->x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "id", p->id_text);
    tn_jw_kz(&a.w, "state", state_of(o, body));
    write_members(&a.w, body);
    write_counts(o, body, &a.w);
    if (o->v) tn_jw_kz(&a.w, "runStatus", tn_run_status_name(o->v->status));
    write_fates(o, body, &a.w);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

static void outcome_free(struct outcome *o)
{
    tn_json_free(o->plan);
    tn_json_free(o->row);
    tn_found_unref(o->found);
    plan_free(o->p);
    tn_free(o);
}

/* A run that is not there any more leaves the plan as it is. */
static void run_known(void *arg, const struct tn_run_view *v, const struct tn_err *err)
{
    struct outcome *o = arg;
    o->v = v;
    if (err && err->kind != TN_E_not_found)
        tn_answer_err(o->p->x, err);
    else
        write_outcome(o);
    outcome_free(o);
}

/* Reads the run of the plan.  False: there is none. */
static bool ask_run(struct outcome *o)
{
    struct tn_arena arena;
    struct tn_str run;
    tn_arena_init(&arena);
    bool has = tn_jtext(tn_jget_z(tn_json_root(o->plan), "runId"), &arena, &run);
    if (has) {
        snprintf(o->run, sizeof o->run, "%.*s", TN_FMT(run));
        tn_runner_read(o->p->api->p.runner, o->p->team, o->run, run_known, o);
    }
    tn_arena_clear(&arena);
    return has;
}

static void fates_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct plan *p = arg;
    struct outcome *o = TN_NEW(struct outcome);
    struct tn_err err;
    *o = (struct outcome){.p = p, .plan = tn_json_new(), .row = tn_json_new()};
    tn_free(p->wish);
    p->wish = NULL;
    if (!failed && !take_plan(p, found, o->plan, &err)) failed = &err;
    if (!failed) failed = tn_found_err(found, 1);
    if (failed) {
        tn_answer_err(p->x, failed);
        outcome_free(o);
        return;
    }
    o->found = tn_found_ref(found);
    if (ask_run(o)) return;
    write_outcome(o);
    outcome_free(o);
}

/* Once more together with the first of its records. */
static void ask_fates(struct plan *p, struct tn_jval body)
{
    struct tn_str ids[ROWS_SHOWN];
    struct tn_arena arena;
    size_t n = 0;
    tn_arena_init(&arena);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(body, "ids")); n < ROWS_SHOWN && tn_jnext(&it);)
        n += tn_jtext(it.value, &arena, &ids[n]);
    struct tn_filter filter = {"id", TN_FILTER_in, ids, n};
    struct tn_read *read = tn_read_new(p->team);
    tn_read_get(read, table, &p->id);
    tn_read_query(read, &(struct tn_query){.table = "quarantine",
                                           .filters = &filter,
                                           .filter_count = 1,
                                           .limit = ROWS_SHOWN});
    tn_store_read(p->api->p.store, read, NULL, fates_found, p);
    tn_arena_clear(&arena);
}

static void get_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct plan *p = arg;
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    if (!failed && !take_plan(p, found, json, &err)) failed = &err;
    if (failed) {
        tn_answer_err(p->x, failed);
        plan_free(p);
    } else {
        ask_fates(p, tn_json_root(json));
    }
    tn_json_free(json);
}

void api_plans_get(void *api, struct tn_http_exchange *x)
{
    with_plan(api, x, get_found);
}
