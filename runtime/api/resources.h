/* SPDX-License-Identifier: MIT */
/* resources.h - the records of every resource: list and get. The resource file (scripts/resources/)
 * declares the filters and sorts of lists and the number of rows. */
#ifndef TN_API_RESOURCES_H
#define TN_API_RESOURCES_H

#include "api/handler.h"

void api_resources_list(void *api, struct tn_http_exchange *x);
void api_resources_get(void *api, struct tn_http_exchange *x);

#endif
