/* SPDX-License-Identifier: MIT */
/* journal.h - what happened, newest first: /api/v1/audit, /api/v1/inbound and /api/v1/runs. */
#ifndef TN_API_JOURNAL_H
#define TN_API_JOURNAL_H

#include "api/handler.h"

void api_journal_audit(void *api, struct tn_http_exchange *x);
void api_journal_inbound(void *api, struct tn_http_exchange *x);
void api_journal_runs(void *api, struct tn_http_exchange *x);

#endif
