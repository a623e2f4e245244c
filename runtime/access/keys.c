/* SPDX-License-Identifier: MIT */
#include "access/keys.h"

#include <stdio.h>

#include "access/roles.h"
#include "access/secrets.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "base/base64.h"
#include "store/commit.h"
#include "store/read.h"

static const char kind_live[] = "tnn_live_", kind_test[] = "tnn_test_";
enum { KIND_LEN = 9, RANDOM_LEN = 43, SUM_LEN = 6, CACHE_MAX = 10000 };

struct cached {
    struct tn_actor actor;
    unsigned char mac[TN_SHA256_LEN];
    int64_t expires_ms; /* 0: never */
};

/* A key that is looked up.  Of its token only this is kept. */
struct lookup {
    struct lookup *next;
    struct tn_keys *keys;
    struct tn_call *call;
    uint64_t changes; /* when it was asked */
    char prefix[TN_TOKEN_PREFIX_LEN];
    unsigned char mac[TN_SHA256_LEN];
    tn_keys_fn done;
    void *arg;
    struct cached found; /* while its role is looked up */
};

struct tn_keys {
    struct tn_store *store;
    struct tn_key pepper;
    struct tn_map cache; /* prefix -> struct cached */
    uint64_t changes;    /* how often it was emptied by a note */
    struct tn_json *json;
    struct lookup *lookups;
};

static void changed(void *arg, const struct tn_changes *changes)
{
    struct tn_keys *keys = arg;
    bool ours = changes->all;
    for (size_t i = 0; i < changes->count; i++)
        ours = ours || tn_str_is(changes->items[i].name, "key") ||
               tn_str_is(changes->items[i].name, "role");
    if (!ours) return;
    tn_map_clear(&keys->cache, tn_free);
    keys->changes++;
}

struct tn_keys *tn_keys_open(struct tn_store *store, const struct tn_secrets *secrets)
{
    struct tn_keys *keys = TN_NEW(struct tn_keys);
    keys->store = store;
    keys->pepper = secrets->pepper;
    keys->json = tn_json_new();
    tn_map_init(&keys->cache);
    tn_store_on_change(store, changed, keys);
    return keys;
}

/* Tells who asked and forgets the look-up. */
static void conclude(struct lookup *l, const struct tn_actor *actor, const struct tn_err *err)
{
    struct lookup **at = &l->keys->lookups;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    l->done(l->arg, actor, err);
    tn_free(l);
}

void tn_keys_close(struct tn_keys *keys)
{
    struct tn_err err;
    if (!keys) return;
    tn_fail(&err, TN_E_cancelled, "the keys were closed");
    while (keys->lookups) {
        tn_call_cancel(keys->lookups->call);
        conclude(keys->lookups, NULL, &err);
    }
    tn_store_off_change(keys->store, changed, keys);
    tn_map_clear(&keys->cache, tn_free);
    tn_json_free(keys->json);
    tn_key_wipe(&keys->pepper);
    tn_free(keys);
}

/* The last characters follow from the others, so that a typo or a secret scanner needs no server.
 */
static void checksum(struct tn_str body, char out[SUM_LEN + 1])
{
    unsigned char sum[TN_SHA256_LEN];
    struct tn_buf text;
    tn_buf_init(&text, 64);
    tn_sha256(body.p, body.n, sum);
    tn_base64url(&text, sum, 6);
    for (int i = 0; i < SUM_LEN; i++) {
        char c = text.p[i];
        out[i] = c == '-' ? 'x' : c == '_' ? 'y' : c;
    }
    out[SUM_LEN] = '\0';
    tn_buf_clear(&text);
}

bool tn_token_wellformed(struct tn_str t)
{
    char sum[SUM_LEN + 1];
    if (t.n != TN_TOKEN_LEN || (!tn_str_starts(t, kind_live) && !tn_str_starts(t, kind_test)))
        return false;
    checksum((struct tn_str){t.p, TN_TOKEN_LEN - SUM_LEN}, sum);
    return memcmp(t.p + TN_TOKEN_LEN - SUM_LEN, sum, SUM_LEN) == 0;
}

static void mac_of(const struct tn_keys *keys, struct tn_str token, unsigned char *out)
{
    tn_hmac_sha256((struct tn_str){(const char *)keys->pepper.bytes, TN_KEY_LEN}, token, out);
}

