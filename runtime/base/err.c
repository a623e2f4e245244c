/* SPDX-License-Identifier: MIT */
#define TN_BASE_ERR_C
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *name;
    int status;
    bool retry;
    const char *meaning;
} kinds[] = {
#define TN_ERR(name, status, retry, meaning) {#name, status, retry, meaning},
#include "base/err.def"
#undef TN_ERR
};

static const struct {
    const char *name, *meaning;
} codes[] = {
    {"", "no rule is broken"},
#define TN_CODE(name, meaning) {#name, meaning},
#include "base/codes.def"
#undef TN_CODE
};

/* Removes an incomplete character from the end of a text that was cut. */
static void end_whole(char *s)
{
    size_t n = strlen(s), last = n ? n - 1 : 0;
    while (last && ((unsigned char)s[last] & 0xC0) == 0x80 && n - last < 4) last--;
    if (n && !tn_utf8_step(s + last, n - last)) s[last] = '\0';
}

bool tn_failv(struct tn_err *err, enum tn_kind kind, const char *fmt, va_list ap)
{
    char text[sizeof err->text]; /* the arguments may point into *err */
    vsnprintf(text, sizeof text, fmt, ap);
    end_whole(text);
    err->kind = kind;
    err->code = TN_CODE_none;
    err->line = 0;
    err->file[0] = err->field[0] = err->params[0] = '\0';
    memcpy(err->text, text, sizeof text);
    return false;
}

bool tn_fail(struct tn_err *err, enum tn_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tn_failv(err, kind, fmt, ap);
    va_end(ap);
    return false;
}

bool tn_fail_at(struct tn_err *err, const char *file, int line)
{
    snprintf(err->file, sizeof err->file, "%s", file ? file : "");
    err->line = line;
    return false;
}

bool tn_fail_field(struct tn_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->field, sizeof err->field, fmt, ap);
    va_end(ap);
    end_whole(err->field);
    return false;
}

bool tn_fail_params(struct tn_err *err, const char *json)
{
    size_t n = strlen(json);
    if (n >= sizeof err->params) n = 0;
    memcpy(err->params, json, n);
    err->params[n] = '\0';
    return false;
}

bool tn_fail_in(struct tn_err *err, const char *fmt, ...)
{
    char what[128], text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    end_whole(what);
    memcpy(text, err->text, sizeof text);
    size_t n = (size_t)snprintf(err->text, sizeof err->text, "%s: ", what);
    snprintf(err->text + n, sizeof err->text - n, "%.*s", (int)(sizeof err->text - n - 1), text);
    end_whole(err->text);
    return false;
}

bool tn_fail_code(struct tn_err *err, enum tn_code code, const char *fmt, ...)
{
    va_list ap;
    err->code = code;
    va_start(ap, fmt);
    int n = vsnprintf(err->params, sizeof err->params, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof err->params) err->params[0] = '\0';
    return false;
}

bool tn_fail_errno(struct tn_err *err, int no, const char *what)
{
    enum tn_kind kind = TN_E_io;
    if (no == ENOSPC || no == EDQUOT || no == EFBIG) kind = TN_E_disk_full;
    if (no == ENOMEM) kind = TN_E_no_memory;
    return tn_fail(err, kind, "%s: %s", what, strerror(no));
}

void tn_err_clear(struct tn_err *err)
{
    err->kind = TN_E_none;
    err->code = TN_CODE_none;
    err->line = 0;
    err->file[0] = err->field[0] = err->text[0] = err->params[0] = '\0';
}

const char *tn_code_name(enum tn_code code)
{
    return codes[code].name;
}

const char *tn_code_meaning(enum tn_code code)
{
    return codes[code].meaning;
}

const char *tn_kind_name(enum tn_kind kind)
{
    return kinds[kind].name;
}

const char *tn_kind_meaning(enum tn_kind kind)
{
    return kinds[kind].meaning;
}

int tn_kind_status(enum tn_kind kind)
{
    return kinds[kind].status;
}

bool tn_kind_retry(enum tn_kind kind)
{
    return kinds[kind].retry;
}

enum tn_kind tn_kind_of(const char *name)
{
    int kind = 0;
    while (kind < TN_E_count && strcmp(kinds[kind].name, name) != 0) kind++;
    return (enum tn_kind)kind;
}
