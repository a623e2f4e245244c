/* SPDX-License-Identifier: MIT */
/* plans.h - /api/v1/plans: what shall happen to many records of quarantine, with its exact count
 * and samples, made first and carried out once by its id.
 * A plan is a row of table "plan".  A retry is a run of its integration's operation that bears the
 * trigger RETRY; a discard is one commit. */
#ifndef TN_API_PLANS_H
#define TN_API_PLANS_H

struct tn_http_exchange;

/* Make a plan of open records that the body names by ids or by a filter: 201, and nothing else is
 * done yet.  404 when none fits; 422 when a retry would be of several operations. */
void api_plans_retry(void *api, struct tn_http_exchange *x);
void api_plans_discard(void *api, struct tn_http_exchange *x);
/* One record by its id, at once.  A retry leaves a plan behind, which its run needs; a discard does
 * not, and takes its reason from the query. */
void api_plans_retry_one(void *api, struct tn_http_exchange *x);
void api_plans_discard_one(void *api, struct tn_http_exchange *x);
/* The plan; once it was carried out, with the number and the fate of its records. */
void api_plans_get(void *api, struct tn_http_exchange *x);
/* Carries it out, once: 202 for a retry, 200 for a discard.  410 after an hour; 409 when it was
 * carried out, or when other records fit its filter by now. */
void api_plans_run(void *api, struct tn_http_exchange *x);

#endif
