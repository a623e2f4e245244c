/* SPDX-License-Identifier: MIT */
/* bind_ask.h - a read of the store that a task waits for.  It is the one thing that may be waited
 * for in the function of a transaction, too.
 * Life: zeroed inside an object made with bind_new; send, answered, send again; drop in the
 * object's drop. */
#ifndef TN_BIND_BIND_ASK_H
#define TN_BIND_BIND_ASK_H

#include "bind/bind.h"
#include "store/read.h"

struct bind_ask {
    struct tn_task *task;
    struct tn_call *call;   /* NULL: none is under way */
    struct tn_found *found; /* the last answer; NULL: there is none, err says why */
    struct tn_err err;
};
/* The task that can wait for a read; raises where nothing can wait. */
struct tn_task *bind_ask_task(lua_State *L);
/* Parks until it is answered, then k goes on; to be returned by the module function.  Raises where
 * nothing can wait.  The answer before is let go once the read is on its way. */
int bind_ask_send(lua_State *L, struct bind_ask *ask, struct tn_store *store,
                  struct tn_read *read_give, lua_KFunction k, void *ctx);
void bind_ask_drop(struct bind_ask *ask);
/* Was its only question answered?  That there is no such thing is an answer. */
TN_MUST_CHECK bool bind_ask_answered(const struct bind_ask *ask, struct tn_err *err);

#endif
