/* SPDX-License-Identifier: MIT */
/* webhooks.h - POST /api/v1/integrations/{id}/webhook: events from the system on the other side. */
#ifndef TN_API_WEBHOOKS_H
#define TN_API_WEBHOOKS_H

#include "api/handler.h"

/* Verified over the raw bytes, stored, then answered: 202, or 200 for one that came before. */
void api_webhooks_receive(void *api, struct tn_http_exchange *x);

#endif
