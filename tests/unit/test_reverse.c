/* SPDX-License-Identifier: MIT */
/* There and back: random records through random mappings that can be inverted.  What comes back
 * maps to the same again; where every step is exact it is the same record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "mapping/apply.h"
#include "mapping/reverse.h"

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* ---- one field of each kind: how it is declared, and a value for it ---- */

enum kind {
    COPY,
    NUMBER_TEXT,
    LOOKUP,
    UNIT,
    TIME,
    WORDS,
    SPLIT,
    DATE,
    EPOCH,
    EXACT,
    TRIM,
    UPPER,
    SCALE,
    JOIN,
    PAD,
    KINDS
};

static const struct tn_spec_row lookup_rows[] = {
    {.key = TN_STR("1"), .value = TN_STR("\"ONE\""), .bare = true},
    {.key = TN_STR("two"), .value = TN_STR("2")},
    {.key = TN_STR("a \"b\""), .value = TN_STR("true")}};
static const struct tn_spec_row word_rows[] = {{.key = TN_STR("J"), .value = TN_STR("true")},
                                               {.key = TN_STR("N"), .value = TN_STR("false")}};

static const struct tn_spec_op ops[KINDS][2] = {
    [NUMBER_TEXT] = {{.op = TN_OP_integer}, {.op = TN_OP_text}},
    [LOOKUP] = {{.op = TN_OP_lookup, .rows = lookup_rows, .row_count = 3}},
    [UNIT] = {{.op = TN_OP_unit, .a = TN_STR("kg"), .b = TN_STR("g"), .i = -1}},
    [TIME] = {{.op = TN_OP_time, .a = TN_STR("%d.%m.%Y %T.%f %z"), .b = TN_STR("+02:00")}},
    [WORDS] = {{.op = TN_OP_boolean, .rows = word_rows, .row_count = 2}},
    [SPLIT] = {{.op = TN_OP_split, .a = TN_STR("; ")}},
    [DATE] = {{.op = TN_OP_date, .a = TN_STR("%e-%b-%Y")}},
    [EPOCH] = {{.op = TN_OP_time, .a = TN_STR("epoch_ms")}},
    [TRIM] = {{.op = TN_OP_trim}},
    [UPPER] = {{.op = TN_OP_upper}, {.op = TN_OP_trim}},
    [SCALE] = {{.op = TN_OP_decimal, .i = 2, .mode = TN_ROUND_half_up}},
    [JOIN] = {{.op = TN_OP_join, .a = TN_STR("+")}},
    [PAD] = {{.op = TN_OP_pad, .i = 6, .a = TN_STR("0")}},
};
static const size_t op_counts[KINDS] = {
    [NUMBER_TEXT] = 2, [LOOKUP] = 1, [UNIT] = 1,  [TIME] = 1,  [WORDS] = 1, [SPLIT] = 1, [DATE] = 1,
    [EPOCH] = 1,       [TRIM] = 1,   [UPPER] = 2, [SCALE] = 1, [JOIN] = 1,  [PAD] = 1};

static void random_value(enum kind kind, struct tn_buf *out)
{
    static const char *const any[] = {"1.50", "\"a\\u0041\"", "[]", "{\"q\":[1e3]}", "true",
                                      "null", "\"\"",         "-0", "\"\xc3\xa4\""};
    static const char *const keys[] = {"1", "\"two\"", "\"a \\\"b\\\"\""};
    static const char *const months[] = {"Jan", "Feb", "Aug", "Dec"};
    unsigned n = below(1000), m = below(60);
    switch (kind) {
    case NUMBER_TEXT: tn_buf_addf(out, "%u", n * 7919); break;
    case LOOKUP: tn_buf_adds(out, keys[n % 3]); break;
    case UNIT: tn_buf_addf(out, "%u.%u", n, m % 9 + 1); break;
    case TIME:
        tn_buf_addf(out, "\"%02u.%02u.%04u %02u:%02u:00.%03u +02:00\"", n % 28 + 1, n % 12 + 1,
                    1900 + n % 200, n % 24, m, n);
        break;
    case WORDS: tn_buf_adds(out, n % 2 ? "\"J\"" : "\"N\""); break;
    case SPLIT: tn_buf_addf(out, n % 5 ? "\"x%u; y; z\"" : "\"\"", n); break;
    case DATE: tn_buf_addf(out, "\"%2u-%s-%04u\"", n % 28 + 1, months[n % 4], 1950 + m); break;
    case EPOCH: tn_buf_addf(out, "%lld", (long long)n * 86399999 - 40000000000); break;
    case TRIM: tn_buf_addf(out, "\"  x%u \"", n); break;
    case UPPER: tn_buf_addf(out, "\" q%u\\t\"", n); break;
    case SCALE: tn_buf_addf(out, "%u.%u%u5", n, m, n % 10); break;
    case JOIN: tn_buf_addf(out, "[%u,\"b\",%u.5]", n, m); break;
    case PAD: tn_buf_addf(out, "\"%u\"", n); break;
    default: tn_buf_adds(out, any[n % (sizeof any / sizeof *any)]); break;
    }
}

/* ---- a random mapping and a record for it ---- */

struct plant {
    struct tn_arena arena;
    struct tn_spec spec;
    enum kind kinds[8];
    bool exact;
};

static struct tn_str name(struct plant *p, const char *fmt, unsigned i)
{
    char text[32];
    int n = snprintf(text, sizeof text, fmt, i);
    return (struct tn_str){tn_arena_strdup(&p->arena, text), (size_t)n};
}

