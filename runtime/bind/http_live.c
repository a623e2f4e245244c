/* SPDX-License-Identifier: MIT */
#include "bind/http_live.h"

#include "base/alloc.h"
#include "base/limits.h"

enum { BYTES_COLLECT = 16 * TN_MIB, BYTES_MAX = 2 * TN_LIMIT_ISOLATE_BYTES };

static const char LIVE[] = "tenon.http.live"; /* registry key */

void http_live_unref(struct http_live *live)
{
    if (--live->refs == 0) tn_free(live);
}

struct root {
    struct http_live *live;
};

static void drop_root(void *object)
{
    const struct root *root = object;
    if (root->live) http_live_unref(root->live);
}

static const struct bind_class root_class = {.name = "tenon.http.root", .drop = drop_root};

struct http_live *http_live_of(lua_State *L)
{
    struct root *root;
    if (lua_getfield(L, LUA_REGISTRYINDEX, LIVE) == LUA_TNIL) {
        lua_pop(L, 1);
        root = bind_new_free(L, sizeof *root, &root_class);
        root->live = TN_NEW(struct http_live);
        root->live->refs = 1;
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, LIVE);
    }
    root = bind_check(L, -1, &root_class);
    lua_pop(L, 1);
    return root->live;
}

struct http_live *http_live_ref(lua_State *L)
{
    struct http_live *live = http_live_of(L);
    live->refs++;
    return live;
}

bool http_live_stream(struct http_live *live)
{
    if (live->streams == TN_LIMIT_ISOLATE_STREAMS) return false;
    live->streams++;
    return true;
}

void http_live_stream_end(struct http_live *live)
{
    live->streams--;
}

void http_live_check(lua_State *L, const struct http_live *live)
{
    struct tn_err err;
    if (live->bytes < BYTES_COLLECT) return;
    lua_gc(L, LUA_GCCOLLECT);
    if (live->bytes < BYTES_MAX) return;
    tn_fail(&err, TN_E_budget, "the replies that this script holds take more than %u MiB",
            BYTES_MAX / TN_MIB);
    bind_raise(L, &err);
}
