/* SPDX-License-Identifier: MIT */
#include "sync/run_view.h"

#include <stdio.h>

#include "base/time.h"
#include "store/store.h"

static const char *const status_names[] = {
    [TN_RUN_running] = "RUNNING",
    [TN_RUN_success] = "SUCCESS",
    [TN_RUN_partial] = "PARTIAL",
    [TN_RUN_failure] = "FAILURE",
};

void tn_run_view_init(struct tn_run_view *v)
{
    *v = (struct tn_run_view){.total = -1};
    tn_arena_init(&v->memory);
}

void tn_run_view_clear(struct tn_run_view *v)
{
    tn_arena_clear(&v->memory);
    tn_run_view_init(v);
}

static struct tn_str keep(struct tn_arena *memory, struct tn_str s)
{
    if (!s.p) return s;
    return (struct tn_str){tn_arena_strndup(memory, s.p, s.n), s.n};
}

void tn_run_view_copy(struct tn_run_view *to, const struct tn_run_view *from)
{
    tn_run_view_clear(to);
    struct tn_arena memory = to->memory;
    *to = *from;
    to->memory = memory;
    to->filters = keep(&to->memory, from->filters);
    to->cursor = keep(&to->memory, from->cursor);
    to->errors = keep(&to->memory, from->errors);
    to->diffs = keep(&to->memory, from->diffs);
    to->warned = keep(&to->memory, from->warned);
}

void tn_run_counts_add(struct tn_run_counts *to, struct tn_run_counts more)
{
    to->processed += more.processed;
    to->created += more.created;
    to->updated += more.updated;
    to->unchanged += more.unchanged;
    to->failed += more.failed;
}

enum tn_run_status tn_run_status_of(const struct tn_run_counts *c)
{
    if (c->failed == 0) return TN_RUN_success;
    return c->failed < c->processed ? TN_RUN_partial : TN_RUN_failure;
}

const char *tn_run_status_name(enum tn_run_status status)
{
    return status_names[status];
}

bool tn_run_status_parse(struct tn_str name, enum tn_run_status *out)
{
    for (int i = TN_RUN_running; i <= TN_RUN_failure; i++) {
        if (!tn_str_is(name, status_names[i])) continue;
        *out = (enum tn_run_status)i;
        return true;
    }
    return false;
}

const char *tn_run_code(enum tn_kind kind)
{
    switch (kind) {
    case TN_E_auth: return "ERR_OAUTH_INVALID";
    case TN_E_timeout: return "ERR_NETWORK_TIMEOUT";
    case TN_E_network: return "ERR_NETWORK";
    case TN_E_tls: return "ERR_TLS";
    case TN_E_egress: return "ERR_ADDRESS_NOT_ALLOWED";
    case TN_E_bad_answer:
    case TN_E_syntax:
    case TN_E_too_large: return "ERR_INVALID_RESPONSE";
    case TN_E_mapping: return "ERR_DATA_MAPPING";
    case TN_E_denied:
    case TN_E_forbidden: return "ERR_PERMISSION_DENIED";
    case TN_E_key_taken: return "ERR_DUPLICATE_KEY";
    case TN_E_conflict:
    case TN_E_disk_full:
    case TN_E_io:
    case TN_E_corrupt: return "ERR_DATABASE";
    case TN_E_invalid:
    case TN_E_not_found: return "VALIDATION_ERROR";
    case TN_E_cancelled: return "ERR_CANCELLED";
    case TN_E_script: return "ERR_SCRIPT";
    case TN_E_budget: return "ERR_SCRIPT_BUDGET";
    case TN_E_internal: return "INTERNAL_ERROR";
    default: return "ERR_UPSTREAM";
    }
}

int64_t tn_run_duration(const struct tn_run_view *v)
{
    int64_t from = v->started_at ? v->started_at : v->created_at;
    int64_t to = v->finished_at ? v->finished_at : tn_now_ms();
    return to > from ? to - from : 0;
}

static void text_or_null(struct tn_jw *w, const char *key, struct tn_str text)
{
    if (text.n)
        tn_jw_kstr(w, key, text);
    else
        tn_jw_knull(w, key);
}

/* A sentence may quote what a peer said, and be cut in the middle of a letter. */
static void message(struct tn_jw *w, struct tn_str text)
{
    char clean[sizeof((struct tn_err *)0)->text];
    if (!tn_utf8_valid(text.p, text.n)) {
        if (text.n > sizeof clean) text.n = sizeof clean;
        for (size_t i = 0; i < text.n; i++) clean[i] = (text.p[i] & 0x80) ? '?' : text.p[i];
        text.p = clean;
    }
    tn_jw_kstr(w, "message", text);
}

static void write_fault(struct tn_jw *w, const struct tn_run_fault *f)
{
    tn_jw_object(w);
    text_or_null(w, "record", f->record);
    tn_jw_kz(w, "code", f->code);
    message(w, f->message);
    if (f->field.n) tn_jw_kstr(w, "field", f->field);
    if (f->source.n) tn_jw_kstr(w, "sourcePath", f->source);
    if (f->value.n) tn_jw_kstr(w, "value", f->value);
    if (f->file.n) tn_jw_kstr(w, "file", f->file);
    if (f->line) tn_jw_kint(w, "line", f->line);
    if (f->faults.n) tn_jw_kraw(w, "faults", f->faults);
    tn_jw_end(w);
}

