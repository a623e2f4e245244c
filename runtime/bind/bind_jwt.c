/* SPDX-License-Identifier: MIT */
#include "bind/bind_jwt.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/testing.h"
#include "crypto/jwt.h"

enum { KEYS_MAX = 100, AUDIENCES_MAX = 20, LEEWAY_MAX_S = 600 };

/* The keys of one call, and the buffers that hold their texts. */
struct ring {
    struct tn_jwt_key keys[KEYS_MAX];
    struct tn_signature_key *owned[KEYS_MAX];
    size_t count;
    struct tn_json *json;
    struct tn_buf text, out; /* out: claims or token */
    struct tn_arena arena;
};

static void drop_ring(void *object)
{
    struct ring *r = object;
    for (size_t i = 0; i < r->count; i++) tn_signature_key_free(r->owned[i]);
    tn_json_free(r->json);
    tn_buf_clear(&r->text);
    tn_buf_clear(&r->out);
    tn_arena_clear(&r->arena);
}
static const struct bind_class RING = {
    .name = "tenon.crypto.keys", .drop = drop_ring, .pure = true};

static struct ring *push_ring(lua_State *L)
{
    struct ring *r = bind_new_free(L, sizeof *r, &RING);
    tn_buf_init(&r->text, TN_MIB);
    tn_buf_init(&r->out, TN_LIMIT_TOKEN);
    tn_arena_init(&r->arena);
    r->json = tn_json_new();
    return r;
}

/* Takes the key over; false when the key is NULL. */
static bool add_key(struct ring *r, struct tn_signature_key *key, struct tn_str kid)
{
    if (!key) return false;
    r->owned[r->count] = key;
    r->keys[r->count].key = key;
    if (kid.p)
        r->keys[r->count].kid = (struct tn_str){tn_arena_strndup(&r->arena, kid.p, kid.n), kid.n};
    r->count++;
    return true;
}

static bool full(const struct ring *r, struct tn_err *err)
{
    return r->count == KEYS_MAX && !tn_fail(err, TN_E_invalid, "more than %d keys", KEYS_MAX);
}

/* Adds a key that is a text. A text that begins like PEM is never used as an HMAC secret, so
 * that nobody can sign with a public key. */
static bool add_text_key(struct ring *r, struct tn_str text, struct tn_str kid, struct tn_err *err)
{
    bool pem = memmem(text.p, text.n, "-----BEGIN", 10) != NULL;
    if (full(r, err)) return false;
    return add_key(r, pem ? tn_signature_key_pem(text, err) : tn_signature_key_secret(text, err),
                   kid);
}

/* Is the JWK for signatures, and of a type that Tenon knows? */
static bool usable(struct tn_jval jwk)
{
    static const char *const kinds[] = {"RSA", "EC", "OKP", "oct"};
    struct tn_str use = tn_jraw(tn_jget_z(jwk, "use")), kty = tn_jraw(tn_jget_z(jwk, "kty"));
    if (use.n && !tn_str_is(use, "\"sig\"")) return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kty.n > 2 && tn_str_is((struct tn_str){kty.p + 1, kty.n - 2}, kinds[i])) return true;
    return false;
}

/* Adds a JWK under the name kid; kid absent: under the name in the JWK. */
static bool add_jwk(struct ring *r, struct tn_jval jwk, struct tn_str kid, struct tn_err *err)
{
    struct tn_str name;
    struct tn_jval alg = tn_jget_z(jwk, "alg");
    if (full(r, err)) return false;
    if (!kid.p && !tn_jtext(tn_jget_z(jwk, "kid"), &r->arena, &kid)) kid.p = NULL;
    if (!add_key(r, tn_signature_key_jwk(jwk, err), kid)) return false;
    struct tn_jwt_key *key = &r->keys[r->count - 1];
    if (tn_jis(alg, TN_JSON_absent)) return true;
    key->limited = true;
    return (tn_jtext(alg, &r->arena, &name) && tn_algorithm_of(name, &key->only)) ||
           tn_fail(err, TN_E_invalid, "JWK: its alg is not known here");
}

