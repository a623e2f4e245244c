/* SPDX-License-Identifier: MIT */
/* bind_gate.c - require "tenon.gate": one task at a time through a stretch of a script.
 *     local _ <close> = gate.enter("login")
 * Other tasks wait in line. A task that ends, fails or is cancelled inside lets the next one in. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/map.h"
#include "bind/bind.h"

enum { NAME_MAX_LEN = 200 };

static const char GATES[] = "tenon.gate.all"; /* registry key */

struct pass;

/* The gates of an isolate that tasks hold or wait for. A pass may be dropped after the isolate
 * gave up its own reference; the last reference frees the struct. */
struct gates {
    unsigned refs;
    size_t passes;
    struct tn_map lines; /* by name */
};

/* The tasks at one gate, in the order of their arrival; the first one has passed the gate. */
struct line {
    struct pass *first, *last;
};

struct pass {
    struct gates *gates; /* NULL: the task has left the gate */
    struct line *line;
    struct pass *before, *next;
    struct tn_task *task; /* NULL: the task does not wait */
    size_t name_len;
    char name[NAME_MAX_LEN];
};

struct root {
    struct gates *gates;
};

static void unref(struct gates *gates)
{
    if (--gates->refs) return;
    tn_map_clear(&gates->lines, NULL);
    tn_free(gates);
}

static struct tn_str name_of(const struct pass *p)
{
    return (struct tn_str){p->name, p->name_len};
}

static void join(struct gates *gates, struct pass *p)
{
    struct line *line = tn_map_get(&gates->lines, name_of(p));
    if (!line) {
        line = TN_NEW(struct line);
        tn_map_put(&gates->lines, name_of(p), line);
    }
    p->gates = gates;
    p->line = line;
    p->before = line->last;
    *(line->last ? &line->last->next : &line->first) = p;
    line->last = p;
    gates->passes++;
    gates->refs++;
}

static void leave(void *object)
{
    struct pass *p = object;
    struct gates *gates = p->gates;
    struct line *line = p->line;
    if (!gates) return;
    bool inside = line->first == p;
    *(p->before ? &p->before->next : &line->first) = p->next;
    *(p->next ? &p->next->before : &line->last) = p->before;
    p->gates = NULL;
    gates->passes--;
    if (!line->first)
        tn_free(tn_map_remove(&gates->lines, name_of(p)));
    else if (inside && line->first->task)
        tn_task_wake(line->first->task);
    unref(gates);
}

static int l_leave(lua_State *L);
static const luaL_Reg pass_methods[] = {{"__close", l_leave}, {"leave", l_leave}, {NULL, NULL}};
static const struct bind_class pass_class = {
    .name = "tenon.gate.pass", .drop = leave, .methods = pass_methods};

static int l_leave(lua_State *L)
{
    struct pass *pass = bind_is(L, 1, &pass_class);
    if (pass) bind_drop(pass);
    return 0;
}

static void drop_root(void *object)
{
    const struct root *root = object;
    if (root->gates) unref(root->gates);
}

static const struct bind_class root_class = {.name = "tenon.gates", .drop = drop_root};

static struct gates *gates_of(lua_State *L)
{
    struct root *root;
    if (lua_getfield(L, LUA_REGISTRYINDEX, GATES) == LUA_TNIL) {
        lua_pop(L, 1);
        root = bind_new_free(L, sizeof *root, &root_class);
        root->gates = TN_NEW(struct gates);
        root->gates->refs = 1;
        tn_map_init(&root->gates->lines);
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, GATES);
    }
    root = bind_as(L, -1, &root_class);
    lua_pop(L, 1);
    return root->gates;
}

static int entered(lua_State *L, int status, lua_KContext ctx)
{
    struct pass *pass = (struct pass *)ctx;
    (void)status;
    if (pass->line->first != pass) return tn_task_park(L, entered, pass);
    pass->task = NULL;
    lua_settop(L, 2);
    return 1;
}

/* Raises instead of returning nil, because a script that ignored the nil would go on without the
 * gate. */
static void check_room(lua_State *L, const struct gates *gates)
{
    struct tn_err err;
    if (gates->passes < TN_LIMIT_ISOLATE_PASSES) return;
    tn_fail(&err, TN_E_overloaded,
            "%d passes of gates are held or waited for in this integration already",
            TN_LIMIT_ISOLATE_PASSES);
    bind_raise(L, &err);
}

static int l_enter(lua_State *L)
{
    struct tn_str name = bind_str(L, 1);
    luaL_argcheck(L, name.n && name.n <= NAME_MAX_LEN, 1, "a name has 1 to 200 bytes");
    lua_settop(L, 1);
    struct tn_task *self = tn_task_self(L);
    struct gates *gates = gates_of(L);
    check_room(L, gates);
    struct pass *pass = bind_new(L, sizeof *pass, &pass_class);
    memcpy(pass->name, name.p, name.n);
    pass->name_len = name.n;
    pass->task = self;
    join(gates, pass);
    return entered(L, LUA_OK, (lua_KContext)pass);
}

static const luaL_Reg functions[] = {{"enter", l_enter}, {NULL, NULL}};

int luaopen_tenon_gate(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
