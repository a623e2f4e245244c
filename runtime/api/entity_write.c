/* SPDX-License-Identifier: MIT */
/* entity_write.c - records that are created, replaced, patched and deleted: each a transaction of
 * one record.  If-Match is looked at in the transaction, which commits on the version that it
 * looked at; who sends none is served on whatever version is there. */
#include "api/entity_routes.h"

#include <stdlib.h>

#include "access/secrets.h"
#include "api/entity_answer.h"
#include "api/entity_tag.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "model/tx.h"

enum { FIRST_PAUSE_MS = 2, LONGEST_PAUSE_MS = 250, VALUE_SHOWN = 200 };

enum verb { VERB_create, VERB_put, VERB_patch, VERB_delete };

struct write {
    struct tn_api *api;
    struct tn_http_exchange *x;
    const struct tn_entity *e;
    const struct tn_entities *all;
    enum verb verb;
    bool own_id, hard;
    struct tn_id id;
    struct tn_str body, tags; /* tags absent: no If-Match */
    struct tn_tx *tx;
    struct tn_timer *pause;
    int tries;
};

static void write_free(struct write *w)
{
    tn_tx_free(w->tx);
    tn_timer_free(w->pause);
    tn_free(w);
}

/* ---- answers ---- */

/* The value that the first fault is about, where it is a member of the body and no secret. */
static struct tn_str value_at_fault(const struct write *w, const struct tn_err *err)
{
    struct tn_str none = {NULL, 0};
    const struct tn_field *f = tn_field_find(w->e->fields, w->e->n_fields, tn_str(err->field));
    struct tn_err ignored;
    if (!w->body.p || (f && f->type == TN_FIELD_secret) ||
        !tn_json_parse(w->api->json, w->body, &ignored))
        return none;
    struct tn_jval v = tn_jget_z(tn_json_root(w->api->json), err->field);
    return tn_jis(v, TN_JSON_absent) || tn_jraw(v).n > VALUE_SHOWN ? none : tn_jraw(v);
}

static void refuse(struct write *w, const struct tn_err *err)
{
    const struct tn_faults *faults = w->tx ? tn_tx_faults(w->tx) : NULL;
    if (faults && (!faults->n || strcmp(faults->v[0].text, err->text) != 0)) faults = NULL;
    tn_answer_faults(w->x, err, faults, value_at_fault(w, err));
    write_free(w);
}

static void answer_record(struct write *w, const struct tn_tx_record *r)
{
    char id[TN_ID_LEN + 1], tag[API_TAG_LEN];
    struct tn_answer a;
    const struct tn_row row = {.id = w->id,
                               .version = tn_tx_version(w->tx, r),
                               .created_ms = r->created_ms,
                               .updated_ms = r->updated_ms,
                               .body = r->body};
    api_tag(row.version, tag);
    tn_http_header(w->x, "ETag", tn_str(tag));
    tn_id_text(&w->id, id);
    if (w->verb == VERB_create) tn_http_headerf(w->x, "Location", "%s/%s", w->e->path, id);
    tn_answer_begin(&a, w->x);
    api_record_write(&a.w, w->api->json, w->e, &row);
    tn_answer_send(&a, w->verb == VERB_create ? 201 : 200);
    write_free(w);
}

/* ---- the transaction ---- */

static void try_it(struct write *w);

static void pause_ends(void *arg)
{
    try_it(arg);
}

/* Grows, and is never the same for two that are in each other's way. */
static void try_again(struct write *w)
{
    int64_t ms = FIRST_PAUSE_MS << w->tries;
    unsigned char jitter;
    if (ms > LONGEST_PAUSE_MS) ms = LONGEST_PAUSE_MS;
    tn_random(&jitter, 1);
    tn_tx_free(w->tx);
    w->tx = NULL;
    if (!w->pause) w->pause = tn_timer_new(w->api->p.loop, pause_ends, w);
    tn_timer_set(w->pause, ms * jitter / 255);
}

static void committed(void *arg, const struct tn_err *err)
{
    struct write *w = arg;
    struct tn_tx_record *r;
    struct tn_err failed;
    if (err && err->kind == TN_E_conflict && ++w->tries < TN_LIMIT_TX_TRIES) {
        try_again(w); /* a stale If-Match shows when the record is looked at again */
    } else if (err) {
        refuse(w, err);
    } else if (w->verb == VERB_delete) {
        tn_http_reply(w->x, 204, NULL, TN_STR(""));
        write_free(w);
    } else if (!tn_tx_get(w->tx, w->e, &w->id, &r, &failed)) {
        refuse(w, &failed);
    } else {
        answer_record(w, r);
    }
}

static bool not_there(const struct write *w, struct tn_err *err)
{
    return tn_fail(err, TN_E_not_found, "there is no %s '%.*s'", w->e->name,
                   TN_FMT(tn_http_param(w->x, "id")));
}

/* The record is there and as the caller knows it. */
static bool fits(const struct write *w, struct tn_err *err)
{
    struct tn_tx_record *r;
    char tag[API_TAG_LEN];
    if (!tn_tx_get(w->tx, w->e, &w->id, &r, err)) return false;
    if (!r) return not_there(w, err);
    if (!w->tags.p || api_tags_have(w->tags, r->version, false)) return true;
    api_tag(r->version, tag);
    tn_http_header(w->x, "ETag", tn_str(tag));
    tn_fail(err, TN_E_stale, "%s '%.*s' is of version %lld now: read it again", w->e->name,
            TN_FMT(tn_http_param(w->x, "id")), (long long)r->version);
    return tn_fail_code(err, TN_CODE_stale, "{\"version\":%lld}", (long long)r->version);
}

