/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/time.h"

enum { LINE_MAX_BYTES = 8192, SECRET_MIN = 6, SECRETS_MAX = 4000 };

struct tn_log {
    char *path, *debug;
    char process[24];
    int fd;
    bool json, quiet;
    int out;
    struct tn_str *secrets;
    size_t secret_count;
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

struct tn_log *tn_log_open(const struct tn_log_options *o, struct tn_err *err)
{
    struct tn_log *log = TN_NEW(struct tn_log);
    log->fd = -1;
    log->json = o->json;
    log->quiet = o->quiet;
    log->out = o->on_stderr ? STDERR_FILENO : STDOUT_FILENO;
    log->debug = tn_strdup(o->debug);
    log->path = tn_strdup(o->file);
    tn_log_reopen(log);
    if (log->path && log->fd < 0) {
        tn_fail_errno(err, errno, log->path);
        tn_log_close(log);
        return NULL;
    }
    return log;
}

void tn_log_close(struct tn_log *log)
{
    if (!log) return;
    if (log->fd >= 0) close(log->fd);
    tn_log_forget_secrets(log);
    tn_free(log->path);
    tn_free(log->debug);
    tn_free(log);
}

void tn_log_name(struct tn_log *log, const char *process)
{
    snprintf(log->process, sizeof log->process, "%s", process);
}

void tn_log_reopen(struct tn_log *log)
{
    if (!log->path) return;
    int fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return;
    if (log->fd >= 0) close(log->fd);
    log->fd = fd;
}

void tn_log_debug_areas(struct tn_log *log, const char *areas)
{
    char *copy = tn_strdup(areas);
    tn_free(log->debug);
    log->debug = copy;
}

bool tn_log_wants(const struct tn_log *log, enum tn_level level, const char *area)
{
    if (!log) return false;
    if (level > TN_LOG_debug) return true;
    struct tn_str rest = tn_str(log->debug), part;
    while (tn_str_split(&rest, ',', &part)) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "%.*s", TN_FMT(part));
        if (part.n && fnmatch(pattern, area, 0) == 0) return true;
    }
    return false;
}

static void put_text(struct tn_buf *out, const char *s)
{
    for (size_t n = strlen(s); n;) {
        size_t step = tn_utf8_step(s, n);
        unsigned char c = (unsigned char)s[0];
        bool c1 =
            c == 0xC2 && step == 2 && (unsigned char)s[1] < 0xA0; /* terminals take these for
                                                                     control characters, too */
        if (!step || c < 0x20 || c == 0x7F || c1) {
            tn_buf_addf(out, "\\x%02x", c);
            if (c1) tn_buf_addf(out, "\\x%02x", (unsigned char)s[1]);
        } else {
            tn_buf_add(out, s, step);
        }
        s += step ? step : 1;
        n -= step ? step : 1;
    }
}

static void write_line(const struct tn_log *log, struct tn_str line)
{
    /* One write for each line, so that lines of several processes do not mix (O_APPEND, pipes below
     * PIPE_BUF). */
    if (!log->quiet && write(log->out, line.p, line.n) < 0) return;
    if (log->fd >= 0 && write(log->fd, line.p, line.n) < 0) return;
}

/* Replaces bytes that are no UTF-8, such as half of a character, by question marks. */
static void make_utf8(char *s)
{
    for (size_t n = strlen(s), step; n; s += step, n -= step) {
        step = tn_utf8_step(s, n);
        if (step) continue;
        *s = '?';
        step = 1;
    }
}

/* Cuts more off a text that was cut: it may end in the first part of a secret, which redaction does
 * not find. */
static void shorten(const struct tn_log *log, char *text, size_t n)
{
    static const char dots[] = "...";
    size_t longest = sizeof dots;
    for (size_t i = 0; i < log->secret_count; i++)
        if (log->secrets[i].n > longest) longest = log->secrets[i].n;
    size_t keep = n > longest ? n - longest : 0;
    memcpy(text + keep, dots, sizeof dots);
}

