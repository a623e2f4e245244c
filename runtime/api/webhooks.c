/* SPDX-License-Identifier: MIT */
#include "api/webhooks.h"

#include "access/secrets.h"
#include "api/integrations.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "scripts/decl.h"
#include "store/commit.h"
#include "store/read.h"
#include "sync/inbound.h"

/* One text for every reason, so that nobody learns which integrations there are. */
static bool refuse(struct tn_err *err)
{
    return tn_fail(err, TN_E_signature,
                   "the signature is missing or wrong, or nothing is received "
                   "here");
}

/* ---- the signature ---- */

/* "sha256=<hex>" or the hex alone, in either case. */
static bool signature_of(struct tn_str header, unsigned char out[TN_SHA256_LEN])
{
    struct tn_str text = tn_str_trim(header);
    static const char prefix[] = "sha256=";
    if (text.n > 7 && tn_str_eq_nocase((struct tn_str){text.p, 7}, tn_str(prefix))) {
        text.p += 7;
        text.n -= 7;
    }
    return tn_str_unhex(text, out, TN_SHA256_LEN);
}

static bool signed_by(struct tn_http_exchange *x, const char *header, struct tn_str secret)
{
    unsigned char theirs[TN_SHA256_LEN], ours[TN_SHA256_LEN];
    if (tn_http_head_count(tn_http_head(x), header) != 1) return false;
    if (!signature_of(tn_http_get(x, header), theirs)) return false;
    tn_hmac_sha256(secret, tn_http_body(x), ours);
    return tn_equal((struct tn_str){(char *)theirs, sizeof theirs},
                    (struct tn_str){(char *)ours, sizeof ours});
}

/* Takes the integration that was found and checks the signature with its secret. */
static bool verified(struct tn_api *api, struct tn_http_exchange *x, const struct tn_found *found,
                     struct tn_integration *i, const struct tn_webhook **hook, struct tn_err *err)
{
    struct tn_json *config = tn_json_new();
    struct tn_err why;
    struct tn_str secret = {0};
    const struct tn_decl *adapter = NULL;
    bool known = tn_integration_found(i, found, 0, api->p.secrets, tn_http_param(x, "id"), &why) &&
                 i->enabled;
    if (known) adapter = api_adapter(api, i->adapter);
    *hook = adapter ? adapter->adapter.webhook : NULL;
    if (*hook && (*hook)->secret && tn_json_parse(config, tn_buf_str(&i->config), &why))
        (void)tn_jtext(tn_jget_z(tn_json_root(config), (*hook)->secret), &i->memory, &secret);
    bool ok = secret.n && (*hook)->signature && signed_by(x, (*hook)->signature, secret);
    tn_json_free(config);
    return ok || refuse(err);
}

/* ---- the event ---- */

static struct tn_str type_of(const struct tn_webhook *hook, struct tn_jval event,
                             struct tn_arena *arena)
{
    const char *const names[] = {hook->type ? hook->type : "eventType", "event", "type", NULL};
    struct tn_str type = {0};
    for (int i = 0; names[i]; i++)
        if (tn_jtext(tn_jget_z(event, names[i]), arena, &type)) break;
    return type;
}

static const char *operation_for(const struct tn_webhook *hook, struct tn_str type)
{
    for (const struct tn_pair *p = hook->runs; p && p->key; p++)
        if (tn_str_is(type, p->key)) return p->value;
    return NULL;
}

struct receiving {
    struct tn_api *api;
    struct tn_http_exchange *x;
    const char *status;
    char id[TN_ID_LEN + 1];
};

static void answer(struct tn_http_exchange *x, int status, const char *word, const char *id)
{
    struct tn_answer a;
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_kz(&a.w, "status", word);
    if (id) tn_jw_kz(&a.w, "id", id);
    tn_jw_end(&a.w);
    tn_answer_send(&a, status);
}

static void stored(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct receiving *r = arg;
    (void)done;
    if (!err)
        answer(r->x, 202, r->status, r->id);
    else if (err->kind == TN_E_key_taken)
        answer(r->x, 200, "duplicate", NULL);
    else
        tn_answer_err(r->x, err);
    tn_free(r);
}

static bool store_event(struct tn_api *api, struct tn_http_exchange *x,
                        const struct tn_integration *i, const struct tn_webhook *hook,
                        struct tn_err *err)
{
    struct tn_commit *commit = tn_commit_new(api->p.store);
    struct receiving *r = TN_NEW(struct receiving);
    struct tn_buf sealed;
    struct tn_arena arena;
    char delivery[TN_SHA256_HEX];
    struct tn_str body = tn_http_body(x);
    tn_arena_init(&arena);
    tn_buf_init(&sealed, 4 * TN_MIB);
    tn_sha256_hex(body.p, body.n, delivery);
    tn_seal(&api->p.secrets->payload, body, tn_str(delivery), &sealed);
    struct tn_inbound_event e = {.team = i->team,
                                 .id = tn_id_new(),
                                 .integration = i->id,
                                 .delivery = tn_str(delivery),
                                 .payload = tn_buf_str(&sealed)};
    e.type = type_of(hook, tn_json_root(api->json), &arena);
    e.operation = operation_for(hook, e.type);
    *r = (struct receiving){.api = api, .x = x, .status = e.operation ? "accepted" : "ignored"};
    tn_id_text(&e.id, r->id);
    tn_log(api->p.log, TN_LOG_info, "webhook", "%.*s: event %.*s: %s", TN_FMT(i->name),
           TN_FMT(e.type.p ? e.type : TN_STR("without a type")), r->status);
    bool ok = tn_buf_ok(&sealed, "the event", err) && tn_inbound_put(commit, &e, err);
    if (ok) {
        tn_store_commit(api->p.store, commit, stored, r);
    } else {
        tn_commit_free(commit);
        tn_free(r);
    }
    tn_buf_clear(&sealed);
    tn_arena_clear(&arena);
    return ok;
}

static void receive(struct tn_api *api, struct tn_http_exchange *x, const struct tn_found *found)
{
    struct tn_integration i;
    const struct tn_webhook *hook;
    struct tn_err err;
    tn_integration_init(&i);
    if (!verified(api, x, found, &i, &hook, &err)) {
        tn_log(api->p.log, TN_LOG_warn, "webhook", "refused for '%.*s' from %s: signature",
               TN_FMT(tn_http_param(x, "id")), tn_http_peer(x));
        tn_answer_err(x, &err);
    } else if (!tn_json_parse(api->json, tn_http_body(x), &err)) {
        err.kind = TN_E_syntax;
        tn_answer_err(x, &err);
    } else if (!store_event(api, x, &i, hook, &err)) {
        tn_answer_err(x, &err);
    }
    tn_integration_clear(&i);
}

/* A delivery that waits for its integration. */
struct delivery {
    struct tn_api *api;
    struct tn_http_exchange *x;
};

static void looked_up(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct delivery *d = arg;
    if (err)
        tn_answer_err(d->x, err); /* the sender tries again */
    else
        receive(d->api, d->x, found);
    tn_free(d);
}

void api_webhooks_receive(void *arg, struct tn_http_exchange *x)
{
    struct delivery *d = TN_NEW(struct delivery);
    *d = (struct delivery){arg, x};
    struct tn_read *read = tn_read_new(d->api->p.team);
    tn_integration_ask(read, tn_http_param(x, "id"));
    tn_store_read(d->api->p.store, read, NULL, looked_up, d);
}
