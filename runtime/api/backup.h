/* SPDX-License-Identifier: MIT */
/* backup.h - POST /api/v1/backup: a checked copy of the database, while work goes on.  Only over
 * the local socket, as it writes a file on this machine. */
#ifndef TN_API_BACKUP_H
#define TN_API_BACKUP_H

#include "api/handler.h"

void api_backup_make(void *api, struct tn_http_exchange *x);

#endif
