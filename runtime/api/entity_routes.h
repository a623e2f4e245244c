/* SPDX-License-Identifier: MIT */
/* entity_routes.h - the records of every resource over REST: list, get, create, put, patch, delete.
 * Fields, key, lists and rules are those that the resource declares (scripts/resources/); reads go
 * through the store's reads, writes through transactions of the record service (model/tx.h).
 * The route's user is a struct api_entity. */
#ifndef TN_API_ENTITY_ROUTES_H
#define TN_API_ENTITY_ROUTES_H

#include "api/handler.h"
#include "model/entity.h"

/* An entity and all those of its set, for references. */
struct api_entity {
    const struct tn_entity *entity;
    const struct tn_entities *all;
};

void api_entity_list(void *api, struct tn_http_exchange *x);
void api_entity_get(void *api, struct tn_http_exchange *x);
void api_entity_create(void *api, struct tn_http_exchange *x);
void api_entity_put(void *api, struct tn_http_exchange *x);
void api_entity_patch(void *api, struct tn_http_exchange *x); /* JSON merge patch (RFC 7396) */
void api_entity_delete(void *api, struct tn_http_exchange *x);

#endif
