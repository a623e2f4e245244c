/* SPDX-License-Identifier: MIT */
#include "bind/bind_keep.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/bind_ask.h"
#include "bind/bind_commit.h"
#include "bind/testing.h"
#include "store/commit.h"

enum { KEY_MAX = 300, ADD_TRIES = 50 };

const char bind_kv_space[] = "script";

bool keep_ready(lua_State *L, const struct bind_owner **owner, struct tn_err *err)
{
    const struct bind_context *context = bind_context(L);
    *owner = context->app;
    if (*owner && context->store) return true;
    return tn_fail(err, TN_E_unavailable, "there is no store here to keep values in");
}

struct tn_str keep_key(lua_State *L, const struct bind_owner *owner, int index, char out[KEEP_KEY])
{
    struct tn_str key = bind_str(L, index);
    luaL_argcheck(L, key.n && key.n <= KEY_MAX, index, "a key has 1 to 300 bytes");
    int n = snprintf(out, KEEP_KEY, "%s/", owner->name);
    memcpy(out + n, key.p, key.n);
    return (struct tn_str){out, (size_t)n + key.n};
}

int64_t keep_expiry(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) return 0;
    lua_Integer seconds = luaL_checkinteger(L, index);
    luaL_argcheck(L, seconds > 0 && seconds <= INT32_MAX, index, "seconds from now, above 0");
    return bind_now(L) + seconds * 1000;
}

static void drop_buffer(void *object)
{
    struct tn_buf *b = object;
    if (b->p) OPENSSL_cleanse(b->p, b->n);
    tn_buf_clear(b);
}

static const struct bind_class buffer_class = {.name = "tenon.kv.buffer", .drop = drop_buffer};

struct tn_buf *keep_hold(lua_State *L)
{
    struct tn_buf *b = bind_new_free(L, sizeof *b, &buffer_class);
    tn_buf_init(b, KEEP_VALUE);
    return b;
}

int keep_push(lua_State *L, struct tn_buf *held)
{
    struct tn_str text = tn_buf_str(held);
    lua_pushlstring(L, text.p, text.n);
    bind_drop(held);
    return 1;
}

/* ---- reading ---- */

struct reading {
    struct bind_ask ask;
    const struct bind_owner *owner;
    char key[KEEP_KEY];
    size_t key_n;
    keep_push_fn push;
};

static void drop_reading(void *object)
{
    struct reading *r = object;
    bind_ask_drop(&r->ask);
}

static const struct bind_class reading_class = {.name = "tenon.kv.reading", .drop = drop_reading};

static int have_read(lua_State *L, int status, lua_KContext ctx)
{
    struct reading *r = (struct reading *)ctx;
    struct tn_err err;
    int n = 1;
    (void)status;
    if (!bind_ask_answered(&r->ask, &err)) return bind_fail(L, &err);
    const struct tn_kv *kv = tn_found_kv(r->ask.found, 0, 0);
    if (kv)
        n = r->push(L, r->owner, (struct tn_str){r->key, r->key_n}, kv->value);
    else
        lua_pushnil(L);
    bind_drop(r);
    return n;
}

int keep_get(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key,
             keep_push_fn push)
{
    struct reading *r = bind_new(L, sizeof *r, &reading_class);
    struct tn_read *read = tn_read_new(owner->team);
    r->owner = owner;
    memcpy(r->key, key.p, key.n);
    r->key_n = key.n;
    r->push = push;
    tn_read_kv(read, space, key);
    return bind_ask_send(L, &r->ask, owner->env->store, read, have_read, r);
}

/* ---- commits that a task waits for ---- */

struct call {
    struct bind_commit commit; /* first */
    const struct bind_owner *owner;
    char space[32], key[KEEP_KEY];
    size_t key_n;
    /* only for sums */
    struct bind_ask ask;
    int64_t by, sum;
    int tries;
};

static void drop_call(void *object)
{
    struct call *c = object;
    bind_ask_drop(&c->ask);
    bind_commit_forget(&c->commit);
}

static const struct bind_class call_class = {.name = "tenon.kv.call", .drop = drop_call};

static struct tn_str key_of(const struct call *c)
{
    return (struct tn_str){c->key, c->key_n};
}