void tn_run_fault_add(struct tn_buf *errors, const struct tn_run_fault *f)
{
    struct tn_jw w;
    bool first = errors->n <= 2;
    if (errors->n) errors->p[--errors->n] = '\0'; /* open the array again */
    if (!errors->n) tn_buf_addc(errors, '[');
    if (!first) tn_buf_addc(errors, ',');
    tn_jw_init(&w, errors);
    write_fault(&w, f);
    tn_buf_addc(errors, ']');
}

void tn_run_list_cut(struct tn_buf *list, size_t n)
{
    list->n = n;
    list->failed = false;
    if (n) list->p[n - 1] = ']';
}

static void time_or_null(struct tn_jw *w, const char *key, int64_t ms)
{
    char text[TN_TIME_LEN + 1];
    if (ms) tn_time_text(ms, text);
    tn_jw_kz(w, key, ms ? text : NULL);
}

static void raw_or(struct tn_jw *w, const char *key, struct tn_str json, const char *otherwise)
{
    tn_jw_kraw(w, key, json.n ? json : tn_str(otherwise));
}

/* Only where there are some: what is documented of a run has no word for them. */
static void write_warnings(const struct tn_run_view *v, struct tn_jw *w)
{
    if (!v->warnings) return;
    tn_jw_kint(w, "warningCount", v->warnings);
    raw_or(w, "warnings", v->warned, "[]");
}

void tn_run_view_result(const struct tn_run_view *v, struct tn_jw *w)
{
    tn_jw_object(w);
    tn_jw_kbool(w, "success", v->status == TN_RUN_success);
    tn_jw_kz(w, "status", status_names[v->status]);
    tn_jw_kint(w, "recordsProcessed", v->counts.processed);
    tn_jw_kint(w, "recordsCreated", v->counts.created);
    tn_jw_kint(w, "recordsUpdated", v->counts.updated);
    tn_jw_kint(w, "recordsUnchanged", v->counts.unchanged);
    tn_jw_kint(w, "recordsFailed", v->counts.failed);
    raw_or(w, "errors", v->errors, "[]");
    write_warnings(v, w);
    tn_jw_kint(w, "duration", tn_run_duration(v));
    tn_jw_kz(w, "runId", v->id);
    tn_jw_kz(w, "generation", v->generation[0] ? v->generation : NULL);
    if (v->dry_run) {
        tn_jw_kbool(w, "dryRun", true);
        raw_or(w, "diffs", v->diffs, "[]");
    }
    tn_jw_end(w);
}

static void row_members(const struct tn_run_view *v, struct tn_jw *w)
{
    tn_jw_kz(w, "id", v->id);
    tn_jw_kz(w, "operation", v->operation);
    tn_jw_kz(w, "direction", "INBOUND");
    tn_jw_kz(w, "status", status_names[v->status]);
    tn_jw_kint(w, "recordCount", v->counts.processed);
    tn_jw_kint(w, "successCount", v->counts.processed - v->counts.failed);
    tn_jw_kint(w, "errorCount", v->counts.failed);
    tn_jw_kint(w, "createdCount", v->counts.created);
    tn_jw_kint(w, "updatedCount", v->counts.updated);
    tn_jw_kint(w, "unchangedCount", v->counts.unchanged);
    tn_jw_kint(w, "duration", tn_run_duration(v));
    time_or_null(w, "createdAt", v->created_at);
    time_or_null(w, "finishedAt", v->finished_at);
    tn_jw_kz(w, "generation", v->generation[0] ? v->generation : NULL);
    tn_jw_kint(w, "attempt", v->attempt);
    tn_jw_kz(w, "trigger", v->trigger);
}

void tn_run_view_row(const struct tn_run_view *v, struct tn_jw *w)
{
    tn_jw_object(w);
    row_members(v, w);
    tn_jw_end(w);
}

void tn_run_view_listed(const struct tn_run_view *v, struct tn_jw *w)
{
    tn_jw_object(w);
    tn_jw_kz(w, "integration", v->integration);
    row_members(v, w);
    tn_jw_end(w);
}

void tn_run_view_detail(const struct tn_run_view *v, struct tn_jw *w)
{
    tn_jw_object(w);
    row_members(v, w);
    raw_or(w, "filters", v->filters, "{}");
    raw_or(w, "errors", v->errors, "[]");
    write_warnings(v, w);
    tn_jw_key(w, TN_STR("progress"));
    tn_jw_object(w);
    tn_jw_kint(w, "done", v->counts.processed);
    if (v->total >= 0)
        tn_jw_kint(w, "total", v->total);
    else
        tn_jw_knull(w, "total");
    tn_jw_end(w);
    tn_jw_end(w);
}

