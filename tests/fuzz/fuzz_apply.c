/* SPDX-License-Identifier: MIT */
/* A plan from the bytes before the first NUL, applied to the JSON behind it.  What comes out has to
 * be JSON, and its hash that of its canonical form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/limits.h"
#include "mapping/apply.h"
#include "mapping/reverse.h"
#include "spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct tn_apply *a, const struct tn_buf *out)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    struct tn_buf canonical;
    unsigned char hash[TN_APPLY_HASH], again[TN_APPLY_HASH];
    tn_buf_init(&canonical, 64 * (size_t)TN_MIB);
    if (!tn_json_parse(json, tn_buf_str(out), &err)) abort();
    tn_json_canonical(tn_json_root(json), &canonical);
    SHA256((const unsigned char *)canonical.p, canonical.n, again);
    tn_apply_hash(a, out, hash);
    if (memcmp(hash, again, sizeof hash) != 0) abort();
    tn_buf_clear(&canonical);
    tn_json_free(json);
}

/* What became of a record, as text. */
static void note(bool ok, const struct tn_buf *out, const struct tn_outcome *o, struct tn_buf *log)
{
    tn_buf_addf(log, "%d %.*s %.*s %zu\n", ok, TN_FMT(tn_buf_str(out)), TN_FMT(o->external_id),
                o->fault_count);
    for (size_t i = 0; i < o->listed; i++) tn_outcome_line(&o->faults[i], log);
}

/* A row with something behind it is written the quick way, and may have been picked from: nothing
 * else may change. */
static void as_row(const struct tn_plan *plan, struct tn_str record, bool pick, struct tn_buf *log)
{
    struct tn_json *json = tn_json_new();
    struct tn_apply *a = tn_apply_new(plan);
    struct tn_json_rows rows;
    struct tn_outcome o;
    struct tn_err err;
    struct tn_buf page, out;
    tn_buf_init(&page, 64 * (size_t)TN_MIB);
    tn_buf_init(&out, TN_LIMIT_RECORD);
    tn_buf_addf(&page, "[%.*s,%.*s%80s]", TN_FMT(record), TN_FMT(record), "");
    if (!tn_json_rows_open(&rows, json, tn_buf_str(&page), TN_STR(""), &err)) abort();
    if (pick) rows.pick = tn_plan_pick(plan);
    while (tn_json_rows_next(&rows, &err)) {
        tn_buf_reset(&out);
        bool ok = tn_apply_record(a, tn_json_root(json), &out, &o);
        if (ok) check(a, &out);
        note(ok, &out, &o, log);
    }
    if (err.kind) abort();
    tn_buf_clear(&page);
    tn_buf_clear(&out);
    tn_apply_free(a);
    tn_json_free(json);
}

static void rows_agree(const struct tn_plan *plan, struct tn_str record)
{
    struct tn_json *json = tn_json_new();
    struct tn_apply *a = tn_apply_new(plan);
    struct tn_outcome o;
    struct tn_err err;
    struct tn_buf out, want, got;
    tn_buf_init(&out, TN_LIMIT_RECORD);
    tn_buf_init(&want, 64 * (size_t)TN_MIB);
    tn_buf_init(&got, 64 * (size_t)TN_MIB);
    if (tn_json_parse(json, record, &err)) {
        for (int i = 0; i < 2; i++) {
            tn_buf_reset(&out);
            note(tn_apply_record(a, tn_json_root(json), &out, &o), &out, &o, &want);
        }
        for (int pick = 0; pick < 2; pick++) {
            tn_buf_reset(&got);
            as_row(plan, record, pick, &got);
            if (!tn_str_eq(tn_buf_str(&got), tn_buf_str(&want))) abort();
        }
    }
    tn_buf_clear(&out);
    tn_buf_clear(&want);
    tn_buf_clear(&got);
    tn_apply_free(a);
    tn_json_free(json);
}

static void apply(const struct tn_plan *plan, struct tn_str record)
{
    struct tn_json *json = tn_json_new();
    struct tn_apply *a = tn_apply_new(plan);
    struct tn_outcome outcome;
    struct tn_err err;
    struct tn_buf out, lines;
    tn_buf_init(&out, TN_LIMIT_RECORD);
    tn_buf_init(&lines, TN_LIMIT_RECORD);
    for (int again = 0; again < 2; again++) {
        tn_buf_reset(&out);
        if (!tn_json_parse(json, record, &err)) break;
        if (tn_apply_record(a, tn_json_root(json), &out, &outcome))
            check(a, &out);
        else if (out.n || !outcome.listed)
            abort();
        for (size_t i = 0; i < outcome.listed; i++) tn_outcome_line(&outcome.faults[i], &lines);
        if (!tn_utf8_valid(lines.p ? lines.p : "", lines.n)) abort();
    }
    tn_buf_clear(&out);
    tn_buf_clear(&lines);
    tn_apply_free(a);
    tn_json_free(json);
    rows_agree(plan, record);
}

/* Whatever the spec, its reverse compiles or says why not. */
static void backwards(const struct tn_spec *spec, struct tn_str record)
{
    struct tn_reversed r;
    struct tn_err err;
    tn_spec_reverse(spec, NULL, 0, &r);
    struct tn_plan *plan = r.spec.field_count ? tn_plan_new(&r.spec, &err) : NULL;
    if (plan) apply(plan, record);
    tn_plan_free(plan);
    tn_reversed_clear(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
    if (!cut) return 0;
    struct recipe r = {.p = data, .n = (size_t)(cut - data)};
    struct tn_spec spec = {.file = "f.lua", .fn = function};
    struct tn_err err;
    tn_arena_init(&r.arena);
    spec.any_case = next(&r, 4) == 1;
    if (next(&r, 3) == 1) spec.key = TN_STR("t0");
    spec.fields = fields(&r, 3, &spec.field_count);
    if (next(&r, 4) == 1) spec.key_value = value(&r, 2);
    backwards(&spec, (struct tn_str){(const char *)cut + 1, size - (size_t)(cut - data) - 1});
    struct tn_plan *plan = tn_plan_new(&spec, &err);
    if (plan)
        apply(plan, (struct tn_str){(const char *)cut + 1, size - (size_t)(cut - data) - 1});
    else if (!err.text[0] || err.kind != TN_E_invalid)
        abort();
    tn_plan_free(plan);
    tn_arena_clear(&r.arena);
    return 0;
}
