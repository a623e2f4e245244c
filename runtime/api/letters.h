/* SPDX-License-Identifier: MIT */
/* letters.h - rows of quarantine that are no records of a sync but deliveries that were given up:
 * of an event to a rule, or of a webhook to its run.  They have a member "queue", and are tried
 * again as a ticket of that queue.  Worker; called by plans.c. */
#ifndef TN_API_LETTERS_H
#define TN_API_LETTERS_H

#include "api/handler.h"
#include "store/store.h"

/* Is the row a delivery? */
bool api_is_letter(struct tn_jval body);
/* Adds to the commit a ticket with all tries of the delivery, and that the row is settled
 * ("retried").  False: err says why it cannot be sent again. */
TN_MUST_CHECK bool api_letter_resend(struct tn_api *api, const struct tn_actor *who,
                                     const struct tn_row *row, struct tn_jval body,
                                     struct tn_commit *commit, struct tn_err *err);

#endif
