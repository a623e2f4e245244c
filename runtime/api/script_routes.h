/* SPDX-License-Identifier: MIT */
/* script_routes.h - /api/v1/scripts: which generations serve, and the reload. */
#ifndef TN_API_SCRIPT_ROUTES_H
#define TN_API_SCRIPT_ROUTES_H

#include "api/internal.h"

void api_scripts_list(void *api, struct tn_http_exchange *x);
void api_scripts_reload(void *api, struct tn_http_exchange *x);

#endif
