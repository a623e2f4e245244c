/* SPDX-License-Identifier: MIT */
/* router.h - finds the handler of a path.  Routes are data, compiled once, replaced as a whole.
 * Life: new (one reference), ref and unref.  An exchange that was matched holds a reference, so a
 * new router can take the place of the old one while requests run.
 *
 * Patterns: "/api/v1/items/{id}"; "{name}" is one segment that is not empty; "{name*}" at the end
 * is the rest, may be empty, with its slashes.  A fixed segment wins over "{name}", which wins over
 * "{name*}". A slash at the end of a path means the same as none.  GET serves HEAD too. */
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
    unsigned flags; /* these four mean nothing here, and what they point to is borrowed */
    const void *user;
    const char *entity, *verb; /* the permission that it asks for */
};

struct tn_router;

enum tn_route_result {
    TN_ROUTE_found,
    TN_ROUTE_no_path,   /* 404 */
    TN_ROUTE_no_method, /* 405 with match->allow */
    TN_ROUTE_options,   /* OPTIONS, no route of its own (or "*"): 204, match->allow */
};

struct tn_route_match {
    struct tn_router *router;
    const struct tn_route *route; /* NULL unless found */
    const char *allow;            /* "GET, HEAD, POST"; "" when no path matched */
    unsigned n;
    struct tn_str names[TN_ROUTE_PARAMS], values[TN_ROUTE_PARAMS];
};

/* Copies the rows with method and pattern.  NULL: err names the row that is malformed
 * or comes twice. */
TN_MUST_CHECK struct tn_router *tn_router_new(const struct tn_route *routes, size_t n,
                                              struct tn_err *err);
struct tn_router *tn_router_ref(struct tn_router *r);
void tn_router_unref(struct tn_router *r); /* NULL does nothing */
/* Hands over the memory that the rows' user pointers point into; the router releases it with its
 * last reference.  May be called once. */
void tn_router_keep(struct tn_router *r, void *kept, void (*release)(void *kept));

/* Pure look-up.  match borrows from the router and from path. */
enum tn_route_result tn_router_find(struct tn_router *r, struct tn_str method,
                                    const struct tn_http_path *path, struct tn_route_match *match);
/* The look-up for an exchange: afterwards tn_http_match and tn_http_param answer from it, until the
 * exchange is finished. */
enum tn_route_result tn_router_match(struct tn_router *r, struct tn_http_exchange *x);
/* Walks the rows in the order given: for documents and tests.  NULL: no more. */
const struct tn_route *tn_router_row(const struct tn_router *r, size_t index);

#endif
