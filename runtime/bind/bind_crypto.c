/* SPDX-License-Identifier: MIT */
/* bind_crypto.c - require "tenon.crypto": digests, signatures, tokens, random bytes, text forms
 * of bytes. */
#include "bind/bind.h"

#include "base/base64.h"
#include "base/id.h"
#include "base/limits.h"
#include "bind/bind_jwt.h"
#include "crypto/digest.h"

enum { RANDOM_MAX = 1024 };

static int push_hex(lua_State *L, const unsigned char *bytes, size_t n)
{
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, 2 * n + 1);
    tn_hex(bytes, n, to);
    luaL_pushresultsize(&b, 2 * n);
    return 1;
}

/* ---- digests ---- */

static const char *const forms[] = {"hex", "base64", "raw", NULL};

/* Pushes the bytes in the form that the option at that index names. */
static int push_form(lua_State *L, int option, const unsigned char *bytes, size_t n)
{
    struct tn_buf text;
    char room[2 * TN_HASH_MAX + 1];
    switch (luaL_checkoption(L, option, "hex", forms)) {
    case 0: return push_hex(L, bytes, n);
    case 1:
        tn_buf_init(&text, sizeof room);
        tn_base64(&text, bytes, n);
        size_t len = text.n;
        memcpy(room, text.p, len);
        tn_buf_clear(&text);
        lua_pushlstring(L, room, len);
        return 1;
    default: lua_pushlstring(L, (const char *)bytes, n); return 1;
    }
}

static int digest(lua_State *L, enum tn_hash_kind which)
{
    unsigned char out[TN_HASH_MAX];
    size_t n = tn_hash(which, bind_str(L, 1), out);
    return push_form(L, 2, out, n);
}

static int l_md5(lua_State *L)
{
    return digest(L, TN_HASH_md5);
}
static int l_sha1(lua_State *L)
{
    return digest(L, TN_HASH_sha1);
}
static int l_sha256(lua_State *L)
{
    return digest(L, TN_HASH_sha256);
}
static int l_sha384(lua_State *L)
{
    return digest(L, TN_HASH_sha384);
}
static int l_sha512(lua_State *L)
{
    return digest(L, TN_HASH_sha512);
}

static int hmac(lua_State *L, enum tn_hash_kind which)
{
    unsigned char out[TN_HASH_MAX];
    size_t n = tn_hmac(which, bind_str(L, 1), bind_str(L, 2), out);
    return push_form(L, 3, out, n);
}

static int l_hmac_md5(lua_State *L)
{
    return hmac(L, TN_HASH_md5);
}
static int l_hmac_sha1(lua_State *L)
{
    return hmac(L, TN_HASH_sha1);
}
static int l_hmac_sha256(lua_State *L)
{
    return hmac(L, TN_HASH_sha256);
}
static int l_hmac_sha384(lua_State *L)
{
    return hmac(L, TN_HASH_sha384);
}
static int l_hmac_sha512(lua_State *L)
{
    return hmac(L, TN_HASH_sha512);
}

/* Compares in constant time: the time does not tell where the texts differ. */
static int l_equal(lua_State *L)
{
    lua_pushboolean(L, tn_equal(bind_str(L, 1), bind_str(L, 2)));
    return 1;
}

static int l_random(lua_State *L)
{
    unsigned char bytes[RANDOM_MAX];
    lua_Integer n = luaL_optinteger(L, 1, 32);
    luaL_argcheck(L, n >= 1 && n <= RANDOM_MAX, 1, "1 to 1024 bytes");
    tn_random(bytes, (size_t)n);
    return push_hex(L, bytes, (size_t)n);
}

static int l_uuid(lua_State *L)
{
    char text[TN_ID_LEN + 1];
    struct tn_id id = tn_id_new();
    tn_id_text(&id, text);
    lua_pushlstring(L, text, TN_ID_LEN);
    return 1;
}

/* ---- text forms ---- */

