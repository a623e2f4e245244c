/* SPDX-License-Identifier: MIT */
/* bind_transaction.h - store.transaction(fn): a transaction of the record service (model/tx.h) in
 * the hands of a script. */
#ifndef TN_BIND_BIND_TRANSACTION_H
#define TN_BIND_BIND_TRANSACTION_H

#include "bind/bind.h"

/* A module function. */
int bind_transaction(lua_State *L);

#endif
