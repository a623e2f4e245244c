/* SPDX-License-Identifier: MIT */
#include "bind/bind_ask.h"

struct tn_task *bind_ask_task(lua_State *L)
{
    struct tn_task *task = tn_task_reader(L);
    if (!task)
        luaL_error(L,
                   "the store cannot be read here: nothing can wait while a file is loaded or in "
                   "a mapping's function (a mapping's function goes by its record alone: let "
                   "the adapter add to the record what the store knows, or let a rule do it)");
    return task;
}

static void on_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct bind_ask *ask = arg;
    ask->call = NULL;
    if (found) ask->found = tn_found_ref(found);
    if (err) ask->err = *err;
    tn_task_wake(ask->task);
}

int bind_ask_send(lua_State *L, struct bind_ask *ask, struct tn_store *store,
                  struct tn_read *read_give, lua_KFunction k, void *ctx)
{
    ask->task = tn_task_reader(L);
    if (!ask->task) {
        tn_read_free(read_give);
        bind_ask_task(L);
    }
    bind_ask_drop(ask);
    tn_err_clear(&ask->err);
    ask->call = tn_store_read(store, read_give, NULL, on_found, ask);
    return tn_task_park_reader(L, k, ctx);
}

void bind_ask_drop(struct bind_ask *ask)
{
    tn_call_cancel(ask->call);
    tn_found_unref(ask->found);
    ask->call = NULL;
    ask->found = NULL;
}

bool bind_ask_answered(const struct bind_ask *ask, struct tn_err *err)
{
    const struct tn_err *why = ask->found ? tn_found_err(ask->found, 0) : &ask->err;
    if (!why || (ask->found && why->kind == TN_E_not_found)) return true;
    *err = *why;
    return false;
}
