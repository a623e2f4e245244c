/* SPDX-License-Identifier: MIT */
/* router.h - finds the handler of a path. Routes are data: they are compiled once and replaced as a
 * whole. Life: new (one reference), ref and unref. An exchange that was matched holds a reference,
 * so a new router can take the place of the old one while requests run.
 *
 * Patterns: "/api/v1/items/{id}". "{name}" matches one segment that is not empty; "{name*}" at the
 * end matches the rest with its slashes, which may be empty. A fixed segment wins over "{name}",
 * which wins over "{name*}". A slash at the end of a path is ignored. GET serves HEAD, too. */
#ifndef TN_NET_ROUTER_H
#define TN_NET_ROUTER_H

#include "base/err.h"
#include "net/http_parse.h"

struct tn_http_exchange;

enum { TN_ROUTE_PARAMS = 8 };

struct tn_route {
    const char *method; /* "GET"; "*" takes every method */
    const char *pattern;
    void (*handle)(void *arg, struct tn_http_exchange *x);
    unsigned flags; /* the router ignores these four fields, and borrows what they point to */
    const void *user;
    const char *entity, *verb; /* the permission that the caller needs */
};

struct tn_router;

enum tn_route_result {
    TN_ROUTE_found,
    TN_ROUTE_no_path,   /* 404 */
    TN_ROUTE_no_method, /* 405 with match->allow */
    TN_ROUTE_options,   /* OPTIONS without a route of its own (or for "*"): 204, match->allow */
};

struct tn_route_match {
    struct tn_router *router;
    const struct tn_route *route; /* NULL unless found */
    const char *allow;            /* "GET, HEAD, POST"; "" when no path matched */
    unsigned n;
    struct tn_str names[TN_ROUTE_PARAMS], values[TN_ROUTE_PARAMS];
};

/* Copies the rows with method and pattern. NULL: err names the row that is malformed or comes
 * twice. */
TN_MUST_CHECK struct tn_router *tn_router_new(const struct tn_route *routes, size_t n,
                                              struct tn_err *err);
struct tn_router *tn_router_ref(struct tn_router *r);
void tn_router_unref(struct tn_router *r); /* NULL does nothing */
/* Gives the router the memory that the rows' user pointers point into; it is released with the last
 * reference. May be called once. */
void tn_router_keep(struct tn_router *r, void *kept, void (*release)(void *kept));

/* Only looks up. match borrows from the router and from path. */
enum tn_route_result tn_router_find(struct tn_router *r, struct tn_str method,
                                    const struct tn_http_path *path, struct tn_route_match *match);
/* Looks up for an exchange: tn_http_match and tn_http_param give the result until it is
 * finished. */
enum tn_route_result tn_router_match(struct tn_router *r, struct tn_http_exchange *x);
/* Returns the row at index in the order given, for documents and tests. NULL: no more rows. */
const struct tn_route *tn_router_row(const struct tn_router *r, size_t index);

#endif
