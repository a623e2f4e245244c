/* SPDX-License-Identifier: MIT */
/* bench_json.c - parsing pages of 500 item records of 1.3 KB: the whole page, and row by row, with
 * each engine.  "bench_json --page" writes one such page to stdout, for peers to parse the same. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"

enum { RECORDS = 500, SECONDS_TENTHS = 10 };

static void add_item(struct tn_jw *w, unsigned i)
{
    char text[80];
    tn_jw_object(w);
    tn_jw_kint(w, "ItemId", 300000047274444 + i);
    tn_jw_kint(w, "OrganizationId", 300000001548001);
    tn_jw_kz(w, "OrganizationCode", "M1");
    snprintf(text, sizeof text, "AS%05u-%02u", 54000 + i, i % 97);
    tn_jw_kz(w, "ItemNumber", text);
    snprintf(text, sizeof text, "Bracket, %u mm, zinc plated \"type %c\"", 20 + i % 400,
             'A' + (char)(i % 26));
    tn_jw_kz(w, "ItemDescription", text);
    tn_jw_kz(w, "LongDescription",
             i % 10 ? "Stamped steel bracket with four holes, deburred and zinc plated, for frames"
                    : "Winkel aus Stahl, gestanzt, verzinkt, für Rahmen der Größe M, 4 Löcher");
    tn_jw_kz(w, "ItemClass", "Root Item Class");
    tn_jw_kz(w, "LifecyclePhaseValue", "Production");
    tn_jw_kz(w, "ItemStatusValue", i % 7 ? "Active" : "Inactive");
    tn_jw_kz(w, "ApprovalStatusValue", "Approved");
    tn_jw_kz(w, "UserItemTypeValue", "Purchased item");
    tn_jw_kz(w, "PrimaryUOMCode", "EA");
    tn_jw_kz(w, "PrimaryUOMValue", "Each");
    snprintf(text, sizeof text, "%u.%04u", 1 + i % 90, i * 37 % 10000);
    tn_jw_kraw(w, "UnitWeightQuantity", tn_str(text));
    tn_jw_kz(w, "WeightUOMValue", "Kilogram");
    tn_jw_kraw(w, "ListPrice", TN_STR("12.50"));
    tn_jw_knull(w, "UnitVolumeQuantity");
    tn_jw_knull(w, "VolumeUOMValue");
    tn_jw_kbool(w, "CustomerOrderFlag", true);
    tn_jw_kbool(w, "PurchasableFlag", i % 3 != 0);
    tn_jw_kbool(w, "StockEnabledFlag", true);
    tn_jw_kbool(w, "BuildInWIPFlag", false);
    tn_jw_kint(w, "LeadTimeDays", 5 + i % 40);
    tn_jw_kint(w, "MinimumOrderQuantity", 100);
    tn_jw_kz(w, "CreatedBy", "integration.user@example.com");
    tn_jw_kz(w, "CreationDate", "2024-03-05T09:12:44.123+00:00");
    tn_jw_kz(w, "LastUpdatedBy", "integration.user@example.com");
    tn_jw_kz(w, "LastUpdateDate", "2025-11-20T17:01:09.482+01:00");
    tn_jw_kz(w, "InventoryItemFlag", "true");
    tn_jw_kz(w, "DefaultBuyerValue", "Purchasing, indirect materials");
    tn_jw_kz(w, "ManufacturerPartNumber", "BRK-2000-ZN-PL");
    tn_jw_kz(w, "CountryOfOrigin", "DE");
    tn_jw_kz(w, "HazardClass", "not applicable");
    tn_jw_kraw(w, "StandardCost", TN_STR("9.8765"));
    tn_jw_key(w, TN_STR("links"));
    tn_jw_array(w);
    tn_jw_object(w);
    tn_jw_kz(w, "rel", "self");
    snprintf(text, sizeof text, "https://erp.example.com/fscm/rest/latest/itemsV2/%u", i);
    tn_jw_kz(w, "href", text);
    tn_jw_kz(w, "name", "itemsV2");
    tn_jw_kz(w, "kind", "item");
    tn_jw_end(w);
    tn_jw_end(w);
    tn_jw_end(w);
}

static void make_page(struct tn_buf *out)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_key(&w, TN_STR("items"));
    tn_jw_array(&w);
    for (unsigned i = 0; i < RECORDS; i++) add_item(&w, i);
    tn_jw_end(&w);
    tn_jw_kbool(&w, "hasMore", true);
    tn_jw_kint(&w, "limit", RECORDS);
    tn_jw_end(&w);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const struct tn_err *err)
{
    fprintf(stderr, "bench_json: %s\n", err->text);
    exit(1);
}

typedef unsigned (*work_fn)(struct tn_json *json, struct tn_str page);

static unsigned whole(struct tn_json *json, struct tn_str page)
{
    struct tn_err err;
    if (!tn_json_parse(json, page, &err)) die(&err);
    return RECORDS;
}

static unsigned rows(struct tn_json *json, struct tn_str page)
{
    struct tn_json_rows r;
    struct tn_err err;
    unsigned n = 0;
    if (!tn_json_rows_open(&r, json, page, TN_STR("items"), &err)) die(&err);
    while (tn_json_rows_next(&r, &err)) n++;
    if (err.kind) die(&err);
    return n;
}

static unsigned rows_nine(struct tn_json *json, struct tn_str page)
{
    static const char *const keys[] = {"ItemId",          "ItemNumber",     "ItemDescription",
                                       "ItemStatusValue", "PrimaryUOMCode", "UnitWeightQuantity",
                                       "ListPrice",       "LastUpdateDate", "OrganizationCode"};
    struct tn_json_rows r;
    struct tn_err err;
    unsigned n = 0;
    if (!tn_json_rows_open(&r, json, page, TN_STR("items"), &err)) die(&err);
    while (tn_json_rows_next(&r, &err)) {
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (!tn_jraw(tn_jget_z(tn_json_root(json), keys[k])).n) abort();
        n++;
    }
    if (err.kind) die(&err);
    return n;
}

static unsigned rows_canonical(struct tn_json *json, struct tn_str page)
{
    struct tn_json_rows r;
    struct tn_err err;
    struct tn_buf out;
    unsigned n = 0;
    tn_buf_init(&out, page.n);
    if (!tn_json_rows_open(&r, json, page, TN_STR("items"), &err)) die(&err);
    while (tn_json_rows_next(&r, &err)) {
        tn_buf_reset(&out);
        tn_json_canonical(tn_json_root(json), &out);
        n++;
    }
    if (err.kind) die(&err);
    tn_buf_clear(&out);
    return n;
}

static unsigned rows_doubled(struct tn_json *json, struct tn_str page)
{
    struct tn_json_rows r;
    struct tn_err err;
    unsigned n = 0;
    if (!tn_json_rows_open(&r, json, page, TN_STR("items"), &err)) die(&err);
    while (tn_json_rows_next(&r, &err)) n += tn_json_duplicate(json) == NULL;
    if (err.kind) die(&err);
    return n;
}

/* Best of ten short runs: the machine may be busy with other things. */
static void measure(const char *what, const char *engine, work_fn work, struct tn_str page)
{
    struct tn_json *json = tn_json_new();
    double best = 0;
    if (!tn_json_engine(json, engine)) goto out;
    for (int run = 0; run < 10; run++) {
        double begin = now(), spent;
        unsigned long records = 0;
        do {
            for (int k = 0; k < 8; k++) records += work(json, page);
        } while ((spent = now() - begin) < SECONDS_TENTHS / 100.0);
        if ((double)records / spent > best) best = (double)records / spent;
    }
    printf("%-28s %-9s %9.0f records/s %7.0f MB/s\n", what, engine, best,
           best * (double)page.n / RECORDS / 1e6);
out:
    tn_json_free(json);
}

int main(int argc, char **argv)
{
    static const char *const engines[] = {"portable", "avx2", "avx512"};
    struct tn_buf page;
    tn_buf_init(&page, 16 * 1024 * 1024);
    make_page(&page);
    if (argc > 1 && strcmp(argv[1], "--page") == 0) {
        fwrite(page.p, 1, page.n, stdout);
        goto out;
    }
    printf("page: %d records, %zu bytes\n", RECORDS, page.n);
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        measure("whole page", engines[i], whole, tn_buf_str(&page));
        measure("rows", engines[i], rows, tn_buf_str(&page));
    }
    const char *fastest = "portable";
    struct tn_json *json = tn_json_new();
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (tn_json_engine(json, engines[i])) fastest = engines[i];
    tn_json_free(json);
    measure("rows, 9 look-ups each", fastest, rows_nine, tn_buf_str(&page));
    measure("rows, doubled keys sought", fastest, rows_doubled, tn_buf_str(&page));
    measure("rows, canonical form", fastest, rows_canonical, tn_buf_str(&page));
out:
    tn_buf_clear(&page);
    return 0;
}
