/* SPDX-License-Identifier: MIT */
#include "bind/bind_walk.h"

#include "base/alloc.h"
#include "base/limits.h"

static const char WALKS[] = "tenon.walks"; /* registry key */

/* Lives on after the isolate while walks exist, because Lua closes objects in no fixed order. */
struct bind_walks {
    unsigned refs, open;
};

struct root {
    struct bind_walks *walks;
};

static void unref(struct bind_walks *walks)
{
    if (--walks->refs == 0) tn_free(walks);
}

static void drop_root(void *object)
{
    const struct root *root = object;
    if (root->walks) unref(root->walks);
}

static const struct bind_class ROOT = {.name = "tenon.walks.root", .drop = drop_root};

/* The isolate's counter, borrowed. */
static struct bind_walks *walks_of(lua_State *L)
{
    struct root *root;
    if (lua_getfield(L, LUA_REGISTRYINDEX, WALKS) == LUA_TNIL) {
        lua_pop(L, 1);
        root = bind_new_free(L, sizeof *root, &ROOT);
        root->walks = TN_NEW(struct bind_walks);
        root->walks->refs = 1;
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, WALKS);
    }
    root = bind_as(L, -1, &ROOT);
    lua_pop(L, 1);
    return root->walks;
}

struct bind_walks *bind_walk_begin(lua_State *L, size_t kib)
{
    struct tn_err err;
    struct bind_walks *walks = walks_of(L);
    bind_weigh(L, kib * TN_KIB);
    if (walks->open == TN_LIMIT_ISOLATE_WALKS) lua_gc(L, LUA_GCCOLLECT);
    if (walks->open == TN_LIMIT_ISOLATE_WALKS) {
        tn_fail(&err, TN_E_overloaded,
                "%d walks over rows or records are open already: go on to their end, or let go of "
                "them",
                TN_LIMIT_ISOLATE_WALKS);
        bind_raise(L, &err);
    }
    walks->open++;
    walks->refs++;
    return walks;
}

void bind_walk_end(struct bind_walks *walks)
{
    if (!walks) return;
    walks->open--;
    unref(walks);
}

void bind_weigh(lua_State *L, size_t bytes)
{
    if (bytes >= TN_KIB) lua_gc(L, LUA_GCSTEP, (int)(bytes / TN_KIB));
}
