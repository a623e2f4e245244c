/* SPDX-License-Identifier: MIT */
#include "api/webhooks.h"

#include "access/secrets.h"
#include "api/integrations.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "events/event.h"
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

static const struct tn_hook_run *run_for(const struct tn_webhook *hook, struct tn_str type)
{
    for (const struct tn_hook_run *run = hook->runs; run && run->event; run++)
        if (tn_str_is(type, run->event)) return run;
    return NULL;
}

/* Writes the filters of the run, with what the event names.  Returns the first path that the event
 * lacks, or NULL.  Such an event names nothing: the run then reads since the last good one. */
static const char *write_filters(const struct tn_hook_run *run, struct tn_jval event,
                                 struct tn_buf *out)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    for (const struct tn_pair *p = run->filters; p && p->key; p++) {
        struct tn_jval v = tn_event_at(event, p->value);
        if (tn_jis(v, TN_JSON_absent) || tn_jis(v, TN_JSON_null)) {
            tn_buf_reset(out);
            return p->value;
        }
        tn_jw_kraw(&w, p->key, tn_jraw(v));
    }
    tn_jw_end(&w);
    return NULL;
}

/* The text that the delivery has in common with those of the same event; empty: there is none. */
static struct tn_str read_same(const struct tn_webhook *hook, struct tn_http_exchange *x,
                               struct tn_jval event, struct tn_arena *arena)
{
    struct tn_str text = TN_STR("");
    if (hook->same == TN_SAME_body) return tn_http_body(x);
    if (hook->same == TN_SAME_header) return tn_http_get(x, hook->same_name);
    if (hook->same != TN_SAME_path) return text;
    struct tn_jval at = tn_event_at(event, hook->same_name);
    if (tn_jis(at, TN_JSON_number)) return tn_jraw(at);
    (void)tn_jtext(at, arena, &text);
    return text;
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
    else if (err->kind == TN_E_conflict)
        answer(r->x, 200, "duplicate", NULL);
    else
        tn_answer_err(r->x, err);
    tn_free(r);
}

/* What is kept of an event while it is put together. */
struct parts {
    struct tn_buf sealed, filters, same;
    struct tn_arena arena;
    char digest[TN_SHA256_HEX];
};

static void parts_init(struct parts *p)
{
    tn_buf_init(&p->sealed, 4 * TN_MIB);
    tn_buf_init(&p->filters, TN_LIMIT_RECORD);
    tn_buf_init(&p->same, TN_KIB);
    tn_arena_init(&p->arena);
}

static void parts_clear(struct parts *p)
{
    tn_buf_clear(&p->sealed);
    tn_buf_clear(&p->filters);
    tn_buf_clear(&p->same);
    tn_arena_clear(&p->arena);
}

/* An id of a sender has any bytes, so its digest is the key.  A delivery that lacks its id counts:
 * most senders do not repeat what was refused. */
static void identify(struct tn_api *api, struct tn_http_exchange *x, const struct tn_integration *i,
                     const struct tn_webhook *hook, struct tn_jval event, struct parts *p,
                     struct tn_inbound_event *e)
{
    char integration[TN_ID_LEN + 1];
    struct tn_str same = read_same(hook, x, event, &p->arena);
    struct tn_str shown = same.n ? same : tn_http_body(x);
    tn_sha256_hex(shown.p, shown.n, p->digest);
    e->delivery = tn_str(p->digest);
    if (!same.n && hook->same != TN_SAME_never)
        tn_log(api->p.log, TN_LOG_warn, "webhook",
               "%.*s: an event without the %s '%s', which is its id: it counts as a new one",
               TN_FMT(i->name), hook->same == TN_SAME_header ? "header" : "member",
               hook->same == TN_SAME_body ? "" : hook->same_name);
    if (!same.n) return;
    tn_id_text(&i->id, integration);
    tn_buf_addf(&p->same, "%s/%s", integration, p->digest);
    e->same = tn_buf_str(&p->same);
    e->same_ms = hook->same_ms;
}

static void choose_run(struct tn_api *api, struct tn_str integration, const struct tn_hook_run *run,
                       struct tn_jval event, struct parts *p, struct tn_inbound_event *e)
{
    if (!run) return;
    e->operation = run->operation;
    e->since = run->since;
    if (!run->filters || !run->filters->key) return;
    const char *lacks = write_filters(run, event, &p->filters);
    if (!lacks)
        e->filters = tn_buf_str(&p->filters);
    else
        tn_log(api->p.log, TN_LOG_warn, "webhook",
               "%.*s: an event %s lacks '%s', which a filter takes: its run reads %s",
               TN_FMT(integration), run->event, lacks,
               run->since ? "since the last good run" : "all");
}

static bool store_parts(struct tn_api *api, struct tn_http_exchange *x,
                        const struct tn_integration *i, const struct tn_webhook *hook,
                        struct parts *p, struct tn_err *err)
{
    struct tn_jval event = tn_json_root(api->json);
    struct tn_inbound_event e = {.team = i->team, .id = tn_id_new(), .integration = i->id};
    identify(api, x, i, hook, event, p, &e);
    e.retry = &hook->retry;
    tn_seal(&api->p.secrets->payload, tn_http_body(x), e.delivery, &p->sealed);
    e.payload = tn_buf_str(&p->sealed);
    e.type = type_of(hook, event, &p->arena);
    choose_run(api, i->name, run_for(hook, e.type), event, p, &e);
    const char *status = e.operation ? "accepted" : "ignored";
    tn_log(api->p.log, TN_LOG_info, "webhook", "%.*s: event %.*s: %s", TN_FMT(i->name),
           TN_FMT(e.type.p ? e.type : TN_STR("without a type")), status);
    struct tn_commit *commit = tn_commit_new(api->p.store);
    if (!tn_buf_ok(&p->sealed, "the event", err) || !tn_buf_ok(&p->filters, "its filters", err) ||
        !tn_inbound_put(commit, &e, err)) {
        tn_commit_free(commit);
        return false;
    }
    struct receiving *r = TN_NEW(struct receiving);
    *r = (struct receiving){.api = api, .x = x, .status = status};
    tn_id_text(&e.id, r->id);
    tn_store_commit(api->p.store, commit, stored, r);
    return true;
}

static bool store_event(struct tn_api *api, struct tn_http_exchange *x,
                        const struct tn_integration *i, const struct tn_webhook *hook,
                        struct tn_err *err)
{
    struct parts p;
    parts_init(&p);
    bool ok = store_parts(api, x, i, hook, &p, err);
    parts_clear(&p);
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
