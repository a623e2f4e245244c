/* SPDX-License-Identifier: MIT */
/* log.h - one line for each fact, on stdout and (if set) in a file: time, level, process, area,
 * text, fields. No input can break a line or forge one: control characters are escaped. Registered
 * secrets never appear, whoever logs them. */
#ifndef TN_BASE_LOG_H
#define TN_BASE_LOG_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum tn_level { TN_LOG_debug, TN_LOG_info, TN_LOG_warn, TN_LOG_error };

struct tn_log;

struct tn_log_options {
    const char *file;  /* lines are appended; tn_log_reopen opens it anew; NULL: none */
    bool json;         /* one JSON object a line instead of text */
    bool quiet;        /* nothing on stdout */
    bool on_stderr;    /* lines go there and not to stdout */
    const char *debug; /* areas that write debug lines: "sync,integrations:*", "*"; NULL: none */
};
/* NULL: the file cannot be opened. */
TN_MUST_CHECK struct tn_log *tn_log_open(const struct tn_log_options *o, struct tn_err *err);
void tn_log_close(struct tn_log *log);
void tn_log_name(struct tn_log *log, const char *process);      /* "worker-1"; after each fork */
void tn_log_reopen(struct tn_log *log);                         /* after a rotation */
void tn_log_debug_areas(struct tn_log *log, const char *areas); /* takes effect at once; copied */
bool tn_log_wants(const struct tn_log *log, enum tn_level level, const char *area);

/* log may be NULL: nothing is written.  area is "sync", "http", "integrations:<name>", ... */
void tn_log(struct tn_log *log, enum tn_level level, const char *area, const char *fmt, ...)
    TN_PRINTF(4, 5);

/* Registers a secret: the log masks the value and its forms in JSON, in a URL and in base64. Values
 * shorter than 6 bytes are not registered, because they would mask ordinary text. If there are very
 * many, the oldest are forgotten. */
void tn_log_secret(struct tn_log *log, struct tn_str secret);
void tn_log_forget_secrets(struct tn_log *log);
/* Replaces each registered secret in text[0..n) in place by asterisks of the same length. */
void tn_log_redact(const struct tn_log *log, char *text, size_t n);

#endif
