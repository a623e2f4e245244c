/* SPDX-License-Identifier: MIT */
/* bind_source.h - adapters in Lua as the sync engine sees them (sync/source.h): an operation's run
 * function is a task; the pages that it emits wait, two at most, until the engine asks.  Worker. */
#ifndef TN_BIND_BIND_SOURCE_H
#define TN_BIND_BIND_SOURCE_H

#include "bind/connections.h"
#include "sync/source.h"

/* self is a struct tn_connections.  A source keeps its connection, and so its generation. */
extern const struct tn_adapter_ops tn_bind_source_ops;

#endif
