/* SPDX-License-Identifier: MIT */
/* bind_gate.c - require "tenon.gate": one task at a time through a stretch of a script.
 *     local _ <close> = gate.enter("login")
 * Others wait in line; who ends, fails or is cancelled inside lets the next one in. */
#include "base/alloc.h"
#include "bind/bind.h"

enum { NAME_MAX_LEN = 200 };

static const char GATES[] = "tenon.gate.all"; /* registry key */

struct pass;

/* All gates of an isolate that somebody is at.  Passes may be dropped after the isolate's own
 * reference: the last one frees it. */
struct gates {
    unsigned refs;
    struct pass *first; /* in the order of coming, all names in one line */
};

/* One task at a gate: inside if it is the first of its name. */
struct pass {
    struct gates *gates; /* NULL: it was left */
    struct pass *next;
    struct tn_task *task; /* NULL: it does not wait */
    char name[NAME_MAX_LEN + 1];
};

struct root {
    struct gates *gates;
};

static void unref(struct gates *gates)
{
    if (--gates->refs == 0) tn_free(gates);
}

static struct pass *first_of(const struct gates *gates, const char *name)
{
    struct pass *p = gates->first;
    while (p && strcmp(p->name, name) != 0) p = p->next;
    return p;
}

static void leave(void *object)
{
    struct pass *pass = object;
    struct gates *gates = pass->gates;
    if (!gates) return;
    bool inside = first_of(gates, pass->name) == pass;
    struct pass **at = &gates->first;
    while (*at != pass) at = &(*at)->next;
    *at = pass->next;
    pass->gates = NULL;
    struct pass *next = inside ? first_of(gates, pass->name) : NULL;
    if (next && next->task) tn_task_wake(next->task);
    unref(gates);
}

static int l_leave(lua_State *L);
static const luaL_Reg pass_methods[] = {{"__close", l_leave}, {"leave", l_leave}, {NULL, NULL}};
static const struct bind_class pass_class = {"tenon.gate.pass", leave, pass_methods};

static int l_leave(lua_State *L)
{
    struct pass *pass = bind_test(L, 1, &pass_class);
    if (pass) bind_drop(pass);
    return 0;
}

static void drop_root(void *object)
{
    const struct root *root = object;
    if (root->gates) unref(root->gates);
}

static const struct bind_class root_class = {"tenon.gates", drop_root, NULL};

static struct gates *gates_of(lua_State *L)
{
    struct root *root;
    if (lua_getfield(L, LUA_REGISTRYINDEX, GATES) == LUA_TNIL) {
        lua_pop(L, 1);
        root = bind_new_free(L, sizeof *root, &root_class);
        root->gates = TN_NEW(struct gates);
        root->gates->refs = 1;
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, GATES);
    }
    root = bind_check(L, -1, &root_class);
    lua_pop(L, 1);
    return root->gates;
}

static int entered(lua_State *L, int status, lua_KContext ctx)
{
    struct pass *pass = (struct pass *)ctx;
    (void)status;
    if (first_of(pass->gates, pass->name) != pass) return tn_task_park(L, entered, pass);
    pass->task = NULL;
    lua_settop(L, 2);
    return 1;
}

static int l_enter(lua_State *L)
{
    struct tn_str name = bind_str(L, 1);
    luaL_argcheck(L, name.n && name.n <= NAME_MAX_LEN, 1, "a name has 1 to 200 bytes");
    lua_settop(L, 1);
    struct tn_task *self = tn_task_self(L);
    struct gates *gates = gates_of(L);
    struct pass *pass = bind_new(L, sizeof *pass, &pass_class);
    memcpy(pass->name, name.p, name.n);
    pass->gates = gates;
    pass->task = self;
    gates->refs++;
    struct pass **at = &gates->first;
    while (*at) at = &(*at)->next;
    *at = pass;
    return entered(L, LUA_OK, (lua_KContext)pass);
}

static const luaL_Reg functions[] = {{"enter", l_enter}, {NULL, NULL}};

int luaopen_tenon_gate(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
