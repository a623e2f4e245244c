/* SPDX-License-Identifier: MIT */
/* handler.h - the tools of the handlers of routes.  For the files of api/ alone. A handler answers
 * its exchange exactly once, at once or in a later turn. */
#ifndef TN_API_HANDLER_H
#define TN_API_HANDLER_H

#include "access/keys.h"
#include "api/answer.h"
#include "api/parts.h"
#include "base/json.h"
#include "model/actor.h"
#include "net/http_server.h"
#include "net/router.h"

struct tn_api {
    struct tn_api_parts p;
    struct tn_router *router;
    struct tn_json *json;          /* for bodies: one request is parsed at a time */
    struct tn_http_server *server; /* for numbers only; may be NULL */
};

/* Every handler of a route: void fn(void *api, struct tn_http_exchange *x).
 *
 * A handler answers x once.  It may do so in a later turn, from the callback of a read, a commit or
 * a run that it began:
 * - x, its actor and what tn_http_alloc gave stay until x is answered, even if the client has gone
 *   or the HTTP server is freed; an answer that nobody waits for is dropped.  So a callback looks
 * at no flag, and an act that was begun is finished and audited whether its client waits or not.
 * - The API and all its parts stay until the last callback has run: at the end of a worker the
 *   store answers all that waits with kind cancelled (tn_store_stop), then the runner and the
 *   scripts do, and only then the API is freed (app.c, close_parts).  So cancelled is an error as
 *   any other: answer it.  It is no reason to ask again: a read that is begun then is answered with
 *   cancelled, too.
 * - Views of the request (tn_http_param, tn_http_query) stay as long as x; the body does not:
 *   copy what a callback needs. */

/* Flags of a route. */
enum {
    TN_ROUTE_open = 1,    /* no key is needed; every other route names a permission */
    TN_ROUTE_scripts = 2, /* the body may carry a set of script files */
    TN_ROUTE_records = 4, /* the permission is one for records, not for what is the system's own */
};

/* The caller; valid in every handler except those of open routes. */
const struct tn_actor *api_actor(const struct tn_http_exchange *x);
/* May the actor call the route?  One that is not open and names no permission is for nobody.
 * False: kind forbidden. */
TN_MUST_CHECK bool api_may(const struct tn_actor *actor, const struct tn_route *route,
                           struct tn_err *err);
/* Takes the isolate out of quarantine and logs the name of the caller. */
void api_release(struct tn_api *api, const struct tn_http_exchange *x, const char *isolate);

/* The body as a JSON object; false: x is answered (400, 415; 422: it is no object). */
bool api_body(struct tn_api *api, struct tn_http_exchange *x, struct tn_jval *out);
/* The same, of one of these content types alone (NULL ends), or of none given. */
bool api_body_of(struct tn_api *api, struct tn_http_exchange *x, const char *const *types,
                 struct tn_jval *out);
/* False: err names the first member that is in neither list (NULL ends; ours may be NULL), and the
 * nearest of names. */
bool api_members_known(struct tn_jval object, const char *const *names, const char *const *ours,
                       struct tn_err *err);
/* A whole number from the query.  Above max it becomes max; false: x is answered (400). */
bool api_query_int(struct tn_http_exchange *x, const char *name, int64_t otherwise, int64_t min,
                   int64_t max, int64_t *out);
/* False: x is answered with 400 naming the first parameter that is not among names (NULL ends). */
bool api_query_known(struct tn_http_exchange *x, const char *const *names);

/* The fixed routes, and where a resource's and a surface's requests go. */
extern const struct tn_route api_routes[];
extern const size_t api_route_count;
extern const struct tn_route api_resource_routes[]; /* patterns relative to the resource's path */
extern const size_t api_resource_route_count;
/* A surface's rows for GET, and for all other methods: flags and permission. */
extern const struct tn_route api_surface_read, api_surface_write;

#endif
