/* SPDX-License-Identifier: MIT */
/* keys.h - /api/v1/keys: API keys are made, listed and revoked here. */
#ifndef TN_API_KEYS_H
#define TN_API_KEYS_H

#include "api/handler.h"

/* Keys of the caller's team without the key itself, of which only an HMAC is stored. */
void api_keys_list(void *api, struct tn_http_exchange *x);
void api_keys_get(void *api, struct tn_http_exchange *x);
/* 201 with the key, which no later answer shows; 403 when its role grants more than the caller has.
 */
void api_keys_create(void *api, struct tn_http_exchange *x);
/* 204, and from the next request on the key opens nothing; 409 for the key that the caller uses. */
void api_keys_revoke(void *api, struct tn_http_exchange *x);

#endif
