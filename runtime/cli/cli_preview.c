/* SPDX-License-Identifier: MIT */
/* tenon preview - what a change of scripts would do to the records that came last. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "scripts/fileset.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

static int64_t number(struct tn_jval object, const char *key)
{
    int64_t n = 0;
    tn_jint(tn_jget_z(object, key), &n);
    return n;
}

static void print_field(struct tn_jval field, struct tn_arena *arena)
{
    printf("    %-24.*s %lld changed\n", TN_FMT(tn_jtext_or(field, "field", arena, "-")),
           (long long)number(field, "count"));
    for (struct tn_jiter it = tn_jiter(tn_jget_z(field, "examples")); tn_jnext(&it);)
        printf("      %.*s: %.*s -> %.*s\n", TN_FMT(tn_jtext_or(it.value, "id", arena, "-")),
               TN_FMT(tn_jtext_or(it.value, "old", arena, "-")),
               TN_FMT(tn_jtext_or(it.value, "new", arena, "-")));
}

static void print_messages(struct tn_jval list, const char *what, struct tn_arena *arena)
{
    for (struct tn_jiter it = tn_jiter(list); tn_jnext(&it);)
        printf("    %s %.*s: %.*s\n", what, TN_FMT(tn_jtext_or(it.value, "id", arena, "-")),
               TN_FMT(tn_jtext_or(it.value, "message", arena, "-")));
}

/* Writes a time with two significant digits, in microseconds to seconds. */
static void print_side(struct tn_jval side, const char *name)
{
    double ms = (double)number(side, "us") / 1e3;
    printf("    %s: %.*f ms, peak %lld KiB\n", name,
           ms < 0.1 ? 3
           : ms < 1 ? 2
                    : 1,
           ms, (long long)number(side, "peakBytes") / 1024);
}

/* A line for each name in the list. */
static void print_names(struct tn_jval list, const char *what, const char *said)
{
    for (struct tn_jiter it = tn_jiter(list); tn_jnext(&it);) {
        struct tn_arena arena;
        struct tn_str name = TN_STR("-");
        tn_arena_init(&arena);
        tn_jtext(it.value, &arena, &name);
        printf("  %s %.*s %s\n", what, TN_FMT(name), said);
        tn_arena_clear(&arena);
    }
}

static void print_mapping(struct tn_jval m)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    printf("  %.*s, %.*s of integration %.*s\n", TN_FMT(tn_jtext_or(m, "mapping", &arena, "-")),
           TN_FMT(tn_jtext_or(m, "operation", &arena, "-")),
           TN_FMT(tn_jtext_or(m, "integrationName", &arena, "-")));
    printf("    %lld records: %lld same, %lld changed, %lld newly failing, %lld newly fixed, "
           "%lld failing as before\n",
           (long long)number(m, "records"), (long long)number(m, "same"),
           (long long)number(m, "changed"), (long long)number(m, "newlyFailing"),
           (long long)number(m, "newlyFixed"), (long long)number(m, "failingBoth"));
    if (number(m, "leftOut"))
        printf("    %lld were left out: a mapping overran its budget again and again\n",
               (long long)number(m, "leftOut"));
    for (struct tn_jiter it = tn_jiter(tn_jget_z(m, "fields")); tn_jnext(&it);)
        print_field(it.value, &arena);
    print_messages(tn_jget_z(m, "failures"), "newly failing", &arena);
    print_messages(tn_jget_z(m, "repairs"), "newly fixed", &arena);
    print_side(tn_jget_z(m, "old"), "old");
    print_side(tn_jget_z(m, "new"), "new");
    tn_arena_clear(&arena);
}

void tn_cli_print_findings(struct tn_jval answer)
{
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "mappings")); tn_jnext(&it);)
        print_mapping(it.value);
}

static void print(struct tn_jval answer)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    struct tn_str set = tn_jtext_or(answer, "generation", &arena, "-");
    printf("%zu units would change, %lld stay\n", tn_jcount(tn_jget_z(answer, "changed")),
           (long long)number(answer, "unchanged"));
    tn_cli_print_findings(answer);
    print_names(tn_jget_z(answer, "adaptersNotRun"), "adapter",
                "was loaded, its functions were not run: only mappings are compared");
    print_names(tn_jget_z(answer, "keysNotChecked"), "table",
                "gets another key, but is too large to be looked through: two records may clash");
    if (tn_jcount(tn_jget_z(answer, "changed")) && !tn_jcount(tn_jget_z(answer, "mappings")))
        printf("  no record is kept that these changes touch\n");
    printf("activate just this: tenon reload --expect %.*s\n", TN_FMT(set));
    tn_arena_clear(&arena);
}

/* Adds the files of a folder, which replace the whole site folder in the preview. */
static bool write_site(const char *site, struct tn_buf *body, struct tn_err *err)
{
    struct tn_fileset *files = tn_fileset_read(site, err);
    struct tn_jw w;
    if (!files) return false;
    tn_jw_init(&w, body);
    tn_jw_object(&w);
    tn_jw_kbool(&w, "whole", true);
    tn_jw_key(&w, TN_STR("files"));
    tn_jw_object(&w);
    for (size_t i = 0; i < tn_fileset_count(files); i++)
        tn_jw_kstr(&w, tn_fileset_at(files, i)->path, tn_fileset_at(files, i)->text);
    tn_jw_end(&w);
    tn_jw_end(&w);
    tn_fileset_unref(files);
    return tn_buf_ok(body, "the scripts in all", err);
}

int tn_cli_preview(int argc, char **argv)
{
    const char *data = "./tenon-data", *site = NULL, *rest[1];
    bool json = false;
    size_t n;
    struct tn_buf body;
    struct tn_err err;
    struct tn_str reply;
    const struct tn_arg table[] = {
        {"site", TN_ARG_text, &site, "DIR", "these scripts, not those of the server's folder"},
        {"data", TN_ARG_text, &data, "DIR", "the server's folder"},
        {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, rest, 0, &n, &err)) return tn_cli_usage(&err, "preview");
    tn_buf_init(&body, TN_LIMIT_SCRIPTS_BODY);
    bool ok = !site || write_site(site, &body, &err);
    struct tn_client *client = ok ? tn_client_open(data, &err) : NULL;
    ok = client && tn_client_call(client, "POST", "/api/v1/scripts/preview",
                                  body.n ? tn_buf_str(&body) : TN_STR(""), &reply, &err);
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        print(tn_client_json(client));
    tn_client_close(client);
    tn_buf_clear(&body);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
