/* SPDX-License-Identifier: MIT */
/* err.h - what went wrong, where, and what to do about it.
 * A function that may fail takes `struct tn_err *err` last and answers false or NULL; err may not
 * be NULL. */
#ifndef TN_BASE_ERR_H
#define TN_BASE_ERR_H

#include <stdbool.h>
#include <stdarg.h>

#define TN_MUST_CHECK   __attribute__((warn_unused_result))
#define TN_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum tn_kind {
#define TN_ERR(name, status, retry, meaning) TN_E_##name,
#include "base/err.def"
#undef TN_ERR
    TN_E_count
};

/* The rule that a value breaks. Finer than the kind, and the same however the value came in. */
enum tn_code {
    TN_CODE_none,
#define TN_CODE(name, meaning) TN_CODE_##name,
#include "base/codes.def"
#undef TN_CODE
    TN_CODE_count
};

/* One failure.  Plain data: copy it freely, nothing to free. */
struct tn_err {
    enum tn_kind kind;
    enum tn_code code;
    int line;         /* of the script or mapping file; 0: none */
    char file[128];   /* the script or mapping file; "": none */
    char field[128];  /* path of the offending field, config key or parameter; "": none */
    char text[512];   /* one sentence: what, where, what to do; no secrets */
    char params[512]; /* JSON object: the values that the sentence names, and further members of
                         the answer; "": none */
};

/* Fills err and returns false, so that `return tn_fail(err, ...)` reads well. A text that is too
 * long is cut. Code, file, line, field and params are cleared: set them with the calls below. */
bool tn_fail(struct tn_err *err, enum tn_kind kind, const char *fmt, ...) TN_PRINTF(3, 4);
bool tn_failv(struct tn_err *err, enum tn_kind kind, const char *fmt, va_list ap);
/* These two add the script position or the field to a failure that was filled before; both return
 * false. */
bool tn_fail_at(struct tn_err *err, const char *file, int line);
bool tn_fail_field(struct tn_err *err, const char *fmt, ...) TN_PRINTF(2, 3);
/* Adds details, a JSON object, to a failure that was filled before, unless they do not fit. Returns
 * false. */
bool tn_fail_params(struct tn_err *err, const char *json);
/* Puts the formatted text and ": " in front of the sentence. Returns false. */
bool tn_fail_in(struct tn_err *err, const char *fmt, ...) TN_PRINTF(2, 3);
/* Adds the rule that is broken, and the values that the sentence names: a JSON object, or "" (it
 * becomes "" when it does not fit). Returns false. */
bool tn_fail_code(struct tn_err *err, enum tn_code code, const char *fmt, ...) TN_PRINTF(3, 4);
/* Fills err from errno: a full disk becomes disk_full, lack of memory no_memory, all else io.
 * Returns false. */
bool tn_fail_errno(struct tn_err *err, int no, const char *what);

/* clang-tidy looks at one file at a time, so these macros tell it that all of the calls return
 * false. */
#if defined __clang_analyzer__ && !defined TN_BASE_ERR_C
#define tn_fail(...)        (tn_fail(__VA_ARGS__) && false)
#define tn_failv(...)       (tn_failv(__VA_ARGS__) && false)
#define tn_fail_at(...)     (tn_fail_at(__VA_ARGS__) && false)
#define tn_fail_field(...)  (tn_fail_field(__VA_ARGS__) && false)
#define tn_fail_in(...)     (tn_fail_in(__VA_ARGS__) && false)
#define tn_fail_code(...)   (tn_fail_code(__VA_ARGS__) && false)
#define tn_fail_params(...) (tn_fail_params(__VA_ARGS__) && false)
#define tn_fail_errno(...)  (tn_fail_errno(__VA_ARGS__) && false)
#endif

void tn_err_clear(struct tn_err *err); /* kind none, all texts empty */

const char *tn_kind_name(enum tn_kind kind); /* "timeout" */
const char *tn_kind_meaning(enum tn_kind kind);
int tn_kind_status(enum tn_kind kind);       /* HTTP status */
bool tn_kind_retry(enum tn_kind kind);       /* may the same call succeed later? */
const char *tn_code_name(enum tn_code code); /* "required"; of none "" */
const char *tn_code_meaning(enum tn_code code);
/* TN_E_count when there is no such kind. */
enum tn_kind tn_kind_of(const char *name);

#endif
