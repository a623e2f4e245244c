/* SPDX-License-Identifier: MIT */
/* keys.h - /api/v1/keys: API keys are made, listed and revoked here. */
#ifndef TN_API_KEYS_H
#define TN_API_KEYS_H

#include "api/handler.h"

void api_keys_list(void *api, struct tn_http_exchange *x);
void api_keys_create(void *api, struct tn_http_exchange *x);
void api_keys_get(void *api, struct tn_http_exchange *x);
void api_keys_revoke(void *api, struct tn_http_exchange *x);

#endif
