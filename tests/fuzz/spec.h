/* SPDX-License-Identifier: MIT */
/* spec.h - for the fuzz targets of mappings: a spec from bytes. */
#ifndef TESTS_FUZZ_SPEC_H
#define TESTS_FUZZ_SPEC_H

#include <stdint.h>

#include "base/alloc.h"
#include "mapping/plan.h"

enum { FIELDS = 6, OPS = 3 };

struct recipe {
    const uint8_t *p;
    size_t n;
    struct tn_arena arena;
    bool wild; /* for the compiler: more that is wrong, longer and deeper */
};

static unsigned next(struct recipe *r, unsigned n)
{
    if (!r->n) return 0;
    r->n--;
    return *r->p++ % n;
}

/* What a compiler may stumble over. */
static struct tn_str wild_text(struct recipe *r)
{
    static const char *const odd[] = {"[",
                                      "a[",
                                      "a[*",
                                      "a[*][*].b",
                                      "a..b",
                                      ".a",
                                      "a.",
                                      "[\"x.y\"]",
                                      "[\"x",
                                      "[0]",
                                      "[*]",
                                      "a[-1]",
                                      "a[100001]",
                                      "a[99999999999]",
                                      "{",
                                      "}",
                                      "{}",
                                      "{{a}}",
                                      "{a",
                                      "{a}{b}",
                                      "{a[*]}",
                                      "{a}-{b}x",
                                      "%",
                                      "%Q",
                                      "%d",
                                      "%Y%Y",
                                      "epoch",
                                      "epoch_ms",
                                      "UTC",
                                      "No/Where",
                                      "../zone",
                                      "-24:00",
                                      "+25:00",
                                      "1e999",
                                      "-0.0",
                                      "\xff",
                                      "\xc3",
                                      "true",
                                      "{\"a\":",
                                      "\"\\u0000\"",
                                      "1e1000000000",
                                      "lb"};
    static const char many[] = "0123456789{a}[*].b\"";
    unsigned pick = next(r, sizeof odd / sizeof *odd + 2);
    if (pick < sizeof odd / sizeof *odd) return tn_str(odd[pick]);
    size_t n = 1 + next(r, 256) * (pick % 2 ? 1 : 20);
    char *p = tn_arena_alloc(&r->arena, n + sizeof many);
    for (size_t i = 0; i < n; i += sizeof many - 1) memcpy(p + i, many, sizeof many - 1);
    return (struct tn_str){p, n};
}

/* Texts straight from the recipe: paths, templates, formats and constants that may be anything. */
static struct tn_str text(struct recipe *r)
{
    static const char *const known[] = {"a",      "a.b",     "b[0]",     "b[*].a", "l",
                                        "",       "{a}-{b}", "%Y-%m-%d", "0.10",   "\"x\"",
                                        "[1,{}]", "null",    "kg",       "g",      "+01:00"};
    if (r->wild && next(r, 3) == 1) return wild_text(r);
    unsigned pick = next(r, 20);
    if (pick < sizeof known / sizeof *known) return tn_str(known[pick]);
    size_t n = next(r, 24);
    if (n > r->n) n = r->n;
    char *p = tn_arena_strndup(&r->arena, (const char *)r->p, n);
    r->p += n;
    r->n -= n;
    return (struct tn_str){p, n};
}

static struct tn_spec_value *value(struct recipe *r, unsigned depth);

static const struct tn_spec_field *fields(struct recipe *r, unsigned depth, size_t *count)
{
    static const char *const names[] = {"t0", "T1", "z\"2", "a3", "\xc3\xa4", "e"};
    size_t most = r->wild && next(r, 16) == 1 ? 60 : FIELDS;
    struct tn_spec_field *f = tn_arena_alloc(&r->arena, most * sizeof *f);
    *count = 1 + next(r, (unsigned)most);
    if (r->wild && next(r, 30) == 1) *count = 0;
    for (size_t i = 0; i < *count; i++)
        f[i] = (struct tn_spec_field){.target = i < FIELDS ? tn_str(names[i]) : text(r),
                                      .line = (int)i + 1,
                                      .required = next(r, 8) == 1,
                                      .secret = next(r, 8) == 1,
                                      .on_fault = (enum tn_on_fault)next(r, 3),
                                      .value = value(r, depth)};
    for (size_t i = 0; r->wild && i < *count; i++) {
        if (next(r, 8) == 1) f[i].target = text(r);
        if (next(r, 60) == 1) f[i].value = NULL;
    }
    return f;
}

