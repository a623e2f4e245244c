/* SPDX-License-Identifier: MIT */
/* roles.h - /api/v1/roles: the roles that ship are listed, a team's own are made and changed. */
#ifndef TN_API_ROLES_H
#define TN_API_ROLES_H

#include "api/handler.h"

void api_roles_list(void *api, struct tn_http_exchange *x);
void api_roles_create(void *api, struct tn_http_exchange *x);
void api_roles_get(void *api, struct tn_http_exchange *x);
void api_roles_replace(void *api, struct tn_http_exchange *x);
void api_roles_patch(void *api, struct tn_http_exchange *x);
void api_roles_delete(void *api, struct tn_http_exchange *x);

#endif