static int commit_done(lua_State *L, int status, lua_KContext ctx)
{
    const struct call *c = (const struct call *)ctx;
    (void)status;
    if (c->commit.err.kind != TN_E_none) return bind_fail(L, &c->commit.err);
    lua_pushboolean(L, 1);
    return 1;
}

static struct call *call_new(lua_State *L, const struct bind_owner *owner, const char *space,
                             struct tn_str key)
{
    struct call *c = bind_new(L, sizeof *c, &call_class);
    c->commit.task = tn_task_self(L);
    c->owner = owner;
    snprintf(c->space, sizeof c->space, "%s", space);
    memcpy(c->key, key.p, key.n);
    c->key_n = key.n;
    return c;
}

int keep_set(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key,
             struct tn_str value, int64_t expires_ms)
{
    struct call *c = call_new(L, owner, space, key);
    struct tn_commit *commit = tn_commit_new(owner->env->store);
    if (!tn_commit_kv_set(commit, owner->team, space, key, value, TN_ANY, expires_ms,
                          &c->commit.err)) {
        tn_commit_free(commit);
        return bind_fail(L, &c->commit.err);
    }
    bind_commit_send(&c->commit, owner->env->store, commit);
    return tn_task_park(L, commit_done, c);
}

int keep_delete(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key)
{
    struct call *c = call_new(L, owner, space, key);
    struct tn_commit *commit = tn_commit_new(owner->env->store);
    if (!tn_commit_kv_delete(commit, owner->team, space, key, TN_ANY, &c->commit.err)) {
        tn_commit_free(commit);
        return bind_fail(L, &c->commit.err);
    }
    bind_commit_send(&c->commit, owner->env->store, commit);
    return tn_task_park(L, commit_done, c);
}

/* ---- sums ---- */

static bool read_whole(const struct tn_kv *kv, int64_t *out)
{
    char *end;
    *out = 0;
    if (!kv || !kv->value.n) return true;
    *out = strtoll(kv->value.p, &end, 10);
    return *end == '\0';
}

/* Makes the commit that writes the sum, based on the version that was read; NULL: err says why. */
static struct tn_commit *sum_up(struct call *c, struct tn_err *err)
{
    const struct tn_kv *kv = tn_found_kv(c->ask.found, 0, 0);
    char sum[24];
    int64_t now;
    if (!read_whole(kv, &now) || __builtin_add_overflow(now, c->by, &c->sum)) {
        tn_fail(err, TN_E_invalid, "the value under this key is no whole number");
        return NULL;
    }
    int n = snprintf(sum, sizeof sum, "%" PRId64, c->sum);
    struct tn_commit *commit = tn_commit_new(c->owner->env->store);
    if (tn_commit_kv_set(commit, c->owner->team, c->space, key_of(c),
                         (struct tn_str){sum, (size_t)n}, kv ? kv->version : TN_NEW_ONLY, 0, err))
        return commit;
    tn_commit_free(commit);
    return NULL;
}

static int add_once(lua_State *L, struct call *c);

static int added(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx;
    (void)status;
    if (c->commit.err.kind == TN_E_conflict && ++c->tries < ADD_TRIES) return add_once(L, c);
    if (c->commit.err.kind != TN_E_none) return bind_fail(L, &c->commit.err);
    lua_pushinteger(L, c->sum);
    return 1;
}

static int add_to(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx;
    struct tn_err err;
    (void)status;
    if (!bind_ask_answered(&c->ask, &err)) return bind_fail(L, &err);
    struct tn_commit *commit = sum_up(c, &err);
    if (!commit) return bind_fail(L, &err);
    bind_commit_send(&c->commit, c->owner->env->store, commit);
    return tn_task_park(L, added, c);
}

static int add_once(lua_State *L, struct call *c)
{
    struct tn_read *read = tn_read_new(c->owner->team);
    tn_read_kv(read, c->space, key_of(c));
    return bind_ask_send(L, &c->ask, c->owner->env->store, read, add_to, c);
}

int keep_add(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key,
             int64_t by)
{
    struct call *c = call_new(L, owner, space, key);
    c->by = by;
    return add_once(L, c);
}
