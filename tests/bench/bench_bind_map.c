/* SPDX-License-Identifier: MIT */
/* bench_bind_map.c - bench_bind_map DIR ROUNDS [fn]: the pages of DIR through the mapping of the
 * mapping bench as an integrator writes it, in Lua; with fn one field of it is a Lua function.
 * Prints one JSON object; on stderr, with a fourth argument, the last page's output. */
#include "pages.h"

#include "base/limits.h"
#include "bind/bind.h"
#include "bind/bind_map.h"
#include "loop/loop.h"

#define HEAD                                                                                       \
    "local map = require 'tenon.map'\n"                                                            \
    "local from = map.from\n"                                                                      \
    "return map { reads = 'bench.item', writes = 'item', key = 'externalId', set = {\n"            \
    "  externalId = from 'ItemId' :text(),\n"                                                      \
    "  partNumber = from 'ItemNumber' :required(),\n"                                              \
    "  partName = from 'ItemDescription',\n"                                                       \
    "  partType = from 'ItemClass' :lookup { Root = 'ASSEMBLY', Purchased = 'COMPONENT',\n"        \
    "    Manufactured = 'ASSEMBLY', Model = 'MODEL', default = 'COMPONENT' },\n"                   \
    "  planner = from 'PlannerCode' :default 'NONE',\n"                                            \
    "  organizationCode = from 'OrganizationCode',\n"                                              \
    "  listPrice = from 'ListPrice' :decimal { scale = 4, as = 'text' },\n"                        \
    "  lastUpdated = from 'LastUpdateDate' :time(),\n"

static const char plain[] = HEAD "  itemKey = map.template '{OrganizationCode}-{ItemNumber}' } }";
static const char with_function[] =
    HEAD "  itemKey = function(src) return src.OrganizationCode .. '-' .. src.ItemNumber end } }";

static bool run_page(struct tn_json *json, const struct tn_plan *plan, struct tn_apply *a,
                     struct tn_str page, struct tn_buf *out, uint64_t *records)
{
    static struct tn_outcome outcome;
    struct tn_json_rows rows;
    struct tn_err err;
    tn_buf_reset(out);
    if (tn_json_rows_open(&rows, json, page, TN_STR("items"), &err)) {
        rows.pick = tn_plan_pick(plan);
        while (tn_json_rows_next(&rows, &err)) {
            ++*records;
            if (!tn_apply_record(a, tn_json_root(json), out, &outcome))
                return fprintf(stderr, "%s\n", outcome.faults[0].text), false;
            tn_buf_addc(out, '\n');
        }
    }
    if (err.kind) fprintf(stderr, "%s\n", err.text);
    return err.kind == TN_E_none;
}

static struct tn_mapping *load(struct tn_isolate *iso, const char *text, struct tn_err *err)
{
    int ref = LUA_NOREF;
    if (!tn_isolate_load_text(iso, "mappings/bench/item.lua", tn_str(text), &ref, err)) return NULL;
    struct tn_mapping *m = tn_mapping_load(iso, ref, NULL, NULL, err);
    tn_isolate_release(iso, ref);
    return m;
}

int main(int argc, char **argv)
{
    static struct pages pages;
    static struct bind_context context;
    struct tn_err err = {0};
    struct tn_buf out;
    uint64_t records = 0, bytes = 0, written = 0;
    long long began = 0;
    if (argc < 3) return 2;
    pages_read(argv[1], &pages);
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_host *host = loop ? tn_host_new(loop, NULL, &err) : NULL;
    const struct tn_isolate_options o = {
        .name = "bench", .modules = bind_modules, .context = &context};
    struct tn_isolate *iso = host ? tn_isolate_new(host, &o, &err) : NULL;
    bool fn = argc > 3 && strcmp(argv[3], "fn") == 0;
    struct tn_mapping *m = iso ? load(iso, fn ? with_function : plain, &err) : NULL;
    if (!m) return fprintf(stderr, "%s:%d: %s\n", err.file, err.line, err.text), 1;
    struct tn_apply *a = tn_apply_new(tn_mapping_plan(m));
    struct tn_json *json = tn_json_new();
    tn_buf_init(&out, (size_t)1 << 30);
    for (int round = 0; round <= atoi(argv[2]); round++) {
        if (round == 1) {
            records = bytes = written = 0;
            began = cpu_us();
        }
        for (size_t i = 0; i < pages.count; i++) {
            if (!run_page(json, tn_mapping_plan(m), a, tn_buf_str(&pages.text[i]), &out, &records))
                return 1;
            bytes += pages.text[i].n;
            written += out.n;
        }
    }
    printf("{\"records\":%llu,\"seconds\":%.6f,\"bytes\":%llu,\"written\":%llu,\"rss\":%llu}\n",
           (unsigned long long)records, (double)(cpu_us() - began) / 1e6, (unsigned long long)bytes,
           (unsigned long long)written, resident_max());
    if (argc > 4) fwrite(out.p, 1, out.n, stderr);
    tn_json_free(json);
    tn_apply_free(a);
    tn_mapping_free(m);
    tn_isolate_unref(iso);
    tn_host_free(host);
    tn_loop_free(loop);
    tn_buf_clear(&out);
    pages_clear(&pages);
    return 0;
}
