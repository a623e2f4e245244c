/* SPDX-License-Identifier: MIT */
/* bind_vault.c - require "tenon.vault": secrets that an integration obtains itself (tokens,
 * sessions). They are encrypted at rest, shared by all workers, and removed when they expire. */
#include <openssl/crypto.h>
#include <stdio.h>

#include "access/secrets.h"
#include "bind/bind_keep.h"
#include "crypto/cipher.h"

static const char space[] = "vault";

static bool ready(lua_State *L, const struct bind_owner **owner, struct tn_err *err)
{
    if (!keep_ready(L, owner, err)) return false;
    return (*owner)->env->secrets || tn_fail(err, TN_E_unavailable, "there is no key to seal with");
}

/* The name that is part of the encryption: the value cannot be opened under another name. */
static struct tn_str belongs(const struct bind_owner *owner, struct tn_str key,
                             char out[KEEP_KEY + 64])
{
    int n = snprintf(out, KEEP_KEY + 64, "vault/%lld/%.*s", (long long)owner->team, TN_FMT(key));
    return (struct tn_str){out, (size_t)n};
}

static int push_opened(lua_State *L, const struct bind_owner *owner, struct tn_str key,
                       struct tn_str sealed)
{
    struct tn_buf *plain = keep_hold(L);
    char aad[KEEP_KEY + 64];
    struct tn_err err;
    if (!tn_unseal(&owner->env->secrets->vault, sealed, belongs(owner, key, aad), plain, &err))
        return bind_fail(L, &err);
    return keep_push(L, plain);
}

/* Gives the text; nil when there is none or it has expired; nil, err when it cannot be opened. */
static int l_get(lua_State *L)
{
    const struct bind_owner *owner;
    char key[KEEP_KEY];
    struct tn_err err;
    if (!ready(L, &owner, &err)) return bind_fail(L, &err);
    return keep_get(L, owner, space, keep_key(L, owner, 1, key), push_opened);
}

static int l_put(lua_State *L)
{
    const struct bind_owner *owner;
    char key[KEEP_KEY], aad[KEEP_KEY + 64];
    struct tn_err err;
    struct tn_str text = bind_str(L, 2);
    luaL_checkinteger(L, 3); /* required: no secret is kept for ever */
    int64_t expires = keep_expiry(L, 3);
    if (!ready(L, &owner, &err)) return bind_fail(L, &err);
    struct tn_str name = keep_key(L, owner, 1, key);
    struct tn_buf *sealed = keep_hold(L);
    tn_seal(&owner->env->secrets->vault, text, belongs(owner, name, aad), sealed);
    if (!tn_buf_ok(sealed, "the value", &err)) return bind_fail(L, &err);
    return keep_set(L, owner, space, name, tn_buf_str(sealed), expires);
}

static int l_delete(lua_State *L)
{
    const struct bind_owner *owner;
    char key[KEEP_KEY];
    struct tn_err err;
    if (!ready(L, &owner, &err)) return bind_fail(L, &err);
    return keep_delete(L, owner, space, keep_key(L, owner, 1, key));
}

static const luaL_Reg functions[] = {
    {"get", l_get}, {"put", l_put}, {"delete", l_delete}, {NULL, NULL}};

int luaopen_tenon_vault(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