/* role points into arena. */
static bool load_row(struct tn_keys *keys, const struct tn_row *row, struct cached *c,
                     struct tn_arena *arena, struct tn_str *role)
{
    struct tn_err err;
    struct tn_str name, mac, expires;
    if (!tn_json_parse(keys->json, row->body, &err)) return false;
    struct tn_jval body = tn_json_root(keys->json);
    if (!tn_jtext(tn_jget_z(body, "role"), arena, role) ||
        !tn_jtext(tn_jget_z(body, "name"), arena, &name) ||
        !tn_jtext(tn_jget_z(body, "mac"), arena, &mac) || !tn_str_unhex(mac, c->mac, TN_SHA256_LEN))
        return false;
    c->actor.team = row->team;
    snprintf(c->actor.name, sizeof c->actor.name, "%.*s", TN_FMT(name));
    c->actor.kind = TN_ACTOR_KEY;
    tn_id_text(&row->id, c->actor.id);
    if (tn_jtext(tn_jget_z(body, "expires_at"), arena, &expires))
        tn_time_parse(expires, &c->expires_ms);
    return true;
}

void tn_keys_grants(struct tn_keys *keys, const struct tn_row *role, struct tn_actor *actor)
{
    struct tn_err err;
    struct tn_arena arena;
    size_t used = 0;
    actor->grants[0] = '\0';
    if (!role || !tn_json_parse(keys->json, role->body, &err)) return;
    tn_arena_init(&arena);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(tn_json_root(keys->json), "grants"));
         tn_jnext(&it);) {
        struct tn_str grant;
        if (!tn_jtext(it.value, &arena, &grant)) continue;
        if (used + grant.n + 2 > sizeof actor->grants) break; /* half a permission is another one */
        used += (size_t)snprintf(actor->grants + used, sizeof actor->grants - used, "%s%.*s",
                                 used ? " " : "", TN_FMT(grant));
    }
    tn_arena_clear(&arena);
}

static bool refuse(struct tn_err *err)
{
    return tn_fail(err, TN_E_unauthorized, "the API key is unknown, expired or revoked");
}

static bool fits(const struct cached *c, const unsigned char *mac)
{
    return tn_equal((struct tn_str){(const char *)mac, TN_SHA256_LEN},
                    (struct tn_str){(const char *)c->mac, sizeof c->mac}) &&
           (!c->expires_ms || c->expires_ms > tn_now_ms());
}

/* What was read before a note may be older than the note: such a row is used, but not kept. */
static void keep(struct lookup *l, const struct cached *c)
{
    struct tn_keys *keys = l->keys;
    if (l->changes != keys->changes) return;
    if (keys->cache.count >= CACHE_MAX) tn_map_clear(&keys->cache, tn_free);
    struct cached *copy = TN_NEW(struct cached);
    *copy = *c;
    tn_free(tn_map_put(&keys->cache, (struct tn_str){l->prefix, sizeof l->prefix}, copy));
}

static void finish(struct lookup *l)
{
    struct tn_err err;
    keep(l, &l->found);
    if (fits(&l->found, l->mac)) {
        conclude(l, &l->found.actor, NULL);
        return;
    }
    refuse(&err);
    conclude(l, NULL, &err);
}

static void role_looked_up(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct lookup *l = arg;
    l->call = NULL;
    if (!err) err = tn_found_err(found, 0);
    if (err && err->kind != TN_E_not_found) {
        conclude(l, NULL, err);
        return;
    }
    tn_keys_grants(l->keys, err ? NULL : tn_found_row(found, 0, 0), &l->found.actor);
    finish(l);
}

/* What the role of the key grants: it ships, or it is a record of the key's team. */
static void with_role(struct lookup *l, struct tn_str name)
{
    struct tn_actor *actor = &l->found.actor;
    const struct tn_role *ships = tn_role_find(name);
    if (ships) {
        snprintf(actor->grants, sizeof actor->grants, "%s", ships->grants);
        finish(l);
        return;
    }
    struct tn_read *read = tn_read_new(actor->team);
    tn_read_key(read, "role", &name, 1);
    l->call = tn_store_read(l->keys->store, read, NULL, role_looked_up, l);
}

