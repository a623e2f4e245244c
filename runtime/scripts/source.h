/* SPDX-License-Identifier: MIT */
/* source.h - runs operations of adapters in Lua for the sync engine (sync/source.h). The run
 * function of an operation is a task. At most two of the pages that it emits wait for the
 * engine; then the task waits. Worker process. */
#ifndef TN_SCRIPTS_SOURCE_H
#define TN_SCRIPTS_SOURCE_H

#include "scripts/connections.h"
#include "sync/source.h"

/* self is a struct tn_connections. A source holds its connection, so the run ends with the
 * generation of scripts with which it began. */
extern const struct tn_adapter_ops tn_source_adapters;

#endif
