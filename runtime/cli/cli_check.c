/* SPDX-License-Identifier: MIT */
/* tenon check - loads every script as a server would, runs all examples, prints every fault. */
#include <stdio.h>

#include "api/api.h"
#include "base/json.h"
#include "base/limits.h"
#include "bind/bind_map.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/workshop.h"

struct report {
    bool json;
    size_t faults;
    struct tn_buf body;
    struct tn_jw w;
};

static void fault(void *arg, const struct tn_err *err)
{
    struct report *r = arg;
    const char *field = strstr(err->text, err->field) ? "" : err->field;
    r->faults++;
    if (r->json) {
        tn_jw_object(&r->w);
        tn_jw_kz(&r->w, "file", err->file);
        tn_jw_kint(&r->w, "line", err->line);
        tn_jw_kz(&r->w, "field", err->field);
        tn_jw_kz(&r->w, "kind", tn_kind_name(err->kind));
        tn_jw_kz(&r->w, "message", err->text);
        tn_jw_end(&r->w);
    } else if (tn_cli_terminal()) {
        printf("\033[1m%s:%d:\033[0m %s%s\033[31m%s\033[0m\n", err->file, err->line, field,
               field[0] ? ": " : "", err->text);
    } else {
        printf("%s:%d: %s%s%s\n", err->file, err->line, field, field[0] ? ": " : "", err->text);
    }
}

/* A field that cannot be sent back is no fault; it is listed, so that people know before they try.
 */
static void say_one_way(struct report *r, const struct tn_units *units, const char *path)
{
    char name[200];
    size_t n;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(path) - strlen("mappings/.lua")),
             path + strlen("mappings/"));
    const struct tn_mapping *m = tn_units_mapping(units, name);
    const struct tn_way_back *ways = m ? tn_mapping_ways(m, &n) : NULL;
    for (size_t i = 0; ways && i < n; i++) {
        if (ways[i].way != TN_WAY_one) continue;
        if (!r->json) {
            printf("%s:%d: %.*s is one-way: %s\n", path, ways[i].line, TN_FMT(ways[i].target),
                   ways[i].why);
            continue;
        }
        tn_jw_object(&r->w);
        tn_jw_kz(&r->w, "file", path);
        tn_jw_kint(&r->w, "line", ways[i].line);
        tn_jw_kstr(&r->w, "field", ways[i].target);
        tn_jw_kz(&r->w, "message", ways[i].why);
        tn_jw_end(&r->w);
    }
}

static void say_all_one_way(struct report *r, const struct tn_units *units)
{
    const struct tn_fileset *files = tn_units_files(units);
    for (size_t i = 0; i < tn_fileset_count(files); i++) {
        const char *path = tn_fileset_at(files, i)->path;
        if (strncmp(path, "mappings/", strlen("mappings/")) == 0) say_one_way(r, units, path);
    }
}

static void print_units(const struct tn_units *units)
{
    for (size_t i = 0; i < tn_units_count(units); i++) {
        const struct tn_unit *u = tn_units_at(units, i);
        printf("  %-20s %3zu files  %.12s\n", tn_unit_name(u), tn_fileset_count(tn_unit_files(u)),
               tn_unit_generation(u));
    }
}

int tn_cli_check(int argc, char **argv)
{
    const char *site = NULL, *rest[1];
    struct report r = {.json = false};
    struct tn_workshop workshop;
    struct tn_err err;
    size_t n;
    const struct tn_arg table[] = {{"site", TN_ARG_text, &site, "DIR", "your own scripts"},
                                   {"json", TN_ARG_flag, &r.json, NULL, "faults as JSON"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, rest, 0, &n, &err)) return tn_cli_usage(&err, "check");
    tn_buf_init(&r.body, 16 * TN_MIB);
    tn_jw_init(&r.w, &r.body);
    tn_jw_object(&r.w);
    tn_jw_key(&r.w, TN_STR("faults"));
    tn_jw_array(&r.w);
    bool ok = tn_workshop_open(&workshop, site, NULL, fault, &r, &err) && !r.faults &&
              tn_api_fits(workshop.units, fault, &r, &err);
    if (!ok && !r.faults) fault(&r, &err);
    tn_jw_end(&r.w);
    tn_jw_key(&r.w, TN_STR("oneWay"));
    tn_jw_array(&r.w);
    if (ok && r.json) say_all_one_way(&r, workshop.units);
    tn_jw_end(&r.w);
    tn_jw_kbool(&r.w, "ok", ok);
    tn_jw_end(&r.w);
    if (r.json) {
        printf("%s\n", r.body.p);
    } else if (ok) {
        printf("all scripts load and all examples hold:\n");
        print_units(workshop.units);
        say_all_one_way(&r, workshop.units);
    } else {
        printf("%zu fault%s\n", r.faults, r.faults == 1 ? "" : "s");
    }
    tn_workshop_close(&workshop);
    tn_buf_clear(&r.body);
    return ok ? TN_EXIT_ok : TN_EXIT_failed;
}
