/* SPDX-License-Identifier: MIT */
/* lists.h - a table of the system as pages: {"keys": [...], "nextCursor": ...}, in the order of
 * creation. */
#ifndef TN_API_LISTS_H
#define TN_API_LISTS_H

#include "api/handler.h"

struct tn_row;

/* One kind of list; const, since a request keeps a pointer to it. */
struct api_list {
    const char *table, *member; /* member: of the answer, for the rows */
    /* Writes one row as a value; what may not be shown is left out here. */
    void (*row)(const struct tn_row *row, struct tn_jw *w);
    /* Writes values that stand before the first page; NULL: none. */
    void (*first)(struct tn_jw *w);
};
/* Answers x with the page at its cursor, of the caller's team.  A query with another parameter is
 * 400. */
void api_list(struct tn_api *api, struct tn_http_exchange *x, const struct api_list *list);

#endif
