/* SPDX-License-Identifier: MIT */
/* bench_apply.c - bench_apply DIR ROUNDS [map|hash|parse|rows|pick|full]: the pages of DIR through
 * the plan of the mapping bench, or mapped and hashed, or parsed only: as wholes, row by row, or
 * row by row with only what the plan reads kept; full: mapped with all of each row kept.  Prints
 * one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "mapping/apply.h"

#define ROW(k, v)                                                                                  \
    {                                                                                              \
        .key = TN_STR(k), .value = TN_STR(v)                                                       \
    }
static const struct tn_spec_row types[] = {
    ROW("Root", "\"ASSEMBLY\""), ROW("Purchased", "\"COMPONENT\""),
    ROW("Manufactured", "\"ASSEMBLY\""), ROW("Model", "\"MODEL\"")};
static const struct tn_spec_op as_text[] = {{.op = TN_OP_text}};
static const struct tn_spec_op as_type[] = {
    {.op = TN_OP_lookup, .rows = types, .row_count = 4, .other = TN_STR("\"COMPONENT\"")}};
static const struct tn_spec_op as_price[] = {
    {.op = TN_OP_decimal, .i = 4, .j = 1, .mode = TN_ROUND_half_up}};
static const struct tn_spec_op as_time[] = {{.op = TN_OP_time}};

#define PATH(path, ...) (&(const struct tn_spec_value){.text = TN_STR(path), __VA_ARGS__})
#define OP(chain)       .ops = chain, .op_count = 1

static struct tn_plan *make_plan(struct tn_err *err)
{
    const struct tn_spec_value planner = {.text = TN_STR("PlannerCode"),
                                          .fallback = TN_STR("\"NONE\"")};
    const struct tn_spec_value item_key = {.from = TN_FROM_template,
                                           .text = TN_STR("{OrganizationCode}-{ItemNumber}")};
    const struct tn_spec_field fields[] = {
        {.target = TN_STR("externalId"), .value = PATH("ItemId", OP(as_text))},
        {.target = TN_STR("partNumber"), .value = PATH("ItemNumber", .line = 0), .required = true},
        {.target = TN_STR("partName"), .value = PATH("ItemDescription", .line = 0)},
        {.target = TN_STR("partType"), .value = PATH("ItemClass", OP(as_type))},
        {.target = TN_STR("planner"), .value = &planner},
        {.target = TN_STR("organizationCode"), .value = PATH("OrganizationCode", .line = 0)},
        {.target = TN_STR("listPrice"), .value = PATH("ListPrice", OP(as_price))},
        {.target = TN_STR("lastUpdated"), .value = PATH("LastUpdateDate", OP(as_time))},
        {.target = TN_STR("itemKey"), .value = &item_key}};
    const struct tn_spec spec = {.file = "bench.lua",
                                 .key = TN_STR("externalId"),
                                 .fields = fields,
                                 .field_count = sizeof fields / sizeof *fields};
    return tn_plan_new(&spec, err);
}

struct totals {
    uint64_t records, bytes, written, rejected;
    unsigned char hash[TN_APPLY_HASH];
};

static bool run_page(struct tn_json *json, const struct tn_plan *plan, struct tn_apply *a,
                     struct tn_str page, struct tn_buf *out, const char *mode, struct totals *t)
{
    static struct tn_outcome outcome;
    struct tn_json_rows rows;
    struct tn_err err;
    bool hash = strcmp(mode, "hash") == 0, all = strcmp(mode, "rows") == 0;
    bool rows_only = all || strcmp(mode, "pick") == 0;
    all |= strcmp(mode, "full") == 0;
    tn_buf_reset(out);
    t->bytes += page.n;
    if (strcmp(mode, "parse") == 0) {
        if (!tn_json_parse(json, page, &err)) goto bad;
        t->records += tn_jcount(tn_jget_z(tn_json_root(json), "items"));
        return true;
    }
    if (!tn_json_rows_open(&rows, json, page, TN_STR("items"), &err)) goto bad;
    if (!all) rows.pick = tn_plan_pick(plan);
    while (tn_json_rows_next(&rows, &err)) {
        t->records++;
        if (rows_only) continue;
        if (!tn_apply_record(a, tn_json_root(json), out, &outcome))
            t->rejected++;
        else if (hash)
            tn_apply_hash(a, out, t->hash);
        tn_buf_addc(out, '\n');
    }
    t->written += out->n;
    if (!err.kind) return true;
bad:
    fprintf(stderr, "%s\n", err.text);
    return false;
}

int main(int argc, char **argv)
{
    static struct pages pages;
    struct totals t = {0};
    struct tn_err err;
    struct tn_buf out;
    if (argc < 3) return 2;
    const char *mode = argc > 3 ? argv[3] : "map";
    pages_read(argv[1], &pages);
    struct tn_plan *plan = make_plan(&err);
    if (!plan) return fprintf(stderr, "%s\n", err.text), 1;
    struct tn_apply *a = tn_apply_new(plan);
    struct tn_json *json = tn_json_new();
    tn_buf_init(&out, (size_t)1 << 30);
    long long began = 0;
    for (int round = 0; round <= atoi(argv[2]); round++) {
        if (round == 1) {
            t = (struct totals){0};
            began = cpu_us();
        }
        for (size_t i = 0; i < pages.count; i++)
            if (!run_page(json, plan, a, tn_buf_str(&pages.text[i]), &out, mode, &t)) return 1;
    }
    printf("{\"records\":%llu,\"seconds\":%.6f,\"bytes\":%llu,\"written\":%llu,\"rejected\":%llu,"
           "\"rss\":%llu}\n",
           (unsigned long long)t.records, (double)(cpu_us() - began) / 1e6,
           (unsigned long long)t.bytes, (unsigned long long)t.written,
           (unsigned long long)t.rejected, resident_max());
    if (argc > 4) fwrite(out.p, 1, out.n, stderr);
    tn_json_free(json);
    tn_apply_free(a);
    tn_plan_free(plan);
    tn_buf_clear(&out);
    pages_clear(&pages);
    return 0;
}
