/* SPDX-License-Identifier: MIT */
/* source.h - gives adapters in Lua to the sync engine (sync/source.h). The run function of an
 * operation is a task; the pages that it emits wait, at most two, until the engine asks for them.
 * Worker. */
#ifndef TN_SCRIPTS_SOURCE_H
#define TN_SCRIPTS_SOURCE_H

#include "scripts/connections.h"
#include "sync/source.h"

/* self is a struct tn_connections.  A source keeps its connection, and so its generation. */
extern const struct tn_adapter_ops tn_source_adapters;

#endif
