/* SPDX-License-Identifier: MIT */
/* roles.h - /api/v1/roles: the roles that ship are listed, a team's own are made and changed. */
#ifndef TN_API_ROLES_H
#define TN_API_ROLES_H

#include "api/handler.h"

/* {role} in the path is an id or a name. */
void api_roles_list(void *api, struct tn_http_exchange *x);
void api_roles_get(void *api, struct tn_http_exchange *x);
/* Nobody grants what they do not have: 403 names the grant. A change takes effect with the next
 * request of each key of the role. 409 for a role that ships. */
void api_roles_create(void *api, struct tn_http_exchange *x);
void api_roles_replace(void *api, struct tn_http_exchange *x);
void api_roles_patch(void *api, struct tn_http_exchange *x);
void api_roles_delete(void *api, struct tn_http_exchange *x);

#endif
