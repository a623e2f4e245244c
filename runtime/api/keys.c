/* SPDX-License-Identifier: MIT */
#include "api/keys.h"

#include <stdio.h>

#include "access/roles.h"
#include "api/lists.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/audit.h"
#include "store/commit.h"
#include "store/read.h"

static const char table[] = "key";

static bool no_key(struct tn_str id, struct tn_err *err)
{
    return tn_fail(err, TN_E_not_found, "there is no key '%.*s'", TN_FMT(id));
}

/* The members that may be shown: never the HMAC. */
static void write_one(const struct tn_row *row, struct tn_jw *w)
{
    struct tn_json *json = tn_json_new();
    char id[TN_ID_LEN + 1], created[TN_TIME_LEN + 1];
    struct tn_err err;
    tn_id_text(&row->id, id);
    tn_time_text(row->created_ms, created);
    if (tn_json_parse(json, row->body, &err)) {
        static const char *const shown[] = {"name", "role", "prefix"};
        struct tn_jval expires = tn_jget_z(tn_json_root(json), "expires_at");
        tn_jw_object(w);
        tn_jw_kz(w, "id", id);
        for (int i = 0; i < 3; i++)
            tn_jw_kraw(w, shown[i], tn_jraw(tn_jget_z(tn_json_root(json), shown[i])));
        if (!tn_jis(expires, TN_JSON_absent)) tn_jw_kraw(w, "expiresAt", tn_jraw(expires));
        tn_jw_kz(w, "createdAt", created);
        tn_jw_end(w);
    }
    tn_json_free(json);
}

void api_keys_list(void *arg, struct tn_http_exchange *x)
{
    static const struct api_list keys = {.table = table, .member = "keys", .row = write_one};
    api_list(arg, x, &keys);
}

static void one_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    struct tn_answer a;
    struct tn_err missing;
    if (!err) err = tn_found_err(found, 0);
    if (err && err->kind == TN_E_not_found) {
        no_key(tn_http_param(x, "id"), &missing);
        err = &missing;
    }
    if (err) {
        tn_answer_err(x, err);
        return;
    }
    tn_answer_begin(&a, x);
    write_one(tn_found_row(found, 0, 0), &a.w);
    tn_answer_send(&a, 200);
}

void api_keys_get(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    struct tn_err err;
    struct tn_id id;
    if (!tn_id_parse(tn_http_param(x, "id"), &id)) {
        no_key(tn_http_param(x, "id"), &err);
        tn_answer_err(x, &err);
        return;
    }
    struct tn_read *read = tn_read_new(api_actor(x)->team);
    tn_read_get(read, table, &id);
    tn_store_read(api->p.store, read, NULL, one_found, x);
}

struct change {
    struct tn_api *api;
    struct tn_http_exchange *x;
    char token[TN_TOKEN_LEN + 1]; /* "" when it is a revocation */
    char id[TN_ID_LEN + 1];
    char name[TN_KEY_NAME_MAX + 1], role[TN_KEY_NAME_MAX + 1];
    int64_t expires_ms;
};

static void changed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct change *c = arg;
    struct tn_answer a;
    if (err) {
        tn_answer_err(c->x, err);
    } else if (!c->token[0]) {
        bool gone = done->ops[0].kind == TN_DONE_deleted;
        struct tn_err missing;
        no_key(tn_str(c->id), &missing);
        if (gone)
            tn_http_reply(c->x, 204, NULL, TN_STR(""));
        else
            tn_answer_err(c->x, &missing);
    } else {
        tn_http_headerf(c->x, "Location", "/api/v1/keys/%s", c->id);
        tn_answer_begin(&a, c->x);
        tn_jw_object(&a.w);
        tn_jw_kz(&a.w, "id", c->id);
        tn_jw_kz(&a.w, "name", c->name);
        tn_jw_kz(&a.w, "role", c->role);
        tn_jw_kz(&a.w, "key", c->token);
        tn_jw_kstr(&a.w, "prefix", (struct tn_str){c->token, TN_TOKEN_PREFIX_LEN});
        tn_jw_end(&a.w);
        tn_answer_send(&a, 201);
    }
    memset(c->token, 0, sizeof c->token);
    tn_free(c);
}

static bool text_member(struct tn_jval body, const char *key, struct tn_arena *arena,
                        struct tn_str *out, struct tn_err *err)
{
    bool ok = tn_jtext(tn_jget_z(body, key), arena, out) && out->n && out->n <= TN_KEY_NAME_MAX;
    for (size_t i = 0; ok && i < out->n; i++) ok = (unsigned char)out->p[i] >= 0x20;
    if (ok) return true;
    tn_fail(err, TN_E_invalid, "%s has to be a line of 1 to %d characters", key, TN_KEY_NAME_MAX);
    return tn_fail_field(err, "%s", key);
}

