/* SPDX-License-Identifier: MIT */
/* system.h - /healthz, /readyz, /metrics, /api/v1/status: the state of this server. */
#ifndef TN_API_SYSTEM_H
#define TN_API_SYSTEM_H

#include "api/handler.h"

void api_system_live(void *api, struct tn_http_exchange *x);
void api_system_ready(void *api, struct tn_http_exchange *x);
void api_system_metrics(void *api, struct tn_http_exchange *x);
void api_system_status(void *api, struct tn_http_exchange *x);

#endif
