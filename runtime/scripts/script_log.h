/* SPDX-License-Identifier: MIT */
/* script_log.h - writes faults of scripts to the log, with file and line. */
#ifndef TN_SCRIPTS_SCRIPT_LOG_H
#define TN_SCRIPTS_SCRIPT_LOG_H

#include "base/err.h"

struct tn_log;

/* "reload refused: scripts/x.lua:7: ..." */
void tn_script_log_fault(struct tn_log *log, const char *what, const struct tn_err *err);

#endif
