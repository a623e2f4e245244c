/* SPDX-License-Identifier: MIT */
/* Any spec at all: it compiles, or the error says where it is wrong and why.  What compiles can
 * explain itself, be applied to small documents, and be read backwards. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "mapping/apply.h"
#include "mapping/coverage.h"
#include "mapping/reverse.h"
#include "spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char page[] =
    "[{}, {\"a\":1,\"b\":[{\"a\":\"x\"},{\"a\":null}],\"l\":{\"a\":\"2026-01-31T08:09:10Z\"}},"
    "{\"a\":\"7\",\"b\":{\"c\":-0.10,\"b\":[{\"id\":\"1\",\"b\":[]}]},\"c\":true,\"id\":\"k\"},"
    "{\"a\":{\"b\":{\"c\":[[1],[2,[3]]]}},\"b\":\"yes\",\"\":0,\"x.y\":\"\\u00e9\\\"\"}, 7, null]"
    "                                                                                         ";

static void check(bool ok)
{
    if (!ok) abort();
}

static void check_text(const struct tn_buf *b)
{
    check(tn_utf8_valid(b->p ? b->p : "", b->n));
}

static void ignore(void *arg, struct tn_str path, uint64_t count)
{
    (void)path;
    *(uint64_t *)arg += count;
}

/* Every row is mapped or says why not; what comes out is JSON. */
static void apply(const struct tn_plan *plan, bool pick)
{
    struct tn_json *json = tn_json_new(), *made = tn_json_new();
    struct tn_apply *a = tn_apply_new(plan);
    struct tn_coverage *coverage = pick ? NULL : tn_coverage_new(plan);
    struct tn_json_rows rows;
    struct tn_outcome o;
    struct tn_err err;
    struct tn_buf out, lines;
    uint64_t unread = 0;
    tn_buf_init(&out, TN_LIMIT_RECORD);
    tn_buf_init(&lines, 16 * TN_MIB);
    check(tn_json_rows_open(&rows, json, tn_str(page), TN_STR(""), &err));
    if (pick) rows.pick = tn_plan_pick(plan);
    while (tn_json_rows_next(&rows, &err)) {
        tn_buf_reset(&out);
        bool ok = tn_apply_record(a, tn_json_root(json), &out, &o);
        if (ok)
            check(tn_json_parse(made, tn_buf_str(&out), &err));
        else
            check(!out.n && o.listed);
        for (size_t i = 0; i < o.listed; i++) tn_outcome_line(&o.faults[i], &lines);
        if (coverage) tn_coverage_add(coverage, tn_json_root(json));
    }
    check(err.kind == TN_E_none);
    check_text(&lines);
    if (coverage) tn_coverage_unread(coverage, ignore, &unread);
    tn_coverage_free(coverage);
    tn_buf_clear(&out);
    tn_buf_clear(&lines);
    tn_apply_free(a);
    tn_json_free(json);
    tn_json_free(made);
}

static void use(const struct tn_plan *plan)
{
    struct tn_buf lines;
    struct tn_str names[4];
    tn_buf_init(&lines, 16 * TN_MIB);
    tn_plan_explain(plan, &lines);
    check_text(&lines);
    check(tn_plan_targets(plan, names, 4) > 0);
    tn_buf_clear(&lines);
    apply(plan, false);
    apply(plan, true);
}

static bool compile(const struct tn_spec *spec)
{
    struct tn_err err = {0};
    struct tn_plan *plan = tn_plan_new(spec, &err);
    if (plan) {
        use(plan);
    } else {
        check(err.kind == TN_E_invalid && err.text[0] && strcmp(err.file, spec->file) == 0);
        check(tn_utf8_valid(err.text, strlen(err.text)));
        check(tn_utf8_valid(err.field, strlen(err.field)));
    }
    tn_plan_free(plan);
    return plan != NULL;
}

static void backwards(struct recipe *r, const struct tn_spec *spec)
{
    struct tn_reversed back;
    size_t count = 0;
    const struct tn_spec_field *out = next(r, 2) ? fields(r, 1, &count) : NULL;
    tn_spec_reverse(spec, out, count, &back);
    for (size_t i = 0; i < back.way_count; i++) check(tn_way_name(back.ways[i].way) != NULL);
    if (back.spec.field_count) (void)compile(&back.spec);
    tn_reversed_clear(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const targets[] = {"t0", "T1", "z\"2", "a3", "\xc3\xa4", "e", NULL};
    struct recipe r = {.p = data, .n = size, .wild = true};
    struct tn_spec spec = {.file = "f.lua"};
    tn_arena_init(&r.arena);
    if (next(&r, 8)) spec.fn = function;
    if (next(&r, 4) == 1) spec.targets = targets;
    spec.any_case = next(&r, 4) == 1;
    if (next(&r, 3) == 1) spec.key = text(&r);
    spec.fields = fields(&r, next(&r, 12) == 1 ? 40 : 3, &spec.field_count);
    if (next(&r, 4) == 1) spec.key_value = value(&r, 2);
    if (compile(&spec)) backwards(&r, &spec);
    tn_arena_clear(&r.arena);
    return 0;
}
