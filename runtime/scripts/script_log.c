/* SPDX-License-Identifier: MIT */
#include "scripts/script_log.h"

#include <stdio.h>

#include "base/log.h"

void tn_script_log_fault(struct tn_log *log, const char *what, const struct tn_err *err)
{
    char where[sizeof err->file + 16] = "";
    if (err->file[0] && err->line)
        snprintf(where, sizeof where, "%s:%d: ", err->file, err->line);
    else if (err->file[0])
        snprintf(where, sizeof where, "%s: ", err->file);
    tn_log(log, TN_LOG_error, "scripts", "%s: %s%s", what, where, err->text);
}