/* Adds the keys of a published set. Leaves out keys for other purposes and of unknown types. */
static bool add_jwks(struct ring *r, struct tn_jval set, struct tn_err *err)
{
    struct tn_jval keys = tn_jget_z(set, "keys");
    struct tn_err why;
    if (!tn_jis(keys, TN_JSON_array))
        return tn_fail(err, TN_E_invalid, "jwks: there is no array \"keys\"");
    for (struct tn_jiter it = tn_jiter(keys); tn_jnext(&it);) {
        if (!usable(it.value)) continue;
        if (full(r, err)) return false;
        size_t before = r->count;
        if (add_jwk(r, it.value, (struct tn_str){NULL, 0}, &why)) continue;
        while (r->count > before) tn_signature_key_free(r->owned[--r->count]);
        memset(&r->keys[r->count], 0, sizeof *r->keys);
    }
    return true;
}

/* Parses the table or JSON text on top of the stack into the ring. */
static bool parse_top(lua_State *L, struct ring *r, struct tn_err *err)
{
    struct tn_jw w;
    tn_buf_reset(&r->text);
    if (lua_type(L, -1) == LUA_TSTRING) {
        tn_buf_addstr(&r->text, bind_str(L, -1));
    } else {
        tn_jw_init(&w, &r->text);
        if (!bind_json_write(L, -1, &w, err)) return false;
    }
    return tn_buf_ok(&r->text, "the keys", err) &&
           tn_json_parse(r->json, tn_buf_str(&r->text), err);
}

/* Adds the value on top of the stack: a text (PEM or secret) or a JWK as a table. */
static bool add_value(lua_State *L, struct ring *r, struct tn_str kid, struct tn_err *err)
{
    int type = lua_type(L, -1);
    if (type == LUA_TSTRING) return add_text_key(r, bind_str(L, -1), kid, err);
    if (type != LUA_TTABLE)
        luaL_error(L, "a key is a text or a JWK as a table, not %s", luaL_typename(L, -1));
    return parse_top(L, r, err) && add_jwk(r, tn_json_root(r->json), kid, err);
}

/* keys = { ["kid"] = key, ... } */
static bool add_named(lua_State *L, struct ring *r, struct tn_err *err)
{
    int table = lua_gettop(L);
    bind_plain(L, table, "'keys'");
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        struct tn_str kid = {NULL, 0};
        if (lua_type(L, -2) == LUA_TSTRING) kid = bind_str(L, -2);
        if (!add_value(L, r, kid, err)) return false;
    }
    return true;
}

/* Reads the keys from the options at 2: key, keys, jwks. */
static bool read_keys(lua_State *L, struct ring *r, struct tn_err *err)
{
    struct tn_str kid = bind_opt_key_str(L, 2, "kid");
    if (lua_getfield(L, 2, "key") != LUA_TNIL && !add_value(L, r, kid, err)) return false;
    if (lua_getfield(L, 2, "keys") != LUA_TNIL && !add_named(L, r, err)) return false;
    if (lua_getfield(L, 2, "jwks") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING) luaL_checktype(L, -1, LUA_TTABLE);
        if (!parse_top(L, r, err) || !add_jwks(r, tn_json_root(r->json), err)) return false;
    }
    lua_pop(L, 3);
    return r->count || tn_fail(err, TN_E_invalid, "there is no key that can be used");
}

static enum tn_algorithm check_algorithm(lua_State *L, int index)
{
    enum tn_algorithm a = TN_ALG_count;
    struct tn_str name = bind_str(L, index);
    if (!tn_algorithm_of(name, &a))
        luaL_error(L, "'%s' is no algorithm: HS, RS, PS, ES with 256, 384, 512, and EdDSA are",
                   name.p);
    return a;
}