static void one_op(struct recipe *r, struct tn_spec_op *op)
{
    struct tn_spec_row *rows = tn_arena_alloc(&r->arena, 2 * sizeof *rows);
    *op = (struct tn_spec_op){.op = (enum tn_op)next(r, TN_OP_amount + 1), .line = 3, .rows = rows};
    op->row_count = op->op == TN_OP_lookup ? 1 + next(r, 2) : 0;
    for (size_t i = 0; i < op->row_count; i++)
        rows[i] = (struct tn_spec_row){.key = i ? TN_STR("7") : text(r), .value = text(r)};
    if (next(r, 2)) op->a = text(r);
    if (next(r, 2)) op->b = text(r);
    if (next(r, 3) == 1) op->other = text(r);
    op->i = (int64_t)next(r, 40) - 5;
    op->j = (int64_t)next(r, 12) - 5;
    op->mode = (int)next(r, TN_ROUND_none + 1);
    op->miss = (enum tn_on_fault)next(r, 2);
    if (r->wild && next(r, 8) == 1) op->i = next(r, 2) ? INT64_MAX : INT64_MIN;
    if (r->wild && op->op == TN_OP_boolean) op->row_count = next(r, 3);
    for (size_t i = 0; r->wild && i < op->row_count; i++)
        rows[i] = (struct tn_spec_row){.key = text(r), .value = text(r), .bare = next(r, 2)};
}

static struct tn_spec_value *value(struct recipe *r, unsigned depth)
{
    struct tn_spec_value *v = tn_arena_alloc(&r->arena, sizeof *v);
    const struct tn_spec_value **items = tn_arena_alloc(&r->arena, 3 * sizeof *items);
    struct tn_spec_op *ops = tn_arena_alloc(&r->arena, OPS * sizeof *ops);
    struct tn_str *arg = tn_arena_alloc(&r->arena, sizeof *arg);
    v->from = (enum tn_from)next(r, depth ? TN_FROM_fn + 1 : TN_FROM_template + 1);
    v->line = 2;
    v->text = text(r);
    v->test = (enum tn_test)next(r, TN_TEST_below + 1);
    *arg = text(r);
    v->items = items;
    v->args = arg;
    v->arg_count = 1;
    if (v->from == TN_FROM_first || v->from == TN_FROM_when) {
        v->item_count = v->from == TN_FROM_when ? 3 : 1 + next(r, 3);
        for (size_t i = 0; i < v->item_count; i++) items[i] = value(r, depth - 1);
    }
    if (r->wild && next(r, 10) == 1) v->item_count = next(r, 4);
    if (r->wild) v->arg_count = next(r, 2);
    if (r->wild) v->fn = (int)next(r, 3) - 1;
    if (v->from == TN_FROM_tree) {
        v->children = text(r);
        v->id = text(r);
        if (next(r, 2)) v->root_id = text(r);
    }
    if (v->from == TN_FROM_object || v->from == TN_FROM_each || v->from == TN_FROM_tree)
        v->fields = fields(r, depth - 1, &v->field_count);
    v->op_count = next(r, OPS + 1);
    for (size_t i = 0; i < v->op_count; i++) one_op(r, &ops[i]);
    v->ops = ops;
    if (next(r, 3) == 1) v->fallback = text(r);
    return v;
}

/* Gives back what it got, an error, or nothing. */
static enum tn_fn_end function(void *arg, struct tn_fn_stream *stream, int fn,
                               struct tn_jval record, struct tn_jw *out, struct tn_err *err)
{
    (void)arg, (void)stream, (void)fn;
    if (tn_jcount(record) == 1) {
        tn_fail(err, TN_E_script, "one member");
        return TN_FN_failed;
    }
    if (tn_jcount(record) != 2) tn_jw_raw(out, tn_jraw(record));
    return TN_FN_done;
}

#endif
