/* SPDX-License-Identifier: MIT */
#include "script/chunks.h"

#include <lauxlib.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"

struct chunk {
    unsigned refs; /* the map, and threads that read it */
    struct tn_buf text, code;
};

struct tn_chunks {
    pthread_mutex_t lock; /* of all that follows, and of refs */
    struct tn_map by_name;
    size_t bytes;
};

static size_t size_of(const struct chunk *c)
{
    return c->text.n + c->code.n;
}

static void unref(void *chunk)
{
    struct chunk *c = chunk;
    if (--c->refs) return;
    tn_buf_clear(&c->text);
    tn_buf_clear(&c->code);
    tn_free(c);
}

struct tn_chunks *tn_chunks_new(void)
{
    struct tn_chunks *chunks = TN_NEW(struct tn_chunks);
    pthread_mutex_init(&chunks->lock, NULL);
    tn_map_init(&chunks->by_name);
    return chunks;
}

void tn_chunks_free(struct tn_chunks *chunks)
{
    if (!chunks) return;
    tn_map_clear(&chunks->by_name, unref);
    pthread_mutex_destroy(&chunks->lock);
    tn_free(chunks);
}

bool tn_chunks_push(struct tn_chunks *chunks, lua_State *L, const char *name, struct tn_str text)
{
    pthread_mutex_lock(&chunks->lock);
    struct chunk *c = tn_map_get(&chunks->by_name, tn_str(name));
    if (c && tn_str_eq(tn_buf_str(&c->text), text))
        c->refs++;
    else
        c = NULL;
    pthread_mutex_unlock(&chunks->lock);
    if (!c) return false;
    bool pushed = luaL_loadbufferx(L, c->code.p, c->code.n, name, "b") == LUA_OK;
    if (!pushed) lua_pop(L, 1); /* no memory: compiling tells that */
    pthread_mutex_lock(&chunks->lock);
    unref(c);
    pthread_mutex_unlock(&chunks->lock);
    return pushed;
}

static int write_code(lua_State *L, const void *bytes, size_t n, void *code)
{
    (void)L;
    tn_buf_add(code, bytes, n);
    return 0;
}

static struct chunk *chunk_new(lua_State *L, struct tn_str text)
{
    struct chunk *c = TN_NEW(struct chunk);
    c->refs = 1;
    tn_buf_init(&c->text, TN_LIMIT_SCRIPT_FILE);
    tn_buf_init(&c->code, TN_LIMIT_CHUNKS);
    tn_buf_addstr(&c->text, text);
    lua_dump(L, write_code, &c->code, 0);
    return c;
}

void tn_chunks_keep(struct tn_chunks *chunks, lua_State *L, const char *name, struct tn_str text)
{
    struct chunk *c = chunk_new(L, text);
    if (c->text.failed || c->code.failed) {
        unref(c);
        return;
    }
    pthread_mutex_lock(&chunks->lock);
    struct chunk *before = tn_map_remove(&chunks->by_name, tn_str(name));
    if (before) {
        chunks->bytes -= size_of(before);
        unref(before);
    }
    if (chunks->bytes + size_of(c) > TN_LIMIT_CHUNKS) {
        tn_map_clear(&chunks->by_name, unref);
        tn_map_init(&chunks->by_name);
        chunks->bytes = 0;
    }
    chunks->bytes += size_of(c);
    tn_map_put(&chunks->by_name, tn_str(name), c);
    pthread_mutex_unlock(&chunks->lock);
}
