/* SPDX-License-Identifier: MIT */
/* rows_rig.h - rows of a reader as lines of text, for the tests of CSV, XML and fixed width. */
#ifndef TESTS_ROWS_RIG_H
#define TESTS_ROWS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/rows.h"

/* "{...}" a row, "!line: message" a bad one, each with a line end; rows have to be JSON. */
static bool rig_row(void *arg, struct tn_str json, const struct tn_err *bad, size_t line)
{
    struct tn_buf *out = arg;
    if (bad) {
        tn_buf_addf(out, "!%zu: %s\n", line, bad->text);
        return true;
    }
    struct tn_json *reader = tn_json_new();
    struct tn_err err;
    if (!tn_json_parse(reader, json, &err)) fail_msg("%.*s: %s", TN_FMT(json), err.text);
    tn_json_free(reader);
    tn_buf_addstr(out, json);
    tn_buf_addc(out, '\n');
    return true;
}

/* Of this thread: other programs on the machine do not count. */
static inline double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
