/* SPDX-License-Identifier: MIT */
/* api.h - what the network can call.  routes.c lists it; one file a group answers it.
 * Life: open over the parts of a worker; listen is the server's; close before the parts. */
#ifndef TN_API_API_H
#define TN_API_API_H

#include "api/parts.h"
#include "base/err.h"
#include "scripts/load_faults.h"

struct tn_api;
struct tn_http_server_options;
struct tn_units;

TN_MUST_CHECK struct tn_api *tn_api_open(const struct tn_api_parts *parts, struct tn_err *err);
void tn_api_close(struct tn_api *api); /* NULL does nothing */
/* Fills in the callbacks of the HTTP server. */
void tn_api_serve(struct tn_api *api, struct tn_http_server_options *o);
/* Would these scripts fit?  False: err is the first route that cannot be, with file and line, and
 * names what it meets.  each (may be NULL) gets all of them. */
TN_MUST_CHECK bool tn_api_fits(struct tn_units *units, tn_fault_fn each, void *arg,
                               struct tn_err *err);
/* The scripts were loaded anew: resources and surfaces get their routes.  False: two routes clash
 * (err says which); the old routes serve on. */
TN_MUST_CHECK bool tn_api_refresh(struct tn_api *api, struct tn_err *err);

#endif
