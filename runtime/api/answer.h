/* SPDX-License-Identifier: MIT */
/* answer.h - the form of answers: errors in the documented body, and JSON for the rest. */
#ifndef TN_API_ANSWER_H
#define TN_API_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/check.h"

struct tn_http_exchange;

/* An answer being written: begin, write members through w, send. */
struct tn_answer {
    struct tn_http_exchange *x;
    struct tn_buf body;
    struct tn_jw w;
};
void tn_answer_begin(struct tn_answer *a, struct tn_http_exchange *x);
void tn_answer_send(struct tn_answer *a, int status);

/* The documented body: error {code, message, details, faults, timestamp, requestId}; the status and
 * code are those of the kind.  Kinds that may be retried say Retry-After. */
void tn_answer_err(struct tn_http_exchange *x, const struct tn_err *err);
/* The same with all that is wrong; details are of err, their first.  faults NULL: err alone, if it
 * has a code.  value: JSON of the value at fault; absent: it is not shown. */
void tn_answer_faults(struct tn_http_exchange *x, const struct tn_err *err,
                      const struct tn_faults *faults, struct tn_str value);
/* The same where only a status is known (the server's own refusals). */
void tn_answer_err_body(struct tn_buf *out, int status, const char *text, const char *request_id);
/* "VALIDATION_ERROR" */
const char *tn_answer_code(enum tn_kind kind);

/* Begins a metric of Prometheus: its lines HELP and TYPE. */
void tn_metric_head(struct tn_buf *out, const char *name, const char *type, const char *help);

#endif