static void drop_buf(void *object)
{
    tn_buf_clear(object);
}
static const struct bind_class BUFFER = {
    .name = "tenon.crypto.buffer", .drop = drop_buf, .pure = true};

static struct tn_buf *push_buf(lua_State *L)
{
    struct tn_buf *buf = bind_new_free(L, sizeof *buf, &BUFFER);
    tn_buf_init(buf, TN_LIMIT_ISOLATE_BYTES);
    return buf;
}

static int push_text(lua_State *L, struct tn_buf *buf)
{
    struct tn_err err;
    if (!tn_buf_ok(buf, "the text", &err)) return bind_raise(L, &err);
    lua_pushlstring(L, buf->p ? buf->p : "", buf->n);
    bind_drop(buf);
    return 1;
}

static int undecodable(lua_State *L, const char *what)
{
    struct tn_err err;
    tn_fail(&err, TN_E_invalid, "the text is not %s", what);
    return bind_fail(L, &err);
}

static int l_base64(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    struct tn_buf *buf = push_buf(L);
    tn_base64(buf, s.p, s.n);
    return push_text(L, buf);
}

static int l_base64url(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    struct tn_buf *buf = push_buf(L);
    tn_base64url(buf, s.p, s.n);
    return push_text(L, buf);
}

static int l_unbase64(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    struct tn_buf *buf = push_buf(L);
    return tn_unbase64(s, buf) ? push_text(L, buf) : undecodable(L, "base64");
}

static int l_unbase64url(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    struct tn_buf *buf = push_buf(L);
    return tn_unbase64url(s, buf) ? push_text(L, buf) : undecodable(L, "base64url");
}

static int l_hex(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    return push_hex(L, (const unsigned char *)s.p, s.n);
}

static int l_unhex(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, s.n / 2 + 1);
    if (!tn_str_unhex(s, (unsigned char *)to, s.n / 2)) return undecodable(L, "hex digits");
    luaL_pushresultsize(&b, s.n / 2);
    return 1;
}

/* RFC 3986: all but letters, digits and - . _ ~ as %XX. */
static bool unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static int l_urlencode(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (unreserved(c)) {
            luaL_addchar(&b, (char)c);
        } else {
            luaL_addchar(&b, '%');
            luaL_addchar(&b, "0123456789ABCDEF"[c >> 4]);
            luaL_addchar(&b, "0123456789ABCDEF"[c & 15]);
        }
    }
    luaL_pushresult(&b);
    return 1;
}

static int l_urldecode(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '%') {
            struct tn_str digits = {s.p + i + 1, s.n - i > 2 ? 2 : 0};
            if (!tn_str_unhex(digits, &c, 1)) return undecodable(L, "percent-encoded");
            i += 2;
        }
        luaL_addchar(&b, (char)c);
    }
    luaL_pushresult(&b);
    return 1;
}

static const luaL_Reg functions[] = {{"base64", l_base64},
                                     {"base64url", l_base64url},
                                     {"equal", l_equal},
                                     {"hex", l_hex},
                                     {"hmac_md5", l_hmac_md5},
                                     {"hmac_sha1", l_hmac_sha1},
                                     {"hmac_sha256", l_hmac_sha256},
                                     {"hmac_sha384", l_hmac_sha384},
                                     {"hmac_sha512", l_hmac_sha512},
                                     {"jwt_sign", bind_jwt_sign},
                                     {"jwt_verify", bind_jwt_verify},
                                     {"md5", l_md5},
                                     {"random", l_random},
                                     {"sha1", l_sha1},
                                     {"sha256", l_sha256},
                                     {"sha384", l_sha384},
                                     {"sha512", l_sha512},
                                     {"unbase64", l_unbase64},
                                     {"unbase64url", l_unbase64url},
                                     {"unhex", l_unhex},
                                     {"urldecode", l_urldecode},
                                     {"urlencode", l_urlencode},
                                     {"uuid", l_uuid},
                                     {NULL, NULL}};

int luaopen_tenon_crypto(lua_State *L)
{
    bind_pure_library(L, functions);
    return 1;
}