void tn_log(struct tn_log *log, enum tn_level level, const char *area, const char *fmt, ...)
{
    char text[4096], when[TN_TIME_LEN + 1];
    va_list ap;
    if (!tn_log_wants(log, level, area)) return;
    va_start(ap, fmt);
    bool cut = vsnprintf(text, sizeof text, fmt, ap) >= (int)sizeof text;
    va_end(ap);
    tn_log_redact(log, text, strlen(text));
    if (cut) shorten(log, text, strlen(text));
    tn_time_text(tn_now_ms(), when);

    struct tn_buf line;
    tn_buf_init(&line, 4 * LINE_MAX_BYTES);
    if (log->json) {
        struct tn_jw w;
        tn_jw_init(&w, &line);
        tn_jw_object(&w);
        tn_jw_kz(&w, "time", when);
        tn_jw_kz(&w, "level", level_names[level]);
        tn_jw_kz(&w, "process", log->process);
        tn_jw_kz(&w, "area", area);
        make_utf8(text);
        tn_jw_kz(&w, "text", text);
        tn_jw_end(&w);
    } else {
        tn_buf_addf(&line, "%s %-5s %-10s [", when, level_names[level], log->process);
        put_text(&line, area);
        tn_buf_adds(&line, "] ");
        put_text(&line, text);
    }
    tn_buf_addc(&line, '\n');
    write_line(log, tn_buf_str(&line));
    tn_buf_clear(&line);
}

static void add_secret(struct tn_log *log, struct tn_str form)
{
    if (form.n < SECRET_MIN) return;
    for (size_t i = 0; i < log->secret_count; i++)
        if (tn_str_eq(log->secrets[i], form)) return;
    if (log->secret_count == SECRETS_MAX) {
        for (size_t i = 0; i < SECRETS_MAX / 4; i++) tn_free((char *)log->secrets[i].p);
        log->secret_count -= SECRETS_MAX / 4;
        memmove(log->secrets, log->secrets + SECRETS_MAX / 4,
                log->secret_count * sizeof *log->secrets);
    }
    log->secrets = tn_realloc(log->secrets, (log->secret_count + 1) * sizeof *log->secrets);
    log->secrets[log->secret_count++] = (struct tn_str){tn_strndup(form.p, form.n), form.n};
}

static void percent_encode(struct tn_buf *out, struct tn_str s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] && strchr(plain, s.p[i]))
            tn_buf_addc(out, s.p[i]);
        else
            tn_buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
    }
}

void tn_log_secret(struct tn_log *log, struct tn_str secret)
{
    struct tn_buf form;
    if (!log || secret.n < SECRET_MIN) return;
    add_secret(log, secret);
    tn_buf_init(&form, 8 * secret.n + 16);
    percent_encode(&form, secret);
    add_secret(log, tn_buf_str(&form));
    tn_buf_reset(&form);
    tn_base64(&form, secret.p, secret.n);
    while (form.n && form.p[form.n - 1] == '=') form.n--;
    /* The last characters of base64 depend on the text that follows the secret. */
    add_secret(log, (struct tn_str){form.p, form.n > 3 ? form.n - 2 : form.n});
    if (tn_utf8_valid(secret.p, secret.n)) {
        tn_buf_reset(&form);
        tn_json_quote(&form, secret);
        add_secret(log, (struct tn_str){form.p + 1, form.n - 2});
    }
    memset(form.p, 0, form.room);
    tn_buf_clear(&form);
}

void tn_log_forget_secrets(struct tn_log *log)
{
    for (size_t i = 0; i < log->secret_count; i++) tn_free((char *)log->secrets[i].p);
    tn_free(log->secrets);
    log->secrets = NULL;
    log->secret_count = 0;
}

void tn_log_redact(const struct tn_log *log, char *text, size_t n)
{
    if (!log || !log->secret_count || !n) return;
    /* Search in a copy: secrets may overlap, and masking one would hide the other. */
    char *copy = tn_strndup(text, n);
    for (size_t i = 0; i < log->secret_count; i++) {
        struct tn_str s = log->secrets[i];
        for (char *at = copy; (at = memmem(at, n - (size_t)(at - copy), s.p, s.n)); at++)
            memset(text + (at - copy), '*', s.n);
    }
    tn_free(copy);
}
