/* SPDX-License-Identifier: MIT */
/* bind_transaction.h - store.transaction(fn): gives a script a transaction of the record service
 * (model/tx.h). */
#ifndef TN_BIND_BIND_TRANSACTION_H
#define TN_BIND_BIND_TRANSACTION_H

#include "bind/bind.h"

/* A module function. */
int bind_transaction(lua_State *L);

#endif
