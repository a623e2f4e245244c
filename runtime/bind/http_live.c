/* SPDX-License-Identifier: MIT */
#include "bind/http_live.h"

#include "base/alloc.h"
#include "base/limits.h"

enum { LIVE_COLLECT = 16 * TN_MIB, LIVE_MAX = 2 * TN_LIMIT_ISOLATE_BYTES };

static const char LIVE[] = "tenon.http.live"; /* registry key */

/* The reference of the isolate. */
struct root {
    struct bind_live *live;
};

static void drop_root(void *object)
{
    const struct root *root = object;
    if (root->live) bind_live_unref(root->live);
}

static const struct bind_class root_class = {.name = "tenon.http.root", .drop = drop_root};

struct bind_live *bind_live_of(lua_State *L)
{
    struct root *root;
    if (lua_getfield(L, LUA_REGISTRYINDEX, LIVE) == LUA_TNIL) {
        lua_pop(L, 1);
        root = bind_new_free(L, sizeof *root, &root_class);
        root->live = TN_NEW(struct bind_live);
        root->live->refs = 1;
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, LIVE);
    }
    root = bind_as(L, -1, &root_class);
    lua_pop(L, 1);
    return root->live;
}

struct bind_live *bind_live_ref(lua_State *L)
{
    struct bind_live *live = bind_live_of(L);
    live->refs++;
    return live;
}

void bind_live_unref(struct bind_live *live)
{
    if (--live->refs == 0) tn_free(live);
}

/* Starts a collection when the bodies take much memory, since Lua does not see them. Stops a
 * script that still holds too much after it. */
void bind_live_check(lua_State *L, const struct bind_live *live)
{
    struct tn_err err;
    if (live->bytes < LIVE_COLLECT) return;
    lua_gc(L, LUA_GCCOLLECT);
    if (live->bytes < LIVE_MAX) return;
    tn_fail(&err, TN_E_budget, "the replies that this script holds take more than %u MiB",
            LIVE_MAX / TN_MIB);
    bind_raise(L, &err);
}

bool bind_live_stream(struct bind_live *live)
{
    if (live->streams == TN_LIMIT_ISOLATE_STREAMS) return false;
    live->streams++;
    return true;
}

void bind_live_stream_end(struct bind_live *live)
{
    live->streams--;
}
