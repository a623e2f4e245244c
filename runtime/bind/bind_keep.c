/* SPDX-License-Identifier: MIT */
#include "bind/bind_keep.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind_commit.h"
#include "bind/staged.h"
#include "store/commit.h"
#include "store/store.h"

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

bool keep_get(const struct bind_owner *owner, const char *space, struct tn_str key,
              struct tn_buf *value, int64_t *version, struct tn_err *err)
{
    tn_err_clear(err);
    tn_buf_reset(value);
    if (tn_store_kv_get(owner->env->store, owner->team, space, key, value, version, err))
        return true;
    if (err->kind == TN_E_not_found) tn_err_clear(err);
    return false;
}

/* ---- commits that a task waits for ---- */

struct call {
    struct bind_commit commit; /* first */
    const struct bind_owner *owner;
    char space[32], key[KEEP_KEY];
    size_t key_n;
    bool adding;
    int64_t by, sum;
    int tries;
};

static void drop_call(void *object)
{
    bind_commit_forget(object);
}

static const struct bind_class call_class = {.name = "tenon.kv.call", .drop = drop_call};

static bool add_once(struct call *c);

static void on_commit(struct bind_commit *commit, const struct tn_committed *done)
{
    struct call *c = (struct call *)commit;
    (void)done;
    if (c->adding && commit->err.kind == TN_E_conflict && ++c->tries < ADD_TRIES && add_once(c))
        return;
    tn_task_wake(commit->task);
}

static void send(struct call *c, struct tn_commit *commit)
{
    bind_commit_send(&c->commit, c->owner->env->store, commit);
}

static struct tn_str key_of(const struct call *c)
{
    return (struct tn_str){c->key, c->key_n};
}

static bool read_whole(const struct tn_buf *text, int64_t *out)
{
    char *end;
    *out = text->n ? strtoll(text->p, &end, 10) : 0;
    return !text->n || *end == '\0';
}

/* Sum and commit on the value as it is now; false: c->commit.err says why not. */
static bool add_once(struct call *c)
{
    struct tn_store *store = c->owner->env->store;
    struct tn_buf text;
    int64_t version = TN_NEW_ONLY, now;
    char sum[24];
    tn_buf_init(&text, KEEP_VALUE);
    bool there = keep_get(c->owner, c->space, key_of(c), &text, &version, &c->commit.err);
    bool ok = there || c->commit.err.kind == TN_E_none;
    if (ok && (!read_whole(&text, &now) || __builtin_add_overflow(now, c->by, &c->sum)))
        ok = tn_fail(&c->commit.err, TN_E_invalid, "the value under this key is no whole number");
    tn_buf_clear(&text);
    if (!ok) return false;
    int n = snprintf(sum, sizeof sum, "%" PRId64, c->sum);
    struct tn_commit *commit = tn_commit_new(store);
    if (!tn_commit_kv_set(commit, c->owner->team, c->space, key_of(c),
                          (struct tn_str){sum, (size_t)n}, there ? version : TN_NEW_ONLY, 0,
                          &c->commit.err)) {
        tn_commit_free(commit);
        return false;
    }
    send(c, commit);
    return true;
}

static int commit_done(lua_State *L, int status, lua_KContext ctx)
{
    const struct call *c = (const struct call *)ctx;
    (void)status;
    if (c->commit.err.kind != TN_E_none) return bind_fail(L, &c->commit.err);
    if (c->adding)
        lua_pushinteger(L, c->sum);
    else
        lua_pushboolean(L, 1);
    return 1;
}

static struct call *call_new(lua_State *L, const struct bind_owner *owner, const char *space,
                             struct tn_str key)
{
    struct call *c = bind_new(L, sizeof *c, &call_class);
    c->commit.task = tn_task_self(L);
    c->commit.answered = on_commit;
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
    send(c, commit);
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
    send(c, commit);
    return tn_task_park(L, commit_done, c);
}

int keep_add(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key,
             int64_t by)
{
    struct call *c = call_new(L, owner, space, key);
    c->adding = true;
    c->by = by;
    if (!add_once(c)) return bind_fail(L, &c->commit.err);
    return tn_task_park(L, commit_done, c);
}
