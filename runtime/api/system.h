/* SPDX-License-Identifier: MIT */
/* system.h - /healthz, /readyz, /metrics, /api/v1/status: the state of this server. */
#ifndef TN_API_SYSTEM_H
#define TN_API_SYSTEM_H

#include "api/handler.h"

/* 200 as long as this worker's loop turns. */
void api_system_live(void *api, struct tn_http_exchange *x);
/* 200 when requests can be served, 503 while the store does not answer. */
void api_system_ready(void *api, struct tn_http_exchange *x);
/* For Prometheus: numbers of all workers, of all teams' integrations and of the store; those of
 * isolates are of this worker, with its number as a label (docs/metrics.md).  200 also when the
 * store does not answer: tenon_store_up is 0 then. */
void api_system_metrics(void *api, struct tn_http_exchange *x);
/* The processes, what is in quarantine of the caller's team, and the store, for people. */
void api_system_status(void *api, struct tn_http_exchange *x);

#endif