static void looked_up(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct lookup *l = arg;
    struct tn_err why;
    struct tn_arena arena;
    struct tn_str role;
    const struct tn_row *row = NULL;
    l->call = NULL;
    tn_arena_init(&arena);
    if (!err && !(err = tn_found_err(found, 0))) row = tn_found_row(found, 0, 0);
    bool known = row && load_row(l->keys, row, &l->found, &arena, &role);
    if (!err && !known) {
        refuse(&why);
        err = &why;
    }
    if (err)
        conclude(l, NULL, err);
    else
        with_role(l, role);
    tn_arena_clear(&arena);
}

static void look_up(struct tn_keys *keys, struct tn_str prefix, const unsigned char *mac,
                    tn_keys_fn done, void *arg)
{
    struct lookup *l = TN_NEW(struct lookup);
    struct tn_filter by_prefix = {"prefix", TN_FILTER_eq, &prefix, 1};
    struct tn_query q = {.table = "key", .filters = &by_prefix, .filter_count = 1, .limit = 1};
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    *l = (struct lookup){
        .next = keys->lookups, .keys = keys, .changes = keys->changes, .done = done, .arg = arg};
    keys->lookups = l;
    memcpy(l->prefix, prefix.p, sizeof l->prefix);
    memcpy(l->mac, mac, sizeof l->mac);
    tn_read_query(read, &q);
    l->call = tn_store_read(keys->store, read, NULL, looked_up, l);
}

enum tn_key_state tn_keys_check(struct tn_keys *keys, struct tn_str token, struct tn_actor *actor,
                                struct tn_err *err, tn_keys_fn done, void *arg)
{
    unsigned char mac[TN_SHA256_LEN];
    if (!tn_token_wellformed(token)) {
        refuse(err);
        return TN_KEY_refused;
    }
    struct tn_str prefix = {token.p, TN_TOKEN_PREFIX_LEN};
    const struct cached *c = tn_map_get(&keys->cache, prefix);
    mac_of(keys, token, mac);
    if (!c) {
        look_up(keys, prefix, mac, done, arg);
        return TN_KEY_asked;
    }
    if (!fits(c, mac)) {
        refuse(err);
        return TN_KEY_refused;
    }
    *actor = c->actor;
    return TN_KEY_good;
}

static void random_token(char out[TN_TOKEN_LEN + 1])
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char *p = out + KIND_LEN;
    memcpy(out, kind_live, KIND_LEN);
    while (p < out + KIND_LEN + RANDOM_LEN) {
        unsigned char byte;
        tn_random(&byte, 1);
        if (byte < 248) *p++ = alphabet[byte % 62]; /* 248 = 4 * 62: no bias */
    }
    checksum((struct tn_str){out, KIND_LEN + RANDOM_LEN}, p);
}

static bool no_role(struct tn_str role, struct tn_err *err)
{
    char names[200];
    tn_role_names(names, sizeof names);
    tn_fail(err, TN_E_invalid, "there is no role '%.*s': those that ship are %s", TN_FMT(role),
            names);
    return tn_fail_field(err, "role");
}

bool tn_keys_make(struct tn_keys *keys, struct tn_commit *commit, int64_t team, struct tn_str name,
                  struct tn_str role, const struct tn_row *own, int64_t expires_ms,
                  char token[TN_TOKEN_LEN + 1], struct tn_id *id, struct tn_err *err)
{
    unsigned char mac[TN_SHA256_LEN];
    char hex[TN_SHA256_HEX];
    struct tn_buf body;
    struct tn_jw w;
    if (!own && !tn_role_find(role)) return no_role(role, err);
    if (own && !tn_commit_expect(commit, team, "role", &own->id, own->version, err)) return false;
    random_token(token);
    mac_of(keys, (struct tn_str){token, TN_TOKEN_LEN}, mac);
    tn_hex(mac, sizeof mac, hex);
    *id = tn_id_new();
    tn_buf_init(&body, 4 * TN_KIB);
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kstr(&w, "name", name);
    tn_jw_kstr(&w, "role", role);
    tn_jw_kstr(&w, "prefix", (struct tn_str){token, TN_TOKEN_PREFIX_LEN});
    tn_jw_kz(&w, "mac", hex);
    if (expires_ms) {
        char expires[TN_TIME_LEN + 1];
        tn_time_text(expires_ms, expires);
        tn_jw_kz(&w, "expires_at", expires);
    }
    tn_jw_end(&w);
    bool ok = tn_commit_put(commit, team, "key", id, tn_buf_str(&body), TN_NEW_ONLY, err);
    tn_buf_clear(&body);
    return ok;
}