void tn_run_view_encode(const struct tn_run_view *v, struct tn_buf *out)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "integration", v->integration);
    tn_jw_kz(&w, "operation", v->operation);
    tn_jw_kz(&w, "status", status_names[v->status]);
    time_or_null(&w, "created_at", v->created_at);
    time_or_null(&w, "started_at", v->started_at);
    time_or_null(&w, "finished_at", v->finished_at);
    tn_jw_kz(&w, "trigger", v->trigger);
    tn_jw_kz(&w, "generation", v->generation[0] ? v->generation : NULL);
    tn_jw_kint(&w, "attempt", v->attempt);
    tn_jw_kint(&w, "crashes", v->crashes);
    if (v->depth) tn_jw_kint(&w, "depth", v->depth);
    tn_jw_kbool(&w, "open", v->open);
    tn_jw_kbool(&w, "cancel", v->cancel);
    tn_jw_kint(&w, "pages", v->pages);
    tn_jw_kint(&w, "total", v->total);
    tn_jw_kint(&w, "processed", v->counts.processed);
    tn_jw_kint(&w, "created_count", v->counts.created);
    tn_jw_kint(&w, "updated_count", v->counts.updated);
    tn_jw_kint(&w, "unchanged_count", v->counts.unchanged);
    tn_jw_kint(&w, "failed_count", v->counts.failed);
    tn_jw_kint(&w, "warnings", v->warnings);
    raw_or(&w, "filters", v->filters, "{}");
    raw_or(&w, "cursor", v->cursor, "null");
    raw_or(&w, "errors", v->errors, "[]");
    raw_or(&w, "warned", v->warned, "[]");
    tn_jw_end(&w);
}

static bool read_text(struct tn_jval row, struct tn_arena *a, const char *key, char *out,
                      size_t size)
{
    struct tn_str s;
    if (!tn_jtext(tn_jget_z(row, key), a, &s)) return false;
    if (s.n >= size) return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static int64_t read_int(struct tn_jval row, const char *key, int64_t otherwise)
{
    (void)tn_jint(tn_jget_z(row, key), &otherwise);
    return otherwise;
}

static bool read_bool(struct tn_jval row, const char *key)
{
    bool b = false;
    (void)tn_jbool(tn_jget_z(row, key), &b);
    return b;
}

static int64_t read_time(struct tn_jval row, struct tn_arena *a, const char *key)
{
    struct tn_str s;
    int64_t ms = 0;
    if (tn_jtext(tn_jget_z(row, key), a, &s)) (void)tn_time_parse(s, &ms);
    return ms;
}

static struct tn_str read_raw(struct tn_jval row, struct tn_arena *a, const char *key)
{
    struct tn_jval v = tn_jget_z(row, key);
    if (tn_jis(v, TN_JSON_absent) || tn_jis(v, TN_JSON_null)) return (struct tn_str){NULL, 0};
    return keep(a, tn_jraw(v));
}

static bool read_row(struct tn_jval row, struct tn_run_view *v)
{
    struct tn_arena *a = &v->memory;
    struct tn_str status;
    if (!read_text(row, a, "integration", v->integration, sizeof v->integration)) return false;
    if (!read_text(row, a, "operation", v->operation, sizeof v->operation)) return false;
    if (!tn_jtext(tn_jget_z(row, "status"), a, &status)) return false;
    if (!tn_run_status_parse(status, &v->status)) return false;
    (void)read_text(row, a, "trigger", v->trigger, sizeof v->trigger);
    (void)read_text(row, a, "generation", v->generation, sizeof v->generation);
    v->created_at = read_time(row, a, "created_at");
    v->started_at = read_time(row, a, "started_at");
    v->finished_at = read_time(row, a, "finished_at");
    v->attempt = (int)read_int(row, "attempt", 0);
    v->crashes = (int)read_int(row, "crashes", 0);
    v->depth = (int)read_int(row, "depth", 0);
    v->open = read_bool(row, "open");
    v->cancel = read_bool(row, "cancel");
    v->pages = read_int(row, "pages", 0);
    v->total = read_int(row, "total", -1);
    v->counts = (struct tn_run_counts){
        read_int(row, "processed", 0),     read_int(row, "created_count", 0),
        read_int(row, "updated_count", 0), read_int(row, "unchanged_count", 0),
        read_int(row, "failed_count", 0),
    };
    v->warnings = read_int(row, "warnings", 0);
    v->filters = read_raw(row, a, "filters");
    v->cursor = read_raw(row, a, "cursor");
    v->errors = read_raw(row, a, "errors");
    v->warned = read_raw(row, a, "warned");
    return true;
}

bool tn_run_view_decode(struct tn_str body, struct tn_run_view *v, struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    tn_run_view_clear(v);
    bool ok = tn_json_parse(json, body, err) && read_row(tn_json_root(json), v);
    tn_json_free(json);
    return ok || tn_fail(err, TN_E_corrupt, "a row of table run is not one of a run");
}

bool tn_run_view_of(const struct tn_row *row, struct tn_run_view *v, struct tn_err *err)
{
    if (!tn_run_view_decode(row->body, v, err)) return false;
    tn_id_text(&row->id, v->id);
    v->created_at = row->created_ms;
    return true;
}
