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
#include "store/store.h"

static const char kind_live[] = "tnn_live_", kind_test[] = "tnn_test_";
enum { KIND_LEN = 9, RANDOM_LEN = 43, SUM_LEN = 6, CACHE_MAX = 10000 };

struct cached {
    struct tn_identity who;
    unsigned char mac[TN_SHA256_LEN];
    int64_t expires_ms; /* 0: never */
};

struct tn_keys {
    struct tn_store *store;
    struct tn_key pepper;
    struct tn_map cache; /* prefix -> struct cached */
    struct tn_json *json;
};

static void changed(void *arg, const struct tn_changes *changes)
{
    struct tn_keys *keys = arg;
    bool ours = changes->all;
    for (size_t i = 0; i < changes->count; i++)
        ours = ours || tn_str_is(changes->items[i].name, "key");
    if (ours) tn_map_clear(&keys->cache, tn_free);
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

void tn_keys_close(struct tn_keys *keys)
{
    if (!keys) return;
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

static bool load_row(struct tn_keys *keys, const struct tn_row *row, struct cached *c)
{
    struct tn_err err;
    struct tn_arena arena;
    struct tn_str role, name, mac, expires;
    bool ok = false;
    tn_arena_init(&arena);
    if (!tn_json_parse(keys->json, row->body, &err)) goto out;
    struct tn_jval body = tn_json_root(keys->json);
    if (!tn_jtext(tn_jget_z(body, "role"), &arena, &role) ||
        !tn_jtext(tn_jget_z(body, "name"), &arena, &name) ||
        !tn_jtext(tn_jget_z(body, "mac"), &arena, &mac) ||
        !tn_str_unhex(mac, c->mac, TN_SHA256_LEN))
        goto out;
    const struct tn_role *r = tn_role_find(role);
    c->who.team = row->team;
    c->who.permissions = r ? r->permissions : 0;
    snprintf(c->who.name, sizeof c->who.name, "%.*s", TN_FMT(name));
    tn_id_text(&row->id, c->who.key_id);
    if (tn_jtext(tn_jget_z(body, "expires_at"), &arena, &expires))
        tn_time_parse(expires, &c->expires_ms);
    ok = true;
out:
    tn_arena_clear(&arena);
    return ok;
}

struct lookup {
    struct tn_keys *keys;
    struct cached *found;
};

static bool take_row(void *arg, const struct tn_row *row)
{
    struct lookup *l = arg;
    struct cached *c = TN_NEW(struct cached);
    if (load_row(l->keys, row, c))
        l->found = c;
    else
        tn_free(c);
    return !l->found;
}

/* The cached row of a prefix, read if need be; NULL without failure: there is no such key. */
static bool find(struct tn_keys *keys, struct tn_str prefix, struct cached **out,
                 struct tn_err *err)
{
    *out = tn_map_get(&keys->cache, prefix);
    if (*out) return true;
    struct tn_filter by_prefix = {"prefix", TN_FILTER_eq, &prefix, 1};
    struct tn_query q = {
        .team = TN_TEAM_ALL, .table = "key", .filters = &by_prefix, .filter_count = 1, .limit = 1};
    struct lookup l = {keys, NULL};
    struct tn_page page;
    tn_page_init(&page);
    bool ok = tn_store_query(keys->store, &q, take_row, &l, &page, err);
    tn_page_clear(&page);
    if (!l.found) return ok;
    if (keys->cache.count >= CACHE_MAX) tn_map_clear(&keys->cache, tn_free);
    tn_free(tn_map_put(&keys->cache, prefix, l.found));
    *out = l.found;
    return ok;
}

bool tn_keys_check(struct tn_keys *keys, struct tn_str token, struct tn_identity *who,
                   struct tn_err *err)
{
    static const char refused[] = "the API key is unknown, expired or revoked";
    unsigned char mac[TN_SHA256_LEN];
    struct cached *c;
    if (!tn_token_wellformed(token)) return tn_fail(err, TN_E_unauthorized, "%s", refused);
    if (!find(keys, (struct tn_str){token.p, TN_TOKEN_PREFIX_LEN}, &c, err)) return false;
    mac_of(keys, token, mac);
    if (!c ||
        !tn_equal((struct tn_str){(char *)mac, sizeof mac},
                  (struct tn_str){(char *)c->mac, sizeof c->mac}) ||
        (c->expires_ms && c->expires_ms <= tn_now_ms()))
        return tn_fail(err, TN_E_unauthorized, "%s", refused);
    *who = c->who;
    return true;
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

bool tn_keys_make(struct tn_keys *keys, struct tn_commit *commit, int64_t team, struct tn_str name,
                  struct tn_str role, int64_t expires_ms, char token[TN_TOKEN_LEN + 1],
                  struct tn_id *id, struct tn_err *err)
{
    unsigned char mac[TN_SHA256_LEN];
    char hex[TN_SHA256_HEX];
    struct tn_buf body;
    struct tn_jw w;
    if (!tn_role_find(role)) {
        tn_fail(err, TN_E_invalid,
                "there is no role '%.*s': it is one of admin, plant_manager, "
                "read_write, read_only, monitor",
                TN_FMT(role));
        return tn_fail_field(err, "role");
    }
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
