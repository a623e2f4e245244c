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
    [TN_E_stale] = "PRECONDITION_FAILED",
    [TN_E_state] = "INVALID_STATE",
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

/* The values that a conflict's sentence names, as members of details; of a fault they stand in
 * faults. */
static void write_params(struct tn_jw *w, const struct tn_err *err)
{
    struct tn_str params = tn_str(err->params);
    if (err->kind == TN_E_invalid || params.n <= 2) return;
    struct tn_json *json = tn_json_new();
    struct tn_err ignored;
    if (tn_json_parse(json, params, &ignored)) {
        for (struct tn_jiter it = tn_jiter(tn_json_root(json)); tn_jnext(&it);) {
            tn_jw_key(w, it.key);
            tn_jw_raw(w, tn_jraw(it.value));
        }
    }
    tn_json_free(json);
}

static void write_details(struct tn_jw *w, const struct tn_err *err, struct tn_str value)
{
    if (!err->field[0] && !err->file[0] && !err->params[0]) return;
    tn_jw_key(w, TN_STR("details"));
    tn_jw_object(w);
    if (err->field[0]) tn_jw_kz(w, err->kind == TN_E_busy ? "runId" : "field", err->field);
    if (value.p) tn_jw_kraw(w, "value", value);
    if (err->file[0]) tn_jw_kz(w, "file", err->file);
    if (err->line) tn_jw_kint(w, "line", err->line);
    write_params(w, err);
    tn_jw_end(w);
}

static void write_faults(struct tn_jw *w, const struct tn_err *err, const struct tn_faults *faults)
{
    struct tn_err one = *err;
    struct tn_faults alone = {&one, 1, 1};
    if (!faults && err->code == TN_CODE_none) return;
    tn_jw_key(w, TN_STR("faults"));
    tn_faults_write(faults ? faults : &alone, w);
}

/* More than code and message, of an error that has it. */
struct told {
    const struct tn_err *err; /* NULL: none */
    const struct tn_faults *faults;
    struct tn_str value;
};

static void write_error(struct tn_buf *out, const char *code, const char *message,
                        const struct told *told, const char *request_id)
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
    if (told) {
        write_details(&w, told->err, told->value);
        write_faults(&w, told->err, told->faults);
    }
    tn_jw_kz(&w, "timestamp", now);
    tn_jw_kz(&w, "requestId", request_id);
    tn_jw_end(&w);
    tn_jw_end(&w);
}

void tn_answer_faults(struct tn_http_exchange *x, const struct tn_err *err,
                      const struct tn_faults *faults, struct tn_str value)
{
    const struct told told = {err, faults, value};
    int status = tn_kind_status(err->kind);
    struct tn_buf body;
    tn_buf_init(&body, TN_MIB);
    write_error(&body, tn_answer_code(err->kind), err->text, &told, tn_http_request_id(x));
    if (status == 503 || status == 429 || status == 507)
        tn_http_header(x, "Retry-After", TN_STR("1"));
    if (status == 401) tn_http_header(x, "WWW-Authenticate", TN_STR("Bearer"));
    tn_http_reply(x, status, json_type, tn_buf_str(&body));
    tn_buf_clear(&body);
}

void tn_answer_err(struct tn_http_exchange *x, const struct tn_err *err)
{
    tn_answer_faults(x, err, NULL, (struct tn_str){NULL, 0});
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

/* ---- metrics ---- */

void tn_metric_head(struct tn_buf *out, const char *name, const char *type, const char *help)
{
    tn_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}
