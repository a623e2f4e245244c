/* SPDX-License-Identifier: MIT */
/* api.h - what the network can call.  routes.c lists it; one file a group answers it.
 * Life: open over the parts of a worker; listen is the server's; close before the parts. */
#ifndef TN_API_API_H
#define TN_API_API_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct tn_api;
struct tn_http_server_options;
struct tn_keys;
struct tn_log;
struct tn_loop;
struct tn_runner;
struct tn_scripts;
struct tn_secrets;
struct tn_shared;
struct tn_store;
struct tn_units;

/* The parts of a worker; all outlive the API. */
struct tn_api_parts {
    struct tn_loop *loop;
    struct tn_log *log;
    struct tn_store *store;
    struct tn_keys *keys;
    const struct tn_secrets *secrets;
    struct tn_runner *runner;
    struct tn_shared *shared;
    struct tn_scripts *scripts;
    const char *version;
    int64_t team; /* of this installation, for the local command line */
    int worker;   /* number, from 1 */
};

TN_MUST_CHECK struct tn_api *tn_api_open(const struct tn_api_parts *parts, struct tn_err *err);
void tn_api_close(struct tn_api *api); /* NULL does nothing */
/* Fills in what the HTTP server asks of us. */
void tn_api_serve(struct tn_api *api, struct tn_http_server_options *o);
/* Would these scripts fit?  False: err names the route that comes twice. */
TN_MUST_CHECK bool tn_api_fits(struct tn_units *units, struct tn_err *err);
/* The scripts were loaded anew: resources and surfaces get their routes.  False: two routes clash
 * (err says which); the old routes serve on. */
TN_MUST_CHECK bool tn_api_refresh(struct tn_api *api, struct tn_err *err);

#endif