/* 0: it never expires. */
static bool expiry(struct tn_jval body, struct tn_arena *arena, int64_t *ms, struct tn_err *err)
{
    struct tn_jval v = tn_jget_z(body, "expiresAt");
    struct tn_str text;
    *ms = 0;
    if (tn_jis(v, TN_JSON_absent) || tn_jis(v, TN_JSON_null)) return true;
    if (tn_jtext(v, arena, &text) && tn_time_parse(text, ms) && *ms > tn_now_ms()) return true;
    tn_fail(err, TN_E_invalid, "expiresAt has to be a time to come, as in 2027-01-31T08:00:00Z");
    return tn_fail_field(err, "expiresAt");
}

static void refuse(struct change *c, const struct tn_err *err)
{
    tn_answer_err(c->x, err);
    tn_free(c);
}

/* own: the record of a role of the team's own; NULL: the role ships, or there is none. */
static void make(struct change *c, struct tn_str grants, const struct tn_row *own)
{
    const struct tn_actor *actor = api_actor(c->x);
    struct tn_commit *commit = tn_commit_new(c->api->p.store);
    struct tn_err err;
    struct tn_id id;
    if (tn_grants_held(actor, grants, &err) &&
        tn_keys_make(c->api->p.keys, commit, actor->team, tn_str(c->name), tn_str(c->role), own,
                     c->expires_ms, c->token, &id, &err)) {
        tn_id_text(&id, c->id);
    } else {
        tn_commit_free(commit);
        refuse(c, &err);
        return;
    }
    if (tn_audit(commit, actor->team, actor, "key.create", c->id, TN_STR(""), &err)) {
        tn_store_commit(c->api->p.store, commit, changed, c);
        return;
    }
    tn_commit_free(commit);
    refuse(c, &err);
}

static void role_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct change *c = arg;
    struct tn_actor role;
    if (!err) err = tn_found_err(found, 0);
    if (err && err->kind != TN_E_not_found) {
        refuse(c, err);
        return;
    }
    const struct tn_row *own = err ? NULL : tn_found_row(found, 0, 0);
    tn_keys_grants(c->api->p.keys, own, &role);
    make(c, tn_str(role.grants), own);
}

static void find_role(struct change *c)
{
    struct tn_str name = tn_str(c->role);
    const struct tn_role *ships = tn_role_find(name);
    if (ships) {
        make(c, tn_str(ships->grants), NULL);
        return;
    }
    struct tn_read *read = tn_read_new(api_actor(c->x)->team);
    tn_read_key(read, "role", &name, 1);
    tn_store_read(c->api->p.store, read, NULL, role_found, c);
}

void api_keys_create(void *arg, struct tn_http_exchange *x)
{
    static const char *const members[] = {"name", "role", "expiresAt", NULL};
    struct tn_arena arena;
    struct tn_str name, role;
    struct tn_jval body;
    struct tn_err err;
    if (!api_body(arg, x, &body)) return;
    tn_arena_init(&arena);
    struct change *c = TN_NEW(struct change);
    c->api = arg;
    c->x = x;
    if (api_members_known(body, members, NULL, &err) &&
        expiry(body, &arena, &c->expires_ms, &err) &&
        text_member(body, "name", &arena, &name, &err) &&
        text_member(body, "role", &arena, &role, &err)) {
        snprintf(c->name, sizeof c->name, "%.*s", TN_FMT(name));
        snprintf(c->role, sizeof c->role, "%.*s", TN_FMT(role));
        find_role(c);
    } else {
        refuse(c, &err);
    }
    tn_arena_clear(&arena);
}

void api_keys_revoke(void *arg, struct tn_http_exchange *x)
{
    struct tn_api *api = arg;
    const struct tn_actor *actor = api_actor(x);
    struct tn_str wanted = tn_http_param(x, "id");
    struct tn_commit *commit = tn_commit_new(api->p.store);
    struct change *c = TN_NEW(struct change);
    struct tn_err err;
    struct tn_id id, own;
    c->x = x;
    snprintf(c->id, sizeof c->id, "%.*s", TN_FMT(wanted));
    if (!tn_id_parse(wanted, &id))
        no_key(wanted, &err);
    else if (tn_id_parse(tn_str(actor->id), &own) && memcmp(&own, &id, sizeof id) == 0)
        tn_fail(&err, TN_E_conflict,
                "a key cannot revoke itself: use another admin key, or the "
                "command line");
    else if (tn_commit_delete(commit, actor->team, table, &id, TN_ANY, &err) &&
             tn_audit(commit, actor->team, actor, "key.revoke", c->id, TN_STR(""), &err)) {
        tn_store_commit(api->p.store, commit, changed, c);
        return;
    }
    tn_commit_free(commit);
    tn_free(c);
    tn_answer_err(x, &err);
}
