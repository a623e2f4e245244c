/* SPDX-License-Identifier: MIT */
/* entity_answer.h - a record as it is shown over REST. */
#ifndef TN_API_ENTITY_ANSWER_H
#define TN_API_ENTITY_ANSWER_H

#include "model/entity.h"

/* The id, the members of the body byte for byte, then what the system knows.  Secrets are masked;
 * json is for reading them. */
void api_record_write(struct tn_jw *w, struct tn_json *json, const struct tn_entity *e,
                      const struct tn_row *row);

#endif
