/* SPDX-License-Identifier: MIT */
/* answer.h - how answers look: errors in the documented body, JSON of the rest. */
#ifndef TN_API_ANSWER_H
#define TN_API_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct tn_http_exchange;

/* An answer being written: begin, write members through w, send. */
struct tn_answer {
    struct tn_http_exchange *x;
    struct tn_buf body;
    struct tn_jw w;
};
void tn_answer_begin(struct tn_answer *a, struct tn_http_exchange *x);
void tn_answer_send(struct tn_answer *a, int status);

/* The documented body: error {code, message, details, timestamp, requestId}; the status and code
 * are those of the kind.  Kinds that may be retried say Retry-After. */
void tn_answer_err(struct tn_http_exchange *x, const struct tn_err *err);
/* The same with all of several faults in details; err is the first. */
void tn_answer_errs(struct tn_http_exchange *x, const struct tn_err *err,
                    const struct tn_err *faults, size_t n);
/* The same where only a status is known (the server's own refusals). */
void tn_answer_err_body(struct tn_buf *out, int status, const char *text, const char *request_id);
/* "VALIDATION_ERROR" */
const char *tn_answer_code(enum tn_kind kind);

#endif