static uint32_t read_algorithms(lua_State *L)
{
    uint32_t all = 0;
    if (lua_getfield(L, 2, "algorithms") != LUA_TTABLE || !lua_rawlen(L, -1))
        luaL_error(L, "option 'algorithms' is missing: a list such as { \"RS256\" }");
    bind_plain(L, lua_gettop(L), "'algorithms'");
    for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n; i++) {
        lua_rawgeti(L, -1, i);
        luaL_checktype(L, -1, LUA_TSTRING);
        all |= 1u << check_algorithm(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return all;
}

/* Reads a text or a list of texts, which the table of options holds. */
static size_t read_audiences(lua_State *L, struct tn_str *out)
{
    int type = lua_getfield(L, 2, "audience");
    size_t n = 0;
    if (type == LUA_TSTRING) {
        out[n++] = bind_str(L, -1);
    } else if (type != LUA_TNIL) {
        bind_plain(L, lua_gettop(L), "'audience'");
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
            luaL_checktype(L, -1, LUA_TSTRING);
            if (n == AUDIENCES_MAX) luaL_error(L, "more than %d audiences", AUDIENCES_MAX);
            out[n++] = bind_str(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
        if (!n) luaL_error(L, "option 'audience' is an empty list");
    }
    lua_pop(L, 1);
    return n;
}

int bind_jwt_verify(lua_State *L)
{
    static const char *const keys[] = {"key",    "keys",     "jwks",   "kid",     "algorithms",
                                       "issuer", "audience", "leeway", "endless", NULL};
    struct tn_str audiences[AUDIENCES_MAX], token = bind_str(L, 1);
    struct tn_err err;
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    luaL_checkstack(L, 16, NULL);
    bind_check_keys(L, 2, keys);
    int64_t leeway = bind_opt_key_int(L, 2, "leeway", 0);
    luaL_argcheck(L, leeway >= 0 && leeway <= LEEWAY_MAX_S, 2, "leeway: 0 to 600 seconds");
    struct tn_jwt_options o = {.algorithms = read_algorithms(L),
                               .issuer = bind_opt_key_str(L, 2, "issuer"),
                               .audiences = audiences,
                               .audience_count = read_audiences(L, audiences),
                               .now_ms = bind_now(L),
                               .leeway_ms = leeway * 1000,
                               .endless = bind_opt_key_bool(L, 2, "endless", false)};
    struct ring *r = push_ring(L);
    if (!read_keys(L, r, &err)) return bind_fail(L, &err);
    o.keys = r->keys;
    o.key_count = r->count;
    if (!tn_jwt_verify(token, &o, &r->out, &err)) return bind_fail(L, &err);
    if (!tn_json_parse(r->json, tn_buf_str(&r->out), &err)) return bind_fail(L, &err);
    bind_json_push(L, tn_json_root(r->json));
    bind_drop(r);
    return 1;
}

int bind_jwt_sign(lua_State *L)
{
    static const char *const keys[] = {"key", "algorithm", "kid", "type", NULL};
    struct tn_err err;
    struct tn_jw w;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    bind_check_keys(L, 2, keys);
    if (lua_getfield(L, 2, "algorithm") != LUA_TSTRING)
        return luaL_error(L, "option 'algorithm' is missing, such as \"RS256\"");
    enum tn_algorithm a = check_algorithm(L, 3);
    struct tn_str kid = bind_opt_key_str(L, 2, "kid"), type = bind_opt_key_str(L, 2, "type");
    if ((kid.p && !tn_utf8_valid(kid.p, kid.n)) || (type.p && !tn_utf8_valid(type.p, type.n)))
        return luaL_error(L, "options 'kid' and 'type' have to be UTF-8");
    struct ring *r = push_ring(L);
    if (!read_keys(L, r, &err)) return bind_fail(L, &err);
    tn_buf_reset(&r->text);
    tn_jw_init(&w, &r->text);
    if (!bind_json_write(L, 1, &w, &err)) return bind_raise(L, &err);
    if (!tn_buf_ok(&r->text, "the claims", &err) || r->text.p[0] != '{')
        return luaL_argerror(L, 1, "a table of claims is expected");
    if (!tn_jwt_sign(tn_buf_str(&r->text), r->keys[0].key, a, kid, type, &r->out, &err))
        return bind_fail(L, &err);
    lua_pushlstring(L, r->out.p, r->out.n);
    bind_drop(r);
    return 1;
}
