/* SPDX-License-Identifier: MIT */
/* surface.h - routes that surfaces in Lua publish: a table of them for the API's router, and the
 * handler that runs a route's function as a task. Worker process. */
#ifndef TN_SCRIPTS_SURFACE_H
#define TN_SCRIPTS_SURFACE_H

#include "scripts/units.h"

struct tn_http_exchange;
struct tn_surface_route;

/* One route.  Immutable; belongs to the set of surfaces. */
struct tn_surface_row {
    const char *method, *pattern; /* in the form of router.h, with the surface's path */
    bool open;                    /* served without a key */
    const struct tn_decl *surface;
    const struct tn_surface_route *route;
    struct tn_unit *unit;
};
/* All routes of a set of units, to which it holds a reference. */
struct tn_surfaces;
struct tn_surfaces *tn_surfaces_new(struct tn_units *units);
void tn_surfaces_free(struct tn_surfaces *s); /* NULL does nothing */
size_t tn_surfaces_count(const struct tn_surfaces *s);
const struct tn_surface_row *tn_surfaces_at(const struct tn_surfaces *s, size_t i);

/* Finishes x with the answer for a failure, in the API's form. */
typedef void (*tn_surface_error_fn)(void *arg, struct tn_http_exchange *x,
                                    const struct tn_err *err);
/* Serves x, which the router matched with the row's pattern. Finishes x now or later, and keeps
 * the unit alive until then. actor (copied): on whose behalf the function runs. A failure of the
 * script, or an answer that is malformed, goes to error. */
void tn_surface_serve(const struct tn_surface_row *row, const struct tn_actor *actor,
                      struct tn_http_exchange *x, tn_surface_error_fn error, void *arg);

#endif