static void random_spec(struct plant *p)
{
    unsigned n = 1 + below(8);
    struct tn_spec_field *f = tn_arena_alloc(&p->arena, n * sizeof *f);
    bool only_exact = below(2);
    p->exact = true;
    for (unsigned i = 0; i < n; i++) {
        struct tn_spec_value *v = tn_arena_alloc(&p->arena, sizeof *v);
        enum kind kind = p->kinds[i] = (enum kind)below(only_exact ? EXACT : KINDS);
        p->exact &= kind < EXACT;
        *v = (struct tn_spec_value){.text = name(p, i % 2 ? "in%u.side.v" : "v%u", i),
                                    .line = 3,
                                    .ops = ops[kind],
                                    .op_count = op_counts[kind]};
        f[i] = (struct tn_spec_field){.target = name(p, "t.%u", i), .line = 3, .value = v};
    }
    if (below(3) == 0) { /* all of it once more, as the elements of a list */
        struct tn_spec_value *v = tn_arena_alloc(&p->arena, sizeof *v);
        struct tn_spec_field *list = tn_arena_alloc(&p->arena, sizeof *list);
        *v = (struct tn_spec_value){
            .from = TN_FROM_each, .text = TN_STR("rows"), .fields = f, .field_count = n};
        *list = (struct tn_spec_field){.target = TN_STR("list"), .line = 4, .value = v};
        p->spec = (struct tn_spec){.file = "m.lua", .fields = list, .field_count = 1};
    } else {
        p->spec = (struct tn_spec){.file = "m.lua", .fields = f, .field_count = n};
    }
}

static void random_members(const struct plant *p, const struct tn_spec_field *f, size_t n,
                           struct tn_buf *out)
{
    tn_buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        bool deep = i % 2;
        tn_buf_addf(out, deep ? "%s\"in%zu\":{\"side\":{\"v\":" : "%s\"v%zu\":", i ? "," : "", i);
        random_value(p->kinds[i], out);
        if (deep) tn_buf_adds(out, "}}");
    }
    (void)f;
    tn_buf_addc(out, '}');
}

static void random_record(const struct plant *p, struct tn_buf *out)
{
    const struct tn_spec_value *v = p->spec.fields[0].value;
    tn_buf_reset(out);
    if (v->from != TN_FROM_each) {
        random_members(p, p->spec.fields, p->spec.field_count, out);
        return;
    }
    tn_buf_adds(out, "{\"rows\":[");
    for (unsigned i = 0, n = below(4); i < n; i++) {
        if (i) tn_buf_addc(out, ',');
        random_members(p, v->fields, v->field_count, out);
    }
    tn_buf_adds(out, "]}");
}

static void through(const struct tn_plan *plan, const struct tn_buf *in, struct tn_buf *out)
{
    struct tn_apply *a = tn_apply_new(plan);
    struct tn_json *json = tn_json_new();
    struct tn_outcome o;
    struct tn_err err;
    tn_buf_reset(out);
    if (!tn_json_parse(json, tn_buf_str(in), &err)) fail_msg("%s: %s", in->p, err.text);
    if (!tn_apply_record(a, tn_json_root(json), out, &o))
        fail_msg("%s: %s: %s (%s)", in->p, o.faults[0].field, o.faults[0].text, o.faults[0].value);
    tn_apply_free(a);
    tn_json_free(json);
}

static void canonical(struct tn_buf *text)
{
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_err err;
    tn_buf_init(&out, TN_MIB);
    assert_true(tn_json_parse(json, tn_buf_str(text), &err));
    tn_json_canonical(tn_json_root(json), &out);
    tn_buf_reset(text);
    tn_buf_addstr(text, tn_buf_str(&out));
    tn_buf_clear(&out);
    tn_json_free(json);
}

static void one_round(unsigned *exact)
{
    struct plant p;
    struct tn_reversed r;
    struct tn_buf theirs, ours, back, again;
    struct tn_err err;
    tn_arena_init(&p.arena);
    tn_buf_init(&theirs, TN_MIB);
    tn_buf_init(&ours, TN_MIB);
    tn_buf_init(&back, TN_MIB);
    tn_buf_init(&again, TN_MIB);
    random_spec(&p);
    tn_spec_reverse(&p.spec, NULL, 0, &r);
    assert_int_equal(r.one_way, 0);
    struct tn_plan *there = tn_plan_new(&p.spec, &err);
    if (!there) fail_msg("%s", err.text);
    struct tn_plan *home = tn_plan_new(&r.spec, &err);
    if (!home) fail_msg("%s", err.text);
    for (int i = 0; i < 10; i++) {
        random_record(&p, &theirs);
        through(there, &theirs, &ours);
        through(home, &ours, &back);
        through(there, &back, &again);
        if (!tn_str_eq(tn_buf_str(&ours), tn_buf_str(&again)))
            fail_msg("%s\n ours  %s\n back  %s\n again %s", theirs.p, ours.p, back.p, again.p);
        if (!p.exact) continue;
        ++*exact;
        canonical(&theirs);
        canonical(&back);
        if (!tn_str_eq(tn_buf_str(&theirs), tn_buf_str(&back)))
            fail_msg("wanted %s\n ours   %s\n got    %s", theirs.p, ours.p, back.p);
    }
    tn_plan_free(there);
    tn_plan_free(home);
    tn_reversed_clear(&r);
    tn_arena_clear(&p.arena);
    tn_buf_clear(&theirs);
    tn_buf_clear(&ours);
    tn_buf_clear(&back);
    tn_buf_clear(&again);
}

static void what_comes_back_maps_to_the_same_again(void **state)
{
    const char *rounds = getenv("TENON_RANDOM_ROUNDS");
    unsigned exact = 0;
    (void)state;
    for (int i = 0, n = rounds ? atoi(rounds) : 400; i < n; i++) {
        seed = (uint64_t)i * 977 + 1;
        one_round(&exact);
    }
    assert_true(exact > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_maps_to_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
