/* SPDX-License-Identifier: MIT */
/* rows.h - for the fuzz targets of CSV, XML and fixed width: rows are JSON objects, and how the
 * bytes are cut into pieces changes nothing. */
#ifndef TESTS_FUZZ_ROWS_H
#define TESTS_FUZZ_ROWS_H

#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline bool note_row(void *arg, struct tn_str json, const struct tn_err *bad, size_t line)
{
    struct tn_buf *out = arg;
    if (bad) {
        if (!bad->text[0]) abort();
        tn_buf_addf(out, "!%zu: %s\n", line, bad->text);
        return true;
    }
    struct tn_json *reader = tn_json_new();
    struct tn_err err;
    if (!tn_json_parse(reader, json, &err) || !tn_jis(tn_json_root(reader), TN_JSON_object))
        abort();
    tn_json_free(reader);
    tn_buf_addstr(out, json);
    tn_buf_addc(out, '\n');
    return true;
}

/* How the bytes reach the reader: all at once, or step by step. */
typedef void (*read_fn)(const uint8_t *data, size_t n, size_t step, const uint8_t *options,
                        struct tn_buf *out);

static void same_in_pieces(read_fn read, const uint8_t *data, size_t size, size_t option_count)
{
    struct tn_buf whole, pieces;
    if (size < option_count) return;
    tn_buf_init(&whole, 16 * TN_MIB);
    tn_buf_init(&pieces, 16 * TN_MIB);
    read(data + option_count, size - option_count, SIZE_MAX, data, &whole);
    read(data + option_count, size - option_count, 3, data, &pieces);
    if (!tn_str_eq(tn_buf_str(&whole), tn_buf_str(&pieces))) abort();
    tn_buf_clear(&whole);
    tn_buf_clear(&pieces);
}

#endif
