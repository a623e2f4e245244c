/* SPDX-License-Identifier: MIT */
/* integrations.h - /api/v1/integrations: what is configured, and whether the other side is there.
 */
#ifndef TN_API_INTEGRATIONS_H
#define TN_API_INTEGRATIONS_H

#include "access/integration.h"
#include "api/handler.h"

void api_integrations_list(void *api, struct tn_http_exchange *x);
void api_integrations_get(void *api, struct tn_http_exchange *x);
void api_integrations_create(void *api, struct tn_http_exchange *x);
void api_integrations_update(void *api, struct tn_http_exchange *x);
void api_integrations_delete(void *api, struct tn_http_exchange *x);
void api_integrations_release(void *api, struct tn_http_exchange *x);
void api_integrations_test(void *api, struct tn_http_exchange *x);
void api_integrations_health(void *api, struct tn_http_exchange *x);

/* Looks up the integration that {id} of the path names, by id or name, and calls then in a later
 * turn with it; what then leaves in *i is cleared behind it.  Where there is none x is answered. */
typedef void (*api_integration_fn)(struct tn_api *api, struct tn_http_exchange *x,
                                   struct tn_integration *i);
void api_with_integration(struct tn_api *api, struct tn_http_exchange *x, api_integration_fn then);
/* The adapter of that name, or NULL. */
const struct tn_decl *api_adapter(const struct tn_api *api, struct tn_str name);

#endif
