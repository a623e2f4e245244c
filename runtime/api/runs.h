/* SPDX-License-Identifier: MIT */
/* runs.h - /api/v1/integrations/{id}/sync and /logs: syncs are started and looked at here. */
#ifndef TN_API_RUNS_H
#define TN_API_RUNS_H

#include "api/handler.h"

void api_runs_start(void *api, struct tn_http_exchange *x);
void api_runs_list(void *api, struct tn_http_exchange *x);
void api_runs_get(void *api, struct tn_http_exchange *x);
void api_runs_cancel(void *api, struct tn_http_exchange *x);

#endif
