/* SPDX-License-Identifier: MIT */
/* bind_ask.h - reads of the store for which a task waits. The function of a transaction may wait
 * for such reads, and for nothing else. Life: zeroed inside an object made with bind_new; send,
 * answered, send again; drop in the object's drop. */
#ifndef TN_BIND_BIND_ASK_H
#define TN_BIND_BIND_ASK_H

#include "bind/bind.h"
#include "store/read.h"

struct bind_ask {
    struct tn_task *task;
    struct tn_call *call;   /* NULL: no read is under way */
    struct tn_found *found; /* the last answer; NULL: the read failed, see err */
    struct tn_err err;
};
/* Returns the running task, which can wait for a read; raises where nothing can wait. */
struct tn_task *bind_ask_task(lua_State *L);
/* Sends the read and parks the task until the store answers; then k goes on. The module function
 * returns the result of this call. Raises where nothing can wait. Frees the previous answer once
 * the read is sent. */
int bind_ask_send(lua_State *L, struct bind_ask *ask, struct tn_store *store,
                  struct tn_read *read_give, lua_KFunction k, void *ctx);
void bind_ask_drop(struct bind_ask *ask);
/* Did the store answer the only question of the read? not_found counts as an answer. */
TN_MUST_CHECK bool bind_ask_answered(const struct bind_ask *ask, struct tn_err *err);

#endif
