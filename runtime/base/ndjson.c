/* SPDX-License-Identifier: MIT */
#include "base/ndjson.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"

struct tn_ndjson {
    tn_rows_fn each;
    void *arg;
    struct tn_json *json;
    struct tn_buf line;
    size_t number;
};

struct tn_ndjson *tn_ndjson_new(tn_rows_fn each, void *arg)
{
    struct tn_ndjson *r = TN_NEW(struct tn_ndjson);
    r->each = each;
    r->arg = arg;
    r->json = tn_json_new();
    tn_buf_init(&r->line, TN_LIMIT_RECORD);
    return r;
}

void tn_ndjson_free(struct tn_ndjson *r)
{
    if (!r) return;
    tn_json_free(r->json);
    tn_buf_clear(&r->line);
    tn_free(r);
}

struct tn_str tn_ndjson_raw(const struct tn_ndjson *r)
{
    struct tn_str line = tn_buf_str(&r->line);
    if (r->number == 1 && line.n >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0)
        line.p += 3, line.n -= 3;
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    return line;
}

static bool read_line(struct tn_ndjson *r, struct tn_str line, struct tn_err *bad)
{
    if (r->line.failed)
        return tn_fail(bad, TN_E_too_large, "the line is longer than %u bytes", TN_LIMIT_RECORD);
    if (!tn_json_parse(r->json, line, bad)) return false;
    struct tn_jval root = tn_json_root(r->json);
    if (tn_jis(root, TN_JSON_object)) return true;
    return tn_fail(bad, TN_E_syntax, "the line is %s, no object",
                   tn_json_type_name(tn_jtype(root)));
}

static bool end_line(struct tn_ndjson *r, struct tn_err *err)
{
    struct tn_err bad;
    r->number++;
    struct tn_str line = tn_ndjson_raw(r);
    bool ok = true;
    if (tn_str_trim(line).n || r->line.failed) {
        bool good = read_line(r, line, &bad);
        ok = r->each(r->arg, good ? line : (struct tn_str){0}, good ? NULL : &bad, r->number) ||
             tn_fail(err, TN_E_cancelled, "stopped");
    }
    tn_buf_reset(&r->line);
    return ok;
}

bool tn_ndjson_feed(struct tn_ndjson *r, const char *bytes, size_t n, struct tn_err *err)
{
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;
        tn_buf_add(&r->line, bytes, part);
        if (!end) return true;
        if (!end_line(r, err)) return false;
        bytes = end + 1;
        n -= part + 1;
    }
    return true;
}

bool tn_ndjson_end(struct tn_ndjson *r, struct tn_err *err)
{
    return (!r->line.n && !r->line.failed) || end_line(r, err);
}