static bool do_it(struct write *w, struct tn_err *err)
{
    bool there;
    if (w->verb == VERB_create) return tn_tx_create(w->tx, w->e, &w->id, w->body, err);
    if (!fits(w, err)) return false;
    switch (w->verb) {
    case VERB_put: return tn_tx_put(w->tx, w->e, &w->id, w->body, err);
    case VERB_patch: return tn_tx_patch(w->tx, w->e, &w->id, w->body, err);
    default: return tn_tx_delete(w->tx, w->e, &w->id, w->hard, &there, err);
    }
}

static void fetched(void *arg, const struct tn_err *failed)
{
    struct write *w = arg;
    struct tn_err err;
    if (failed)
        refuse(w, failed);
    else if (!do_it(w, &err))
        refuse(w, &err);
    else
        tn_tx_commit(w->tx, committed, w);
}

static void try_it(struct write *w)
{
    const struct tn_tx_env env = {.tools = w->api->p.tools,
                                  .store = w->api->p.store,
                                  .entities = w->all,
                                  .sealer = {tn_secrets_seal, w->api->p.secrets}};
    w->tx = tn_tx_new(&env, api_actor(w->x));
    if (w->verb == VERB_create && !w->own_id) {
        w->id = (struct tn_id){{0}};
        fetched(w, NULL);
        return;
    }
    tn_tx_ask(w->tx, w->e, &w->id);
    tn_tx_fetch(w->tx, fetched, w);
}

/* ---- requests ---- */

static bool take_tags(struct write *w, struct tn_err *err)
{
    unsigned times = tn_http_head_count(tn_http_head(w->x), "If-Match");
    if (times > 1) {
        tn_fail(err, TN_E_syntax, "If-Match comes more than once: send one list of tags");
        return tn_fail_field(err, "If-Match");
    }
    if (!times) return true;
    w->tags = tn_http_get(w->x, "If-Match");
    return api_tags_wellformed(w->tags, "If-Match", err);
}

static bool take_hard(struct write *w, struct tn_err *err)
{
    unsigned times = 0;
    struct tn_str hard = tn_http_query(w->x, "hard", &times);
    w->hard = tn_str_is(hard, "true");
    if (!times || (times == 1 && (w->hard || tn_str_is(hard, "false")))) return true;
    tn_fail(err, TN_E_syntax, "hard is true or false, given once");
    tn_fail_field(err, "hard");
    return tn_fail_code(err, TN_CODE_parameter, "%s", "");
}

/* The id that the body gives: of a new record its own, else that of the path and no other. */
static bool take_id(struct write *w, struct tn_jval body, struct tn_err *err)
{
    struct tn_jval given = tn_jget_z(body, "id");
    struct tn_str raw = tn_jraw(given);
    struct tn_id id;
    bool is_id =
        tn_jis(given, TN_JSON_string) && tn_id_parse((struct tn_str){raw.p + 1, raw.n - 2}, &id);
    if (tn_jis(given, TN_JSON_absent)) return true;
    if (!is_id) {
        tn_fail(err, TN_E_invalid, "id: it has to be a UUID");
        tn_fail_field(err, "id");
        return tn_fail_code(err, TN_CODE_format, "%s", "");
    }
    if (w->verb == VERB_create) {
        w->id = id;
        w->own_id = true;
        return true;
    }
    if (tn_id_eq(&id, &w->id)) return true;
    tn_fail(err, TN_E_invalid, "id: it is not the one of the path");
    tn_fail_field(err, "id");
    return tn_fail_code(err, TN_CODE_read_only, "%s", "");
}

/* x's body outlives the handler in w.  False: x is answered. */
static bool take_body(struct write *w)
{
    static const char *const merge[] = {"application/json", "application/merge-patch+json", NULL};
    static const char *const whole[] = {"application/json", NULL};
    struct tn_jval body;
    struct tn_err err;
    if (!api_body_of(w->api, w->x, w->verb == VERB_patch ? merge : whole, &body)) return false;
    if (!take_id(w, body, &err)) {
        tn_answer_faults(w->x, &err, NULL, (struct tn_str){NULL, 0});
        return false;
    }
    struct tn_str text = tn_http_body(w->x);
    char *copy = tn_http_alloc(w->x, text.n + 1);
    memcpy(copy, text.p, text.n);
    w->body = (struct tn_str){copy, text.n};
    return true;
}

static bool take_request(struct write *w)
{
    static const char *const none[] = {NULL}, *const deletes[] = {"hard", NULL};
    struct tn_err err;
    if (!api_query_known(w->x, w->verb == VERB_delete ? deletes : none)) return false;
    if ((w->verb != VERB_create && !tn_id_parse(tn_http_param(w->x, "id"), &w->id) &&
         !not_there(w, &err)) ||
        (w->verb == VERB_delete && !take_hard(w, &err)) ||
        (w->verb != VERB_create && !take_tags(w, &err))) {
        tn_answer_err(w->x, &err);
        return false;
    }
    return w->verb == VERB_delete || take_body(w);
}

static void begin(struct tn_api *api, struct tn_http_exchange *x, enum verb verb)
{
    const struct api_entity *row = tn_http_match(x)->route->user;
    struct write *w = TN_NEW(struct write);
    *w = (struct write){.api = api, .x = x, .e = row->entity, .all = row->all, .verb = verb};
    if (take_request(w))
        try_it(w);
    else
        write_free(w);
}

void api_entity_create(void *api, struct tn_http_exchange *x)
{
    begin(api, x, VERB_create);
}

void api_entity_put(void *api, struct tn_http_exchange *x)
{
    begin(api, x, VERB_put);
}

void api_entity_patch(void *api, struct tn_http_exchange *x)
{
    begin(api, x, VERB_patch);
}

void api_entity_delete(void *api, struct tn_http_exchange *x)
{
    begin(api, x, VERB_delete);
}
