/* SPDX-License-Identifier: MIT */
/* script_routes.h - /api/v1/scripts: which generations serve and served, what they differ in, the
 * files of the site folder, reload, activate, roll back, shadow. */
#ifndef TN_API_SCRIPT_ROUTES_H
#define TN_API_SCRIPT_ROUTES_H

#include "api/handler.h"

void api_scripts_list(void *api, struct tn_http_exchange *x);
void api_scripts_reload(void *api, struct tn_http_exchange *x);
void api_scripts_activate(void *api, struct tn_http_exchange *x);
void api_scripts_release(void *api, struct tn_http_exchange *x);
void api_scripts_rollback(void *api, struct tn_http_exchange *x);
void api_scripts_generations(void *api, struct tn_http_exchange *x);
void api_scripts_generation(void *api, struct tn_http_exchange *x);
void api_scripts_diff(void *api, struct tn_http_exchange *x);
void api_scripts_shadow(void *api, struct tn_http_exchange *x);
void api_scripts_shadow_end(void *api, struct tn_http_exchange *x);
void api_scripts_preview(void *api, struct tn_http_exchange *x);
void api_scripts_isolates(void *api, struct tn_http_exchange *x);
void api_scripts_files(void *api, struct tn_http_exchange *x);
void api_scripts_file(void *api, struct tn_http_exchange *x);
void api_scripts_file_put(void *api, struct tn_http_exchange *x);
void api_scripts_file_delete(void *api, struct tn_http_exchange *x);

#endif
