/* SPDX-License-Identifier: MIT */
/* source.h - adapters in Lua as the sync engine sees them (sync/source.h): an operation's run
 * function is a task; the pages that it emits wait, two at most, until the engine asks.  Worker. */
#ifndef TN_SCRIPTS_SOURCE_H
#define TN_SCRIPTS_SOURCE_H

#include "scripts/connections.h"
#include "sync/source.h"

/* self is a struct tn_connections.  A source keeps its connection, and so its generation. */
extern const struct tn_adapter_ops tn_source_adapters;

#endif
