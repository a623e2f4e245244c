/* SPDX-License-Identifier: MIT */
#include "api/answer.h"

#include "base/limits.h"
#include "base/time.h"
#include "net/http_server.h"
#include "sync/run_view.h"

enum { ANSWER_MAX = 64 * TN_MIB };

static const char json_type[] = "application/json";

/* Wire codes of the documents for what a caller did; what happened on the other side of an
 * integration has the codes of its runs. */
static const char *const codes[TN_E_count] = {
    [TN_E_invalid] = "VALIDATION_ERROR",
    [TN_E_syntax] = "BAD_REQUEST",
    [TN_E_too_large] = "PAYLOAD_TOO_LARGE",
    [TN_E_unauthorized] = "UNAUTHORIZED",
    [TN_E_signature] = "ERR_WEBHOOK_SIGNATURE",
    [TN_E_forbidden] = "FORBIDDEN",
    [TN_E_not_found] = "NOT_FOUND",
    [TN_E_gone] = "GONE",
    [TN_E_method] = "METHOD_NOT_ALLOWED",
    [TN_E_media_type] = "UNSUPPORTED_MEDIA_TYPE",
    [TN_E_conflict] = "CONFLICT",
    [TN_E_key_taken] = "DUPLICATE_KEY",
    [TN_E_busy] = "CONFLICT",
    [TN_E_rate_limited] = "RATE_LIMIT_EXCEEDED",
    [TN_E_overloaded] = "SERVICE_UNAVAILABLE",
    [TN_E_unavailable] = "SERVICE_UNAVAILABLE",
    [TN_E_disk_full] = "INSUFFICIENT_STORAGE",
    [TN_E_io] = "ERR_DATABASE",
    [TN_E_corrupt] = "ERR_DATABASE",
    [TN_E_no_memory] = "SERVICE_UNAVAILABLE",
};

const char *tn_answer_code(enum tn_kind kind)
{
    return codes[kind] ? codes[kind] : tn_run_code(kind);
}

void tn_answer_begin(struct tn_answer *a, struct tn_http_exchange *x)
{
    a->x = x;
    tn_buf_init(&a->body, ANSWER_MAX);
    tn_jw_init(&a->w, &a->body);
}

void tn_answer_send(struct tn_answer *a, int status)
{
    struct tn_err err;
    if (tn_buf_ok(&a->body, "the answer", &err))
        tn_http_reply(a->x, status, json_type, tn_buf_str(&a->body));
    else
        tn_answer_err(a->x, &err);
    tn_buf_clear(&a->body);
}

static void write_details(struct tn_jw *w, const struct tn_err *err)
{
    if (!err->field[0] && !err->file[0] && !err->params[0]) return;
    tn_jw_key(w, TN_STR("details"));
    tn_jw_object(w);
    if (err->field[0]) tn_jw_kz(w, err->kind == TN_E_busy ? "runId" : "field", err->field);
    if (err->file[0]) tn_jw_kz(w, "file", err->file);
    if (err->line) tn_jw_kint(w, "line", err->line);
    if (err->params[0]) tn_jw_kraw(w, "conflict", tn_str(err->params));
    tn_jw_end(w);
}

static void write_error(struct tn_buf *out, const char *code, const char *message,
                        const struct tn_err *details, const char *request_id)
{
    struct tn_jw w;
    char now[TN_TIME_LEN + 1];
    tn_time_text(tn_now_ms(), now);
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_key(&w, TN_STR("error"));
    tn_jw_object(&w);
    tn_jw_kz(&w, "code", code);
    tn_jw_kz(&w, "message", tn_utf8_valid(message, strlen(message)) ? message : "(not UTF-8)");
    if (details) write_details(&w, details);
    tn_jw_kz(&w, "timestamp", now);
    tn_jw_kz(&w, "requestId", request_id);
    tn_jw_end(&w);
    tn_jw_end(&w);
}

void tn_answer_err(struct tn_http_exchange *x, const struct tn_err *err)
{
    int status = tn_kind_status(err->kind);
    struct tn_buf body;
    tn_buf_init(&body, TN_MIB);
    write_error(&body, tn_answer_code(err->kind), err->text, err, tn_http_request_id(x));
    if (status == 503 || status == 429 || status == 507)
        tn_http_header(x, "Retry-After", TN_STR("1"));
    if (status == 401) tn_http_header(x, "WWW-Authenticate", TN_STR("Bearer"));
    tn_http_reply(x, status, json_type, tn_buf_str(&body));
    tn_buf_clear(&body);
}

void tn_answer_err_body(struct tn_buf *out, int status, const char *text, const char *request_id)
{
    const char *code = "BAD_REQUEST";
    if (status == 413) code = "PAYLOAD_TOO_LARGE";
    if (status == 408) code = "REQUEST_TIMEOUT";
    if (status == 414) code = "URI_TOO_LONG";
    if (status == 431) code = "HEADERS_TOO_LARGE";
    if (status == 501) code = "NOT_IMPLEMENTED";
    if (status == 503) code = "SERVICE_UNAVAILABLE";
    if (status == 505) code = "VERSION_NOT_SUPPORTED";
    write_error(out, code, text, NULL, request_id);
}
